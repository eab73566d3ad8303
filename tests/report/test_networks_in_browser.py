"""The networks in the page give what Keras gives, for every part of the catalog."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import models
from catalog.likelihoods import LIKELIHOODS
from catalog.models import MODELS
from catalog.networks import ACTIVATIONS
from catalog.priors import PRIORS
from evaluation import report
from report import graph, page
from tests.models.sizes import SMALL_NETWORKS, small_settings

SHAPE = (8, 7, 3)  # the residual network halves it once, and crops what it doubles
PARTS: list[dict[str, Any]] = [
    *({"network": name} for name in SMALL_NETWORKS),
    *({"activation": (name,)} for name in ACTIVATIONS),
    *({"likelihood": name} for name in LIKELIHOODS),
    *({"prior": name} for name in PRIORS),
    *({"model": name} for name in MODELS),
]
RUN = """async ([inputs]) => {
  const run = await readRun(), found = {};
  for (const [name, values] of Object.entries(inputs)) {
    for (const tensor of Object.values(values)) tensor.data = Float32Array.from(tensor.data);
    found[name] = run.networks[name](values);
    for (const tensor of Object.values(found[name])) tensor.data = [...tensor.data];
  }
  return found;
}"""


def build(part: dict[str, Any]) -> Any:
    """Returns a small model with random weights."""
    others = {name: value for name, value in part.items() if name != "network"}
    settings = small_settings(part.get("network", "mlp"), latent_dim=3, **others)
    model = models.build(SHAPE, settings, 4, 100)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(np.asarray(weight) + rng.normal(0, 0.1, weight.shape))
    return model


@pytest.mark.parametrize("part", PARTS, ids=lambda part: "-".join(map(str, *part.items())))
def test_the_networks_in_the_page_equal_keras(part, browser, tmp_path):
    model = build(part)
    networks = report.make_networks(model, SHAPE)
    rng = np.random.default_rng(1)
    inputs = {
        name: {
            key: rng.integers(0, 256, (5, *tensor.shape[1:]))
            if key == "images"
            else rng.normal(0, 1, (5, *tensor.shape[1:]))
            for key, tensor in network.input.items()
        }
        for name, network in networks.items()
    }
    path = tmp_path / "report.html"
    graphs = {name: graph.describe(network) for name, network in networks.items()}
    path.write_text(page.fill({"name": "a run"}, {}, graphs), encoding="utf-8")
    opened = browser.new_page()
    opened.goto(path.as_uri())
    described = {
        name: {
            key: {"shape": list(array.shape), "data": array.ravel().tolist()}
            for key, array in arrays.items()
        }
        for name, arrays in inputs.items()
    }
    found = opened.evaluate(RUN, [described])
    opened.close()
    for name, network in networks.items():
        expected = network({key: array.astype("float32") for key, array in inputs[name].items()})
        assert found[name].keys() == expected.keys()
        for key, tensor in expected.items():
            got = np.reshape(found[name][key]["data"], found[name][key]["shape"])
            scale = 255.0 if key == "images" else max(1.0, float(np.abs(tensor).max()))
            assert got.shape == tensor.shape
            np.testing.assert_allclose(got / scale, tensor / scale, rtol=0, atol=1e-4)
