"""The page on paper: light, complete, without controls, and not cut off."""

from __future__ import annotations

import re

import pytest

from tests.report.test_layout import CUT_OFF, use

A4 = {"width": 688, "height": 1000}  # 182 mm between the margins, in CSS pixels


@pytest.fixture
def paper(open_report, classifier_written):
    page = open_report(classifier_written, viewport=A4, color_scheme="dark").page
    use(page)
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_function("document.documentElement.dataset.theme === 'light'")
    return page


def test_paper_is_light_without_controls_and_not_cut_off(paper):
    assert paper.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert paper.evaluate("getComputedStyle(document.body).color") == "rgb(29, 36, 48)"
    shown = [each for each in paper.locator("button, input, nav").all() if each.is_visible()]
    kinds = {
        each.evaluate("(each) => each.closest('#classes, .tile')?.className") for each in shown
    }
    assert kinds <= {"", "tile", "tile stack"}  # the key of the map's colors, and images
    assert not paper.locator("#pad").is_visible()
    assert paper.evaluate(CUT_OFF) == []


def test_paper_has_all_figures_and_the_map_in_dark_ink(paper):
    assert paper.evaluate("page.queue.tasks.length") == 0
    blank = paper.evaluate(
        """() => [...document.querySelectorAll("#figures canvas, #traversal canvas, #steps canvas")]
        .filter((canvas) => { const { data } = canvas.getContext("2d")
          .getImageData(0, 0, canvas.width, canvas.height);
          return data.every((value, index) => index % 4 !== 3 || value === 0); }).length"""
    )
    assert blank == 0
    assert paper.evaluate("getComputedStyle(page.map.canvas).color") == "rgb(29, 36, 48)"


def test_it_prints_on_a_few_pages_and_looks_as_before_afterwards(open_report, classifier_written):
    page = open_report(classifier_written, color_scheme="dark").page
    pdf = page.pdf(format="A4")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) <= 9
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert page.evaluate("page.queue.tasks.length") == 0


def test_links_and_settings_are_printed(paper):
    assert paper.locator("#command").is_visible()
    assert paper.locator("#settings tr").count() > 10
