"""The only source of randomness inside a training step.

The generator is counter-based (Threefry; Salmon et al., 2011): every draw is a function of its seed
alone. Draws are therefore the same whether steps run one by one or a thousand in one compiled loop,
and continue exactly from a checkpoint. TensorFlow implements Threefry under XLA only; the functions
here are compiled, so that a step that is not compiled gets the same bits.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from models import replicas


def normal(shape, seed):
    """Returns draws from N(0, 1): float32 of the given shape; ``seed`` is two integers."""
    return _normal(shape, replicas.own_seed(seed))


def uniform(shape, seed):
    """Returns draws from [0, 1): float32 of the given shape; ``seed`` is two integers."""
    return _uniform(shape, replicas.own_seed(seed))


@tf.function(jit_compile=True, autograph=False)
def _normal(shape, seed):
    return tf.random.stateless_normal(shape, seed, alg="threefry")


@tf.function(jit_compile=True, autograph=False)
def _uniform(shape, seed):
    return tf.random.stateless_uniform(shape, seed, alg="threefry")


def derive_seed(seed: int, stream: str) -> int:
    """Returns a seed for one stream of noise, independent of those of other names."""
    words = [seed, *stream.encode()]
    return int(np.random.SeedSequence(words).generate_state(1)[0]) % 2**31
