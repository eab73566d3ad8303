"""Image files of every format, mode and size, as they are loaded from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import data
from tests.data.sources.folders import SIZE, describe, fill, load, write

QUADRANTS = np.kron([[0, 80], [160, 240]], np.ones((4, 4))).astype(np.uint8)  # 8×8


@pytest.mark.parametrize(
    "suffix", ["png", "bmp", "gif", "webp", "tif", "tiff", "PNG", "jpg", "jpeg"]
)
def test_formats(tmp_path, suffix):
    options: dict[str, Any] = {"lossless": True} if suffix == "webp" else {}
    if suffix.startswith("j"):
        options = {"quality": 100}
    for number in range(4):
        write(tmp_path / f"{number}.{suffix}", QUADRANTS, **options)
    images, _ = load(describe(tmp_path, grayscale=True), "test")
    tolerance = 3 if suffix.startswith("j") else 1
    assert np.abs(images[0, ..., 0].astype(int) - QUADRANTS).max() <= tolerance


def three(tmp_path: Path, image: Image.Image, suffix: str, **options: Any) -> np.ndarray:
    """Writes an image three times; returns what is loaded as a test image."""
    for number in range(4):
        image.save(tmp_path / f"{number}.{suffix}", **options)
    return load(describe(tmp_path), "test")[0][0]


def test_palettes(tmp_path):
    image = Image.new("P", (4, 6), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    assert (three(tmp_path, image, "png") == [10, 200, 30]).all()


def test_a_palette_of_grays_is_gray(tmp_path):
    image = Image.new("P", (4, 6), 1)
    image.putpalette([0, 0, 0, 77, 77, 77])
    found = three(tmp_path, image, "png")
    assert found.shape == (*SIZE, 1)
    assert (found == 77).all()


@pytest.mark.parametrize(
    ("mode", "color", "expected"),
    [
        ("RGBA", (255, 0, 0, 255), [255, 0, 0]),
        ("RGBA", (255, 0, 0, 0), [255, 255, 255]),
        ("RGBA", (0, 0, 0, 51), [204, 204, 204]),
        ("LA", (100, 255), [100]),
        ("LA", (100, 0), [255]),
        ("1", 1, [255]),
    ],
)
def test_transparent_pixels_are_put_on_white(tmp_path, mode, color, expected):
    found = three(tmp_path, Image.new(mode, (4, 6), color), "png")
    assert found.shape == (*SIZE, len(expected))
    assert (found == expected).all()


def test_a_transparent_color_of_a_palette_is_put_on_white(tmp_path):
    image = Image.new("P", (4, 6), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    assert (three(tmp_path, image, "png", transparency=1) == 255).all()


def test_cmyk(tmp_path):
    found = three(tmp_path, Image.new("CMYK", (4, 6), (0, 255, 255, 0)), "tif")  # red ink
    assert (np.abs(found.astype(int) - [255, 0, 0]) <= 2).all()


def test_exif_rotation(tmp_path):
    sideways = Image.fromarray(np.array([[0, 255], [0, 255], [0, 255]], np.uint8))  # 3×2
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    found = three(tmp_path, sideways, "png", exif=exif)
    assert found[..., 0].tolist() == [[0, 0, 0], [255, 255, 255]]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_images_keep_their_high_byte(tmp_path, suffix):
    levels = np.linspace(0, 65_535, 24).reshape(SIZE)
    found = three(tmp_path, Image.fromarray(levels.astype(np.uint16)), suffix)
    assert np.abs(found[..., 0] - levels / 257).max() <= 1
    assert any("16-bit values scaled" in note for note in describe(tmp_path).notes)


def test_float_images(tmp_path):
    levels = np.linspace(0, 1, 24, dtype=np.float32).reshape(SIZE)
    found = three(tmp_path, Image.fromarray(levels), "tif")
    assert np.abs(found[..., 0] - levels * 255).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("value", [-0.5, 1.5, float("nan")])
def test_a_float_outside_its_range_is_refused_with_its_place(tmp_path, value):
    levels = np.zeros(SIZE, np.float32)
    levels[2, 3] = value
    with pytest.raises(data.DataError, match=rf"tif has the value {value:g} in row 2, column 3"):
        three(tmp_path, Image.fromarray(levels), "tif")


def test_the_first_frame_of_an_animation(tmp_path):
    first, second = (Image.new("L", (4, 6), level) for level in (50, 200))
    assert (three(tmp_path, first, "gif", save_all=True, append_images=[second]) == 50).all()


def test_gray_images_among_color_ones_become_color(tmp_path):
    fill(tmp_path, "", range(5))
    Image.new("RGB", (4, 6), (9, 8, 7)).save(tmp_path / "color.png")
    info = describe(tmp_path)
    assert info.image_shape == (*SIZE, 3)
    images = np.concatenate([load(info, split)[0] for split in ("train", "test")])
    assert {tuple(image[0, 0].tolist()) for image in images} == {
        *((level, level, level) for level in range(5)),
        (9, 8, 7),
    }


def test_grayscale_weights_the_colors_as_the_eye_does(tmp_path):
    for number in range(4):
        write(tmp_path / f"{number}.png", np.full((*SIZE, 3), (200, 100, 50), np.uint8), "RGB")
    images, _ = load(describe(tmp_path, grayscale=True), "test")
    assert images.shape == (2, *SIZE, 1)  # ITU-R 601-2
    assert np.abs(images.astype(float) - (0.299 * 200 + 0.587 * 100 + 0.114 * 50)).max() <= 1


def test_grayscale_0_makes_gray_images_color(tmp_path):
    fill(tmp_path, "", range(4))
    assert describe(tmp_path, grayscale=False).image_shape == (*SIZE, 3)


# ------------------------------------------------------------------------ --image_size


def test_images_are_resized_and_cropped_at_the_center(tmp_path):
    wide = np.zeros((8, 24), np.uint8)
    wide[:, 8:16] = 200  # all that is left of it
    tall = np.full((32, 8), 9, np.uint8)
    tall[12:20] = 200
    for number, pixels in enumerate((wide, tall, wide, tall)):
        write(tmp_path / f"{number}.png", pixels)
    info = describe(tmp_path, image_size=(4, 4))
    assert info.image_shape == (4, 4, 1)
    assert "resized and cropped at the center to 4×4" in info.notes
    for split in ("train", "test"):
        inside = load(info, split)[0][:, 1:3, 1:3]
        assert (np.abs(inside.astype(int) - 200) < 12).all()


def test_height_comes_before_width(tmp_path):
    fill(tmp_path, "", range(4))
    info = describe(tmp_path, image_size=(10, 7))
    assert load(info, "test")[0].shape == (2, 10, 7, 1)


def test_a_large_jpeg_is_reduced_to_the_same_image_as_a_png(tmp_path):
    y, x = np.mgrid[0:512, 0:768]
    smooth = (127 + 80 * np.sin(x / 90) + 40 * np.cos(y / 70)).astype(np.uint8)
    for suffix in ("jpg", "png"):
        for number in range(4):
            write(tmp_path / suffix / f"{number}.{suffix}", smooth)
    jpg, png = (
        load(describe(tmp_path / suffix, image_size=(16, 16)), "test")[0].astype(int)
        for suffix in ("jpg", "png")
    )
    assert np.abs(jpg - png).max() <= 4
