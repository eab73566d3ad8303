"""Checks of .keras files, without Keras."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import runs


def model_file(config: Any, weights: bytes = b"", **members: bytes) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        text = config if isinstance(config, bytes) else json.dumps(config).encode()
        content = {"config.json": text, "metadata.json": b"{}", "model.weights.h5": weights}
        for name, member in (content | members).items():
            made.writestr(name, member)
    return stream


GOOD = {"class_name": "VAE", "config": {"beta": 1.0}}


def test_a_file_is_read():
    saved = runs.read_model(model_file(GOOD, b"weights"))
    assert (saved.config, saved.weights) == (GOOD, b"weights")


@pytest.mark.parametrize(
    ("stream", "part"),
    [
        (model_file(b"{"), "not JSON"),
        (model_file(b"[" * 100_000), "not JSON"),
        (model_file(b"\xff"), "not JSON"),
        (model_file([]), "not a JSON object"),
        (model_file({"x": "y" * 2**22}), "has 4,194,3"),
        (model_file(GOOD, **{"../../evil": b""}), "unknown member '../../evil'"),
        (model_file(GOOD, **{"/etc/passwd": b""}), "unknown member '/etc/passwd'"),
        (model_file(GOOD, **{"assets/a.py": b""}), "unknown member 'assets/a.py'"),
        (io.BytesIO(b"PK"), "not a zip archive"),
    ],
)
def test_a_file_that_is_not_a_model_is_refused(stream, part):
    with pytest.raises(runs.ArchiveError) as error:
        runs.read_model(stream)
    assert part in str(error.value)
    assert "\n" not in str(error.value)


# ----------------------------------------------------------------------- configuration

EXPECTED = {
    "encoder": {"class_name": "Encoder", "config": {"hidden_dims": (32, 16), "activation": "elu"}},
    "decoder": {"class_name": "Decoder", "config": {"hidden_dims": (16, 32), "activation": "elu"}},
    "prior": {"latent_dim": 10},
}


def encoder(**config: Any) -> dict[str, Any]:
    return {"encoder": {"class_name": "Encoder", "config": config}}


@pytest.mark.parametrize(
    "config",
    [
        EXPECTED,
        json.loads(json.dumps(EXPECTED)),
        {},
        None,
        encoder(hidden_dims=[32, 16], activation="elu"),
        {"module": "models.mlp", "layers": [{"latent_dim": 10, "seed": 5}]},
        {**EXPECTED, "objective": {"class_name": "Objective", "config": {"free_bits": 0.5}}},
    ],
    ids=["equal", "as JSON", "empty", "missing", "part", "elsewhere", "older"],
)
def test_the_configuration_of_the_same_model_is_accepted_whatever_its_version(config):
    runs.check_config(config, EXPECTED)


@pytest.mark.parametrize(
    ("config", "part"),
    [
        (encoder(activation="tanh"), 'its activation is "tanh", but run.json\'s flags give "elu"'),
        (encoder(hidden_dims=[32, 17]), "hidden_dims is [32, 17], but"),
        (encoder(hidden_dims=[10**6] * 99), "hidden_dims is [1000000, 1000000"),
        ({"prior": {"latent_dim": 10**9}}, "latent_dim is 1000000000, but"),
        ([{"a": [[encoder(latent_dim={"x": "\x1b"})]]}], 'latent_dim is {"x": "\\u001b"}, but'),
    ],
)
def test_the_configuration_of_another_model_is_refused_in_one_line(config, part):
    with pytest.raises(runs.ArchiveError) as error:
        runs.check_config(config, EXPECTED)
    assert part in str(error.value)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 200


def test_deeply_nested_values_are_refused():
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(runs.ArchiveError, match="too many nested values"):
        runs.check_config({"latent_dim": deep}, EXPECTED)


# ---------------------------------------------------------------------------- weights

SHAPES = [(4, 3), (3,), ()]


def weights_file(change=lambda file: None) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for place, shape in enumerate(SHAPES):
            file[f"layers/dense_{place}/vars/0"] = np.ones(shape, np.float32)
        file["optimizer/vars/0"] = np.int64(7)
        change(file)
    return stream.getvalue()


def test_the_weights_of_a_model_are_accepted_with_any_optimizer():
    runs.check_weights(weights_file(), SHAPES)


OTHER = np.zeros((4, 3), np.float32)


def link_outside(file):
    file["layers/evil"] = h5py.ExternalLink("/etc/passwd", "/")


def link_inside(file):
    file["layers/evil"] = h5py.SoftLink("/layers")


def circle(file):
    file["layers/dense_0/again"] = file["layers"]


def second_name(file):
    file["layers/again"] = file["layers/dense_0/vars/0"]


def data_outside(file):
    del file["layers/dense_0/vars/0"]
    path = Path("/etc/hostname")
    file.create_dataset(
        "layers/dense_0/vars/0", (4, 3), np.float32, external=[(str(path), 0, h5py.h5f.UNLIMITED)]
    )


def virtual(file):
    del file["layers/dense_0/vars/0"]
    layout = h5py.VirtualLayout((4, 3), np.float32)
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4, 3))
    file.create_virtual_dataset("layers/dense_0/vars/0", layout)


def compressed(file):
    del file["layers/dense_0/vars/0"]
    file.create_dataset("layers/dense_0/vars/0", data=OTHER, compression="gzip")


def chunked(file):
    del file["layers/dense_0/vars/0"]
    file.create_dataset("layers/dense_0/vars/0", data=OTHER, chunks=(2, 3))


def unwritten(file):
    # A terabyte that is not in the file: it would be read as zeros.
    file.create_dataset("layers/evil", (2**38,), np.float32)


def huge_optimizer(file):
    file.create_dataset("optimizer/evil", (2**38,), np.float32)


def text(file):
    file["layers/evil"] = "text"


def references(file):
    file["layers/evil"] = np.array([file["layers"].ref], h5py.ref_dtype)


def compound(file):
    file["layers/evil"] = np.zeros(2, "f4,f4")


def named_type(file):
    file["layers/evil"] = np.dtype("f4")


def nothing(file):
    file["layers/evil"] = h5py.Empty("f4")


def one_more(file):
    file["layers/evil"] = np.zeros((5, 5), np.float32)


def one_less(file):
    del file["layers/dense_1"]


def other_shape(file):
    del file["layers/dense_1/vars/0"]
    file["layers/dense_1/vars/0"] = np.zeros(300, np.float32)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (link_outside, "a link, '/layers/evil'"),
        (link_inside, "a link, '/layers/evil'"),
        (circle, "too many nested groups"),
        (second_name, "weights that its model does not have"),
        (data_outside, "not stored as plain numbers"),
        (virtual, "not stored as plain numbers"),
        (compressed, "not stored as plain numbers"),
        (chunked, "not stored as plain numbers"),
        (unwritten, "not stored as plain numbers"),
        (huge_optimizer, "not stored as plain numbers"),
        (text, "not stored as plain numbers"),
        (references, "not stored as plain numbers"),
        (compound, "not stored as plain numbers"),
        (nothing, "not stored as plain numbers"),
        (named_type, "an object that is not an array"),
        (one_more, "weights that its model does not have: 1 of shape (5, 5)"),
        (one_less, "weights are incomplete: 1 of shape (3,) missing"),
        (other_shape, "weights are incomplete: 1 of shape (3,) missing"),
    ],
)
def test_weights_that_are_not_plain_arrays_of_the_model_are_refused(change, part):
    content = weights_file(change)
    with pytest.raises(runs.ArchiveError) as error:
        runs.check_weights(content, SHAPES)
    assert part in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", weights_file()[:1000]])
def test_a_truncated_file_of_weights_is_refused(content):
    with pytest.raises(runs.ArchiveError, match="cannot be read"):
        runs.check_weights(content, SHAPES)


def test_arrays_that_share_their_bytes_cannot_exceed_the_file():
    def many(file):
        file["optimizer/large"] = np.zeros(100_000)
        for place in range(9):
            file[f"optimizer/again_{place}"] = file["optimizer/large"]

    with pytest.raises(runs.ArchiveError, match="claims more bytes than it has"):
        runs.check_weights(weights_file(many), SHAPES)
