"""The structure of the program: allowed imports, and what every file must have."""

from __future__ import annotations

import ast
import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog import PARTS
from catalog.datasets import DATASETS
from catalog.evaluations import EVALUATIONS

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ("train", "evaluate")

# Which packages of the project each package may import. The catalog, which imports none of them,
# may be imported by all.
MAY_IMPORT: dict[str, set[str]] = {
    "catalog": set(),
    "cli": {"catalog", "data", "runs"},
    "data": {"catalog"},
    "models": {"catalog"},
    "runs": {"catalog"},
    "figures": {"catalog"},
    "training": {"catalog", "data", "models", "runs", "figures"},
    "evaluation": {"catalog", "data", "models", "runs", "figures", "report"},
    "report": set(),
    "publishing": {"catalog", "cli", "runs"},
    "train": {"catalog", "cli", "data", "models", "runs", "training"},
    "evaluate": {"catalog", "cli", "data", "evaluation", "figures", "models", "runs", "training"},
}
OURS = set(MAY_IMPORT)

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
def test_a_package_imports_only_those_it_may(path):
    room = room_of(path)
    taken = {module.split(".")[0] for module, _ in imports(path)} & OURS
    assert taken - {room} <= MAY_IMPORT[room]


WITH_PUBLIC_NAMES = {"models", "runs", "figures"}  # others are entered by their modules


@by_path([path for path in PRODUCT if room_of(path) in ("training", "evaluation")])
def test_other_packages_are_used_by_their_public_names(path):
    for module, name in imports(path):
        room = module.split(".")[0]
        if room in WITH_PUBLIC_NAMES - {room_of(path)}:
            assert module == room, f"{path} imports from {module}, not from {room}"
            assert name is None or name in public_names(room)
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            room = node.value.id
            if room in WITH_PUBLIC_NAMES - {room_of(path)}:
                assert node.attr in public_names(room), f"{path}: {room}.{node.attr}"


@by_path([path for path in FILES if path.parts[0] != "tests"])
def test_nothing_imports_the_scripts_but_tests(path):
    assert not {module.split(".")[0] for module, _ in imports(path)} & set(SCRIPTS)


@by_path(PRODUCT)
def test_no_package_imports_tests(path):
    assert not {module.split(".")[0] for module, _ in imports(path)} & {"tests", "conftest"}


def test_the_command_line_and_what_it_needs_import_no_tensorflow():
    code = (
        "import sys, cli, runs, figures, data, evaluation.session, training.plan\n"
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
def test_no_file_has_a_generic_name(path):
    assert not {"utils", "util", "helpers", "helper", "common", "misc"} & {
        part.removesuffix(".py").strip("_") for part in path.parts
    }


@by_path(FILES)
def test_no_file_is_longer_than_400_lines(path):
    assert len((ROOT / path).read_text(encoding="utf-8").splitlines()) <= 400


@by_path(FILES)
def test_every_file_has_a_docstring(path):
    assert ast.get_docstring(parse(path))


@by_path(PRODUCT)
def test_every_public_function_and_class_has_a_docstring(path):
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for node in parse(path).body:
        # What a script's main does, its file says.
        if isinstance(node, definitions) and node.name[0] != "_" and node.name != "main":
            assert ast.get_docstring(node), f"{path}:{node.lineno} {node.name}"


# -------------------------------------------------------------------------- tables

# A table of the catalog → the file of a row's module, and the functions that it must have.
MODULES: list[tuple[str, str, list[str]]] = [
    *((f"evaluation/{name}.py", "run", ["session"]) for name in EVALUATIONS),
    *(
        (f"evaluation/{name}.py", "check", ["session"])
        for name, row in EVALUATIONS.items()
        if row.checks
    ),
    *((f"models/{name}.py", "build", ["parts", "settings"]) for name in PARTS["model"]),
    *(
        (f"models/networks/{row.module}.py", "build", ["outputs_shape", "settings"])
        for row in PARTS["network"].values()
    ),
    *(
        (f"models/{room}/{name}.py", "build", ["settings"])
        for part, room in (
            ("likelihood", "likelihoods"),
            ("prior", "priors"),
            ("objective", "objectives"),
        )
        for name in PARTS[part]
    ),
    *(
        (f"data/sources/{info.source}.py", "load", ["info", "split", "data_dir", "positions"])
        for info in DATASETS.values()
    ),
]


@pytest.mark.parametrize(("file", "entry", "arguments"), MODULES)
def test_every_row_of_the_catalog_has_its_module_with_the_same_entry(file, entry, arguments):
    found = {
        node.name: node for node in parse(Path(file)).body if isinstance(node, ast.FunctionDef)
    }
    assert [argument.arg for argument in found[entry].args.args] == arguments


def test_every_evaluation_on_disk_is_in_the_catalog():
    entries = {
        path.stem
        for path in PRODUCT
        if path.parts[0] == "evaluation"
        and any(isinstance(n, ast.FunctionDef) and n.name == "run" for n in parse(path).body)
    }
    assert entries == set(EVALUATIONS)


@pytest.mark.parametrize(
    ("room", "table"),
    [("likelihoods", "likelihood"), ("priors", "prior"), ("objectives", "objective")],
)
def test_every_part_on_disk_is_in_the_catalog(room, table):
    entries = {
        path.stem
        for path in PRODUCT
        if path.parent == Path("models", room)
        and path.stem != "__init__"
        and any(isinstance(n, ast.FunctionDef) and n.name == "build" for n in parse(path).body)
    }
    assert entries == set(PARTS[table])
