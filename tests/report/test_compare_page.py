"""The page of several runs in a real browser, against Keras and NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

import runs
from evaluation import metrics, report_several
from evaluation.session import Session
from tests.evaluation.sessions import save_untrained_run

HOSTILE = "<img src=x onerror=window.hacked=1>{{run}}😀'\"&amp;"
VAE, AUTOENCODER, LARGER = range(3)


def save_run(folder: Path, name: str, **settings: Any) -> Session:
    session = save_untrained_run(folder / "saved", **settings)
    session.run = runs.Run(session.run.folder.rename(folder / name))
    session.result_dir = folder.parent / "result"
    rng = np.random.default_rng(len(name))
    for weight in session.model.weights:  # dimensions that differ in their KL
        weight.assign(np.asarray(weight) + rng.normal(0, 0.3, weight.shape))
    return session


def write_page(sessions: list[Session]) -> Path:
    records = {session.run.name: session.record for session in sessions}
    trained = {"epoch": 1, "num_parameters": 1234, "seconds": 5.0}
    tables = [{**metrics.measure(session), **trained} for session in sessions]
    return report_several.write(sessions, runs.label(records), tables)[0]


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    return [
        save_run(folder / "a", HOSTILE, latent_dim=3),
        save_run(folder / "b", "plain", latent_dim=3, model="autoencoder"),
        save_run(folder / "c", "larger", latent_dim=5),
    ]


@pytest.fixture(scope="module")
def written(sessions):
    return write_page(sessions)


@pytest.fixture
def page(open_report, written):
    return open_report(written, viewport={"width": 1280, "height": 900}).page


def find_order(session: Session) -> np.ndarray:
    """Returns the dimensions by falling KL, or by the variance of an autoencoder's codes."""
    mean, log_var = session.test_posterior
    kl = (mean**2 + np.exp(log_var) - 1 - log_var).mean(axis=0)
    return np.argsort(-(kl if session.model.is_variational else mean.var(axis=0)))


def move_slider(page, rank: int, value: float) -> None:
    page.locator("#sliders input").nth(rank).fill(str(value))


def check_decoded(page, session: Session, number: int) -> None:
    """Compares what a run has decoded with Keras, in the range of pixels from 0 to 1."""
    z = page.evaluate(f"page.runs[{number}].z")
    shown = page.evaluate(f"[...page.runs[{number}].model.decode(page.runs[{number}].z)]")
    decoded = np.asarray(session.model.decode(np.array([z], np.float32))).ravel()
    np.testing.assert_allclose(np.array(shown) / 255, decoded, rtol=0, atol=1e-4)
    drawn = page.evaluate(
        """(number) => { const { canvas } = page.runs[number];
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return [...data.filter((_, index) => index % 4 === 0)]; }""",
        number,
    )
    assert np.abs(np.array(drawn) - 255 * decoded).max() <= 0.6


def test_each_run_decodes_the_chosen_image(page, sessions):
    page.fill("#index", "11")
    page.locator("#index").blur()
    image = page.evaluate("[...page.pixels]")
    images = sessions[0].test[0].reshape(-1, 64)
    (position,) = np.flatnonzero((np.round(255 * images) == image).all(axis=1))
    for number, session in enumerate(sessions):
        mean = session.test_posterior[0][position]
        np.testing.assert_allclose(page.evaluate(f"page.runs[{number}].z"), mean, atol=1e-4)
        check_decoded(page, session, number)


def test_the_losses_are_those_of_the_models(page, sessions):
    pixels = np.array(page.evaluate("[...page.pixels]"), np.float32).reshape(1, 8, 8, 1) / 255
    for number, session in enumerate(sessions):
        posterior = session.model.encode(pixels)
        z = np.asarray(posterior.mean)[None]
        expected = -float(session.model.log_likelihood(pixels, z, training=False)[0, 0])
        text = page.locator(".parts").nth(number).text_content()
        if session.model.is_variational:
            kl = float(np.sum(session.model.kl_by_dimension(posterior)))
            total = f"loss {expected + kl:.1f}"
            assert text == f"{total} = reconstruction {expected:.1f} + KL {kl:.1f}"
        else:
            assert text == f"loss {expected:.1f} = reconstruction, without KL"


@pytest.mark.parametrize("rank", [0, 2, 4])
def test_a_slider_moves_the_dimension_of_its_rank_in_every_run_that_has_it(page, sessions, rank):
    before = [page.evaluate(f"page.runs[{number}].z") for number in range(3)]
    move_slider(page, rank, -1.5)
    for number, session in enumerate(sessions):
        mean, log_var = session.test_posterior
        expected = np.array(before[number])
        if rank < session.latent_dim:
            dimension = find_order(session)[rank]
            deviation = np.sqrt(mean[:, dimension].var() + np.exp(log_var[:, dimension]).mean())
            expected[dimension] -= 1.5 * deviation
        np.testing.assert_allclose(page.evaluate(f"page.runs[{number}].z"), expected, atol=1e-4)
        check_decoded(page, session, number)
    assert "C has 5" not in page.locator("#linked").text_content()
    assert "A has 3 dimensions: sliders after 3" in page.locator("#linked").text_content()
    page.click("#reset")
    assert [page.evaluate(f"page.runs[{number}].z") for number in range(3)] == before


def test_a_slider_is_moved_by_keys(page):
    slider = page.locator("#sliders input").first
    slider.focus()
    slider.press("ArrowRight")
    assert page.evaluate("page.moves[0]") == pytest.approx(0.05)
    assert page.locator("#chosen").text_content().endswith("moved by the sliders.")


