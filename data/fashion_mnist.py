"""Fashion-MNIST: 70,000 photographs of clothes, 28×28 (Xiao, Rasul and Vollgraf, 2017)."""

from __future__ import annotations

import functools

from data import tfds_images

load = functools.partial(tfds_images.load, "fashion_mnist")
