"""How different colors look, with normal and with color-deficient vision: the math in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb

# Machado, Oliveira and Fernandes (2009), severity 1.0: linear RGB as a dichromat sees it.
VISION: dict[str, Any] = {
    "normal": np.eye(3),
    "deuteranope": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "protanope": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "tritanope": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# Linear sRGB to CIE XYZ, white D65 (IEC 61966-2-1).
_TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]],
)


def see(colors: Sequence[str], vision: str, opacity: float = 1.0, paper: str = "#ffffff") -> Any:
    """Returns the CIE L*a*b* coordinates of colors as they are seen on paper, (num_colors, 3)."""
    drawn = np.array([to_rgb(color) for color in colors])
    drawn = opacity * drawn + (1 - opacity) * np.array(to_rgb(paper))
    linear = np.where(drawn <= 0.04045, drawn / 12.92, ((drawn + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(VISION[vision]), 0, 1)
    ratio = seen @ _TO_XYZ.T / _TO_XYZ.sum(axis=1)
    bent = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = bent.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def difference(one: Sequence[float], other: Sequence[float]) -> float:
    """Returns the CIEDE2000 difference of two colors in CIE L*a*b* (Sharma, Wu and Dalal, 2005)."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    first, second = complex(a1 * stretch, b1), complex(a2 * stretch, b2)
    c1, c2 = abs(first), abs(second)
    h1, h2 = (np.degrees(np.angle(each)) % 360 for each in (first, second))
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0  # the shorter way around
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    hue = h1 + turn / 2 if c1 * c2 else h1 + h2
    weight = 1 + sum(
        factor * np.cos(np.radians(times * hue + shift))
        for factor, times, shift in ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.2, 4, -63))
    )
    from_50 = (lightness - 50) ** 2
    by_lightness = (l2 - l1) / (1 + 0.015 * from_50 / np.sqrt(20 + from_50))
    by_chroma = (c2 - c1) / (1 + 0.045 * chroma)
    by_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * chroma * weight)
    bend = 60 * np.exp(-((((hue % 360) - 275) / 25) ** 2))
    rotation = -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * np.sin(np.radians(bend))
    squares = by_lightness**2 + by_chroma**2 + by_hue**2
    return float(np.sqrt(squares + rotation * by_chroma * by_hue))
