"""Takes the pictures of the page of a run that the README and docs/report.md show.

    python -m publishing.screenshots MNIST_10 MNIST_2

MNIST_10 and MNIST_2 are runs on MNIST with ten and with two latent dimensions, of which
``evaluate.py --report 1`` has written the pages. Needs Chromium. `make screenshots` trains them.
"""

from __future__ import annotations

import io
import math
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, sync_playwright

import cli

FOLDER = cli.ROOT / "docs" / "figures" / "report"
SIZES = {"phone": (390, 844), "tablet": (820, 1180), "desktop": (1440, 900)}
_VIEW = {"width": 1000, "height": 600}  # of the animation
_COLORS = 96
_FRAME = 80  # milliseconds
_ARROW = ((0, 0), (0, 17), (4, 13), (8, 20), (11, 19), (7, 12), (13, 12))
_FOUND = ("chromium", "chromium-browser", "google-chrome")


def main(ten: str, two: str) -> None:
    """Writes a still picture of each size and theme, three sections, and the animation."""
    path = next(filter(None, map(shutil.which, _FOUND)), None)
    if path is None:
        sys.exit("screenshots need Chromium: install it, and type the same command again")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for name, (width, height) in SIZES.items():
            for theme in ("light", "dark"):
                page = open_page(browser, ten, width, height, theme)
                save(page.screenshot(), f"{name}_{theme}.png")
        page = open_page(browser, ten, 1440, 900, "light")
        list(draw_digit(page, 200))
        page.click("#drawn-again")
        for section in ("draw", "explain"):
            save(page.locator(f"#{section}").screenshot(), f"{section}.png")
        save_animation(record(browser, two))
        browser.close()


def open_page(browser: Browser, run: str, width: int, height: int, theme: Any) -> Page:
    """Returns the page of a run with all of its figures drawn."""
    size: Any = {"width": width, "height": height}
    page = browser.new_page(viewport=size, color_scheme=theme)
    page.goto((cli.ROOT / "result" / run / "report.html").as_uri())
    page.locator("#content").wait_for()
    page.evaluate("page.queue.whenDone")
    return page


def save(png: bytes, name: str) -> None:
    """Writes a picture with few colors, which is small."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.quantize(128, dither=Image.Dither.NONE).save(FOLDER / name, optimize=True)


def record(browser: Browser, run: str) -> list[Image.Image]:
    """Returns the frames of the animation: over the plane, by the sliders, and drawing."""
    page = open_page(browser, run, _VIEW["width"], _VIEW["height"], "light")
    frames: list[Image.Image] = []

    def shoot(times: int = 1) -> None:
        image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        x, y = page.evaluate("[window.pointerX ?? -50, window.pointerY ?? -50]")
        places = [(x + right, y + down) for right, down in _ARROW]
        ImageDraw.Draw(image).polygon(places, fill="white", outline="black")
        frames.extend([image] * times)

    page.evaluate(
        "addEventListener('pointermove', (event) => {"
        " window.pointerX = event.clientX; window.pointerY = event.clientY; }, true)"
    )
    page.evaluate("document.getElementById('map').scrollIntoView(); scrollBy(0, -10)")
    shoot(8)
    for _ in drag_over_plane(page, 44):
        shoot()
    for _ in drag_slider(page, 20):
        shoot()
    page.evaluate("document.getElementById('draw').scrollIntoView()")
    for _ in draw_digit(page, 22):
        shoot()
    for _ in range(4):
        page.click("#drawn-again")
        shoot(6)
    return frames


def drag_over_plane(page: Page, steps: int) -> Iterator[None]:
    """Drags once around the middle of the plane."""
    box: Any = page.locator("#map").bounding_box()
    for step in range(steps + 1):
        angle = 2.6 - 2 * math.pi * step / steps
        radius = box["width"] * (0.26 + 0.05 * math.sin(3 * angle))
        page.mouse.move(
            box["x"] + box["width"] * 0.48 + radius * math.cos(angle),
            box["y"] + box["height"] * 0.48 - radius * math.sin(angle),
        )
        if step == 0:
            page.mouse.down()
        page.wait_for_timeout(30)
        yield
    page.mouse.up()


def drag_slider(page: Page, steps: int) -> Iterator[None]:
    """Drags the first slider from its left to its right."""
    box: Any = page.locator("#sliders input").first.bounding_box()
    for step in range(steps + 1):
        place = box["width"] * (0.5 - 0.28 * math.cos(math.pi * step / steps))
        page.mouse.move(box["x"] + place, box["y"] + box["height"] / 2)
        if step == 0:
            page.mouse.down()
        page.wait_for_timeout(30)
        yield
    page.mouse.up()


def draw_digit(page: Page, steps: int) -> Iterator[None]:
    """Draws a seven."""
    page.locator("#pad").scroll_into_view_if_needed()
    box: Any = page.locator("#pad").bounding_box()
    corners = [(0.3, 0.28), (0.7, 0.28), (0.44, 0.8)]
    for step in range(steps + 1):
        line, part = divmod(2 * step / steps, 1) if step < steps else (1, 1)
        (x, y), (right, below) = corners[int(line) : int(line) + 2]
        x, y = x + part * (right - x), y + part * (below - y)
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if step == 0:
            page.mouse.down()
        page.wait_for_timeout(30)
        yield
    page.mouse.up()
    page.wait_for_timeout(100)


def save_animation(frames: list[Image.Image]) -> None:
    """Writes the frames with one palette; between frames only what changes is stored."""
    sheet = Image.new("RGB", (_VIEW["width"], 4 * _VIEW["height"]))
    for row in range(4):
        place = row * (len(frames) - 1) // 3
        sheet.paste(frames[place], (0, row * _VIEW["height"]))
    palette = sheet.quantize(_COLORS, dither=Image.Dither.NONE)
    few = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    path = FOLDER / "explore.gif"
    few[0].save(path, save_all=True, append_images=few[1:], duration=_FRAME, loop=0, optimize=True)


def sizes() -> list[tuple[Path, int]]:
    """Returns the pictures and their sizes in bytes."""
    return [(path, path.stat().st_size) for path in sorted(FOLDER.iterdir())]


if __name__ == "__main__":
    main(*sys.argv[1:])
    for path, size in sizes():
        print(f"{size:>9,}  {path.relative_to(cli.ROOT)}")
