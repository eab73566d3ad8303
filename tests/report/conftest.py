"""A real browser, without a network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip("needs Chromium, which is not installed")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield launched
        launched.close()


class OpenPage:
    """A report opened from disk with the network off, at a size and in a theme."""

    def __init__(self, browser: Browser, report: Path, **options: Any):
        self.context = browser.new_context(offline=True, **options)
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(report.as_uri())
        self.page.wait_for_function("window.page !== undefined")


@pytest.fixture
def open_report(browser) -> Iterator[Any]:
    opened: list[OpenPage] = []

    def open_one(report: Path, **options: Any) -> OpenPage:
        opened.append(OpenPage(browser, report, **options))
        return opened[-1]

    yield open_one
    for page in opened:
        assert page.errors == []
        page.context.close()
