"""``--nll`` where log p(x) is known: in closed form and by quadrature."""

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats

import models
from catalog.priors import PRIORS
from evaluation import importance, metrics, nll
from evaluation.session import Session
from tests.evaluation.sessions import make_session
from tests.linear_gaussian import SHAPE, find_log_p, make_linear
from tests.models import test_realnvp
from tests.settings import make_settings


def open_session(folder, model, images, num_samples, **settings) -> Session:
    settings = make_settings(dataset="digits", latent_dim=2, **settings)
    return make_session(folder, model, (images, None), settings=settings, nll=num_samples)


def estimate(session: Session) -> importance.Estimates:
    return importance.estimate(session, session.flags["nll"], lambda _: None)


def test_the_true_posterior_gives_the_closed_form_with_one_sample(tmp_path):
    """All importance weights are p(x) then, whatever z is."""
    rng = np.random.default_rng(0)
    model, matrix, offset = make_linear(rng, error=0.0)
    images = rng.random((50, *SHAPE), np.float32)
    found = estimate(open_session(tmp_path, model, images, 1))
    expected = find_log_p(matrix, offset, images)
    np.testing.assert_allclose(found.log_p, expected, rtol=2e-5)
    np.testing.assert_allclose(found.effective, 1)


def test_wrong_posteriors_give_the_closed_form_with_many_samples(tmp_path):
    """The deviations fit the effective sample size: their standard error is √(1/ESS − 1/K)."""
    rng = np.random.default_rng(1)
    model, matrix, offset = make_linear(rng, error=0.5)
    images = rng.random((200, *SHAPE), np.float32)
    found = estimate(open_session(tmp_path, model, images, 1050))
    expected = find_log_p(matrix, offset, images)
    deviations = (found.log_p - expected) / np.sqrt(1 / found.effective - 1 / 1050)
    assert 0.8 < deviations.std() < 1.2
    assert abs(deviations.mean()) < 4 / math.sqrt(200)
    # w is log-normal with s² = 3 · 0.5²: E[w]² / E[w²] = exp(−s²)
    assert found.effective.mean() / 1050 == pytest.approx(math.exp(-0.75), rel=0.05)


def test_the_estimated_bias_is_that_of_few_samples():
    """Of K = 50 samples, 1,000 times: the mean is Var(w) / (2 K E[w]²) below the closed form."""
    rng = np.random.default_rng(9)
    model, matrix, offset = make_linear(rng, error=0.5)
    images = rng.random((60, *SHAPE), np.float32)
    weigh = importance.compile_weights(model, 50)
    found = [importance._summarize(weigh(images), 50) for _ in range(1000)]
    missing = find_log_p(matrix, offset, images).mean() - np.mean([each.log_p for each in found])
    assert missing == pytest.approx((math.exp(0.75) - 1) / 100, rel=0.2)
    assert np.mean([each.bias for each in found]) == pytest.approx(missing, rel=0.3)


def make_bernoulli(rng: np.random.Generator, **settings) -> models.VAE:
    model = models.build(SHAPE, make_settings(hidden_dim=(7,), latent_dim=2, **settings))
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0, 0.7, variable.shape))
    return model


def log_mixture(model: models.VAE, z: np.ndarray) -> np.ndarray:
    return scipy.special.logsumexp(
        [
            np.log(weight) + scipy.stats.norm.logpdf(z, mean, stddev).sum(axis=1)
            for weight, mean, stddev in zip(*model.prior.arrays().values(), strict=True)
        ],
        axis=0,
    )


LOG_PRIORS = {
    "standard_normal": lambda model, z: scipy.stats.norm.logpdf(z).sum(axis=1),
    "mixture": log_mixture,
    "vamp": log_mixture,
    "exemplar": log_mixture,
    "realnvp": lambda model, z: test_realnvp.log_prob_by_numpy(model.prior, z),
}
SMALL = {
    "vamp": {"num_components": 5},
    "exemplar": {"num_components": 5},
    "realnvp": {"num_couplings": 2, "coupling_units": 4},
}


@pytest.mark.parametrize("prior", PRIORS)
def test_two_dimensions_give_the_integral(tmp_path, prior):
    rng = np.random.default_rng(2)
    flags = {"prior": prior, **SMALL.get(prior, {})}
    model = make_bernoulli(rng, **flags)
    model.encoder.z_log_var.set_weights([np.zeros((7, 2)), np.ones(2)])  # wider than p(z|x)
    images = rng.integers(0, 2, (40, *SHAPE)).astype(np.float32)
    found = estimate(open_session(tmp_path, model, images, 4000, **flags))

    axis = np.linspace(-12, 12, 481)
    z = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    log_prior = LOG_PRIORS[prior](model, z)
    logits = np.asarray(model.decoder(z.astype(np.float32)), np.float64).reshape(len(z), 16)
    pixels = images.reshape(40, 16).astype(np.float64)
    log_joint = pixels @ logits.T - np.logaddexp(0, logits).sum(axis=1) + log_prior
    expected = scipy.special.logsumexp(log_joint, axis=1) + 2 * np.log(axis[1] - axis[0])
    errors = np.sqrt(1 / found.effective - 1 / 4000)
    assert np.median(errors) < 0.05
    deviations = (found.log_p - expected) / errors
    assert 0.7 < deviations.std() < 1.4
    assert abs(deviations.mean()) < 4 / math.sqrt(40)


