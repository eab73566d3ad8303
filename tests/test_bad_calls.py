"""Every call in ``bad_calls.py`` prints one line, has its exit status, and changes no file."""

from __future__ import annotations

import json
import shlex
import sys
import urllib.error
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import cli
import data
from tests.bad_calls import BAD_CALLS, BadCall
from tests.untrained_runs import write_run


def write_folders(root: Path) -> None:
    """Creates everything that the bad calls name: runs, other folders, and flag files."""
    trained, result, flags = (root / name for name in ("trained_model", "result", "flag files"))
    for folder in (trained, result, flags):
        folder.mkdir()
    write_run(trained / "ready")
    write_run(trained / "young", best=False)
    write_run(trained / "binary", "--binarize", "dynamic")
    write_run(trained / "labeled", "--model", "classifier_vae")
    write_run(trained / "patches", "--dataset", "patches")
    write_run(trained / "photographs", "--dataset", "mnist")
    flags_of_digits = cli.settings(cli.parse_train(["train.py", "--dataset", "digits"]))
    write_run(trained / "spheres", flags={**flags_of_digits, "dataset": "spheres"})
    write_run(trained / "gone", best=False, status="diverged", diverged_in_step=7)
    write_run(trained / "plain")
    # a model of another program, as Keras saves it
    config = {"module": "keras", "class_name": "Sequential", "config": {"layers": []}}
    with zipfile.ZipFile(trained / "plain" / "best.keras", "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.12.0"}')
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", b"")
    for name, content in {
        "other": b'{"id": "3f2a", "lr": 0.1, "wandb_version": "0.16"}',
        "cut": b'{"format": 1, "fla',
        "latin1": b'{"format": 1, "status": "\xfc"}',
        "list": b"[1, 2]",
        "later": b'{"format": 99}',
        "lacking": b'{"format": 1}',
    }.items():
        (trained / name).mkdir()
        (trained / name / "run.json").write_bytes(content)
    for name in ("empty", "strange", "ü b"):
        (trained / name).mkdir()
    (trained / "strange" / "letter.txt").write_text("mine")
    (trained / "file").write_text("mine")
    for name, content in {
        "typo": b"--dataset digits\n--latent_dims 5\n",
        "value": b"# a comment\n--latent_dim=ten\n",
        "words": b"latent_dim 5\n",
        "boolean": b"--resume 2\n",
        "latin1": b"--run_name=\xfc\n",
        "itself": f"--flagfile {flags}/itself.flags\n".encode(),
        "there": f"--flagfile={flags}/back.flags\n".encode(),
        "back": f"--latent_dim 5\n--flagfile={flags}/there.flags\n".encode(),
        "zero": b"--flagfile=/dev/zero\n",
        "nul": b"--flagfile=a\0b\n",
        "undefok": b"--undefok=nonsense\n--nonsense=5\n",
        "ü b": "--curves\n--num_gen ü\n".encode(),
    }.items():
        (flags / f"{name}.flags").write_bytes(content)
    write_images(root / "own", trained)
    prepared = root / "images" / "mnist" / "3.0.1"
    prepared.mkdir(parents=True)
    (prepared / "dataset_info.json").write_text("{}")
    (flags / "loop.flags").symlink_to(flags / "loop.flags")


