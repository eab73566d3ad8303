"""The page under fingers and a pen: pan, pinch, sliders, drawing, and scrolling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.report.pages import screen_place

Points = Sequence[tuple[float, float]]


class Fingers:
    """Fingers on the screen, by Chromium's own input events."""

    def __init__(self, page: Any):
        self.session = page.context.new_cdp_session(page)

    def send(self, kind: str, points: Points) -> None:
        touches = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    def move(self, *ways: tuple[tuple[float, float], tuple[float, float]], steps: int = 8) -> None:
        """Moves each finger from a start to an end."""
        starts, ends = (np.array([way[end] for way in ways]) for end in (0, 1))
        self.send("touchStart", starts.tolist())
        for step in range(1, steps + 1):
            self.send("touchMove", (starts + (ends - starts) * step / steps).tolist())
        self.send("touchEnd", [])


def open_on_phone(open_report, path):
    page = open_report(path, viewport={"width": 390, "height": 844}, has_touch=True).page
    return page, Fingers(page)


@pytest.fixture
def phone(open_report, written):
    return open_on_phone(open_report, written)


@pytest.fixture
def phone3(open_report, classifier_written):
    return open_on_phone(open_report, classifier_written)


def center_of(page, selector: str) -> tuple[float, float]:
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_tap_chooses_the_nearest_image(phone, session):
    page, _ = phone
    target = int(np.argmax(session.test_posterior[0][:, 0]))
    page.touchscreen.tap(*screen_place(page, target))
    assert page.locator("#chosen").text_content().startswith(f"Image {target + 1} ·")


def test_a_finger_over_the_plane_decodes_the_place_under_it(phone, session):
    page, fingers = phone
    start, end = screen_place(page, 0), screen_place(page, 1)
    scroll = page.evaluate("scrollY")
    fingers.move((start, end))
    np.testing.assert_allclose(page.evaluate("page.z"), session.test_posterior[0][1], atol=0.05)
    assert page.evaluate("scrollY") == scroll


def test_two_fingers_zoom_around_what_is_between_them(phone):
    page, fingers = phone
    x, y = center_of(page, "#map")
    span = page.evaluate("page.map.span")
    before = page.evaluate("page.map.toPlane(page.map.size() / 2, page.map.size() / 2)")
    chosen = page.locator("#chosen").text_content()
    fingers.move(((x - 30, y), (x - 120, y)), ((x + 30, y), (x + 120, y)))
    assert page.evaluate("page.map.span") == pytest.approx(span / 4, rel=0.05)
    after = page.evaluate("page.map.toPlane(page.map.size() / 2, page.map.size() / 2)")
    np.testing.assert_allclose(after, before, atol=0.05 * span)
    assert page.locator("#chosen").text_content() == chosen
    fingers.move(((x - 120, y), (x - 30, y)), ((x + 120, y), (x + 30, y)))
    assert page.evaluate("page.map.span") == pytest.approx(span, rel=0.1)
    assert page.evaluate("visualViewport.scale") == 1


def test_one_finger_moves_the_map_above_two_dimensions(phone3):
    page, fingers = phone3
    x, y = center_of(page, "#map")
    before = page.evaluate("page.map.toScreen(0, 0)")
    fingers.move(((x, y), (x + 60, y + 40)))
    after = np.array(page.evaluate("page.map.toScreen(0, 0)"))
    np.testing.assert_allclose(after - before, [60, 40], atol=1)


def test_a_slider_follows_the_finger(phone):
    page, fingers = phone
    slider = page.locator("#sliders input").first
    x, y = center_of(page, "#sliders input >> nth=0")
    box = slider.bounding_box()
    before = page.evaluate("page.z")
    fingers.move(((x, y), (box["x"] + box["width"] - 12, y)))
    first = page.evaluate("page.run.order[0]")
    after = page.evaluate("page.z")
    assert after[first] > before[first]
    assert after[1 - first] == before[1 - first]


def test_a_finger_draws_and_a_second_one_does_not(phone):
    page, fingers = phone
    x, y = center_of(page, "#pad")
    scroll = page.evaluate("scrollY")
    fingers.send("touchStart", [(x, y - 60)])
    fingers.send("touchStart", [(x, y - 60), (x + 110, y + 110)])
    for step in range(10):
        fingers.send("touchMove", [(x, y - 60 + 12 * step), (x + 110, y + 110 - 3 * step)])
    fingers.send("touchEnd", [])
    page.wait_for_function("page.drawing.pixels !== null && page.drawing.pad.pending === null")
    assert page.evaluate("scrollY") == scroll
    ink = page.evaluate(
        "[...page.drawing.pad.context.getImageData(245, 0, 35, 280).data]"
        ".filter((value, index) => index % 4 === 0 && value > 0).length"
    )
    assert ink == 0


def test_a_pen_draws(page):
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad").bounding_box()
    session = page.context.new_cdp_session(page)
    for kind, down in (("mousePressed", 0), ("mouseMoved", 60), ("mouseReleased", 60)):
        session.send(
            "Input.dispatchMouseEvent",
            {
                "type": kind,
                "x": box["x"] + 100,
                "y": box["y"] + 60 + down,
                "button": "left",
                "buttons": 1,
                "clickCount": 1,
                "pointerType": "pen",
                "force": 0.5,
            },
        )
    page.wait_for_function("page.drawing.pixels !== null")
    assert "Loss" in page.locator("#drawn").text_content()


def test_a_finger_beside_map_and_pad_scrolls_the_page(phone):
    page, fingers = phone
    page.evaluate("scrollTo(0, 0)")
    x, y = center_of(page, "#map-text")
    fingers.move(((x, y), (x, y - 80)), steps=10)
    page.wait_for_function("scrollY > 30")
