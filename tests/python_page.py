"""Runs the Python code of a page in a fresh process, and checks what it has computed.

    python tests/python_page.py docs/python.md

The code blocks run in order, as if a reader copied them; after those of a section, its check.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Check = Callable[[types.SimpleNamespace], None]

CHECKS: dict[str, dict[str, Check]] = {"README.md": {}, "python.md": {}}
_HEADING = re.compile(r"^## (.*)\n", re.MULTILINE)


def check(page: str, heading: str) -> Callable[[Check], Check]:
    """Registers a check of the variables after a section's code."""

    def register(function: Check) -> Check:
        CHECKS[page][heading] = function
        return function

    return register


@check("README.md", "In Python")
def check_readme(found):
    assert found.reconstructions.shape == found.samples.shape == (10, 8, 8, 1)
    assert found.z_mean.shape == found.z_log_var.shape == (1797, 2)


@check("python.md", "Images")
def check_images(found):
    assert found.training.shape == (1500, 8, 8, 1)
    assert found.validation.shape == (297, 8, 8, 1)
    assert found.training.dtype == np.float32


@check("python.md", "Train")
def check_training(found):
    names = {"loss", "reconstruction", "kl"}
    assert set(found.history) == names | {f"val_{name}" for name in names}
    assert found.history["val_loss"][-1] < 0.9 * found.history["val_loss"][0]
    assert found.vae.count_params() == 17_476


@check("python.md", "Callbacks")
def check_callbacks(found):
    rates, losses = found.history["learning_rate"], found.history["val_loss"]
    assert len(losses) < 200  # EarlyStopping has stopped
    assert rates[-1] < rates[0]  # ReduceLROnPlateau has lowered the rate
    assert np.isclose(float(found.vae.optimizer.learning_rate), rates[-1], rtol=0.51)
    best = found.best.evaluate(found.validation, return_dict=True, verbose=0)["loss"]
    assert abs(best - min(losses)) < 0.5  # z is sampled again


@check("python.md", "Use a trained model")
def check_use(found):
    assert found.z.shape == found.z_mean.shape == found.z_log_var.shape == (297, 2)
    assert found.decoded.shape == (2, 8, 8, 1)
    assert found.samples.shape == (16, 8, 8, 1)
    np.testing.assert_allclose(found.in_batches, found.reconstructions, atol=1e-5)
    variance = np.mean((found.validation - found.training.mean(axis=0)) ** 2)
    assert np.mean((found.in_batches - found.validation) ** 2) < 0.9 * variance
    assert {values.shape[0] for values in found.losses.values()} == {297}


@check("python.md", "A tf.data.Dataset")
def check_dataset(found):
    assert found.history["val_loss"][1] < found.history["val_loss"][0]


@check("python.md", "Save and load")
def check_loaded(found):
    assert int(found.loaded.optimizer.iterations) == 15 + int(found.vae.optimizer.iterations) == 45


@check("python.md", "Open a model that train.py trained")
def check_trained(found):
    assert found.trained.image_shape == (8, 8, 1)
    assert found.test_images.shape == (360, 8, 8, 1)


@check("python.md", "Fine-tune")
def check_fine_tuned(found):
    for weight, before in zip(found.trained.encoder.weights, found.before, strict=True):
        np.testing.assert_array_equal(weight, before)
    assert found.history["loss"][-1] < found.history["loss"][0]


@check("python.md", "Choose the parts")
def check_parts(found):
    assert set(found.history) == {"loss", "reconstruction", "kl", "objective"}
    assert found.vae.prior.means.shape == (5, 4)
    assert found.vae.generate(16).shape == (16, 8, 8, 1)


@check("python.md", "Labels, or no noise")
def check_labels(found):
    assert found.results["accuracy"] > 0.7
    right = np.mean(found.classes == found.labels[1500:])
    assert abs(found.results["accuracy"] - right) < 1e-6


@check("python.md", "Change the loss")
def check_changed_loss(found):
    assert abs(found.vae.history.history["kl"][-1] - 4) < 0.5
    assert np.abs(found.centered.encode(found.validation).mean).max() < 0.5


@check("python.md", "Repeat a training")
def check_repeated(found):
    assert found.losses[0] == found.losses[1]


@check("python.md", "What is refused")
def check_refusals(found):
    for mistake in found.mistakes.values():
        with pytest.raises(ValueError, match=r"expected .*") as error:
            mistake()
        assert "\n" not in str(error.value)


def main(path: Path) -> None:
    checks = CHECKS[path.name]
    _, *parts = _HEADING.split(path.read_text(encoding="utf-8"))
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    code = {name: re.findall(r"```python\n(.*?)```", text, re.S) for name, text in sections.items()}
    assert {name for name, blocks in code.items() if blocks} == set(checks)
    module = types.ModuleType("__main__")  # classes that the page defines belong to it
    sys.modules["__main__"] = module
    for name, blocks in code.items():
        for block in blocks:
            exec(block, module.__dict__)
        if name in checks:
            checks[name](types.SimpleNamespace(**module.__dict__))
            print(f"checked: {name}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
