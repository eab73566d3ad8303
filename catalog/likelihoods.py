"""Likelihoods p(x|z): a module in ``models/likelihoods`` for each."""

from __future__ import annotations

from typing import NamedTuple

from catalog.flags import Flag
from catalog.values import Number


class Likelihood(NamedTuple):
    """A distribution of pixels given z.

    Attributes:
        description: the distribution of a pixel.
        nats: whether it is a probability or a density, whose nats cannot be compared.
        flags: that it reads.
    """

    description: str
    nats: str
    flags: tuple[Flag, ...] = ()


_DENSITY = "a density, not comparable with the nats of a Bernoulli"
_PIXEL_STDDEV = Flag(
    "pixel_stddev",
    Number(float, 0.001),
    0.5**0.5,
    "standard deviation of the noise on pixels in [0, 1]; at √½ the loss is squared error + KL "
    "plus a constant",
    "ps",
)

LIKELIHOODS = {
    "bernoulli": Likelihood(
        "black or white (gray values are probabilities of white)", "a probability"
    ),
    "gaussian": Likelihood(
        "normal with a fixed standard deviation (squared error)", _DENSITY, (_PIXEL_STDDEV,)
    ),
    "gaussian_learned": Likelihood(
        "normal with one learned standard deviation for all pixels", _DENSITY
    ),
    "gaussian_per_pixel": Likelihood(
        "normal with a standard deviation for each pixel, from the decoder", _DENSITY
    ),
    "continuous_bernoulli": Likelihood("gray values between black and white", _DENSITY),
}
