"""Tests of exported models, each in its own runtime, compared with the model here."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
import runs
from catalog.exports import FORMATS
from catalog.likelihoods import LIKELIHOODS
from catalog.models import MODELS
from catalog.priors import PRIORS
from evaluation import RequestError, export, export_formats
from tests.evaluation.sessions import make_session, save_untrained_run
from tests.models.sizes import SMALL_NETWORKS, small_settings

IMAGE_SHAPE = (8, 8, 3)
LATENT_DIM, NUM_CLASSES = 3, 10
FIRST = ("vae", "mlp", "bernoulli")
# All models, and the networks and likelihoods that differ from the first.
CASES = {
    **{name: (name, *FIRST[1:]) for name in MODELS},
    **{name: (FIRST[0], name, FIRST[2]) for name in SMALL_NETWORKS if name != FIRST[1]},
    **{name: (*FIRST[:2], name) for name in LIKELIHOODS if name != FIRST[2]},
}


def build(model, network, likelihood, **changes):
    """Returns an untrained model none of whose weights is zero."""
    parts = {"model": model, "likelihood": likelihood, "latent_dim": LATENT_DIM, **changes}
    built = models.build(IMAGE_SHAPE, small_settings(network, **parts), NUM_CLASSES, 16)
    rng = np.random.default_rng(0)
    built.set_weights(
        [
            (values + rng.normal(scale=0.1, size=values.shape)).astype(values.dtype)
            if values.dtype.kind == "f"
            else values
            for values in built.get_weights()
        ]
    )
    return built


def expect(model, part, inputs):
    """Returns the outputs of an exported part, computed by the methods of the model."""
    if part == "decoder":
        return {"images": 255 * np.asarray(model.decode(inputs["z"]))}
    posterior = model.encode(inputs["images"] / 255)
    outputs = {"z_mean": posterior.mean}
    if model.is_variational:
        outputs["z_log_var"] = posterior.log_var
    if model.uses_labels:
        outputs["class_probabilities"] = model.classify_z(posterior.mean)
    if part == "model":
        z = posterior.mean
        if isinstance(model, models.HierarchicalVAE):
            z = model.posterior(inputs["images"] / 255, training=False).sample(inputs["noise"])
        elif model.is_variational:
            z = z + np.exp(np.asarray(posterior.log_var) / 2) * inputs["noise"]
        outputs["reconstruction"] = 255 * np.asarray(model.decode(z))
    return outputs


def draw_inputs(functional):
    """Returns random inputs of an exported model: pixel values, or draws from N(0, I)."""
    rng = np.random.default_rng(1)
    return {
        name: (
            rng.uniform(0, 255, (5, *tensor.shape[1:]))
            if name == "images"
            else rng.normal(size=(5, *tensor.shape[1:]))
        ).astype("float32")
        for name, tensor in functional.input.items()
    }


def check_close(outputs, expected, tolerance):
    """Checks values in units of their range: pixels of 255, others of at least 1."""
    assert outputs.keys() == expected.keys()
    for name, values in expected.items():
        values = np.asarray(values)
        scale = 255 if name in ("images", "reconstruction") else max(1, np.abs(values).max())
        assert outputs[name].dtype == np.float32
        np.testing.assert_allclose(outputs[name] / scale, values / scale, 0, tolerance, name)


def run_outside(runtime, folder):
    """Runs all exported files of a folder in one runtime, where this program is not found."""
    script = Path(__file__).with_name("run_exported.py")
    run_python(folder, str(script), runtime, str(folder))


def run_python(folder, *words):
    """Runs Python in a folder, where it does not find this program."""
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        [sys.executable, "-P", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr[-3000:]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Exports every case in every format; returns the folder and what is expected of each case.

    The likelihood only concerns the decoder.
    """
    folder, expected = tmp_path_factory.mktemp("exported"), {}
    for case, parts in CASES.items():
        model = build(*parts)
        part = "decoder" if case in LIKELIHOODS else "model"
        functional = models.functional.build(model, IMAGE_SHAPE)[part]
        inputs = draw_inputs(functional)
        np.savez(folder / f"{case}.inputs.npz", **inputs)
        expected[case] = expect(model, part, inputs)
        for name, row in FORMATS.items():
            export_formats.write(name, functional, folder / f"{case}{row.suffix}", False)
    return folder, expected


@pytest.mark.parametrize("name", FORMATS)
def test_every_part_of_the_catalog_gives_the_same_numbers_in_its_own_runtime(name, exported):
    folder, expected = exported
    run_outside(name, folder)
    for case, outputs in expected.items():
        check_close(np.load(folder / f"{case}.{name}.npz"), outputs, 1e-5)


