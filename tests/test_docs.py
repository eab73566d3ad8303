"""The documentation: its flags and links exist, and its Python code runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import catalog
from catalog import evaluations, training

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "data" / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_repository_leads_to_a_file(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_flag_in_the_text_exists(page):
    known = {flag.name for flag in (*catalog.RUN_FLAGS, *training.RUNNING, *training.OUTPUT)}
    known |= {flag.name for flag in (*evaluations.FLAGS, training.SEED, training.STREAM)}
    known |= {*evaluations.EVALUATIONS, "all", "compare", "checkpoint", "saved_path", "sweep"}
    known |= {"data_dir", "flagfile", "help", "logdir", "json", "rows", "epochs", "collect"}
    of_others = {"undefok", "xla_cpu_prefer_vector_width"}  # of absl, XLA,
    of_others |= {"gpus", "nodes", "ntasks", "signal", "rounds"}  # Slurm and the benchmarks
    text = page.read_text(encoding="utf-8")
    mentioned = set(re.findall(r"(?<![\w-])--([a-z]\w*)", text))
    assert mentioned - known - of_others == set()


def test_the_table_of_abbreviations_is_complete():
    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    cells = dict(re.findall(r"`([\w-]+)` \| `(\w+)`", text))
    flags = [*catalog.RUN_FLAGS, training.SEED, training.STREAM]
    expected = {flag.abbreviation: flag.name for flag in flags if flag.abbreviation}
    always = {"hd": "hidden_dim", "ld": "latent_dim", "e": "num_epochs"}
    assert cells == expected | always


CITED = re.compile(
    r"([A-Z][\w-]+ et al\.|(?:[A-Z][\w-]+, )?[A-Z][\w-]+ and [A-Z][\w-]+|(?<=\()[A-Z]\w+)"
    r"(?:, | \()((?:19|20)\d\d)\b"
)


def test_every_paper_that_is_cited_is_among_the_references():
    listed = (ROOT / "docs" / "references.md").read_text(encoding="utf-8")
    rooms = ("catalog", "data", "evaluation", "figures", "models", "report", "runs", "training")
    files = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    missing = set()
    for path in (*files, *PAGES):
        text = re.sub(r"\s+(?:# |\" \")?", " ", path.read_text(encoding="utf-8"))
        for names, year in CITED.findall(text):
            if f"{names}, {year}." not in listed:
                missing.add((path.name, names, year))
    assert missing == set()


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def python_blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def test_the_python_of_the_readme_is_short():
    (code,) = python_blocks(ROOT / "README.md")
    assert len(code.strip().splitlines()) <= 13


IGNORED = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_the_python_of_a_page_runs_in_a_fresh_process(page, copy_program):
    folder = copy_program()
    variables = {**os.environ, "PYTHONPATH": str(folder), "CUDA_VISIBLE_DEVICES": ""}
    # The commands that the page tells to type.
    text = (ROOT / page).read_text(encoding="utf-8")
    commands = re.findall(r"```\npython (train.py .*)\n```", text) if page != "README.md" else []
    calls = [command.split() for command in commands]
    warnings = ["-W", "error", "-W", IGNORED]
    calls.append([*warnings, str(ROOT / "tests" / "python_page.py"), str(ROOT / page)])
    for call in calls:
        finished = subprocess.run(
            [sys.executable, *call],
            cwd=folder,
            env=variables,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "checked: " in finished.stdout