def write_images(own: Path, trained: Path) -> None:
    """Creates folders of images, array files, and runs that were trained on some."""

    def write(name: str, sizes: list[tuple[int, int]], level: int = 0) -> Path:
        folder = own / name
        folder.mkdir(parents=True)
        for number, size in enumerate(sizes):
            Image.new("L", size, level).save(folder / f"{number}.png")
        return folder

    good = write("good", 9 * [(4, 4)])
    noise = np.random.default_rng(0).integers(0, 256, (4, 4)).astype(np.uint8)
    Image.fromarray(noise).save(write("bright", 9 * [(4, 4)]) / "8.png")
    write("one", [(4, 4)])
    write("named/only", 9 * [(4, 4)])
    write("empty", [])
    write("sizes", [*3 * [(4, 4)], *3 * [(4, 5)]])
    (write("bad", 3 * [(4, 4)]) / "3.png").write_text("hello")
    (write("loop", 3 * [(4, 4)]) / "back").symlink_to(own / "loop")
    for part, count in (("train", 5), ("validation", 1), ("test", 2)):
        write(f"parts/{part}", count * [(4, 4)])
    (own / "x.txt").write_text("hello")
    (own / "text.npy").write_text("hello")
    np.savez(own / "x.npz", images=np.zeros((9, 4, 4), np.uint8))
    np.savez(own / "keys.npz", a=np.zeros((9, 4, 4), np.uint8))
    floats = np.zeros((9, 4, 4), np.float32)
    floats[2, 1, 3] = np.nan
    np.save(own / "nan.npy", floats)
    described = data.to_record(data.describe(str(good)))
    write_run(trained / "own", "--dataset", str(good), dataset=described)
    flags = cli.settings(cli.parse_train(["train.py", "--dataset", str(good)]))
    for name, path, dataset in (
        ("own_gone", own / "gone", described),
        ("own_inside", trained / "own_inside" / "x", described),
        ("own_undescribed", good, None),
    ):
        described_as: dict[str, Any] = {"dataset": dataset} if dataset else {}
        write_run(trained / name, flags={**flags, "dataset": str(path)}, **described_as)


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    """Returns every file and folder with its size and modification time."""
    found = {}
    for path in [root, *sorted(root.rglob("*"))]:
        status = path.lstat()
        found[str(path.relative_to(root))] = (status.st_size, status.st_mtime_ns)
    return found


def fill_in(text: str, root: Path) -> str:
    """Replaces the placeholders by their values."""
    places = {"runs": f"{root}/trained_model", "flags": f"{root}/flag files"}
    places |= {"root": str(root), "own": f"{root}/own"}
    places |= {"images": f"{root}/images", "long": 140 * "é", "many": ",".join(100 * ["10"])}
    for name, place in places.items():
        text = text.replace(f"{{{name}}}", place)
    return text


def words_of(call: BadCall, root: Path) -> list[str]:
    """Returns the arguments of a call, split as by a shell."""
    return [fill_in(word, root) for word in shlex.split(call.words)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bad calls")
    write_folders(root)
    return root


def test_the_table_has_at_least_80_different_calls():
    assert len({(call.script, call.words) for call in BAD_CALLS}) == len(BAD_CALLS) >= 80


@pytest.mark.parametrize("call", BAD_CALLS, ids=lambda call: f"{call.script} {call.words}"[:60])
def test_a_bad_call_is_refused_in_one_line(call, folders, in_process, monkeypatch, capsys):
    def no_network(*args, **kwargs):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    for name in ("tensorflow", "keras", "tensorflow_datasets"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it raises
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.chdir(folders)
    before = snapshot(folders)
    with pytest.raises(SystemExit) as stopped:
        in_process(call.script, *words_of(call, folders), root=folders)
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1, printed.err
    says = fill_in(call.says, folders)
    beginning = f"{call.script}.py: "
    if says.startswith("^"):
        beginning, says = beginning + says[1:], ""
    assert printed.err.startswith(beginning), printed.err
    assert says in printed.err, printed.err
    assert stopped.value.code == call.status
    assert "written:" not in printed.out
    assert snapshot(folders) == before, "a bad call changes nothing on disk"


# A few calls in separate processes, where importing TensorFlow fails, too.
OUTSIDE = [
    call
    for call in BAD_CALLS
    if call.status == 2
    and not {"{", "ready", "labeled"} & set(call.words.replace("{", " { ").split())
][::25]


@pytest.mark.parametrize("call", OUTSIDE, ids=lambda call: f"{call.script} {call.words}")
def test_a_separate_process_prints_the_same_line(call, tree, run_script):
    before = snapshot(tree)
    result = run_script(f"{call.script}.py", *words_of(call, tree))
    assert (result.returncode, result.stdout) == (call.status, "")
    assert result.stderr.count("\n") == 1
    assert call.says.removeprefix("^") in result.stderr
    assert snapshot(tree) == before


@pytest.mark.parametrize("script", ["train", "evaluate"])
def test_characters_that_the_terminal_cannot_show_are_escaped(script, tree, run_script):
    # Control characters, and characters that an ASCII terminal does not have.
    words = ("--curves",) if script == "evaluate" else ()
    name = "ü \x1b[2J"
    result = run_script(f"{script}.py", *words, f"--{name}", PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"{script}.py: unknown flag")
    assert result.stderr.count("\n") == 1
    assert result.stderr.isascii()
    assert result.stderr.strip().isprintable()
