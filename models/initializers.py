"""How the kernels of a network begin; its biases begin at 0."""

from __future__ import annotations

import keras


def make(initializer: str, stddev: float) -> keras.initializers.Initializer:
    """Returns a new initialiser, with a seed of its own; no two kernels may share one.

    Args:
        initializer: one of ``table.INITIALIZERS``: ``"glorot_uniform"``, U(−a, a) with
            a = √(6 / (inputs + outputs)) (Glorot and Bengio, 2010); ``"he_normal"``, a
            normal distribution cut off at twice its width, of variance 2 / inputs (He et al.,
            2015); ``"normal"``, N(0, stddev²).
        stddev: of ``"normal"``; the others do without.
    """
    if initializer == "normal":
        return keras.initializers.RandomNormal(stddev=stddev)
    return keras.initializers.get(initializer)
