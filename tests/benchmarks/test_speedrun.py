"""The speed run: its recipe, what the other frameworks compute, and its published results."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

import cli
import models
from benchmarks import speedrun
from benchmarks.speedrun_recipe import ACTIVATIONS, PIXELS, Recipe
from data.batches import ResidentBatches
from tests.settings import make_settings
from training import fit

DOCS = Path(__file__).resolve().parents[2] / "docs"
IMAGES = np.random.default_rng(1).integers(0, 256, (2000, PIXELS), dtype=np.uint8)
RECIPE = Recipe(
    hidden_dim=(32, 24),
    activation=("gelu", "tanh"),
    latent_dim=3,
    num_components=7,
    learning_rate=0.01,
    learning_rate_schedule="cosine",
    batch_size=200,
    num_epochs=2,
    num_validation=1000,
    seed=3,
)


def weights_of(recipe):
    """Returns initial weights to which small numbers are added, so that none is 0."""
    draw = np.random.default_rng(4).normal
    return {
        name: tuple(part + draw(scale=0.1, size=part.shape).astype(np.float32) for part in group)
        for name, group in recipe.initial_weights().items()
    }


def our_model(recipe, weights):
    """Returns the model that train.py builds for a recipe, with these weights."""
    fields = dataclasses.asdict(recipe)
    for name in ("learning_rate", "learning_rate_schedule", "batch_size", "num_epochs"):
        del fields[name]
    model = models.build((28, 28, 1), make_settings(prior="mixture", **fields))
    for variable, part in zip(variables_of(model), itertools.chain(*weights.values()), strict=True):
        variable.assign(part)
    return model


def variables_of(model):
    """Returns the variables of a model in the order of the recipe's weights."""
    encoder, decoder, prior = model.encoder, model.decoder, model.prior
    layers = [part.dense for part in encoder.hidden] + [encoder.z_mean, encoder.z_log_var]
    layers += [part.dense for part in decoder.hidden] + [decoder.logits]
    of_layers = [variable for layer in layers for variable in (layer.kernel, layer.bias)]
    return [*of_layers, prior.logits, prior.means, prior.log_vars]


def torch_loss(recipe, weights, images):
    torch = pytest.importorskip("torch")
    from benchmarks import speedrun_torch

    model = speedrun_torch.VAE(recipe, weights)
    with torch.no_grad():
        return float(model(torch.from_numpy(images) / 255))


def jax_loss(recipe, weights, images):
    jax = pytest.importorskip("jax")
    from benchmarks import speedrun_jax

    x = images / np.float32(255)
    return float(speedrun_jax.loss_of(weights, recipe, x, jax.random.key(0)))


def numpy_loss(recipe, weights, images):
    return -speedrun.elbo(recipe, weights, images)


@pytest.mark.parametrize("loss_of", [numpy_loss, torch_loss, jax_loss])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_equal_weights_give_equal_losses(loss_of, activation):
    """With so little noise in z that it matters in log q(z|x) alone."""
    recipe = dataclasses.replace(RECIPE, activation=(activation, "elu"))
    weights = weights_of(recipe)
    kernel, bias = weights["log_var"]
    weights["log_var"] = 0.1 * kernel, bias - 12
    images = IMAGES.reshape(-1, 28, 28, 1) / np.float32(255)
    expected = np.mean(our_model(recipe, weights).compute_losses(images)["loss"])
    assert loss_of(recipe, weights, IMAGES) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("loss_of", [numpy_loss, torch_loss, jax_loss])
def test_z_is_sampled_as_in_ours(loss_of):
    weights = weights_of(RECIPE)
    kernel, bias = weights["log_var"]
    weights["log_var"] = kernel, bias + 3  # much noise
    images = IMAGES.reshape(-1, 28, 28, 1) / np.float32(255)
    expected = np.mean(our_model(RECIPE, weights).compute_losses(images)["loss"])
    assert loss_of(RECIPE, weights, IMAGES) == pytest.approx(expected, rel=0.01)


def test_the_initial_weights_are_distributed_as_in_ours():
    recipe = dataclasses.replace(RECIPE, hidden_dim=(400, 300), num_components=500)
    fields = {"hidden_dim": (400, 300), "latent_dim": 3, "num_components": 500}
    model = models.build((28, 28, 1), make_settings(prior="mixture", **fields))
    parts = itertools.chain(*recipe.initial_weights().values())
    for variable, part in zip(variables_of(model), parts, strict=True):
        assert variable.shape == part.shape
        assert np.std(variable) == pytest.approx(part.std(), rel=0.05)
        if "means" not in variable.path:
            assert np.max(variable) == pytest.approx(part.max(), rel=0.05)