def test_the_mixed_precision_of_a_run_does_not_reach_the_exported_model():
    wide = build(*FIRST)
    half = build(*FIRST, precision="mixed_bfloat16")
    half.set_weights(wide.get_weights())
    functional = models.functional.build(half, IMAGE_SHAPE)["model"]
    inputs = draw_inputs(functional)
    outputs = {name: np.asarray(values) for name, values in functional(inputs).items()}
    check_close(outputs, expect(wide, "model", inputs), 1e-6)
    coarse = expect(half, "model", inputs)["reconstruction"]
    assert np.abs(coarse - outputs["reconstruction"]).max() > 0.01


def test_copying_layers_changes_neither_the_model_nor_keras():
    call, model = keras.layers.Layer.__call__, build(*FIRST)
    before = [values.copy() for values in model.get_weights()]
    functional = models.functional.build(model, IMAGE_SHAPE)
    functional["encoder"].set_weights([0 * w for w in functional["encoder"].get_weights()])
    assert keras.layers.Layer.__call__ is call
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


# --------------------------------------------------------------------------- the folder


def open_untrained(folder, formats, quantize=False, **settings):
    """Returns a session of an untrained run with the flags of an export."""
    session = save_untrained_run(folder, **settings)
    session.flags = {**session.flags, "export": formats, "quantize": quantize}
    return session


@pytest.fixture(scope="module")
def of_mixture(tmp_path_factory):
    """Exports a classifier with a mixture as prior in all formats; returns its session."""
    session = open_untrained(
        tmp_path_factory.mktemp("run"), tuple(FORMATS), model="classifier_vae", prior="mixture"
    )
    written = export.run(session)
    folder = session.result_dir / "export"
    assert {path.name for path in written} == {
        "README.md",
        "prior.npz",
        *(
            f"{part}{row.suffix}"
            for part in ("encoder", "decoder", "model")
            for row in FORMATS.values()
        ),
    }
    assert sorted(folder.iterdir()) == written
    assert list(folder.parent.glob(".*")) == []
    return session


