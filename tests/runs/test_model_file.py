"""What a .keras file may hold, without Keras."""

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
from runs.model_file import ClassName

KNOWN = [
    ClassName("models.vae", "VAE", "models>VAE"),
    ClassName("keras", "DTypePolicy", None),
    ClassName("keras.optimizers", "Adam", None),
]


def thing(module: Any, name: Any, registered: Any, config: Any = None) -> dict[str, Any]:
    return {
        "module": module,
        "class_name": name,
        "registered_name": registered,
        "config": config or {},
    }


def model_file(config: Any, weights: bytes = b"", **members: bytes) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        text = config if isinstance(config, bytes) else json.dumps(config).encode()
        content = {"config.json": text, "metadata.json": b"{}", "model.weights.h5": weights}
        for name, member in (content | members).items():
            made.writestr(name, member)
    return stream


GOOD = thing("models.vae", "VAE", "models>VAE", {"beta": 1.0, "dtype": thing(*KNOWN[1])})


def test_a_model_of_ours_is_read():
    saved = runs.read_model(model_file(GOOD, b"weights"), KNOWN)
    assert (saved.config, saved.weights) == (GOOD, b"weights")


HOSTILE_CLASSES = {
    "Lambda": thing("keras.layers", "Lambda", None, {"function": "code"}),
    "lambda code": {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}},
    "function by path": thing("builtins", "function", "eval"),
    "os.system": thing("os", "system", None),
    "another module": thing("models.evil", "VAE", "models>VAE"),
    "another registered name": thing("models.vae", "VAE", "package>Evil"),
    "no registered name": thing("models.vae", "VAE", None),
    "Keras' own by ours": thing("keras", "DTypePolicy", "models>VAE"),
    "TFSMLayer": thing("keras.layers", "TFSMLayer", None, {"filepath": "/tmp/evil"}),
    "Functional": thing("keras.src.models.functional", "Functional", "Functional"),
    "class alone": {"class_name": "Sequential"},
    "module alone": {"module": "os"},
    "no words": thing(["os"], {"a": 1}, 5),
}


@pytest.mark.parametrize("where", ["itself", "within", "compile_config", "deep in a list"])
@pytest.mark.parametrize("name", HOSTILE_CLASSES)
def test_a_class_that_is_not_known_is_refused_wherever_it_is_named(name, where):
    hostile = HOSTILE_CLASSES[name]
    config = {
        "itself": hostile,
        "within": {**GOOD, "config": {**GOOD["config"], "encoder": hostile}},
        "compile_config": {**GOOD, "compile_config": {"loss": hostile}},
        "deep in a list": {**GOOD, "config": {"a": [[{"b": [hostile]}]]}},
    }[where]
    with pytest.raises(runs.ArchiveError, match="which is no class of this program") as error:
        runs.read_model(model_file(config), KNOWN)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("stream", "part"),
    [
        (model_file(b"{"), "no JSON"),
        (model_file(b"[" * 100_000), "no JSON"),
        (model_file(b"\xff"), "no JSON"),
        (model_file([]), "describes no model"),
        (model_file({"x": "y" * 2**22}), "has 4,194,3"),
        (model_file(GOOD, **{"../../evil": b""}), "'../../evil', which no such file"),
        (model_file(GOOD, **{"/etc/passwd": b""}), "'/etc/passwd', which no such file"),
        (model_file(GOOD, **{"assets/a.py": b""}), "'assets/a.py', which no such file"),
        (io.BytesIO(b"PK"), "no archive"),
    ],
)
def test_a_file_that_is_no_model_is_refused(stream, part):
    with pytest.raises(runs.ArchiveError) as error:
        runs.read_model(stream, KNOWN)
    assert part in str(error.value)
    assert "\n" not in str(error.value)


# --------------------------------------------------------------------- contradictions

EXPECTED = {
    "name": "bernoulli",
    "sizes": [1, 2],
    "beta": 1.0,
    "encoder": {"class_name": "Encoder", "latent_dim": 10, "new": None},
}


@pytest.mark.parametrize(
    "config",
    [
        EXPECTED,
        {**EXPECTED, "name": "bernoulli_12"},
        {**EXPECTED, "shared_object_id": 5},
        {**EXPECTED, "encoder": {"class_name": "Encoder", "latent_dim": 10}},
        {},
    ],
)
def test_what_agrees_or_is_left_out_is_no_contradiction(config):
    assert runs.find_contradiction(config, EXPECTED) is None


@pytest.mark.parametrize(
    ("config", "where"),
    [
        ({**EXPECTED, "evil": 1}, "evil, which its model has not"),
        ({**EXPECTED, "name": "other"}, "name, 'other' and not 'bernoulli'"),
        ({**EXPECTED, "name": 5}, "name, 5 and not 'bernoulli'"),
        ({**EXPECTED, "sizes": [1, 3]}, "sizes[1], 3 and not 2"),
        ({**EXPECTED, "sizes": [1]}, "sizes, of 1 and not 2"),
        ({**EXPECTED, "sizes": {"a": 1}}, "sizes, {'a': 1} and not [1, 2]"),
        ({**EXPECTED, "beta": True}, "beta, True and not 1.0"),
        ({**EXPECTED, "encoder": {"latent_dim": 10**9}}, "encoder.latent_dim, 1000000000 and"),
        ({**EXPECTED, "encoder": [1]}, "encoder, [1] and not"),
        ([], ", [] and not"),
    ],
)
def test_what_a_file_has_otherwise_is_found(config, where):
    found = runs.find_contradiction(config, EXPECTED)
    assert found is not None
    assert found.startswith(where)


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


def test_the_weights_of_a_model_are_accepted_whatever_the_optimisers_are():
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
    # A terabyte that no byte of the file stands for: it would be read as zeros.
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
        (circle, "groups within groups without end"),
        (second_name, "weights that its model has not"),
        (data_outside, "other than plain numbers"),
        (virtual, "other than plain numbers"),
        (compressed, "other than plain numbers"),
        (chunked, "other than plain numbers"),
        (unwritten, "other than plain numbers"),
        (huge_optimizer, "other than plain numbers"),
        (text, "other than plain numbers"),
        (references, "other than plain numbers"),
        (compound, "other than plain numbers"),
        (nothing, "other than plain numbers"),
        (named_type, "holds no array"),
        (one_more, "weights that its model has not: 1 of (5, 5)"),
        (one_less, "lacks weights of its model: 1 of the shape (3,)"),
        (other_shape, "lacks weights of its model: 1 of the shape (3,)"),
    ],
)
def test_weights_that_are_no_plain_arrays_or_not_the_models_are_refused(change, part):
    content = weights_file(change)
    with pytest.raises(runs.ArchiveError) as error:
        runs.check_weights(content, SHAPES)
    assert part in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", weights_file()[:1000]])
def test_a_file_of_weights_that_is_cut_off_is_refused(content):
    with pytest.raises(runs.ArchiveError, match="cannot be read"):
        runs.check_weights(content, SHAPES)


def test_arrays_that_share_their_bytes_cannot_be_more_than_the_file():
    def many(file):
        file["optimizer/large"] = np.zeros(100_000)
        for place in range(9):
            file[f"optimizer/again_{place}"] = file["optimizer/large"]

    with pytest.raises(runs.ArchiveError, match="claims to hold more than it does"):
        runs.check_weights(weights_file(many), SHAPES)
