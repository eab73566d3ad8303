"""Folders of image files: what is found, how it is divided, and what is refused."""

from __future__ import annotations

import dataclasses
import os
import struct
import unicodedata
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import data
from data import cache, decoding, own_images, splits
from data.sources import folder
from tests.data.sources.folders import SIZE, describe, fill, levels_of, load, write

# ------------------------------------------------------------------- layouts and splits


def test_a_flat_folder_has_no_labels_and_is_divided(tmp_path):
    fill(tmp_path, "", range(100))
    info = describe(tmp_path)
    assert (info.image_shape, info.class_names) == ((*SIZE, 1), None)
    assert (info.num_train, info.num_test, info.num_validation) == (90, 10, 9)
    train, test = levels_of(info, "train"), levels_of(info, "test")
    assert sorted(train + test) == list(range(100))
    assert train != sorted(train), "in a random order, for streaming"
    assert load(info, "train")[1] is None
    assert any("10 drawn by a fixed seed" in note for note in info.notes)


def test_one_folder_per_class_gives_labels_in_the_order_of_the_names(tmp_path):
    fill(tmp_path, "b/deeper", range(20, 30))
    fill(tmp_path, "a", range(20))
    fill(tmp_path, "c d", range(30, 40))
    info = describe(tmp_path)
    assert info.class_names == ("a", "b", "c d")
    for split in ("train", "test"):
        images, labels = load(info, split)
        assert labels is not None
        assert labels.dtype == np.int64
        assert labels.tolist() == [max(0, level // 10 - 1) for level in images[:, 0, 0, 0].tolist()]


@pytest.mark.parametrize("validation", ["validation", "val", "valid", None])
def test_folders_called_train_and_test_are_the_splits(tmp_path, validation):
    fill(tmp_path, "train/x", range(20))
    fill(tmp_path, "train/y", range(20, 40))
    fill(tmp_path, "test/y", range(50, 57))
    if validation:
        fill(tmp_path, f"{validation}/x", range(60, 65))
    info = describe(tmp_path)
    assert info.class_names == ("x", "y")
    assert sorted(levels_of(info, "test")) == list(range(50, 57))
    assert info.has_validation == bool(validation)
    train, held_out = splits.load_train_and_validation(info)
    if validation:
        assert sorted(levels_in(train)) == list(range(40))
        assert sorted(levels_in(held_out)) == list(range(60, 65))
    else:
        assert sorted(levels_in(train) + levels_in(held_out)) == list(range(40))
        assert len(held_out) == 4


def levels_in(split: splits.Split) -> list[int]:
    return split.images[:, 0, 0, 0].tolist()


def test_a_class_may_be_called_train(tmp_path):
    for number, name in enumerate(("bus", "train", "test")):
        fill(tmp_path, name, range(10 * number, 10 * number + 10))
    assert describe(tmp_path).class_names == ("bus", "test", "train")


def test_images_beside_folders_of_images_have_no_labels(tmp_path):
    fill(tmp_path, "", range(5))
    fill(tmp_path, "more", range(5, 10))
    info = describe(tmp_path)
    assert info.class_names is None
    assert sorted(levels_of(info, "train") + levels_of(info, "test")) == list(range(10))


def test_one_class_and_hundreds_of_classes(tmp_path):
    fill(tmp_path / "one", "only", range(5))
    assert describe(tmp_path / "one").class_names == ("only",)
    for number in range(300):
        write(tmp_path / "many" / f"{number}" / "image.png", number % 256)
    info = describe(tmp_path / "many")
    assert len(info.class_names or ()) == 300
    assert len(load(info, "train")[0]) == 270


def test_the_order_does_not_depend_on_when_files_were_written(tmp_path):
    for root, order in ((tmp_path / "a", range(50)), (tmp_path / "b", reversed(range(50)))):
        for level in order:
            write(root / f"{level % 3}" / f"{level:03}.png", level)
    first, second = describe(tmp_path / "a"), describe(tmp_path / "b")
    assert levels_of(first, "train") == levels_of(second, "train")
    assert first.fingerprint == second.fingerprint


def test_the_fingerprint_notices_a_new_name_and_a_new_size(tmp_path):
    seen = set()
    eye = np.eye(6, 4).astype(np.uint8)
    files: list[tuple[str, int | np.ndarray]] = [("a", 1), ("b", 1), ("a", eye)]
    for number, (name, level) in enumerate(files):
        root = tmp_path / f"{number}"
        fill(root, "", range(5))
        write(root / f"{name}.png", level)
        seen.add(describe(root).fingerprint)
    assert len(seen) == 3


def test_other_files_hidden_ones_and_empty_folders_are_ignored_and_said(tmp_path):
    fill(tmp_path, "cats", range(5))
    (tmp_path / "dogs").mkdir()
    (tmp_path / "read me.txt").write_text("hello")
    (tmp_path / "cats" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "cats" / "._000.png").write_bytes(b"x")
    write(tmp_path / "__MACOSX" / "a.png")
    info = describe(tmp_path)
    assert info.class_names == ("cats",)
    assert any("1 other files ignored, such as read me.txt" in note for note in info.notes)
    assert any("1 folders without images ignored, such as dogs" in note for note in info.notes)


def test_links_are_followed(tmp_path):
    fill(tmp_path / "elsewhere", "", range(10))
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "class").symlink_to(tmp_path / "elsewhere")
    assert describe(tmp_path / "root").num_train == 8


# ---------------------------------------------------------------------------- refusals


def load_all(root: Path, **settings: Any) -> None:
    info = describe(root, **settings)
    for split in ("train", "test"):
        load(info, split)


def refusal(root: Path, **settings: Any) -> str:
    """Returns the message with which a folder is refused, when it is described or loaded."""
    with pytest.raises(data.DataError) as error:
        load_all(root, **settings)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_mixed_sizes_are_refused_with_what_to_type(tmp_path):
    fill(tmp_path, "", range(4))
    write(tmp_path / "odd.png", np.zeros((9, 5), np.uint8))
    message = refusal(tmp_path)
    assert "000.png has 6×4 pixels, odd.png 9×5" in message
    assert "type --image_size HEIGHT,WIDTH" in message
    assert describe(tmp_path, image_size=(6, 6)).num_train == 3


@pytest.mark.parametrize(("count", "says"), [(1, "has 1 train image:"), (3, "has 3 train images:")])
def test_too_few_images(tmp_path, count, says):
    fill(tmp_path, "", range(count))
    assert says in refusal(tmp_path)
    assert "at least 4, of which validation and test images are held out" in refusal(tmp_path)


def test_no_images(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    assert "holds no images: expected files that end in .png" in refusal(tmp_path)
    assert "such as notes.txt" in refusal(tmp_path)
    assert "there is no folder" in refusal(tmp_path / "missing")
    assert "is not a folder of images" in refusal(tmp_path / "notes.txt")


def test_a_loop_of_links(tmp_path):
    fill(tmp_path, "a", range(4))
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert "leads back to a folder that contains it" in refusal(tmp_path)


def test_two_folders_whose_names_look_the_same(tmp_path):
    for form in ("NFC", "NFD"):
        fill(tmp_path, unicodedata.normalize(form, "é"), range(4))
    if len(list(tmp_path.iterdir())) == 2:  # some file systems take both for one
        assert "two folders called é" in refusal(tmp_path)


def test_more_classes_than_run_json_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(own_images, "MOST_CLASSES", 3)
    for number in range(4):
        fill(tmp_path, str(number), range(2))
    assert "holds 4 folders of images: expected at most 3 classes" in refusal(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_without_permission(tmp_path):
    fill(tmp_path, "a", range(4))
    (tmp_path / "a").chmod(0)
    try:
        assert "cannot be read (Permission denied)" in refusal(tmp_path)
    finally:
        (tmp_path / "a").chmod(0o700)


def bomb(width: int, height: int) -> bytes:
    """Returns a PNG that says it has so many pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


CUT = "cut.png"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("bomb.png", bomb(11_000, 10_000), "and at most 100,000,000 are decoded"),
        ("huge.png", bomb(60_000, 60_000), "more than the 100,000,000 pixels"),
        ("text.png", b"hello", "is not an image"),
        ("empty.jpg", b"", "is not an image"),
        ("page.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 6\n", "is not an image"),
        (CUT, None, "cannot be decoded"),
    ],
)
def test_a_bad_file_is_named_and_can_be_skipped(tmp_path, name, content, says):
    fill(tmp_path, "", range(9))
    if content is None:
        noise = np.random.default_rng(0).integers(0, 256, SIZE).astype(np.uint8)
        content = write(tmp_path / name, noise).read_bytes()[:-30]
    (tmp_path / name).write_bytes(content)
    message = refusal(tmp_path)
    assert message.startswith(f"{tmp_path / name} ")
    assert says in message
    assert message.endswith("type --skip_bad_images 1")
    info = describe(tmp_path, skip_bad_images=True)
    assert [line.split()[0] for line in info.skipped] == [name]
    assert sorted(levels_of(info, "train") + levels_of(info, "test")) == list(range(9))


def test_a_named_pipe_and_a_broken_link_are_bad_files(tmp_path):
    fill(tmp_path, "", range(9))
    os.mkfifo(tmp_path / "pipe.png")
    assert "pipe.png cannot be decoded" in refusal(tmp_path)
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "pipe.png").unlink()
    assert "gone.png cannot be decoded (No such file" in refusal(tmp_path)


def test_what_the_first_headers_did_not_show_is_refused_when_it_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "_MOST_HEADERS", 1)
    for name, pixels, says in (
        ("color", np.full((*SIZE, 3), (9, 8, 7), np.uint8), "type --grayscale 1"),
        ("size", np.zeros((7, 7), np.uint8), "type --image_size 6,4"),
    ):
        fill(tmp_path / name, "", range(9))
        write(tmp_path / name / "x.png", pixels, "RGB" if pixels.ndim == 3 else "L")
        assert says in refusal(tmp_path / name)


def test_a_folder_that_changes_while_it_is_used(tmp_path):
    fill(tmp_path, "", range(9))
    info = describe(tmp_path)
    other = dataclasses.replace(info, num_test=3)
    with pytest.raises(data.DataError, match="has changed"):
        folder.load(other, "test")
    (tmp_path / "003.png").unlink()
    with pytest.raises(data.DataError, match=r"003\.png cannot be decoded \(No such file"):
        load_all(tmp_path)


# -------------------------------------------------------------------- cache and streaming


def test_decoded_images_are_cached_where_that_pays(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_COUNTS", range(5, 1000))
    fill(tmp_path, "x", range(20))
    fill(tmp_path, "y", range(20, 40))
    info = describe(tmp_path)
    expected = load(info, "train")

    def fail(*arguments):
        raise AssertionError("decoded again")

    with monkeypatch.context() as patch:
        patch.setattr(decoding, "decode", fail)
        for positions in (None, np.array([5, 3, 8])):
            found = folder.load(info, "train", None, positions)
            for ours, all_ in zip(found, expected, strict=True):
                assert ours is not None
                assert all_ is not None
                assert np.array_equal(ours, all_ if positions is None else all_[positions])
    assert list(cache.own_folder().glob(f"{info.name}-6x4x1-train-*.npz"))


def test_other_sizes_have_caches_of_their_own(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cache, "_COUNTS", range(5, 1000))
    fill(tmp_path, "", range(20))
    for size in (None, (3, 3), None, (3, 3)):
        info = describe(tmp_path, image_size=size)
        assert load(info, "train")[0].shape[1:3] == (size or SIZE)
    assert "out of date" not in capsys.readouterr().out


@pytest.mark.parametrize("labeled", [False, True])
def test_streamed_images_are_those_that_are_loaded(tmp_path, labeled):
    from data import streaming

    fill(tmp_path, "x" if labeled else "", range(30))
    if labeled:
        fill(tmp_path, "y", range(30, 50))
    info = describe(tmp_path)
    encoded, positions, validation = splits.stream_train_and_load_validation(info)
    train, held_out = splits.load_train_and_validation(info)
    assert np.array_equal(validation.images, held_out.images)
    batches = streaming.StreamedBatches(encoded, positions, 7, seed=0)
    streamed = np.concatenate(list(batches.epoch(0)))
    assert streamed.dtype == np.uint8
    assert sorted(streamed[:, 0, 0, 0]) == sorted(levels_in(train))
    if train.labels is not None:
        assert encoded.read_labels(positions).tolist() == train.labels.tolist()


def test_a_file_that_is_damaged_while_images_are_streamed_is_named(tmp_path):
    from data import streaming

    fill(tmp_path, "", range(30))
    info = describe(tmp_path)
    encoded, positions, _ = splits.stream_train_and_load_validation(info)
    for path in tmp_path.iterdir():
        path.write_bytes(b"nothing")
    batches = streaming.StreamedBatches(encoded, positions, 7, seed=0)
    with pytest.raises(data.DataError, match=r"^/.*\.png is not an image"):
        list(batches.epoch(0))
