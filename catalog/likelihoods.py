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
        has_256_values: whether it gives probabilities of the 256 values of an 8-bit pixel, whose
            nats can be converted to bits per dimension. Black and white images do not fit it.
    """

    description: str
    nats: str
    flags: tuple[Flag, ...] = ()
    has_256_values: bool = False


_DENSITY = "a density, not comparable with the nats of a Bernoulli"
_OF_8_BITS = "a probability of 8-bit pixels, not comparable with the nats of a Bernoulli"
_PIXEL_STDDEV = Flag(
    "pixel_stddev",
    Number(float, 0.001),
    0.5**0.5,
    "standard deviation of the noise on pixels in [0, 1]; at √½ the loss is squared error + KL "
    "plus a constant",
    "ps",
)
_NUM_LOGISTICS = Flag(
    "num_logistics", Number(int, 1, 100), 5, "logistic distributions mixed in each pixel", "nlog"
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
    "discretized_logistic": Likelihood(
        "8-bit values, intervals of a logistic distribution with a scale from the decoder",
        _OF_8_BITS,
        has_256_values=True,
    ),
    "logistic_mixture": Likelihood(
        "8-bit values, a mixture of discretized logistics with coupled color channels",
        _OF_8_BITS,
        (_NUM_LOGISTICS,),
        has_256_values=True,
    ),
}
