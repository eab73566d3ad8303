"""The rules of the house: who may import whom, and what every file has."""

from __future__ import annotations

import ast
import functools
import inspect
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import data
import evaluation

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("data", "models", "runs", "figures", "training", "evaluation", "reports")
SCRIPTS = ("train", "evaluate")
OURS = {*ROOMS, *SCRIPTS, "options", "part_options", "command_line"}

# Who may import from which other rooms of the project.
MAY_IMPORT: dict[str, set[str]] = {
    "data": set(),
    "models": set(),
    "runs": set(),
    "figures": set(),
    "training": {"models", "runs", "figures"},
    "evaluation": {"models", "runs", "figures"},
    "options": {"data", "evaluation", "runs", "command_line", "part_options"},
    "part_options": {"command_line"},
    "command_line": set(),
    "reports": {"options", "runs"},
    "train": OURS - {*SCRIPTS, "reports"},
    "evaluate": OURS - {*SCRIPTS, "reports"},
}

FILES = sorted(
    path.relative_to(ROOT)
    for path in ROOT.rglob("*.py")
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
PRODUCT = [path for path in FILES if path.parts[0].removesuffix(".py") in OURS]


@functools.cache
def parse(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def room_of(path: Path) -> str:
    return path.parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, str | None]]:
    """Yields (module, name) for ``from module import name``, (module, None) for ``import module``.

    Imports for the type checker alone are left out.
    """
    waiting: list[ast.AST] = [parse(path)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports name the package"
            yield from ((node.module or "", alias.name) for alias in node.names)
        waiting += ast.iter_child_nodes(node)


@functools.cache
def public_names(room: str) -> frozenset[str]:
    """Returns ``__all__`` of a package."""
    for node in parse(Path(room, "__init__.py")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return frozenset(ast.literal_eval(node.value))
    raise AssertionError(f"{room}/__init__.py has no __all__")


def by_path(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=str)


def test_the_files_are_found():
    assert {room_of(path) for path in PRODUCT} == OURS
    assert Path("tests/test_house.py") in FILES


# ------------------------------------------------------------------------- imports


@by_path(PRODUCT)
def test_a_room_imports_only_from_those_it_may(path):
    room = room_of(path)
    taken = {module.split(".")[0] for module, _ in imports(path)} & OURS
    assert taken - {room} <= MAY_IMPORT[room]


@by_path([path for path in PRODUCT if room_of(path) in ("training", "evaluation")])
def test_other_rooms_are_entered_by_their_public_names(path):
    for module, name in imports(path):
        room = module.split(".")[0]
        if room in OURS - {room_of(path)}:
            assert module == room, f"{path} imports from {module}, not from {room}"
            assert name is None or name in public_names(room)
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            room = node.value.id
            if room in {"models", "runs", "figures"}:
                assert node.attr in public_names(room), f"{path}: {room}.{node.attr}"


@by_path([path for path in FILES if path.parts[0] != "tests"])
def test_nothing_imports_the_scripts_but_tests(path):
    assert not {module.split(".")[0] for module, _ in imports(path)} & set(SCRIPTS)


@by_path(PRODUCT)
def test_no_room_imports_tests(path):
    assert not {module.split(".")[0] for module, _ in imports(path)} & {"tests", "conftest"}


def test_the_command_line_and_what_it_needs_import_no_tensorflow():
    code = (
        "import sys, options, runs, figures, evaluation.context\n"
        "print(sorted({'tensorflow', 'keras', 'models', 'train', 'evaluate'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert (result.stderr, result.stdout.strip()) == ("", "[]")


# ------------------------------------------------------------------- files and words


@by_path(FILES)
def test_no_file_is_called_after_nothing_in_particular(path):
    assert not {"utils", "util", "helpers", "helper", "common", "misc"} & {
        part.removesuffix(".py").strip("_") for part in path.parts
    }


@by_path(FILES)
def test_no_file_is_longer_than_400_lines(path):
    assert len((ROOT / path).read_text(encoding="utf-8").splitlines()) <= 400


@by_path(FILES)
def test_every_file_says_what_it_is(path):
    assert ast.get_docstring(parse(path))


@by_path(PRODUCT)
def test_every_public_function_and_class_has_a_docstring(path):
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for node in parse(path).body:
        # What a script's main does, its file says.
        if isinstance(node, definitions) and node.name[0] != "_" and node.name != "main":
            assert ast.get_docstring(node), f"{path}:{node.lineno} {node.name}"


# -------------------------------------------------------------------------- tables

TABLES = runpy.run_path(str(ROOT / "models" / "table.py"))
ENTRIES = [
    *((f"evaluation/{name}.py", "run", ["context"]) for name in evaluation.EVALUATIONS),
    *(
        (f"models/{name}.py", "build", ["network", "image_shape", "settings"])
        for name in TABLES["MODELS"]
    ),
    *(
        (f"models/{network.module}.py", entry, arguments)
        for network in TABLES["NETWORKS"].values()
        for entry, arguments in (
            ("build", ["image_shape", "settings"]),
            ("Encoder", None),
            ("Decoder", None),
        )
    ),
    *((f"models/likelihoods/{name}.py", "build", ["settings"]) for name in TABLES["LIKELIHOODS"]),
]


@pytest.mark.parametrize("name", data.DATASETS)
def test_every_dataset_has_its_module_with_the_same_entry(name):
    load = data.source_of(data.describe(name)).load
    assert list(inspect.signature(load).parameters) == ["info", "split", "data_dir", "positions"]


@pytest.mark.parametrize(("file", "entry", "arguments"), ENTRIES)
def test_every_evaluation_model_and_network_has_its_module_with_the_same_entry(
    file, entry, arguments
):
    found = {
        node.name: node
        for node in parse(Path(file)).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    node = found[entry]
    if arguments is None:
        assert isinstance(node, ast.ClassDef)
    else:
        assert isinstance(node, ast.FunctionDef)
        assert [argument.arg for argument in node.args.args] == arguments


def test_every_evaluation_on_disk_is_in_the_table():
    entries = {
        path.stem
        for path in PRODUCT
        if path.parts[0] == "evaluation"
        and any(isinstance(n, ast.FunctionDef) and n.name == "run" for n in parse(path).body)
    }
    assert entries == set(evaluation.EVALUATIONS)
