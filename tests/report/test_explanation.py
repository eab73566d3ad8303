"""The explanation of the loss: its numbers are the model's, its equations the paper's."""

from __future__ import annotations

import re

import numpy as np
import pytest

from evaluation import report
from tests.evaluation.sessions import save_untrained_run


def read_rows(page) -> np.ndarray:
    """Returns the table of μ, σ, ε and z."""
    rows = page.locator("#steps .numbers tr").all_text_contents()
    found = [re.findall(r"[−]?\d+\.\d\d", row) for row in rows[1:]]
    return np.array([[float(each.replace("−", "-")) for each in row] for row in found])


def test_the_loss_is_that_of_the_model(page, session):
    images = session.test[0][:1]
    z = session.test_posterior[0][:1]
    log_likelihood = session.model.log_likelihood(images, z[None], training=False)
    kl = np.sum(session.model.kl_by_dimension(session.model.encode(images)))
    text = page.locator("#steps").text_content()
    assert f"= {-float(log_likelihood[0, 0]):.2f} + {float(kl):.2f} = " in text
    shown = page.locator("#steps .sum").get_attribute("aria-label")
    assert f"KL {float(kl):.2f} nats, loss {kl - float(log_likelihood[0, 0]):.2f} nats" in shown


def test_the_kl_of_a_hierarchy_is_that_of_all_levels_at_z(tmp_path, open_report):
    session = save_untrained_run(tmp_path, model="hierarchical_vae", latent_dim=(3, 2))
    page = open_report(report.run(session)[0]).page
    model, images = session.model, session.test[0][:1]
    posterior = model.posterior(images, training=False)
    z = posterior.mean[None]
    kl = float((posterior.log_prob(z) - model.log_prior(z))[0, 0])
    reconstruction = -float(model.log_likelihood(images, z, training=False)[0, 0])
    text = page.locator("#steps").text_content()
    assert f"= {reconstruction:.2f} + {kl:.2f} = ".replace("-", "−") in text
    assert "models/hierarchical_vae.py" in text
    assert page.locator("canvas.manifold").count() == 0


def test_z_is_the_mean_and_then_the_mean_plus_noise_times_spread(page, session):
    posterior = session.model.encode(session.test[0][:1])
    order = page.evaluate("page.run.order")
    mean, sigma, epsilon, z = read_rows(page).T
    np.testing.assert_allclose(mean, np.asarray(posterior.mean)[0][order], atol=0.006)
    np.testing.assert_allclose(
        sigma, np.exp(np.asarray(posterior.log_var)[0][order] / 2), atol=0.006
    )
    assert (epsilon == 0).all()
    np.testing.assert_array_equal(z, mean)
    before = page.locator("#steps").text_content()
    page.click("#again")
    assert page.locator("#steps").text_content() != before
    mean, sigma, epsilon, z = read_rows(page).T
    assert (epsilon != 0).any()
    np.testing.assert_allclose(z, mean + sigma * epsilon, atol=0.04)
    np.testing.assert_allclose(z, np.array(page.evaluate("page.z"))[order], atol=0.006)
    page.click("#at-mean")
    assert page.locator("#steps").text_content() == before


def test_noise_is_standard_normal(page):
    drawn = np.array(page.evaluate("Array.from({ length: 20000 }, drawNormal)"))
    assert abs(drawn.mean()) < 0.05
    assert abs(drawn.std() - 1) < 0.05


def test_each_equation_names_its_place_in_the_paper_and_an_existing_file(page):
    places = " ".join(page.locator("#steps .equation").all_text_contents())
    for place in ("equation 3", "equation 9", "equation 10", "appendix B", "appendix C.1"):
        assert place in places
    files = page.locator("#steps .equation code").all_text_contents()
    assert len(files) == 5
    for file in files:
        __import__(file.removesuffix(".py").replace("/", "."))
    for link in page.locator("#steps a").all():
        assert link.get_attribute("href") == "https://arxiv.org/abs/1312.6114"


def test_equations_are_mathematics_with_indices(page):
    last = page.locator("#steps math").last
    assert page.evaluate("(math) => math.namespaceURI", last.element_handle()).endswith("MathML")
    assert last.locator("msubsup").count() == 3  # σ² twice and μ² of dimension k
    assert last.text_content().replace("\u2009", " ") == "KL=−½∑k(1+log σk2−μk2−σk2)"


@pytest.mark.parametrize(
    ("settings", "says", "says_not"),
    [
        ({"model": "autoencoder"}, "An autoencoder's loss has no other part", "σ"),
        ({"prior": "mixture"}, "models/priors/mixture.py", "appendix B"),
        ({"beta": 4.0}, "4 · KL", "mixture"),
        (
            {"model": "hierarchical_vae", "latent_dim": (3, 2)},
            "z has 2 levels: μ and σ of each are those at the means of the levels above.",
            "appendix B",
        ),
        ({"model": "classifier_vae"}, "the classifier adds its own loss", "mixture"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_the_explanation_is_that_of_the_kind_of_model(
    settings, says, says_not, tmp_path, open_report
):
    path = report.run(save_untrained_run(tmp_path, **settings))[0]
    text = open_report(path).page.locator("#steps").text_content()
    assert says in text
    assert says_not not in text
