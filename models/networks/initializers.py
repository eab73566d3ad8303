"""Kernel initializers; biases start at 0."""

from __future__ import annotations

import keras


def make(initializer: str, stddev: float) -> keras.initializers.Initializer:
    """Returns a new initializer with a seed of its own: no two kernels may share one.

    Args:
        initializer: one of ``catalog.training.INITIALIZERS``: ``"glorot_uniform"``, U(−a, a) with
            a = √(6 / (inputs + outputs)) (Glorot and Bengio, 2010); ``"he_normal"``, a normal
            distribution of variance 2 / inputs, truncated at two standard deviations (He et al.,
            2015); ``"normal"``, N(0, stddev²).
        stddev: of ``"normal"``; the others ignore it.
    """
    if initializer == "normal":
        return keras.initializers.RandomNormal(stddev=stddev)
    return keras.initializers.get(initializer)
