"""A real browser, without a network."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from evaluation import report
from tests.evaluation.sessions import save_untrained_run
from tests.report.pages import HOSTILE

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
        self.page.on("console", lambda message: self._note(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(report.as_uri())
        self.page.wait_for_function("window.page !== undefined")

    def _note(self, text: str) -> None:
        if "willReadFrequently" not in text:  # tests read canvases that the page never reads
            self.errors.append(text)


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


@pytest.fixture(scope="session")
def session(tmp_path_factory):
    """A run of digits in two dimensions, with hostile names of classes."""
    session = save_untrained_run(tmp_path_factory.mktemp("run"), latent_dim=2)
    session.info = dataclasses.replace(session.info, class_names=HOSTILE)
    return session


@pytest.fixture(scope="session")
def written(session) -> Path:
    (path,) = report.run(session)
    return path


@pytest.fixture
def page(open_report, written) -> Page:
    page: Page = open_report(written, viewport={"width": 1280, "height": 900}).page
    return page


@pytest.fixture(scope="session")
def classifier_session(tmp_path_factory):
    """A run of digits in three dimensions whose model has a classifier."""
    folder = tmp_path_factory.mktemp("classifier")
    return save_untrained_run(folder, latent_dim=3, model="classifier_vae")


@pytest.fixture
def classifier_page(open_report, classifier_session, classifier_written) -> Page:
    page: Page = open_report(classifier_written, viewport={"width": 1280, "height": 900}).page
    return page


@pytest.fixture(scope="session")
def classifier_written(classifier_session) -> Path:
    (path,) = report.run(classifier_session)
    return path
