"""Images for a trained model, converted as those of its run were."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import data
from data import decoding, new_images

DIGITS = data.describe("digits")  # 8×8, gray
PATCHES = data.describe("patches")  # 16×16, color


def like(info: data.DatasetInfo, scale: tuple[str, float] | None = None, **options: Any) -> Any:
    """Returns the description of a dataset with other options or another scale."""
    return dataclasses.replace(info, options=options, scale=scale)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def write(path: Path, pixels: np.ndarray) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return str(path)


def load(paths: list[str], info: data.DatasetInfo) -> tuple[list[str], np.ndarray]:
    opened = new_images.open_images(paths, info)
    return opened.names, np.concatenate(list(opened.batches()))


def refused(paths: list[str], info: data.DatasetInfo) -> str:
    with pytest.raises(data.DataError) as caught:
        load(paths, info)
    message = str(caught.value)
    assert "\n" not in message
    return message


# ------------------------------------------------------------------------------ image files


def test_files_keep_their_order_names_and_pixels(tmp_path):
    pixels = noise(3, 8, 8)
    paths = [write(tmp_path / f"{name}.png", pixels[i]) for i, name in enumerate("cab")]
    names, images = load(paths, DIGITS)
    assert names == paths
    np.testing.assert_array_equal(images[..., 0], pixels)


def test_a_folder_is_searched_in_a_stable_order_whatever_the_batches(tmp_path, monkeypatch):
    pixels = noise(7, 8, 8)
    places = ["b.png", "z.png", "a/2.png", "a/10.png", "a/deep/x.bmp", "é/1.png", "é/2.tif"]
    for place, image in zip(places, pixels, strict=True):
        write(tmp_path / place, image)
    (tmp_path / "notes.txt").write_text("no image")
    monkeypatch.setattr(new_images, "_BYTES_AT_ONCE", 3 * 64)
    names, images = load([str(tmp_path)], DIGITS)
    # the images of a folder stand before those of its subfolders; texts are in their order
    order = [0, 1, 3, 2, 4, 5, 6]
    assert names == [places[i] for i in order]
    np.testing.assert_array_equal(images[..., 0], pixels[order])


def test_images_are_resized_and_cropped_if_those_of_the_run_were(tmp_path):
    path = write(tmp_path / "a.png", noise(20, 31))
    expected = decoding.decode(Path(path), (8, 8, 1), True, False)
    _, (image,) = load([path], like(DIGITS, image_size=(8, 8)))
    np.testing.assert_array_equal(image, expected)
    message = refused([path], DIGITS)
    assert message.startswith(f"{path} has 20×31 pixels, and the run was trained on images of 8×8")


def test_colors_become_gray_if_those_of_the_run_did(tmp_path):
    pixels = noise(8, 8, 3)
    path = write(tmp_path / "a.png", pixels)
    _, (image,) = load([path], like(DIGITS, grayscale=True))
    luma = pixels @ [0.299, 0.587, 0.114]  # ITU-R 601
    np.testing.assert_allclose(image[..., 0], luma, atol=1)
    assert "has colors, and the run was trained on gray images" in refused([path], DIGITS)
    assert "has colors" in refused([path], like(DIGITS, grayscale=None))


def test_gray_images_become_colors_for_a_run_with_colors(tmp_path):
    pixels = noise(16, 16)
    _, (image,) = load([write(tmp_path / "a.png", pixels)], PATCHES)
    np.testing.assert_array_equal(image, np.repeat(pixels[..., None], 3, axis=-1))


def test_files_with_16_bits_are_scaled(tmp_path):
    deep = np.linspace(0, 65_535, 64).reshape(8, 8).astype(np.uint16)
    _, (image,) = load([write(tmp_path / "a.tif", deep)], DIGITS)
    np.testing.assert_allclose(image[..., 0], deep / 257, atol=0.5001)


@pytest.mark.parametrize("headers", [10, 5_000])
def test_a_damaged_file_is_named(tmp_path, monkeypatch, headers):
    monkeypatch.setattr(new_images, "_MOST_HEADERS", headers)
    for number in range(40):
        write(tmp_path / f"{number:02}.png", noise(8, 8))
    bad = tmp_path / "17.png"
    for content in (b"hello", b"", bad.read_bytes()[:60]):
        bad.write_bytes(content)
        assert refused([str(tmp_path)], DIGITS).startswith(f"{bad} ")


def test_what_is_no_image_is_refused(tmp_path):
    path = write(tmp_path / "a.png", noise(8, 8))
    (tmp_path / "empty").mkdir()
    assert "holds no images" in refused([str(tmp_path / "empty")], DIGITS)
    assert refused([path, str(tmp_path / "b.png")], DIGITS).startswith("there is no file ")
    assert "is not an image" in refused([path, str(tmp_path)], DIGITS)
    assert "there is no file" in refused([str(tmp_path / "c.npz")], DIGITS)
    assert "cannot be printed" in refused([str(tmp_path / "\x1b[2J.png")], DIGITS)


# ----------------------------------------------------------------------------------- arrays


@pytest.mark.parametrize("suffix", ["npz", "npy"])
@pytest.mark.parametrize("shape", [(12, 8, 8), (12, 8, 8, 1), (12, 1, 8, 8)])
def test_arrays_are_read_by_the_conventions_of_datasets(tmp_path, suffix, shape):
    pixels, path = noise(*shape), tmp_path / f"x.{suffix}"
    if suffix == "npz":
        np.savez(path, images=pixels)
    else:
        np.save(path, pixels)
    names, images = load([str(path)], DIGITS)
    prefix = "images" if suffix == "npz" else "x"
    assert names == [f"{prefix}-{number:02}" for number in range(12)]
    np.testing.assert_array_equal(images, pixels.reshape(12, 8, 8, 1))


def test_all_parts_of_an_archive_are_read_and_the_runs_image_key_comes_first(tmp_path):
    path, pixels = tmp_path / "x.npz", noise(3, 4, 8, 8)
    np.savez(path, x_train=pixels[0], x_test=pixels[1], faces=pixels[2])
    names, images = load([str(path)], DIGITS)
    assert names[3:5] == ["x_train-3", "x_test-0"]
    np.testing.assert_array_equal(images[..., 0], pixels[:2].reshape(8, 8, 8))
    names, images = load([str(path)], like(DIGITS, image_key="faces"))
    np.testing.assert_array_equal(images[..., 0], pixels[2])
    names, images = load([str(path)], like(DIGITS, image_key="else"))
    assert len(images) == 8


@pytest.mark.parametrize(
    ("dtype", "top", "scale", "white"),
    [
        (np.uint8, 1, None, 255),  # a dark image, not one of zeros and ones
        (np.uint8, 1, ("integer", 1.0), 1),
        (np.uint8, 1, ("float", 1.0), 255),
        (np.uint16, 200, ("integer", 1023.0), 1023),
        (np.int64, 1023, None, 1023),
        (np.float32, 0.5, ("float", 255.0), 255),  # dark, not in [0, 1]
        (np.float32, 0.5, ("float", 1.0), 1),
        (np.float64, 0.5, None, 1),
        (np.float64, 200, None, 255),
        (bool, 1, None, 1),
    ],
)
def test_numbers_are_scaled_as_those_of_the_run(tmp_path, dtype, top, scale, white):
    path = tmp_path / "x.npy"
    values = (np.linspace(0, 1, 64) * top).reshape(1, 8, 8).astype(dtype)
    np.save(path, values)
    _, images = load([str(path)], like(DIGITS, scale))
    expected = values[..., None].astype(np.float64) * 255 / white
    np.testing.assert_allclose(images, expected, atol=0.5001)


def test_numbers_beyond_those_of_the_run_are_refused_with_their_place(tmp_path):
    path = tmp_path / "x.npy"
    values = np.zeros((5, 8, 8), np.uint8)
    values[3, 2, 1] = 200
    np.save(path, values)
    message = refused([str(path)], like(DIGITS, ("integer", 1.0)))
    assert "has the value 200 in the array at [3, 2, 1]: expected integers up to 1" in message


def test_arrays_that_do_not_fit_are_refused(tmp_path):
    def of(**arrays: Any) -> list[str]:
        np.savez(tmp_path / "x.npz", **arrays)
        return [str(tmp_path / "x.npz")]

    nan = np.full((3, 8, 8), np.nan, np.float32)
    assert "save the images under the name images" in refused(of(other=noise(3, 8, 8)), DIGITS)
    assert "has 9×8 pixels" in refused(of(images=noise(3, 9, 8)), DIGITS)
    assert "has colors" in refused(of(images=noise(3, 8, 8, 3)), DIGITS)
    assert "has the value nan" in refused(of(images=nan), DIGITS)
    assert "holds no images" in refused(of(images=noise(0, 8, 8)), DIGITS)
    objects = np.empty(3, object)
    assert "object (3,)" in refused(of(images=objects), DIGITS)


def test_the_scale_of_a_runs_arrays_is_known(tmp_path):
    for values, scale in (
        (noise(9, 4, 4), ("integer", 255)),
        (noise(9, 4, 4) / 255, ("float", 1)),
        (4 * noise(9, 4, 4).astype(np.uint16), ("integer", 1023)),
    ):
        path = tmp_path / f"{scale[0]}{scale[1]}.npy"
        np.save(path, values)
        assert data.describe(str(path)).scale == scale
