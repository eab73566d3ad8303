"""``--encode`` and ``--decode``: z of the user's images, and images of the user's z."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import data
import runs
from catalog.models import MODELS
from evaluation import decode, encode
from evaluation.session import Session
from tests.evaluation.sessions import load_digits, save_untrained_run

TEST, _ = load_digits("test")  # uint8 (360, 8, 8, 1)


def open_session(folder: Path, flags: dict[str, Any], **settings: Any) -> Session:
    session = save_untrained_run(folder, **{"latent_dim": 3, "hidden_dim": (8,), **settings})
    return dataclasses.replace(session, flags={**session.flags, **flags})


def again(session: Session, **flags: Any) -> Session:
    """Returns a session of the same run, as in another process."""
    return dataclasses.replace(session, flags={**session.flags, **flags})


def write_folder(folder: Path, count: int = 12) -> tuple[str, list[str]]:
    """Writes test images, half of them in a subfolder; returns the folder and their names."""
    (folder / "more").mkdir(parents=True)
    names = [f"more/{i:02}.png" if i % 2 else f"{i:02}.png" for i in range(count)]
    for name, image in zip(names, TEST, strict=False):
        Image.fromarray(image[..., 0]).save(folder / name)
    return str(folder), names


def encode_folder(tmp_path: Path, **settings: Any) -> tuple[Session, list[Path], np.ndarray]:
    """Encodes 12 images; returns them, float32 in [0, 1], in the order of the names."""
    path, names = write_folder(tmp_path / "images")
    session = open_session(tmp_path, {"encode": (path,)}, **settings)
    encode.check(session)
    order = sorted(range(len(names)), key=lambda i: (Path(names[i]).parent.as_posix(), names[i]))
    return session, encode.run(session), TEST[order].astype("float32") / 255


# --------------------------------------------------------------------------------- encode


@pytest.mark.parametrize("model", MODELS)
def test_the_posteriors_are_those_of_the_model_by_name(tmp_path, model):
    session, written, images = encode_folder(tmp_path, model=model)
    assert [path.name for path in written] == ["encoded.npz", "encoded.csv"]
    expected = session.model.encode(images)
    with np.load(written[0]) as arrays:
        found = dict(arrays)
    assert found["z_mean"].dtype == np.float32
    np.testing.assert_allclose(found["z_mean"], expected.mean, atol=1e-5)
    if model == "autoencoder":
        assert found.keys() == {"names", "z_mean"}
    else:
        np.testing.assert_allclose(found["z_log_var"], expected.log_var, atol=1e-5)
    names = [f"{i:02}.png" for i in range(0, 12, 2)] + [f"more/{i:02}.png" for i in range(1, 12, 2)]
    assert found["names"].tolist() == names
    with written[1].open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["file", "z_mean_1", "z_mean_2", "z_mean_3"]
    assert [row[0] for row in rows] == names
    values = np.array([row[1:] for row in rows]).astype(np.float32)
    np.testing.assert_array_equal(values, found["z_mean"])  # to the last bit


def test_files_and_arrays_are_encoded_as_the_same_images_of_a_folder(tmp_path, capsys):
    session, written, _ = encode_folder(tmp_path)
    folder = dict(np.load(written[0]))
    files = [tmp_path / "images" / name for name in folder["names"]]
    np.savez(tmp_path / "x.npz", images=np.stack([np.asarray(Image.open(path)) for path in files]))
    for paths in ([str(path) for path in files], [str(tmp_path / "x.npz")]):
        encode.run(again(session, encode=tuple(paths)))
        np.testing.assert_array_equal(np.load(written[0])["z_mean"], folder["z_mean"])
    encode.check(again(session, encode=(str(tmp_path / "x.npz"),)))
    assert "encodes   12 images, uint8" in capsys.readouterr().out


def test_a_binarized_run_encodes_gray_values_and_says_so(tmp_path, capsys):
    session, written, images = encode_folder(tmp_path, binarize="static")
    assert "these keep their gray values" in capsys.readouterr().out
    expected = session.model.encode(images).mean
    np.testing.assert_allclose(np.load(written[0])["z_mean"], expected, atol=1e-5)


def test_nothing_is_written_when_a_file_is_damaged(tmp_path):
    path, names = write_folder(tmp_path / "images")
    bad = tmp_path / "images" / names[5]
    bad.write_bytes(bad.read_bytes()[:70])
    session = open_session(tmp_path, {"encode": (path,)})
    with pytest.raises(data.DataError) as caught:
        encode.run(session)
    assert str(caught.value).startswith(f"{bad} ")
    assert not session.result_dir.exists()


# --------------------------------------------------------------------------------- decode


def decode_file(session: Session, path: Path) -> tuple[list[list[str]], np.ndarray]:
    """Decodes a file; returns the rows of the table, and the pixels in its order."""
    session = again(session, decode=str(path))
    decode.check(session)
    folder, *drawn = decode.run(session)
    assert [path.name for path in drawn] == ["decoded.png", "decoded.pdf"]
    with (folder / "names.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["file", "name"]
    assert {path.name for path in folder.iterdir()} == {"names.csv", *(row[0] for row in rows)}
    return rows, np.stack([np.asarray(Image.open(folder / row[0])) for row in rows])


@pytest.mark.parametrize("model", MODELS)
def test_decoding_what_was_encoded_gives_the_reconstructions(tmp_path, model):
    session, written, images = encode_folder(tmp_path, model=model)
    rows, pixels = decode_file(session, written[0])
    expected = np.asarray(session.model.reconstruct(images))[..., 0] * 255
    np.testing.assert_allclose(pixels, expected, atol=0.501)
    assert rows[0] == ["00.png", "00.png"]
    assert rows[6] == ["more-01.png", "more/01.png"]


def test_images_of_a_run_with_colors_have_colors(tmp_path):
    session = open_session(tmp_path, {}, dataset="patches")
    z = np.random.default_rng(0).normal(size=(4, 3))
    np.savez(tmp_path / "z.npz", z=z)
    _, pixels = decode_file(session, tmp_path / "z.npz")
    assert pixels.shape == (4, 16, 16, 3)
    expected = np.asarray(session.model.decode(z.astype(np.float32))) * 255
    np.testing.assert_allclose(pixels, expected, atol=0.501)


@pytest.mark.parametrize("name", ["z.npz", "z_mean.npz", "z.npy"])
def test_images_without_names_are_numbered_and_an_earlier_export_is_replaced(tmp_path, name):
    session = open_session(tmp_path, {"num_gen": 5})
    z = np.random.default_rng(0).normal(size=(11, 3))
    for count in (11, 10):  # the second time, one file is left over
        if name.endswith("npy"):
            np.save(tmp_path / name, z[:count])
        else:
            arrays: dict[str, Any] = {name.removesuffix(".npz"): z[:count], "other": z[:2]}
            np.savez(tmp_path / name, **arrays)
        rows, pixels = decode_file(session, tmp_path / name)
        digits = len(str(count - 1))
        assert [row[0] for row in rows] == [f"{i:0{digits}}.png" for i in range(count)]
        expected = np.asarray(session.model.decode(z[:count].astype(np.float32)))[..., 0] * 255
        np.testing.assert_allclose(pixels, expected, atol=0.501)


def test_names_of_files_are_made_safe_and_different(tmp_path):
    names = ["../../x.png", "a/b.jpg", "a/b.png", "A/B.gif", "", "\x1b[2J", "names.csv", ".png"]
    session = open_session(tmp_path, {})
    np.savez(tmp_path / "z.npz", z=np.zeros((len(names), 3), np.int32), names=np.array(names))
    rows, _ = decode_file(session, tmp_path / "z.npz")
    files = [row[0] for row in rows]
    assert len({file.casefold() for file in files}) == len(names)
    assert files[:4] == ["-..-x.png", "a-b.png", "a-b-2.png", "A-B-3.png"]
    for file in files:
        assert file.isprintable()
        assert file == Path(file).name
    assert not (tmp_path / "x.png").exists()


def test_files_of_others_are_kept_and_decoding_is_refused(tmp_path):
    session = open_session(tmp_path, {})
    np.savez(tmp_path / "z.npz", z=np.zeros((2, 3)))
    decode_file(session, tmp_path / "z.npz")
    mine = session.result_dir / "decoded" / "mine.png"
    mine.write_text("mine")
    with pytest.raises(runs.RunError, match="is not from an earlier export: move it, because --de"):
        decode_file(session, tmp_path / "z.npz")
    assert mine.read_text() == "mine"


class Bomb:
    """An object that writes a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = str(path)

    def __reduce__(self):
        return (Path.touch, (Path(self.path),))


