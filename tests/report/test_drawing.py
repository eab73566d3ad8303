"""Drawing an image: what the model sees, what it makes of it, and where it lands."""

from __future__ import annotations

import numpy as np

from evaluation import report
from tests.evaluation.sessions import save_untrained_run
from tests.report.pages import draw, pixels


def test_a_drawing_is_centered_encoded_and_placed_on_both_maps(page, session):
    draw(page)
    drawn = pixels(page, "drawn-image")
    assert (drawn == pixels(page, "original")).all()
    assert drawn.shape == (8, 8)
    rows, columns = np.indices(drawn.shape) + 0.5
    center = [(axis * drawn).sum() / drawn.sum() for axis in (rows, columns)]
    np.testing.assert_allclose(center, [4, 4], atol=0.3)
    posterior = session.model.encode(drawn[None, ..., None].astype("float32") / 255)
    for place in ("page.map.place", "page.drawing.map.place"):
        np.testing.assert_allclose(page.evaluate(place), posterior.mean[0], atol=1e-3)
    shown = page.locator("#drawn-posterior svg").get_attribute("aria-label")
    first = page.evaluate("page.run.order[0]")
    mean, sigma = posterior.mean[0][first], np.exp(posterior.log_var[0][first] / 2)
    assert f"{mean:.2f} ± {sigma:.2f}".replace("-", "−") in shown
    assert f"Loss {page.evaluate('page.loss'):.2f} nats" in page.locator("#drawn").text_content()


def test_the_loss_of_a_drawing_is_compared_with_the_test_images(page):
    draw(page)
    losses = np.array(page.evaluate("[...page.run.arrays.loss.data]"))
    share = 100 * np.mean(losses < page.evaluate("page.loss"))
    assert f"higher than {share:.0f} % of the test images" in page.locator("#drawn").text_content()


def test_z_of_a_drawing_is_sampled_again_beside_it(page, session):
    draw(page)
    mean = page.evaluate("page.z")
    drawn = pixels(page, "drawn-image")
    page.click("#drawn-again")
    z = page.evaluate("page.z")
    assert z != mean
    decoded = np.asarray(session.model.decode(np.array([z], np.float32)))[0, ..., 0]
    assert np.abs(pixels(page, "drawn-decoded") - 255 * decoded).max() <= 0.6
    np.testing.assert_allclose(page.evaluate("page.drawing.map.place"), z, atol=1e-6)
    assert page.locator("#drawn-posterior path").count() == 2  # the sample in each dimension
    page.click("#drawn-mean")
    np.testing.assert_allclose(page.evaluate("page.z"), mean, atol=1e-6)
    assert (pixels(page, "drawn-image") == drawn).all()


def test_sampling_for_the_drawing_returns_to_it_from_another_image(page):
    draw(page)
    page.fill("#index", "3")
    page.locator("#index").blur()
    page.click("#drawn-again")
    assert page.locator("#original-caption").text_content() == "your drawing"


def test_a_cleared_drawing_leaves_nothing_behind(page):
    draw(page)
    page.click("#clear")
    assert page.locator("#drawn").text_content() == "Nothing is drawn yet."
    assert pixels(page, "drawn-image").max() == 0
    assert page.locator("#drawn-posterior svg").count() == 0
    assert page.locator("#drawn-again").is_disabled()


def test_the_ink_contrasts_with_the_background_of_the_images(tmp_path, open_report):
    session = save_untrained_run(tmp_path)
    images, labels = session.test
    session.loaded["digits", "test"] = (1 - images, labels)
    (path,) = report.run(session)
    page = open_report(path).page
    draw(page)
    drawn = pixels(page, "original")
    assert drawn[0, 0] == 255
    assert drawn.min() < 100
