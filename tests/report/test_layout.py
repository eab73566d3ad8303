"""The page on every screen: nothing cut off, nothing that moves, everything within reach."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.report.pages import draw, screen_place

# Elements that reach out of the window and are in no box that scrolls; SVG texts outside of their
# chart; and table cells or buttons whose text is cut.
CUT_OFF = """() => {
  const found = [], wide = document.documentElement.clientWidth + 0.5;
  for (const each of document.querySelectorAll("#content *")) {
    const box = each.getBoundingClientRect();
    if (!box.width || each.closest(".scroll") || each.closest("math")) continue;
    if (box.right > wide || box.left < -0.5) found.push(`${each.tagName} ${each.id} ${each.className}`);
    if (each.tagName === "text") {
      const chart = each.ownerSVGElement.getBoundingClientRect();
      if (box.right > chart.right + 2 || box.left < chart.left - 2) found.push(`text ${each.textContent}`);
    }
    if (["BUTTON", "TD", "TH", "P", "H1", "H2", "H3", "LABEL"].includes(each.tagName)
        && each.scrollWidth > each.clientWidth + 1 && each.clientWidth) found.push(`${each.tagName}: ${each.textContent}`);
  }
  if (document.documentElement.scrollWidth > wide) found.push("the page scrolls sideways");
  return found;
}"""


def use(page) -> None:
    """Shows what a person may ask for."""
    for button in ("worst", "set-a", "set-b", "again", "traverse"):
        page.click(f"#{button}")
    draw(page)
    page.locator("summary").click()


@pytest.mark.parametrize("width", [390, 820, 1440, 1920])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off(width, scheme, open_report, written):
    size = {"width": width, "height": 800}
    page = open_report(written, viewport=size, color_scheme=scheme).page
    use(page)
    assert page.evaluate(CUT_OFF) == []


def test_nothing_is_cut_off_at_a_zoom_of_200_percent(open_report, classifier_written):
    size = {"width": 640, "height": 400}
    page = open_report(classifier_written, viewport=size, device_scale_factor=2).page
    use(page)
    assert page.evaluate(CUT_OFF) == []


def test_nothing_is_cut_off_with_letters_of_twice_the_size(page):
    use(page)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate(CUT_OFF) == []


@pytest.mark.parametrize("width", [390, 1440])
def test_the_layout_does_not_shift(width, browser, written):
    context = browser.new_context(offline=True, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.add_init_script(
        """window.shift = 0;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) window.shift += entry.value; // after input, too
        }).observe({ type: "layout-shift", buffered: true });"""
    )
    page.goto(written.as_uri())
    page.wait_for_function("window.page !== undefined")
    page.evaluate("page.queue.whenDone")
    for index in range(0, 40, 4):
        page.mouse.move(*screen_place(page, index))
    page.locator("#index").scroll_into_view_if_needed()
    for index in range(1, 6):
        page.fill("#index", str(index))
        page.locator("#index").blur()
    page.wait_for_timeout(200)
    assert page.evaluate("window.shift") <= 0.1
    context.close()


def test_a_thousand_drags_keep_the_memory_flat(page):
    session = page.context.new_cdp_session(page)

    def used() -> float:
        session.send("HeapProfiler.collectGarbage")
        return float(page.evaluate("performance.memory.usedJSHeapSize"))

    drag = """(count) => {
      const { canvas } = page.map, box = canvas.getBoundingClientRect();
      const send = (kind, x, y) => canvas.dispatchEvent(new PointerEvent(kind, { pointerId: 1,
        pointerType: "mouse", clientX: box.x + x * box.width, clientY: box.y + y * box.height }));
      canvas.setPointerCapture = () => {}; // no real pointer is down
      send("pointerdown", 0.5, 0.5);
      for (let at = 0; at < count; at++) {
        send("pointermove", 0.5 + 0.4 * Math.sin(at), 0.5 + 0.4 * Math.cos(at));
        page.map.drawNow();
      }
      send("pointerup", 0.5, 0.5);
    }"""
    page.evaluate("page.queue.whenDone")
    page.evaluate(drag, 200)
    before = used()
    page.evaluate(drag, 1000)
    assert used() < before + 1e6


def test_whatever_has_the_focus_shows_it(page):
    seen = set()
    page.keyboard.press("Tab")
    for _ in range(60):
        shown = page.evaluate(
            "() => { const each = document.activeElement, style = getComputedStyle(each);"
            " return [each.id || each.textContent, style.outlineStyle, style.outlineWidth]; }"
        )
        assert shown[1:] == ["solid", "3px"], shown
        seen.add(shown[0])
        page.keyboard.press("Tab")
    assert {"map", "zoom-in", "worst", "index", "mean", "random", "set-a", "clear"} <= seen


def test_nothing_moves_by_itself(open_report, written):
    page = open_report(written, reduced_motion="reduce").page
    page.click("#random")
    assert page.evaluate("document.getAnimations().length") == 0
    moving = "[...document.querySelectorAll('*')].filter((each) => { const style ="
    moving += " getComputedStyle(each); return parseFloat(style.transitionDuration) > 0 ||"
    moving += " style.animationName !== 'none' || style.scrollBehavior === 'smooth'; }).length"
    assert page.evaluate(moving) == 0


def test_forced_colors_keep_the_classes_and_take_the_systems_ink(open_report, written):
    page = open_report(written, forced_colors="active", color_scheme="dark").page
    dot = page.locator("#classes i").nth(2)
    color = dot.evaluate("(dot) => getComputedStyle(dot).backgroundColor")
    known = page.evaluate("page.run.colors[2]")
    expected = tuple(int(known[at : at + 2], 16) for at in (1, 3, 5))
    assert color == f"rgb{expected}"
    ink, ground = page.evaluate(
        "[getComputedStyle(page.map.canvas).color, getComputedStyle(page.map.canvas).backgroundColor]"
    )
    system = page.evaluate("getComputedStyle(document.body).color")
    assert ink == system
    assert ink != ground


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_axe_finds_nothing_that_keeps_people_out(scheme, width, open_report, classifier_written):
    size = {"width": width, "height": 800}
    page = open_report(classifier_written, viewport=size, color_scheme=scheme).page
    use(page)
    page.click("#wrong")
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
    assert [(each["id"], each["nodes"][0]["html"]) for each in found.response["violations"]] == []
