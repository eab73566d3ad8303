"""The page of a run in a real browser: what a person does with it, and what must stay text."""

from __future__ import annotations

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from evaluation import report
from tests.evaluation.sessions import save_untrained_run

HOSTILE = (
    "<script>window.hacked = 1</script>",
    "</script><img src=x onerror=window.hacked=1>",
    "\"'&amp;",
    "\u202eright to left",
    "😀 emoji",
    "${window.hacked=1}",
    "{{title}}",
    "a\nb",
    "-->",
    "nine",
)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    import dataclasses

    session = save_untrained_run(tmp_path_factory.mktemp("run"), latent_dim=2)
    session.info = dataclasses.replace(session.info, class_names=HOSTILE)
    return session


@pytest.fixture(scope="module")
def written(session):
    (path,) = report.run(session)
    return path


@pytest.fixture
def page(open_report, written):
    return open_report(written, viewport={"width": 1280, "height": 900}).page


def pixels(page, canvas: str) -> np.ndarray:
    """Returns the red values on a canvas."""
    data = page.evaluate(
        """(id) => { const canvas = document.getElementById(id);
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return [canvas.height, canvas.width, ...data.filter((_, index) => index % 4 === 0)]; }""",
        canvas,
    )
    return np.reshape(data[2:], data[:2])


def screen_place(page, index: int) -> tuple[float, float]:
    """Returns where an image is on the screen."""
    page.locator("#map").scroll_into_view_if_needed()
    box = page.locator("#map").bounding_box()
    left, top = page.evaluate(
        "(i) => page.map.toScreen(page.map.points[2 * i], page.map.points[2 * i + 1])", index
    )
    return box["x"] + left, box["y"] + top


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


def test_a_hidden_class_cannot_be_clicked(page, session):
    target = int(np.argmax(session.test_posterior[0][:, 0]))
    label = int(session.test[1][target])
    page.locator("#classes button").nth(label).click()
    assert page.locator("#classes button").nth(label).get_attribute("aria-pressed") == "false"
    page.mouse.click(*screen_place(page, target))
    assert not page.locator("#chosen").text_content().startswith(f"Image {target + 1} ·")


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


def test_the_loss_of_the_explanation_is_that_of_the_model(page, session):
    images = session.test[0][:1]
    z = session.test_posterior[0][:1]
    log_likelihood = session.model.log_likelihood(images, z[None], training=False)
    kl = np.sum(session.model.kl_by_dimension(session.model.encode(images)))
    text = page.locator("#steps").text_content()
    assert f"= {-float(log_likelihood[0, 0]):.2f} + {float(kl):.2f} = " in text


def draw(page) -> None:
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 140, box["y"] + 200, steps=5)
    page.mouse.up()


def test_a_drawing_is_centered_encoded_and_placed_on_the_map(page, session):
    draw(page)
    drawn = pixels(page, "original")
    assert drawn.shape == (8, 8)
    rows, columns = np.indices(drawn.shape) + 0.5
    center = [(axis * drawn).sum() / drawn.sum() for axis in (rows, columns)]
    np.testing.assert_allclose(center, [4, 4], atol=0.3)
    mean = np.asarray(session.model.encode(drawn[None, ..., None].astype("float32") / 255).mean)
    np.testing.assert_allclose(page.evaluate("page.map.place"), mean[0], atol=1e-3)
    assert "Loss" in page.locator("#drawn").text_content()
    page.click("#clear")
    assert page.locator("#drawn").text_content() == "Nothing is drawn yet."


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


def test_sampling_z_again_changes_z_and_the_loss(page):
    before = page.locator("#steps").text_content()
    page.click("#again")
    assert page.locator("#steps").text_content() != before


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


def test_hostile_names_stay_text(page):
    assert page.evaluate("window.hacked") is None
    assert page.locator("#classes button").all_text_contents() == list(HOSTILE)
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("width", [360, 800, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(width, scheme, open_report, written):
    size = {"width": width, "height": 800}
    page = open_report(written, viewport=size, color_scheme=scheme).page
    page.click("#traverse")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_thousand_drags_keep_the_memory_flat(browser, written, open_report):
    page = open_report(written).page
    session = page.context.new_cdp_session(page)

    def used() -> float:
        session.send("HeapProfiler.collectGarbage")
        return float(page.evaluate("performance.memory.usedJSHeapSize"))

    drag = "(n) => { for (let i = 0; i < n; i++) page.hover(null, [Math.sin(i), Math.cos(i)]); }"
    page.evaluate(drag, 200)
    before = used()
    page.evaluate(drag, 1000)
    assert used() < before + 1e6


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_that_keeps_people_out(scheme, open_report, written):
    page = open_report(written, color_scheme=scheme).page
    page.click("#worst")
    page.click("#traverse")
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
    assert [(each["id"], each["nodes"][0]["html"]) for each in found.response["violations"]] == []


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
    (path,) = report.run(session)
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
