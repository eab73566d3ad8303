"""Every likelihood from end to end: trained, measured, and its ELBO computed in NumPy."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.stats
from scipy.special import expit, softmax

import runs
from catalog.likelihoods import LIKELIHOODS
from data import splits

SMALL = ("--dataset", "digits", "--hidden_dim", "16", "--latent_dim", "2", "--batch_size", "200")


def score(likelihood: str, x: np.ndarray, outputs: np.ndarray, learned: float) -> np.ndarray:
    """Returns log p(x|z) of each image, by the formulas of docs/likelihoods.md.

    Args:
        x: (num_images, 64) in [0, 1].
        outputs: the decoder's, (num_images, 64 · outputs per pixel).
        learned: the likelihood's own weight, if it has one.
    """
    outputs = outputs.reshape(len(x), 64, -1)
    logits, *rest = np.moveaxis(outputs, -1, 0)
    if likelihood in ("bernoulli", "continuous_bernoulli"):
        pixels = x * logits - np.logaddexp(0, logits)
        if likelihood == "continuous_bernoulli":  # its normalizer, 2 artanh(1 − 2λ) / (1 − 2λ)
            logits = np.where(np.abs(logits) < 1e-4, 1e-4, logits)
            pixels += np.log(logits / np.tanh(logits / 2))
        return pixels.sum(axis=1)
    if likelihood == "discretized_logistic":
        return np.log(interval(x, logits, rest[0])).sum(axis=1)
    if likelihood == "logistic_mixture":
        log_weights, means, raws = np.split(outputs, 3, axis=-1)
        return np.log((softmax(log_weights, -1) * interval(x[..., None], means, raws)).sum(-1)).sum(
            1
        )
    log_stddev = {
        "gaussian": lambda: np.log(0.5) / 2,
        "gaussian_learned": lambda: -6 + np.logaddexp(0, learned + np.log(0.5) + 6),
        "gaussian_per_pixel": lambda: -4 + np.logaddexp(0, rest[0] + np.log(0.5) + 4),
    }[likelihood]()
    return scipy.stats.norm.logpdf(x, expit(logits), np.exp(log_stddev)).sum(axis=1)


def interval(x: np.ndarray, mean: np.ndarray, raw: np.ndarray) -> np.ndarray:
    """Returns the probability that a logistic distribution gives to the 8-bit values x."""
    lowest = -7 - np.log(2)
    logistic = scipy.stats.logistic(
        (1 + mean) / 2, np.exp(lowest + np.logaddexp(0, raw + np.log(0.5) - lowest))
    )
    upper = np.where(x > 0.999, 1, logistic.cdf(x + 1 / 510))
    return upper - np.where(x < 0.001, 0, logistic.cdf(x - 1 / 510))


def measure_in_numpy(model: Path, likelihood: str) -> tuple[float, np.ndarray]:
    """Returns the mean KL of the test images and, for each of 100 draws of z, the mean −log p(x|z).

    From pixels to nats in float64, reading only the weights from the file of the model.
    """
    with zipfile.ZipFile(model) as opened:
        weights = h5py.File(io.BytesIO(opened.read("model.weights.h5")))

    def dense(part, x):
        kernel, bias = (weights[f"{part}/vars/{index}"][()].astype(np.float64) for index in (0, 1))
        return x @ kernel + bias

    x = splits.load_test("digits").images.reshape(360, -1) / 255
    hidden = np.tanh(dense("encoder/hidden/hidden_layer/dense", x))
    mean, log_var = dense("encoder/layers/dense", hidden), dense("encoder/layers/dense_1", hidden)
    kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1)
    has_weight = likelihood == "gaussian_learned"
    learned = float(weights["layers/gaussian_learned/vars/0"][()]) if has_weight else np.nan
    draws = []
    for noise in np.random.default_rng(0).standard_normal((100, *mean.shape)):
        z = mean + np.exp(log_var / 2) * noise
        hidden = np.tanh(dense("decoder/hidden/hidden_layer/dense", z))
        outputs = dense("decoder/layers/dense", hidden)
        draws.append(-score(likelihood, x, outputs, learned).mean())
    return kl.mean(), np.array(draws)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_run_of_every_likelihood_is_trained_and_measured(
    likelihood, in_process, tmp_path, capsys
):
    chosen = ("--likelihood", likelihood, "--run_name", likelihood)
    in_process("train", *SMALL, *chosen, "--num_epochs", "2")
    in_process("evaluate", "--run_name", likelihood, "--metrics", "1")
    printed = capsys.readouterr().out
    (line,) = (line for line in printed.splitlines() if line.startswith("p(x|z) "))
    assert line.split()[1].removesuffix(":") == likelihood
    assert line.endswith(f" ({LIKELIHOODS[likelihood].nats})")

    run = runs.Run(tmp_path / "trained_model" / likelihood)
    history = runs.read_history(run.history_path)
    assert history[1]["val_loss"] < history[0]["val_loss"]
    metrics = json.loads((tmp_path / "result" / likelihood / "metrics.json").read_text())
    assert metrics["likelihood"] == likelihood
    # of other images, with new samples of z
    reconstruction, kl = metrics["reconstruction"]["mean"], metrics["kl"]["mean"]
    assert reconstruction + kl == pytest.approx(history[1]["val_loss"], abs=3)
    assert metrics["elbo"]["mean"] == pytest.approx(-(reconstruction + kl))

    has_bits = LIKELIHOODS[likelihood].has_256_values
    assert ("bits_per_dimension" in metrics) == ("bits per dimension" in printed) == has_bits
    if has_bits:  # a fair guess of one of 256 values costs 8 bits
        bits = -metrics["elbo"]["mean"] / 64 / np.log(2)
        assert metrics["bits_per_dimension"]["mean"] == pytest.approx(bits)
        assert 1 < bits < 8

    expected_kl, draws = measure_in_numpy(run.best_path, likelihood)
    assert kl == pytest.approx(expected_kl, rel=1e-5)
    assert np.std(draws) < 0.2, "the tolerance below would be too wide"
    assert reconstruction == pytest.approx(np.mean(draws), abs=5 * np.std(draws))