def test_the_batches_and_the_learning_rates_are_ours():
    settings = {"learning_rate": 0.01, "learning_rate_schedule": "cosine", "num_epochs": 2}
    batches = ResidentBatches(IMAGES.reshape(-1, 28, 28, 1), RECIPE.batch_size, RECIPE.seed)
    schedule = fit.choose_learning_rate(settings, batches.steps_per_epoch)
    for epoch in range(2):
        found = RECIPE.batches(epoch, len(IMAGES))
        np.testing.assert_array_equal(found, np.stack(list(batches.epoch(epoch))))
    for step in (0, 5, 19):
        assert RECIPE.rate(step, 20) == pytest.approx(float(schedule(step)), rel=1e-5)
    constant = dataclasses.replace(RECIPE, learning_rate_schedule="constant")
    assert constant.rate(7, 20) == 0.01


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_the_other_frameworks_learn_as_ours_does(framework, capsys):
    """On images that can be learned: ten patterns."""
    pytest.importorskip(framework)
    module = importlib.import_module(f"benchmarks.speedrun_{framework}")
    images = IMAGES[np.arange(2000) % 10]
    weights = module.train(RECIPE, images, images[:1000])
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == RECIPE.num_epochs
    shapes = {name: [part.shape for part in group] for name, group in weights.items()}
    assert shapes == {
        name: [part.shape for part in group] for name, group in RECIPE.initial_weights().items()
    }

    model = our_model(RECIPE, RECIPE.initial_weights())
    fit.compile_with_adam(
        model, {**dataclasses.asdict(RECIPE), "l2": 0.0, "clip_norm": None, "ema": 0.0}, 10
    )
    pixels = images.reshape(-1, 28, 28, 1) / np.float32(255)
    for epoch in range(RECIPE.num_epochs):
        order = RECIPE.batches(epoch, len(images)).reshape(-1)
        model.fit(pixels[order], batch_size=RECIPE.batch_size, shuffle=False, verbose=0)
    ours = np.mean(model.compute_losses(pixels)["loss"])
    before = -speedrun.elbo(RECIPE, RECIPE.initial_weights(), images)
    after = -speedrun.elbo(RECIPE, weights, images)
    assert ours < before - 5
    assert after == pytest.approx(ours, rel=0.01)
    assert float(printed[-1].split()[-1]) == pytest.approx(after, rel=0.01)  # the validation loss


# -------------------------------------------------------------------------- the recipe


def test_the_recipe_is_one_that_all_follow():
    recipe = speedrun.read_recipe()
    assert recipe.latent_dim == 10
    assert len(recipe.activation) == len(recipe.hidden_dim)
    assert list(recipe.initial_weights()) == [*recipe.shapes, "prior"]
    assert (cli.ROOT / "configs" / "speedrun.flags").exists()


@pytest.mark.parametrize(
    ("word", "part"),
    [
        ("--prior=standard_normal", "--prior"),
        ("--dropout=0.1", "--dropout"),
        ("--network=conv", "--network"),
        ("--activation=prelu", "prelu"),
        ("--batch_size=77", "--batch_size"),
        ("--num_validation=1500", "--num_validation"),
    ],
)
def test_what_the_other_frameworks_cannot_follow_is_refused(word, part):
    with pytest.raises(speedrun.RecipeError, match=part):
        speedrun.read_recipe(["--prior=mixture", "--num_validation=5000", "--batch_size=100", word])


# ------------------------------------------------------------------------- the results


def test_the_table_is_made_of_the_results():
    rows = {
        speedrun.OURS: [
            {"seconds": seconds, "cpu_seconds": 2 * seconds, "test_elbo": -99.5}
            for seconds in (10.0, 30.0, 20.0)
        ],
        "other": [{"seconds": 50.0, "cpu_seconds": 60.0, "test_elbo": -99.0}],
    }
    header, _, ours, other = speedrun.table({"rows": rows}).splitlines()
    assert header.count("|") == ours.count("|") == other.count("|")
    assert "| 20.0 (10.0, 30.0, 20.0) | 1.00 | 40.0 | −99.50, −99.50, −99.50 |" in ours
    assert "| 50.0 (50.0) | 2.50 | 60.0 | −99.00 |" in other


def test_the_page_shows_the_committed_results(tmp_path):
    results = json.loads((DOCS / "speedrun.json").read_text(encoding="utf-8"))
    page = DOCS / "speedrun.md"
    copy = tmp_path / "speedrun.md"
    copy.write_bytes(page.read_bytes())
    speedrun.replace_section(copy, results)
    assert copy.read_text(encoding="utf-8") == page.read_text(encoding="utf-8")


def test_the_committed_results_are_of_the_recipe_and_reach_the_target():
    results = json.loads((DOCS / "speedrun.json").read_text(encoding="utf-8"))
    recipe = json.loads(json.dumps(dataclasses.asdict(speedrun.read_recipe())))
    assert results["recipe"] == recipe
    assert results["rows"].keys() == {speedrun.OURS, *speedrun.PEERS}
    for rows in results["rows"].values():
        assert all(row["test_elbo"] >= speedrun.TARGET for row in rows)
    for seed, row in enumerate(results["rows"][speedrun.OURS]):
        metrics = json.loads((DOCS / "speedrun" / f"seed_{seed}" / "metrics.json").read_text())
        assert metrics["elbo"]["mean"] == row["test_elbo"]
