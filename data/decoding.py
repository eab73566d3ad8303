"""Image files to arrays of one size and 8 bits per channel.

Files may come from strangers: only the plain image formats are decoded, by Pillow, and an image
that would take too much memory is refused before it is decoded. This file imports no TensorFlow.
"""

from __future__ import annotations

import contextlib
import io
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from data import cores
from data.regular_files import open_regular

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")  # others may run programs to decode
_MAX_PIXELS = 100_000_000  # of one image
_GRAY_MODES = ("1", "L", "LA", "La", "I", "F")
_ORIENTATION = 0x0112  # EXIF; from 5 on, the image is to be turned by 90°
_AT_ONCE = 64  # images that a thread decodes before it reports


class ImageError(ValueError):
    """A file cannot be used as an image; the message is a reason to follow the file's name."""


class Facts(NamedTuple):
    """What the header of an image file says.

    Attributes:
        height, width: in pixels, after the rotation that its EXIF data asks for.
        is_color: whether it has colors.
        is_deep: whether its channels have more than 8 bits.
    """

    height: int
    width: int
    is_color: bool
    is_deep: bool


def read_facts(path: Path) -> Facts:
    """Returns what the header of a file says; raises ImageError for a damaged one."""
    with _opened(path) as image:
        width, height = image.size
        if image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8):
            width, height = height, width
        return Facts(height, width, _is_color(image), _is_deep(image))


def check(path: Path) -> None:
    """Raises ImageError if a file cannot be decoded."""
    with _opened(path) as image:
        image.load()


def decode(
    encoded: Path | bytes, image_shape: tuple[int, int, int], resize: bool, to_gray: bool
) -> np.ndarray:
    """Decodes a file; of an animation or a document, the first frame or page.

    Transparent pixels are put on white. Channels of more than 8 bits are scaled: integers from
    0..65,535, floats from 0..1.

    Args:
        encoded: the file, or its content.
        image_shape: (height, width, channels) wanted; 1 or 3 channels.
        resize: whether to resize and crop to this size; otherwise another size is an error.
        to_gray: whether colors become gray; otherwise they are an error if gray is wanted.

    Returns:
        uint8 ``image_shape``.

    Raises:
        ImageError: if the file is damaged, or has another size or colors.
    """
    height, width, channels = image_shape
    with _opened(encoded) as opened:
        if resize:
            larger = 2 * max(height, width)  # decodes large JPEG files at a part of their size
            opened.draft(None, (larger, larger))
        if channels == 1 and not to_gray and _is_color(opened):
            raise ImageError(
                "has colors, and the images looked at first are gray: type --grayscale 1, or "
                "--grayscale 0 to keep the colors"
            )
        image = to_mode(ImageOps.exif_transpose(opened), channels)
        if resize:
            image = fit(image, (height, width))
        elif image.size != (width, height):
            raise ImageError(
                f"has {image.height}×{image.width} pixels, and the images looked at first have "
                f"{height}×{width}: type --image_size {height},{width}"
            )
        return np.asarray(image).reshape(image_shape)


def fit(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Returns an image of a height and width: resized, and cropped at the center."""
    return ImageOps.fit(image, size[::-1], Image.Resampling.BICUBIC)


def to_mode(image: Image.Image, channels: int) -> Image.Image:
    """Returns an image with 8 bits per channel, gray for one channel and RGB for three."""
    if _is_deep(image):
        image = Image.fromarray(_to_bytes(np.asarray(image)))
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        layered = image.convert("RGBA")
        image = Image.new("RGB", image.size, "white")
        image.paste(layered, mask=layered.getchannel("A"))
    return image.convert("L" if channels == 1 else "RGB")


def _to_bytes(pixels: np.ndarray) -> np.ndarray:
    """Scales integers from 0..65,535 or floats from 0..1 to uint8."""
    is_float = pixels.dtype.kind == "f"
    wrong = ~((pixels >= 0) & (pixels <= (1 if is_float else 65_535)))  # also true of NaN
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ImageError(
            f"has the value {pixels[row, column]:g} in row {row}, column {column}: expected "
            + ("floats in [0, 1]" if is_float else "integers in 0..65,535")
        )
    if is_float:
        return np.round(pixels * 255).astype(np.uint8)
    return ((pixels.astype(np.int64) * 255 + 32_767) // 65_535).astype(np.uint8)


def _is_deep(image: Image.Image) -> bool:
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _is_color(image: Image.Image) -> bool:
    if image.mode in ("P", "PA") and (palette := image.getpalette("RGB")):
        return palette[0::3] != palette[1::3] or palette[0::3] != palette[2::3]
    return image.mode not in _GRAY_MODES and not image.mode.startswith("I;16")


@contextlib.contextmanager
def _opened(encoded: Path | bytes) -> Iterator[Image.Image]:
    """Opens an image file; whatever Pillow raises becomes an ImageError."""
    try:
        file = io.BytesIO(encoded) if isinstance(encoded, bytes) else open_regular(encoded)[0]
        with file, Image.open(file, formats=_FORMATS) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise ImageError(
                    f"has {image.height:,}×{image.width:,} pixels, and at most {_MAX_PIXELS:,} "
                    "are decoded"
                )
            yield image
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageError(f"has more than the {_MAX_PIXELS:,} pixels that are decoded") from None
    except Image.UnidentifiedImageError:
        raise ImageError("is not an image, or of another kind than its name says") from None
    except Exception as error:  # damage can raise anything
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise ImageError(f"cannot be decoded ({reason or type(error).__name__})") from error


def for_each(count: int, work: Callable[[int], Any], verb: str) -> None:
    """Calls ``work`` for the numbers below ``count``, in several threads.

    The error of the lowest number that fails is raised. What takes long reports its progress.

    Args:
        count: how often.
        work: takes a number.
        verb: for the reports.
    """

    def run(first: int) -> None:
        for number in range(first, min(first + _AT_ONCE, count)):
            work(number)

    report = make_report(count, verb)
    with warnings.catch_warnings():  # Pillow warns of large images and of odd metadata
        warnings.simplefilter("ignore")
        with ThreadPoolExecutor(cores.count()) as pool:
            starts = range(0, count, _AT_ONCE)
            try:
                for first, _ in zip(starts, pool.map(run, starts), strict=True):
                    report(first + _AT_ONCE)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def make_report(count: int, verb: str) -> Callable[[int], None]:
    """Returns a function of the number of images done, which prints the progress every 10 s."""
    began = reported = time.monotonic()

    def report(done: int) -> None:
        nonlocal reported
        now = time.monotonic()
        if now - reported > 10:
            reported = now
            rate = done / (now - began)
            print(f"{verb}: {done:,} of {count:,} images, {rate:,.0f} per second", flush=True)

    return report


def read_all_facts(paths: Sequence[Path]) -> list[Facts | ImageError]:
    """Returns what the headers of files say, or what is wrong with them."""
    found: list[Any] = [None] * len(paths)

    def read(number: int) -> None:
        try:
            found[number] = read_facts(paths[number])
        except ImageError as error:
            found[number] = error

    for_each(len(paths), read, "reading headers")
    return found