def test_a_file_that_holds_no_z_is_refused_in_one_line_and_never_unpickled(tmp_path):
    session = open_session(tmp_path, {})
    touched, zeros = tmp_path / "touched", np.zeros((4, 3), np.float32)
    infinite, bombs = zeros.astype(np.float64), np.array([Bomb(touched)] * 4)
    infinite[2, 1] = 1e300  # of no float32
    cases: list[tuple[dict[str, Any], str]] = [
        ({"a": zeros}, "has no array z or z_mean: it has a float32 (4, 3)"),
        ({}, "has no array z or z_mean: it has no arrays"),
        ({"z": zeros[:, :2]}, "has the array z float32 (4, 2): expected numbers of shape (num, 3)"),
        ({"z": zeros[0]}, "has the array z float32 (3,)"),
        ({"z": zeros[:0]}, "has the array z float32 (0, 3)"),
        ({"z": zeros.astype(np.complex64)}, "has the array z complex64 (4, 3)"),
        ({"z": zeros.astype(str)}, "expected numbers"),
        ({"z": infinite}, "has the value inf in z at [2, 1]: expected finite float32 numbers"),
        ({"z": zeros * np.nan}, "has the value nan in z at [0, 0]"),
        ({"z": zeros.astype(object)}, "has Python objects in z, which are never loaded"),
        ({"z": bombs}, "has the array z object (4,)"),
        ({"z": zeros, "names": bombs}, "has Python objects in names, which are never loaded"),
        ({"z": zeros, "names": np.array(["a"])}, "has names names <U1 (1,): expected 4 texts"),
        ({"z": zeros, "names": np.arange(4)}, "expected 4 texts"),
    ]
    for number, (arrays, says) in enumerate(cases):
        path = tmp_path / f"{number}.npz"
        np.savez(path, **arrays)
        with pytest.raises(data.DataError) as caught:
            decode.check(again(session, decode=str(path)))
        assert str(caught.value).startswith(f"{path} ")
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not touched.exists()
    for path in (tmp_path / "no.npz", tmp_path):
        with pytest.raises(data.DataError, match=str(path)):
            decode.check(again(session, decode=str(path)))
