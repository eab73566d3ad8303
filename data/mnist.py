"""MNIST: 70,000 handwritten digits, 28×28 (LeCun, Cortes and Burges)."""

from __future__ import annotations

import functools

from data import tfds_images

load = functools.partial(tfds_images.load, "mnist")
