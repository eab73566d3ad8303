"""The list of all results: what it lists, that its links resolve, and that names stay text."""

from __future__ import annotations

import base64
import io
import json
import os
import urllib.parse
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

import runs
from evaluation import index
from tests.evaluation.sessions import save_untrained_run

HOSTILE = "<script>window.hacked = 1<\uff0fscript> & 50% #1?\"' 😀"


def write_folder(result: Path, name: str, content: Any = None, files: tuple[str, ...] = ()) -> Path:
    folder = result / name
    folder.mkdir(parents=True)
    for file in files:
        (folder / file).write_text("<title>opened</title>")
    if content is not None:
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / "index.json").write_text(text)
    return folder


@pytest.fixture
def result(tmp_path) -> Path:
    """Returns a folder of results of every kind, and of some that are none."""
    folder = tmp_path / "result"
    drawn = ("report.html", "curves.png", f"{HOSTILE}.png", "metrics.json", "notes.html")
    fields = {"model": "vae", "dataset": HOSTILE, "settings": "latent_dim 2"}
    elbo = {"elbo": -1234.567, "kl": 10}
    write_folder(folder, HOSTILE, {**fields, "trained": "2026-01-02", "metrics": elbo}, drawn)
    write_folder(folder, "later", {"trained": "2026-03-04", "metrics": {"elbo": -99, "kl": 9}})
    write_folder(folder, "only_figures", None, ("curves.png",))
    write_folder(folder, ".hidden", {})
    (folder / "README.md").write_text("text")
    return folder


@pytest.fixture
def open_index(browser):
    """Opens an index from disk with the network off; in the end, nothing may have gone wrong."""
    contexts, errors = [], []

    def open_one(path: Path, **options: Any):
        contexts.append(browser.new_context(offline=True, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert errors == []


def read_column(page, column: int) -> list[str]:
    rows = page.locator("tbody tr").all()
    return [row.locator("th, td").nth(column).text_content() for row in rows]


def test_all_folders_are_listed_the_newest_first(result, open_index):
    page = open_index(index.write(result))
    assert read_column(page, 0) == ["later", HOSTILE, "only_figures"]
    assert read_column(page, 3) == ["", HOSTILE, ""]
    headings = page.locator("thead th").all_text_contents()
    assert headings[6:9] == ["ELBO", "NLL", "reconstruction"]
    assert read_column(page, 7) == ["−99.00", "−1,234.57", ""]
    assert page.evaluate("window.hacked") is None


def test_links_are_relative_and_resolve(result, open_index, tmp_path):
    index.write(result)
    moved = result.rename(tmp_path / "moved")
    page = open_index(moved / "index.html")
    addresses = page.locator("a").evaluate_all("all => all.map((a) => a.getAttribute('href'))")
    assert len(addresses) == 5
    for address in addresses:
        assert address.startswith("./")
        assert (moved / urllib.parse.unquote(address)).is_file()
    page.get_by_role("link", name=HOSTILE, exact=True).click()
    assert page.title() == "opened"


def test_the_table_is_sorted_by_a_click(result, open_index):
    page = open_index(index.write(result))
    heading = page.locator("thead th").nth(6)
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert read_column(page, 7) == ["−1,234.57", "−99.00", ""]
    heading.locator("button").press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert read_column(page, 7) == ["−99.00", "−1,234.57", ""]
    page.locator("thead th").first.locator("button").click()
    assert read_column(page, 0)[1:] == ["later", "only_figures"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "index.json is not JSON"),
        ("[" * 100_000, "index.json is not JSON"),
        ("\udcff", "index.json is not JSON"),
        ("[]", "index.json is not a JSON object with metrics"),
        ({"metrics": []}, "index.json is not a JSON object with metrics"),
        ({"model": 3}, "model in index.json is not a text"),
        ({"model": "a" * 301}, "model in index.json is not a text"),
        ({"thumbnail": '"><script>'}, "thumbnail in index.json is not base64"),
        ({"metrics": {"elbo": "3"}}, "a metric in index.json is not a number"),
        ('{"metrics": {"elbo": NaN}}', "a metric in index.json is not a number"),
        ('{"metrics": {"elbo": 1e999}}', "a metric in index.json is not a number"),
        ({"metrics": {"elbo": 10**400}}, "a metric in index.json is not a number"),
    ],
)
def test_a_damaged_folder_is_listed_with_the_reason(result, content, reason):
    folder = write_folder(result, "damaged")
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "index.json").write_bytes(text.encode(errors="surrogateescape"))
    written = index.write(result).read_text()
    assert f">cannot be read: {reason}</td>" in written
    assert "−1,234.57" in written


def test_what_is_no_file_is_listed_with_the_reason(result):
    os.mkfifo(write_folder(result, "pipe") / "index.json")
    (write_folder(result, "folder") / "index.json").mkdir()
    written = index.write(result).read_text()
    assert written.count("cannot be read: not a regular file") == 2


def test_a_folder_that_cannot_be_opened_is_listed_with_the_reason(result, monkeypatch):
    listdir = os.listdir

    def fail(path):
        if Path(path).name == "later":
            raise PermissionError(13, "Permission denied", str(path))
        return listdir(path)

    monkeypatch.setattr(os, "listdir", fail)
    assert "cannot be read: Permission denied" in index.write(result).read_text()


def test_a_name_that_is_not_unicode_is_linked(result, open_index):
    folder = Path(os.fsdecode(os.fsencode(result) + b"/\xff\xfe"))
    folder.mkdir()
    (folder / "report.html").write_text("<title>opened</title>")
    page = open_index(index.write(result))
    page.get_by_role("link", name="\ufffd\ufffd").first.click()
    assert page.title() == "opened"


def test_an_index_that_cannot_be_written_is_reported_in_one_line(result):
    (result / "index.html").mkdir()
    with pytest.raises(runs.RunError, match=r"index.html cannot be written \(") as error:
        index.write(result)
    assert "\n" not in str(error.value)
    assert {path.name for path in result.iterdir() if path.is_file()} == {"README.md"}


def test_a_run_notes_its_numbers_and_its_reconstructions(tmp_path):
    session = save_untrained_run(tmp_path)
    measured = {"elbo": {"mean": -3.5}, "kl": {"mean": 1.25}, "mean_squared_error": {"mean": 2.0}}
    content = json.loads(index.note_run(session, measured).read_text())
    assert content["metrics"] == {"elbo": -3.5, "kl": 1.25, "mean_squared_error": 2.0}
    assert (content["model"], content["dataset"]) == ("vae", "digits")
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(content["thumbnail"]))))
    assert picture.shape == (16, 64)
    images, labels = session.test
    assert labels is not None
    chosen = np.linspace(0, 9, 8).astype(int)  # of ten classes, evenly spaced
    shown = [images[np.flatnonzero(labels == group)[0]] for group in chosen]
    decoded = np.asarray(session.model.reconstruct(np.array(shown)))
    expected = np.concatenate(
        [np.hstack(list(each[..., 0])) for each in (np.array(shown), decoded)]
    )
    assert np.abs(picture - 255 * expected).max() <= 0.51
    written = index.write(session.result_dir.parent).read_text()
    assert content["thumbnail"] in written
    assert "−3.50" in written


@pytest.mark.parametrize("width", [360, 800, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_window_and_axe_finds_nothing(width, scheme, result, open_index):
    size = {"width": width, "height": 800}
    page = open_index(index.write(result), viewport=size, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
    assert [(each["id"], each["nodes"][0]["html"]) for each in found.response["violations"]] == []
