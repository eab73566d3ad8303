"""The page of a run in a real browser: what a person does with it, and what must stay text."""

from __future__ import annotations

import numpy as np
import pytest

from catalog.metrics import METRICS
from evaluation import report
from tests.evaluation.sessions import save_untrained_run
from tests.report.pages import pixels, screen_place


def test_the_first_image_is_shown_with_its_reconstruction(page, session):
    images = session.test[0]
    reconstructed = np.asarray(session.model.reconstruct(images[:1]))
    assert np.abs(pixels(page, "original") - 255 * images[0, ..., 0]).max() <= 0.51
    assert np.abs(pixels(page, "decoded") - 255 * reconstructed[0, ..., 0]).max() <= 0.6


def test_a_click_on_the_map_chooses_the_nearest_image(page, session):
    means = session.test_posterior[0]
    target = int(np.argmax(means[:, 0]))  # at the border, where no other image is near
    page.mouse.click(*screen_place(page, target))
    assert page.locator("#chosen").text_content().startswith(f"Image {target + 1} ·")
    assert page.locator("#index").input_value() == str(target + 1)


def test_a_drag_over_the_plane_decodes_the_place_under_the_pointer(page, session):
    start, end = screen_place(page, 0), screen_place(page, 1)
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=5)
    page.mouse.up()
    z = np.array([page.evaluate("page.z")], np.float32)
    np.testing.assert_allclose(z[0], session.test_posterior[0][1], atol=0.02)
    decoded = np.asarray(session.model.decode(z))[0, ..., 0]
    assert np.abs(pixels(page, "decoded") - 255 * decoded).max() <= 0.6


def test_a_slider_changes_its_dimension_only(page, session):
    before = page.evaluate("page.z")
    first = page.evaluate("page.run.order[0]")
    slider = page.locator("#sliders input").first
    slider.focus()
    slider.press("ArrowRight")
    after = page.evaluate("page.z")
    changed = [index for index in range(2) if before[index] != after[index]]
    assert changed == [first]
    decoded = np.asarray(session.model.decode(np.array([after], np.float32)))[0, ..., 0]
    assert np.abs(pixels(page, "decoded") - 255 * decoded).max() <= 0.6


def test_a_typed_number_chooses_an_image_and_a_wrong_one_none(page):
    page.fill("#index", "5")
    page.press("#index", "Enter")
    page.locator("#index").blur()
    assert page.locator("#chosen").text_content().startswith("Image 5 ·")
    for wrong in ("0", "100000", "-1"):
        page.fill("#index", wrong)
        page.locator("#index").blur()
        assert page.locator("#chosen").text_content().startswith("Image 5 ·")


def test_keys_choose_the_next_and_the_previous_image(page):
    page.locator("#map").focus()
    page.keyboard.press("n")
    page.keyboard.press("n")
    page.keyboard.press("p")
    assert page.locator("#chosen").text_content().startswith("Image 2 ·")


def test_the_worst_images_are_one_click_away(page, session):
    page.click("#worst")
    assert page.locator("#strip button").count() == 24
    losses = page.evaluate("[...page.run.arrays.loss.data]")
    page.locator("#strip button").first.click()
    assert page.locator("#chosen").text_content().startswith(f"Image {np.argmax(losses) + 1} ·")


def test_each_metric_is_explained_where_the_pointer_rests_on_its_name(page):
    for name in ("elbo", "total_correlation"):
        cell = page.get_by_role("rowheader", name=METRICS[name].heading, exact=True)
        assert cell.get_attribute("title") == METRICS[name].description


def test_of_many_images_the_seed_draws_those_of_the_map(tmp_path):
    session = save_untrained_run(tmp_path)
    session.flags = {**session.flags, "num_points": 50}
    arrays = report.measure_images(session)
    images, labels = session.test
    found = [
        np.flatnonzero((255 * images == each).all(axis=(1, 2, 3))) for each in arrays["images"]
    ]
    assert len(found) == 50
    assert labels is not None
    assert all(label in labels[where] for where, label in zip(found, arrays["labels"], strict=True))
    assert len(np.unique(arrays["labels"])) == 10


def test_a_random_sample_is_the_models(page, session):
    page.click("#random")
    z = np.array([page.evaluate("page.z")])
    np.testing.assert_allclose(z, session.model.sample_prior(200, 0)[:1], atol=1e-6)


def test_the_interpolation_ends_at_both_images(page):
    page.click("#set-a")
    first = page.evaluate("page.z")
    page.fill("#index", "7")
    page.locator("#index").blur()
    page.click("#set-b")
    second = page.evaluate("page.z")
    for value, expected in (("0", first), ("1", second)):
        page.evaluate(
            "(v) => { const e = document.getElementById('between'); e.value = v;"
            " e.dispatchEvent(new Event('input')); }",
            value,
        )
        np.testing.assert_allclose(page.evaluate("page.z"), expected, atol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {"model": "autoencoder", "latent_dim": 3},
        {"model": "classifier_vae"},
        {"latent_dim": 1},
        {"latent_dim": 5, "prior": "mixture"},
        {"dataset": "patches", "likelihood": "logistic_mixture"},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
def test_every_kind_of_run_can_be_explored(settings, tmp_path, open_report):
    session = save_untrained_run(tmp_path, **settings)
    path = report.run(session)[0]
    page = open_report(path).page
    for button in ("worst", "traverse", "set-a", "set-b", "fit", "mean"):
        page.click(f"#{button}")
    for button, is_there in (
        ("random", session.model.is_variational),
        ("again", session.model.is_variational),
        ("wrong", session.model.uses_labels),
    ):
        assert page.locator(f"#{button}").is_visible() == is_there
        if is_there:
            page.click(f"#{button}")
    assert page.locator("#draw").is_visible() == (session.info.image_shape[2] == 1)
    assert page.locator("#sliders input").count() == session.latent_dim
    assert page.locator("#strip button").count() == 24
    assert page.locator(".confusion").count() == session.model.uses_labels