def test_a_random_sample_has_the_same_noise_in_all_runs(page, sessions):
    page.click("#random")
    zs = [
        np.array(page.evaluate(f"page.runs[{number}].z"))[find_order(session)]
        for number, session in enumerate(sessions)
    ]
    np.testing.assert_array_equal(zs[VAE], zs[AUTOENCODER])
    np.testing.assert_array_equal(zs[VAE], zs[LARGER][:3])
    for number, session in enumerate(sessions):
        check_decoded(page, session, number)
    page.click("#random")
    assert page.evaluate(f"page.runs[{VAE}].z") != zs[VAE].tolist()


def test_the_images_that_differ_most_come_first(page, sessions):
    page.click("#different")
    losses = [
        page.evaluate(f"[...page.runs[{n}].run.arrays.reconstruction.data]") for n in (0, 1, 2)
    ]
    first = int(np.argmax(np.ptp(losses, axis=0)))
    page.locator("#strip button").first.click()
    assert page.locator("#index").input_value() == str(first + 1)
    page.click("#first")
    page.locator("#strip button").first.click()
    for wrong in ("0", "100000", "-1"):
        page.fill("#index", wrong)
        page.locator("#index").blur()
        assert page.locator("#chosen").text_content().startswith("Image 1 of 200, class 0")


def test_the_switch_shows_the_side_of_the_autoencoder(page):
    steps, story = page.locator("#steps"), page.locator("#story")
    assert "KL" in steps.text_content()
    assert "variational autoencoder" in story.text_content()
    before = steps.text_content()
    page.click("#again")
    assert steps.text_content() != before
    page.click("#at-mean")
    assert steps.text_content() == before
    page.locator("#switch input").first.focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("page.explained") == AUTOENCODER
    assert "KL" not in steps.text_content()
    assert not page.locator("#again").is_visible()
    assert story.text_content().startswith("An autoencoder.")
    assert "B is an autoencoder" in page.locator("#prior-text").text_content()


def test_random_z_of_all_runs_are_shown_and_changed(page):
    rows = page.locator(".samples")
    assert (rows.count(), rows.first.locator("canvas").count()) == (3, 10)
    show = "document.querySelector('.samples canvas').toDataURL()"
    before = page.evaluate(show)
    page.click("#more")
    assert page.evaluate(show) != before


def test_the_table_is_sorted_by_mouse_and_keys(page):
    table = page.locator("#results")
    headings = table.locator("thead th")

    def read(column: int) -> list[str]:
        return [
            row.locator("th, td").nth(column).text_content()
            for row in table.locator("tbody tr").all()
        ]

    texts = [each.text_content() for each in headings.all()]
    size = texts.index("latent_dim")
    button = headings.nth(size).locator("button")
    button.click()
    assert headings.nth(size).get_attribute("aria-sort") == "ascending"
    assert read(size) == ["3", "3", "5"]
    button.press("Enter")
    assert headings.nth(size).get_attribute("aria-sort") == "descending"
    assert read(size) == ["5", "3", "3"]
    model = texts.index("model")
    headings.nth(model).locator("button").click()
    assert headings.nth(size).get_attribute("aria-sort") is None
    assert read(model) == ["autoencoder", "vae", "vae"]
    elbo = next(i for i, text in enumerate(texts) if text.startswith("ELBO"))
    for _ in range(2):
        headings.nth(elbo).locator("button").click()
        assert read(elbo)[-1] == "", "a run without a value comes last"


def test_the_curves_are_read_by_keys(page):
    assert (
        page.locator("#curves-text").text_content()
        == "Epoch 1, validation loss: A 8.00, B 8.00, C 8.00"
    )
    page.select_option("#series", "loss")
    page.locator("#curves svg").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("#curves-text").text_content() == "Epoch 1, loss: A 9.00, B 9.00, C 9.00"


def test_hostile_names_stay_text(page):
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    assert HOSTILE in page.locator("#runs").text_content()


def test_nats_of_different_kinds_are_not_compared(tmp_path, open_report):
    sessions = [
        save_run(tmp_path / "a", "a", likelihood="bernoulli"),
        save_run(tmp_path / "b", "b", likelihood="gaussian"),
    ]
    page = open_report(write_page(sessions)).page
    assert "cannot be compared" in page.locator("#protocol").text_content()
    assert not page.locator("#different").is_visible()
    assert page.locator(".bar").first.is_hidden()


def test_a_learned_prior_has_its_own_samples(tmp_path, open_report):
    sessions = [
        save_run(tmp_path / "a", "a"),
        save_run(tmp_path / "b", "b", prior="mixture", num_components=3),
    ]
    page = open_report(write_page(sessions)).page
    page.click("#random")
    z = np.array([page.evaluate("page.runs[1].z")])
    np.testing.assert_allclose(z, sessions[1].model.sample_prior(100, 0)[:1], atol=1e-6)
    assert "B has a learned prior (mixture)" in page.locator("#prior-text").text_content()


@pytest.mark.parametrize("width", [360, 800, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(width, scheme, open_report, written):
    size = {"width": width, "height": 800}
    page = open_report(written, viewport=size, color_scheme=scheme).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_that_keeps_people_out(scheme, open_report, written):
    page = open_report(written, color_scheme=scheme).page
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
    assert [(each["id"], each["nodes"][0]["html"]) for each in found.response["violations"]] == []