def test_any_number_of_samples_is_exact(tmp_path):
    """137 is more than one call takes, and no multiple of it."""
    rng = np.random.default_rng(3)
    model = make_bernoulli(rng)
    images = rng.integers(0, 2, (5, *SHAPE)).astype(np.float32)
    found = estimate(open_session(tmp_path, model, images, 137))
    seed = models.noise.derive_seed(0, "importance weights of images from 0")
    model.sampling.restart(seed)
    parts = [model.terms(images, size) for size in (100, 37)]
    log_weights = np.concatenate(
        [np.asarray(part.log_likelihood - part.log_q_minus_log_p, np.float64) for part in parts]
    )
    assert log_weights.shape == (137, 5)
    np.testing.assert_allclose(
        found.log_p, np.log(np.exp(log_weights + 20).mean(axis=0)) - 20, rtol=1e-5
    )
    weights = np.exp(log_weights - log_weights.max(axis=0))
    expected = weights.sum(axis=0) ** 2 / np.square(weights).sum(axis=0)
    np.testing.assert_allclose(found.effective, expected, rtol=1e-4)


def test_more_samples_give_higher_estimates_and_one_the_elbo(tmp_path):
    rng = np.random.default_rng(4)
    model = make_bernoulli(rng)
    images = rng.integers(0, 2, (400, *SHAPE)).astype(np.float32)
    means = [
        estimate(open_session(tmp_path, model, images, num)).log_p.mean() for num in (1, 5, 50, 500)
    ]
    assert means == sorted(means)
    losses = model.compute_losses(images, num_samples=200)
    assert means[0] == pytest.approx(-np.mean(losses["loss"]), abs=0.4)
    assert means[1] - means[0] > 0.4


class Killed(BaseException):
    pass


def test_an_interrupted_estimate_continues_to_the_same_bits(tmp_path, monkeypatch):
    rng = np.random.default_rng(5)
    model = make_bernoulli(rng)
    images = rng.integers(0, 2, (70, *SHAPE)).astype(np.float32)
    expected = estimate(open_session(tmp_path / "a", model, images, 30))
    monkeypatch.setattr(importance, "_SAVED_EVERY", 0.0)
    session, done = open_session(tmp_path / "b", model, images, 30), []

    def stop(num_done: int) -> None:
        done.append(num_done)
        if num_done == 40:
            raise Killed

    with pytest.raises(Killed):
        importance.estimate(session, 30, stop)
    assert importance.find(session) is None
    found = importance.estimate(session, 30, done.append)
    assert done == [0, 20, 40, 40, 60, 70]
    np.testing.assert_array_equal(found.log_p, expected.log_p)
    np.testing.assert_array_equal(found.effective, expected.effective)

    path = session.path("nll_30.bin")
    content = path.read_bytes()
    for damaged in (content[:-16], content[:-1] + b"\\7", b"", content + bytes(16)):
        path.write_bytes(damaged)
        assert importance.find(session) is None
    path.write_bytes(content)
    assert importance.find(session) is not None
    model.decoder.logits.bias.assign_add(np.ones(16))
    assert importance.find(session) is None  # of other weights


def test_metrics_json_states_the_protocol(tmp_path, capsys):
    rng = np.random.default_rng(6)
    model = make_bernoulli(rng)
    images = rng.integers(0, 2, (30, *SHAPE)).astype(np.float32)
    session = open_session(tmp_path, model, images, 50, binarize="static")
    assert "nll" not in metrics.measure(session)
    assert nll.run(session) == []
    metrics.run(session)
    measured = metrics.measure(session)
    found = importance.find(session)
    assert found is not None
    assert measured["nll"]["mean"] == pytest.approx(-found.log_p.mean())
    assert measured["nll"]["standard_error"] == pytest.approx(scipy.stats.sem(found.log_p))
    sampling = measured["importance_sampling"]
    assert sampling["num_samples"] == 50
    assert sampling["effective_samples_median"] == np.median(found.effective)
    assert sampling["bias"] == pytest.approx(np.mean(0.5 / found.effective - 0.5 / 50))
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "50 samples of z per image" in printed
    assert "gray pixels" not in printed


def test_gray_pixels_of_a_bernoulli_are_named(tmp_path, capsys):
    rng = np.random.default_rng(7)
    model = make_bernoulli(rng)
    session = open_session(tmp_path, model, rng.random((4, *SHAPE), np.float32), 2)
    nll.run(session)
    metrics.run(session)
    printed = capsys.readouterr().out
    assert "gray pixels" in printed
    assert "not to be trusted" in printed  # two samples have at most two effective ones


def test_bits_per_dimension_of_8_bit_pixels(tmp_path):
    rng = np.random.default_rng(8)
    model = make_bernoulli(rng, likelihood="discretized_logistic")
    images = (rng.integers(0, 256, (6, *SHAPE)) / 255).astype(np.float32)
    session = open_session(tmp_path, model, images, 3, likelihood="discretized_logistic")
    nll.run(session)
    measured = metrics.measure(session)
    expected = measured["nll"]["mean"] / math.log(2) / 16
    assert measured["nll_bits_per_dimension"]["mean"] == pytest.approx(expected)


def test_an_autoencoder_is_refused(tmp_path):
    session = make_session(tmp_path, settings={"model": "autoencoder"}, nll=5)
    with pytest.raises(nll.RequestError, match="--nll needs p"):
        nll.check(session)
