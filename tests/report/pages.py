"""What tests of the page share: hostile names, and what a person does and sees."""

from __future__ import annotations

import numpy as np

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


def draw(page) -> None:
    """Draws a stroke with the mouse, and waits until the model has seen it."""
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 140, box["y"] + 200, steps=5)
    page.mouse.up()
    page.wait_for_function("page.drawing.pixels !== null && page.drawing.pad.pending === null")