def read_code(folder, name):
    """Returns the Python code on a format in a README."""
    text = (folder / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(rf"## {name}\n.*?```python\n(.*?)```", text, re.DOTALL)
    return code


def run_code(code, folder, *names):
    """Runs code in a folder, in a process that does not find this program; returns variables."""
    values = ", ".join(f"{name}={name}" for name in names)
    saved = folder.parent / "variables.npz"
    run_python(folder, "-c", f"{code}\nnp.savez({str(saved)!r}, {values})")
    return np.load(saved)


@pytest.mark.parametrize("name", FORMATS)
def test_the_code_of_the_readme_runs_and_gives_the_same_numbers(name, of_mixture):
    code = read_code(of_mixture.result_dir / "export", name)
    assert len(code.splitlines()) <= 17
    names = ("images", "noise", "z", "z_mean", "samples", "reconstruction")
    found = run_code(code, of_mixture.result_dir / "export", *names)
    model = of_mixture.model
    z_mean = np.asarray(model.encode(found["images"] / 255).mean)
    np.testing.assert_allclose(found["z_mean"], z_mean, atol=1e-5)
    for output, z in (("samples", found["z"]), ("reconstruction", z_mean)):
        decoded = np.asarray(model.decode(z))
        np.testing.assert_allclose(found[output] / 255, decoded, atol=1e-5)


def test_the_readme_of_a_hierarchy_draws_every_level(tmp_path):
    settings = {"model": "hierarchical_vae", "latent_dim": (4, 2), "conditional_dims": (5,)}
    session = open_untrained(tmp_path, ("saved_model",), **settings)
    export.run(session)
    folder = session.result_dir / "export"
    found = run_code(read_code(folder, "saved_model"), folder, "z_top", "noise", "z", "samples")
    z = session.model.sample_lower(found["z_top"], np.zeros((4, 4), "float32"))
    assert found["z"].shape == (4, 6)
    np.testing.assert_array_equal(found["z"][:, 4:], found["z_top"])
    assert np.all(np.abs(found["z"] - z)[:, :4] > 1e-6)  # sampled, not the means
    decoded = np.asarray(session.model.decode(found["z"]))
    np.testing.assert_allclose(found["samples"] / 255, decoded, atol=1e-5)


@pytest.mark.parametrize("name", PRIORS)
def test_the_code_that_draws_from_a_prior_has_the_density_of_the_model(name, tmp_path):
    """The mean log-density of draws estimates the entropy, which another distribution changes."""
    num, prior = 20_000, build(*FIRST, prior=name).prior
    np.savez(tmp_path / "prior.npz", **prior.arrays())
    code = "import numpy as np\nrng = np.random.default_rng(0)\n"
    code += PRIORS[name].numpy.format(num=num, latent_dim=LATENT_DIM)
    z = run_code(code, tmp_path, "z")["z"]
    assert z.shape == (num, LATENT_DIM)
    here = np.asarray(prior.sample(num, 0))
    for statistic in (np.mean, np.std):
        difference = statistic(z, axis=0) - statistic(here, axis=0)
        assert np.all(np.abs(difference) < 0.05 * here.std(axis=0))
    of_z, of_here = (np.asarray(prior.log_prob(draws.astype("float32"))) for draws in (z, here))
    error = np.hypot(of_z.std(), of_here.std()) / num**0.5
    assert abs(of_z.mean() - of_here.mean()) < 5 * error


def test_16_bit_weights_halve_the_file_and_stay_within_a_thousandth(tmp_path):
    sizes = {}
    for quantize in (False, True):
        session = open_untrained(tmp_path / str(quantize), ("tflite",), quantize, hidden_dim=(300,))
        export.run(session)
        folder = session.result_dir / "export"
        sizes[quantize] = (folder / "model.tflite").stat().st_size
    assert sizes[True] < 0.6 * sizes[False]
    assert "rounded to 16 bits" in (folder / "README.md").read_text(encoding="utf-8")
    found = run_code(read_code(folder, "tflite"), folder, "images", "z_mean", "reconstruction")
    z_mean = np.asarray(session.model.encode(found["images"] / 255).mean)
    assert 1e-7 < np.abs(found["z_mean"] - z_mean).max() < 1e-3
    reconstruction = np.asarray(session.model.reconstruct(found["images"] / 255))
    assert 1e-7 < np.abs(found["reconstruction"] / 255 - reconstruction).max() < 1e-3


def test_the_readme_of_a_binarized_autoencoder_says_what_the_files_expect(tmp_path):
    session = open_untrained(
        tmp_path, ("keras",), model="autoencoder", binarize="static", precision="mixed_bfloat16"
    )
    written = export.run(session)
    text = (session.result_dir / "export" / "README.md").read_text(encoding="utf-8")
    assert "prior.npz" not in {path.name for path in written}
    assert "trained on black and white images" in text
    assert "trained in mixed_bfloat16; the exported model computes in float32" in text
    assert "noise" not in text
    assert "z_log_var" not in text
    run_code(read_code(session.result_dir / "export", "keras"), session.result_dir / "export")


def test_a_later_export_replaces_the_folder_and_a_failed_one_leaves_it(tmp_path, monkeypatch):
    session = open_untrained(tmp_path, ("keras", "saved_model"))
    folder = session.result_dir / "export"
    export.run(session)
    before = sorted(folder.rglob("*"))

    def fail(*args):
        message = "{{function_node x}} /tmp/part; No space left on device [Op:SaveV2]"
        raise tf.errors.ResourceExhaustedError(None, None, message)

    monkeypatch.setitem(export_formats._WRITERS, "saved_model", fail)
    with pytest.raises(
        runs.RunError, match=r"export cannot be written \(No space left on device\)"
    ):
        export.run(session)
    assert sorted(folder.rglob("*")) == before
    assert [path.name for path in session.result_dir.iterdir()] == ["export"]

    session.flags = {**session.flags, "export": ("keras",)}
    export.run(session)
    names = ["README.md", "decoder.keras", "encoder.keras", "model.keras"]
    assert sorted(path.name for path in folder.iterdir()) == names


def test_a_folder_with_other_files_and_a_link_are_refused(tmp_path):
    session = open_untrained(tmp_path, ("keras",))
    folder = session.result_dir / "export"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(runs.RunError, match=r"notes.txt is not from an earlier export: move it"):
        export.run(session)
    assert (folder / "notes.txt").read_text() == "mine"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(runs.RunError, match="is a link, which --export does not follow"):
        export.run(session)


# ------------------------------------------------------------------------------- flags


def test_a_missing_package_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "tf2onnx" else find(name)
    )
    export.check(make_session(tmp_path, export=("keras", "tflite"), quantize=True))
    with pytest.raises(RequestError) as error:
        export.check(make_session(tmp_path, export=("keras", "onnx"), quantize=False))
    assert str(error.value) == (
        "flag --export=onnx: needs tf2onnx: type pip install -r requirements-export.txt"
    )


def test_every_optional_package_is_in_the_requirements():
    text = (Path(__file__).parents[2] / "requirements-export.txt").read_text()
    for row in FORMATS.values():
        for package in row.packages:
            assert re.search(rf"^{package}==", text, re.MULTILINE)
