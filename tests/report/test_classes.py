"""Classes: shown, hidden, highlighted, sampled, and named by strangers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from evaluation import report
from tests.evaluation.sessions import save_untrained_run
from tests.report.pages import HOSTILE, draw, pixels, screen_place


def test_a_hidden_class_cannot_be_clicked(page, session):
    target = int(np.argmax(session.test_posterior[0][:, 0]))
    label = int(session.test[1][target])
    page.locator("#classes button").nth(label).click()
    assert page.locator("#classes button").nth(label).get_attribute("aria-pressed") == "false"
    page.mouse.click(*screen_place(page, target))
    assert not page.locator("#chosen").text_content().startswith(f"Image {target + 1} ·")


def colors_on_map(page) -> dict[str, int]:
    """Returns how many pixels of the map have the color of each class, nearly unmixed."""
    page.evaluate("page.map.drawNow()")
    counts: dict[str, int] = page.evaluate(
        """() => { const { canvas } = page.map, counts = {};
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const known = page.run.colors.map((text) =>
          [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16)));
        for (let at = 0; at < data.length; at += 4) {
          if (data[at + 3] < 200) continue;
          known.forEach((color, group) => {
            if (color.every((value, axis) => Math.abs(value - data[at + axis]) <= 3)) {
              counts[group] = (counts[group] ?? 0) + 1;
            }
          });
        }
        return counts; }"""
    )
    return counts


@pytest.mark.parametrize("by", ["pointer", "keyboard"])
def test_the_class_under_pointer_or_focus_stands_out(by, page):
    assert len(colors_on_map(page)) == 10
    button = page.locator("#classes button").nth(4)
    if by == "pointer":
        button.hover()
    else:
        button.focus()
    counts = colors_on_map(page)
    assert counts.pop("4") > 20 * sum(counts.values())  # a label's edge may have a class's gray
    if by == "pointer":
        page.mouse.move(0, 0)
    else:
        page.locator("#worst").focus()
    assert len(colors_on_map(page)) == 10


def test_each_name_stands_at_a_dense_place_apart_from_the_others(page, session):
    page.evaluate("page.map.drawNow()")
    places = np.array(page.evaluate("page.map.densest"))
    labels, means = session.test[1], session.test_posterior[0]
    near = page.evaluate("page.map.firstSpan") / 36
    for label, place in enumerate(places):
        own = means[labels == label]

        def count(at, own=own):
            return np.sum(np.abs(own - at).max(axis=1) < 2 * near)

        assert count(place) >= np.median([count(each) for each in own])
        others = np.delete(places, label, axis=0)
        assert np.linalg.norm(others - place, axis=1).min() > 1.7 * near


def test_a_sample_of_a_class_is_one_that_the_classifier_assigns_to_it(
    classifier_page, classifier_session
):
    buttons = classifier_page.locator("#class-buttons button")
    assert buttons.count() == 10
    pressed = 0
    for label in range(10):
        if buttons.nth(label).is_disabled():
            assert "assigns none" in buttons.nth(label).get_attribute("title")
            continue
        seen = []
        for _ in range(2):
            buttons.nth(label).click()
            z = np.array([classifier_page.evaluate("page.z")], np.float32)
            assert np.argmax(classifier_session.model.classify_z(z)) == label
            decoded = np.asarray(classifier_session.model.decode(z))[0, ..., 0]
            assert np.abs(pixels(classifier_page, "decoded") - 255 * decoded).max() <= 0.6
            seen.append(z)
        pressed += 1
    assert pressed > 0


def test_a_model_without_a_classifier_has_no_such_buttons(page):
    assert not page.locator("#class-samples").is_visible()


def test_hostile_names_stay_text(page):
    page.click("#worst")
    draw(page)
    assert page.evaluate("window.hacked") is None
    assert page.locator("#classes button").all_text_contents() == list(HOSTILE)
    assert page.locator("img").count() == 0


def test_hostile_names_stay_text_in_every_place_of_a_classifier(tmp_path, open_report):
    session = save_untrained_run(tmp_path, model="classifier_vae")
    session.info = dataclasses.replace(session.info, class_names=HOSTILE)
    name = "</title><script>window.hacked=1</script>\"'\u202e😀"
    session.run.name = name
    (path,) = report.run(session)
    page = open_report(path).page
    page.click("#wrong")
    page.locator("#strip button").first.click()
    page.locator("#class-buttons button:enabled").first.click()
    draw(page)
    assert page.title() == name
    assert page.locator("#title").text_content() == name
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    scripts = page.locator("script").count()
    assert scripts == page.evaluate("document.scripts.length")
    assert page.locator("script:not([type])").count() == len(report.page._SCRIPTS)
    label = page.locator("#strip button").first.get_attribute("aria-label")
    assert any(name in label for name in HOSTILE)


def test_a_name_from_right_to_left_does_not_turn_the_text_after_it(page, session):
    label = HOSTILE.index("\u202eright to left")
    index = int(np.flatnonzero(session.test[1] == label)[0])
    text = page.evaluate("(index) => page.describe(index)", index)
    assert "\u2068\u202eright to left\u2069 · loss" in text
