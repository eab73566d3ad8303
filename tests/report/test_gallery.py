"""The figures of images: each is what the model decodes, and all are drawn in the end."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation import report
from tests.evaluation.sessions import save_untrained_run
from tests.report.pages import pixels


@pytest.fixture
def drawn(page):
    page.evaluate("page.queue.whenDone")
    return page


def canvas_pixels(page, locator) -> np.ndarray:
    locator.evaluate("(canvas) => { canvas.id = 'read'; }")
    found = pixels(page, "read")
    locator.evaluate("(canvas) => canvas.removeAttribute('id')")
    return found


def figure(page, heading: str):
    return page.locator("#figures > div").filter(has=page.get_by_role("heading", name=heading))


def test_reconstructions_alternate_classes_and_are_keras(drawn, session):
    images, labels = session.test
    expected = [np.flatnonzero(labels == label)[0] for label in range(10)]
    tiles = figure(drawn, "Reconstructions").locator("button")
    assert tiles.count() == 20
    reconstructed = np.asarray(session.model.reconstruct(images[expected]))[..., 0]
    for place in (0, 3, 9):
        original, decoded = (tiles.nth(place).locator("canvas").nth(row) for row in (0, 1))
        shown = canvas_pixels(drawn, original)
        assert np.abs(shown - 255 * images[expected[place], ..., 0]).max() <= 0.51
        assert np.abs(canvas_pixels(drawn, decoded) - 255 * reconstructed[place]).max() <= 0.6
    tiles.nth(3).click()
    chosen = drawn.locator("#chosen").text_content()
    assert chosen.startswith(f"Image {expected[3] + 1} ·")


def test_the_worst_reconstructed_come_first(drawn):
    losses = np.array(drawn.evaluate("[...page.run.arrays.loss.data]"))
    labels = figure(drawn, "Worst reconstructed").locator("button")
    order = np.argsort(-losses, kind="stable")
    for place in (0, 9):
        text = labels.nth(place).get_attribute("aria-label")
        assert text.startswith(f"Image {order[place] + 1} ·")


def test_samples_are_decoded_from_the_models_prior(drawn, session):
    z = session.model.sample_prior(1000, 0)
    canvases = figure(drawn, "Samples").locator("canvas")
    assert canvases.count() == 40
    for place in (0, 39):
        decoded = np.asarray(session.model.decode(z[place : place + 1]))[0, ..., 0]
        assert np.abs(canvas_pixels(drawn, canvases.nth(place)) - 255 * decoded).max() <= 0.6


def test_the_plane_is_decoded_and_a_click_moves_to_its_place(drawn, session):
    mean = session.test_posterior[0]
    center, spread = mean.mean(axis=0), mean.std(axis=0)
    steps = np.linspace(-2, 2, 15)
    canvas = drawn.locator("canvas.manifold")
    sheet = canvas_pixels(drawn, canvas)
    assert sheet.shape == (15 * 8, 15 * 8)
    for row, column in ((0, 0), (3, 11), (14, 14)):
        z = center + spread * np.array([steps[column], steps[14 - row]])
        decoded = np.asarray(session.model.decode(z[np.newaxis].astype("float32")))[0, ..., 0]
        tile = sheet[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
        assert np.abs(tile - 255 * decoded).max() <= 0.6
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    at = {"x": 11.5 / 15 * box["width"], "y": 3.5 / 15 * box["height"]}
    canvas.click(position=at)
    z = center + spread * np.array([steps[11], steps[11]])
    np.testing.assert_allclose(drawn.evaluate("page.z"), z, atol=1e-4)


def test_each_row_of_the_traversal_moves_its_dimension_only(drawn, session):
    mean = session.test_posterior[0]
    center, spread = mean.mean(axis=0), mean.std(axis=0)
    for row, dimension in enumerate(drawn.evaluate("page.run.order")):
        z = np.tile(mean[0], (11, 1))
        z[:, dimension] = center[dimension] + np.linspace(-3, 3, 11) * spread[dimension]
        decoded = np.asarray(session.model.decode(z.astype("float32")))[..., 0]
        line = drawn.locator("#traversal .line").nth(row)
        for column in (0, 5, 10):
            shown = canvas_pixels(drawn, line.locator("canvas").nth(column))
            assert np.abs(shown - 255 * decoded[column]).max() <= 0.6


def test_samples_by_class_are_as_the_classifier_says(classifier_page, classifier_session):
    classifier_page.evaluate("page.queue.whenDone")
    z = np.asarray(classifier_session.model.sample_prior(1000, 0))
    assigned = np.argmax(classifier_session.model.classify_z(z), axis=1)
    lines = classifier_page.locator(".named .line")
    assert lines.count() == 10
    for label in range(10):
        members = np.flatnonzero(assigned == label)[:10]
        canvases = lines.nth(label).locator("canvas")
        assert canvases.count() == len(members)
        if len(members):
            decoded = np.asarray(classifier_session.model.decode(z[members[:1]]))[0, ..., 0]
            shown = canvas_pixels(classifier_page, canvases.first)
            assert np.abs(shown - 255 * decoded).max() <= 0.6
        else:
            assert "none of 1,000 samples" in lines.nth(label).text_content()


def test_the_distribution_of_losses_marks_the_chosen_image(drawn):
    losses = np.array(drawn.evaluate("[...page.run.arrays.loss.data]"))
    chart = figure(drawn, "Loss of each test image")
    label = chart.locator("svg").get_attribute("aria-label")
    assert f"lowest {losses.min():.2f}, median {np.sort(losses)[len(losses) // 2]:.2f}" in label
    drawn.fill("#index", "12")
    drawn.locator("#index").blur()
    assert f"this image: {losses[11]:.2f}" in chart.text_content()


def test_the_loss_by_class_has_the_medians(drawn):
    losses = np.array(drawn.evaluate("[...page.run.arrays.loss.data]"))
    labels = np.array(drawn.evaluate("[...page.run.arrays.labels.data]"))
    label = figure(drawn, "Loss by class").locator("svg").get_attribute("aria-label")
    last = np.sort(losses[labels == 9])
    assert f"nine: median {last[round((len(last) - 1) / 2)]:.2f}" in label.split("; ")[-1]


def test_a_run_without_labels_or_prior_has_the_figures_that_apply(tmp_path, open_report):
    session = save_untrained_run(tmp_path, model="autoencoder", latent_dim=1)
    images, _ = session.test
    session.loaded["digits", "test"] = (images, None)
    (path,) = report.run(session)
    headings = open_report(path).page.locator("#figures h3").all_text_contents()
    assert headings == ["Loss of each test image", "Reconstructions", "Worst reconstructed"]
