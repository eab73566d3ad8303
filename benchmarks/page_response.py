"""Measures how long the page of a run takes to answer a drag, in headless Chromium.

    python -m benchmarks.page_response RUN …

``evaluate.py --report 1`` must have written the pages. Prints, for 500 moves of a slider and, with
two latent dimensions, for 500 moves over the plane, the median and the longest time in milliseconds
to decode the image and to draw it, and the map.
"""

from __future__ import annotations

import shutil
import statistics
import sys

from playwright.sync_api import sync_playwright

import cli

_FOUND = ("chromium", "chromium-browser", "google-chrome")
_SLIDER = """() => {
  const slider = document.querySelector("#sliders input"), times = [];
  const [low, high] = [Number(slider.min), Number(slider.max)];
  for (let move = 0; move < 500; move++) {
    slider.value = low + (high - low) * (move % 100) / 99;
    const start = performance.now();
    slider.dispatchEvent(new Event("input"));
    document.getElementById("decoded").getContext("2d").getImageData(0, 0, 1, 1); // has been drawn
    times.push(performance.now() - start);
  }
  return times;
}"""
_PLANE = """() => {
  const times = [], { canvas } = page.map, half = page.map.size() / 2;
  for (let move = 0; move < 500; move++) {
    const [x, y] = [half * (1 + 0.8 * Math.sin(move / 9)), half * (1 + 0.8 * Math.cos(move / 9))];
    const start = performance.now();
    page.hover(page.map.nearest(x, y, 12), page.map.toPlane(x, y));
    page.map.drawNow();
    canvas.getContext("2d").getImageData(0, 0, 1, 1);
    times.push(performance.now() - start);
  }
  return times;
}"""
_PAN = """() => {
  const times = [];
  for (let move = 0; move < 100; move++) {
    const start = performance.now();
    page.map.pan(Math.sin(move), Math.cos(move));
    page.map.drawNow();
    page.map.canvas.getContext("2d").getImageData(0, 0, 1, 1);
    times.push(performance.now() - start);
  }
  return times;
}"""


def main(runs: list[str]) -> None:
    path = next(filter(None, map(shutil.which, _FOUND)), None)
    if path is None:
        sys.exit("needs Chromium: install it, and type the same command again")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        for run in runs:
            report = cli.ROOT / "result" / run / "report.html"
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(report.as_uri())
            page.locator("#content").wait_for()
            page.evaluate("page.queue.whenDone")
            kinds = {"slider": _SLIDER, "map": _PAN}
            if page.evaluate("page.run.latent_dim") == 2:
                kinds["plane"] = _PLANE
            for kind, script in kinds.items():
                times = page.evaluate(script)
                median = statistics.median(times)
                size = report.stat().st_size / 1e6
                print(f"{run}: {size:.1f} MB, {kind}: median {median:.1f} ms, {max(times):.1f} ms")
            page.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
