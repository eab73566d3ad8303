"""Both scripts from end to end, in a copy of the program, called from another folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import tensorflow as tf

import cli
import runs

SMALL = ("--dataset", "digits", "--num_epochs", "1", "--hidden_dim", "8")
DIGITS = ("--dataset", "digits", "--num_epochs", "2", "--hidden_dim", "64")
NAME = "digits_vae_hd64_ld10_e2"
FEW = ("--num_points", "60", "--num_gen", "20")  # t-SNE of all images takes long
NO_NETWORK = dict.fromkeys(
    ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"
) | {"NO_PROXY": "", "no_proxy": ""}
FIGURES = (
    "curves",
    "generated",
    "kl_per_dimension",
    "latent_test",
    "latent_test_classes",
    "latent_train",
    "latent_train_classes",
    "manifold",
    "ood",
    "reconstruction",
    "traversal",
)


def hash_files(folder: Path) -> dict[str, str]:
    """Returns every file below a folder with the hash of its bytes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def written(stdout: str) -> list[Path]:
    """Returns the paths that a script says it wrote."""
    _, _, listed = stdout.partition("\nwritten:\n")
    return [Path(line.strip()) for line in listed.split("\n\n")[0].splitlines()]


def check_one_line(result, status: int, *parts: str) -> None:
    """Checks how a script failed: its exit status, and the one line on stderr."""
    assert result.returncode == status, result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.endswith("\n")
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in result.stderr


@pytest.fixture(scope="session")
def trained(tree, run_script):
    """The output of train.py, whose run is in the copy."""
    result = run_script("train.py", *DIGITS, tensorflow=True)
    assert result.returncode == 0, result.stderr
    return result


@pytest.fixture(scope="session")
def evaluated(tree, run_script, trained):
    """The output of evaluate.py --all 1, whose results are in the copy."""
    result = run_script("evaluate.py", "--all", "1", "--run_name", NAME, *FEW, tensorflow=True)
    assert result.returncode == 0, result.stderr
    return result


def check_failed_in_process(stopped, capsys, *parts: str) -> None:
    """Checks the same of a script that ran in this process."""
    error = capsys.readouterr().err
    assert stopped.value.code == 1
    assert error.count("\n") == 1, error
    for part in parts:
        assert part in error


# ------------------------------------------------------------------------- train.py


def test_training_writes_a_run_and_names_every_file(tree, trained):
    folder = tree / "trained_model" / NAME
    files = {"run.json", "history.csv", "best.keras", "model.keras", "checkpoint.npz"}
    files.add("previous.npz")
    assert {path.name for path in folder.iterdir()} == files | {"logs"}
    paths = written(trained.stdout)
    assert all(path.exists() for path in paths)
    for path in folder.rglob("*"):
        assert any(named in (path, *path.parents) for named in paths), f"{path} is not named"
    assert not (tree / "result" / NAME).exists()


def test_training_prints_nothing_on_stderr(trained):
    assert trained.stderr == ""


def test_training_prints_the_next_command(trained):
    assert f"\nnext: python evaluate.py --run_name {NAME} --all 1\n" in trained.stdout


def test_the_record_describes_the_origin_of_the_run(tree, trained):
    record = runs.Run(tree / "trained_model" / NAME).read_record()
    assert record["status"] == "finished"
    assert record["run_name"] == NAME
    assert record["command"].endswith(" ".join(DIGITS))
    assert record["flags"]["hidden_dim"] == [64]
    assert record["dataset"]["image_shape"] == [8, 8, 1]
    assert record["epochs_done"] == 2
    assert record["num_train"] == 1437 - 144
    # 64·64+64 and 2·(64·10+10) in the encoder, 10·64+64 and 64·64+64 in the decoder
    assert record["num_parameters"] == 4160 + 1300 + 704 + 4160
    assert {"python", "tensorflow", "keras", "numpy"} <= set(record["versions"])


def test_an_existing_run_is_not_changed(tree, trained, run_script):
    before = hash_files(tree)
    result = run_script("train.py", *DIGITS)
    check_one_line(result, 1, "already holds a run", "--overwrite", "--run_name NAME")
    assert hash_files(tree) == before


def test_an_existing_run_is_overwritten_on_request(in_process, tmp_path):
    run = runs.Run(tmp_path / "trained_model" / "twice")
    in_process("train", *SMALL, "--run_name", "twice")
    first = run.read_record()
    (run.folder / "notes.txt").write_text("mine")
    in_process("train", *SMALL, "--run_name", "twice", "--latent_dim", "3", "--overwrite")
    second = run.read_record()
    assert (first["flags"]["latent_dim"], second["flags"]["latent_dim"]) == (10, 3)
    assert second["started"] > first["started"]
    assert (run.folder / "notes.txt").read_text() == "mine"


def test_a_training_that_diverges_is_reported_in_one_line(in_process, capsys):
    with pytest.raises(SystemExit) as stopped:
        in_process("train", *SMALL, "--learning_rate", "1e30")
    check_failed_in_process(stopped, capsys, "train.py: ")


def test_a_model_that_does_not_fit_into_memory_is_reported_in_one_line(
    in_process, capsys, monkeypatch
):
    def build(*facts):
        # What --hidden_dim 1000000000000 leads to, after ten seconds of trying.
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr("models.build", build)
    with pytest.raises(SystemExit) as stopped:
        in_process("train", *SMALL)
    check_failed_in_process(stopped, capsys, "train.py: ")


# ---------------------------------------------------------------------- evaluate.py


def test_everything_is_drawn_as_png_and_pdf_and_named(tree, evaluated):
    folder = tree / "result" / NAME
    expected = [folder / f"{name}{ending}" for name in FIGURES for ending in (".png", ".pdf")]
    expected += [folder / "metrics.json", folder / "index.json", folder / "ood.json"]
    index = tree / "result" / "index.html"
    assert sorted(written(evaluated.stdout)) == sorted([*expected, index])
    assert f">{NAME}</" in index.read_text()
    kept = [folder / "tsne_test.bin", folder / "tsne_train.bin"]
    assert sorted(folder.iterdir()) == sorted([*expected, *kept])
    for path in expected:
        start = {".png": b"\x89PNG", ".pdf": b"%PDF-", ".json": b"{"}[path.suffix]
        assert path.read_bytes().startswith(start)


def test_evaluation_prints_the_run_and_nothing_on_stderr(tree, evaluated):
    assert f"{tree / 'trained_model' / NAME} (finished)" in evaluated.stdout
    assert evaluated.stderr == ""


def test_the_metrics_are_of_this_run(tree, evaluated):
    metrics = json.loads((tree / "result" / NAME / "metrics.json").read_text())
    assert (metrics["run"], metrics["checkpoint"], metrics["num_images"]) == (NAME, "best", 360)
    assert metrics["elbo"]["mean"] == pytest.approx(
        -(metrics["reconstruction"]["mean"] + metrics["kl"]["mean"])
    )
    assert metrics["kl"]["mean"] == pytest.approx(sum(metrics["kl_per_dimension"]), rel=1e-4)


def test_the_same_seed_gives_the_same_bytes_and_another_other_samples(
    tree, evaluated, run_script, in_process
):
    folder = tree / "result" / NAME
    before = hash_files(folder)
    path = str(tree / "trained_model" / NAME / "best.keras")
    again = run_script("evaluate.py", "--all", "1", *FEW, "--saved_path", path, tensorflow=True)
    assert again.returncode == 0, again.stderr
    assert hash_files(folder) == before
    in_process("evaluate", "--generate", "--run_name", NAME, *FEW, "--seed", "1", root=tree)
    after = hash_files(folder)
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"generated.png", "generated.pdf"}


def test_the_last_model_is_drawn_beside_the_best(tree, evaluated, in_process):
    folder = tree / "result" / NAME
    before = hash_files(folder)
    last = ("--run_name", NAME, "--checkpoint", "last")
    in_process("evaluate", "--generate", *last, *FEW, root=tree)
    after = hash_files(folder)
    assert set(after) - set(before) == {"generated_last.png", "generated_last.pdf"}
    assert {name: after[name] for name in before} == before


def start_run(root: Path, name: str) -> runs.Run:
    """Makes a run of the digits that has no model yet."""
    run = runs.Run(root / "trained_model" / name)
    flags = cli.settings(cli.parse_train(["train.py", "--dataset", "digits"]))
    run.start({"status": "training", "started": "2999", "flags": flags, "data_dir": None})
    return run


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"not a model at all"])
def test_a_damaged_model_is_reported_in_one_line(in_process, tmp_path, capsys, content):
    start_run(tmp_path, "damaged").best_path.write_bytes(content)
    with pytest.raises(SystemExit) as stopped:
        in_process("evaluate", "--generate", "--run_name", "damaged")
    check_failed_in_process(stopped, capsys, "best.keras")


def test_a_run_without_a_model_is_reported(in_process, tmp_path, capsys):
    start_run(tmp_path, "young")
    with pytest.raises(SystemExit) as stopped:
        in_process("evaluate", "--generate", "--run_name", "young")
    check_failed_in_process(stopped, capsys, "has not finished an epoch")


def test_a_run_without_the_model_asked_for_does_not_hide_one_that_has_it(in_process, tmp_path):
    # After an epoch without a number there is a last model and no best one.
    in_process("train", *SMALL, "--run_name", "good")
    start_run(tmp_path, "diverged").last_path.touch()
    in_process("evaluate", "--generate", "--num_gen", "4")
    assert (tmp_path / "result" / "good" / "generated.png").is_file()


# ------------------------------------------------- answered without importing TensorFlow


@pytest.mark.parametrize("script", ["train.py", "evaluate.py"])
def test_help_needs_no_tensorflow(run_script, script):
    result = run_script(script, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert f"python {script} " in result.stdout
    assert "--latent_dim" in result.stdout


@pytest.mark.parametrize(
    ("script", "flags", "part"),
    [
        ("train.py", "--latent_dim x", "flag --latent_dim=x: expected an integer"),
        ("train.py", "--latnet_dim 5", "did you mean --latent_dim"),
        ("evaluate.py", "", "nothing to do"),
    ],
)
def test_a_bad_command_line_is_reported_without_tensorflow(run_script, script, flags, part):
    check_one_line(run_script(script, *flags.split()), 2, f"{script}: ", part)


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (
            "--generate 1 --latent_dim 5 --dataset digits",
            ["no trained run", "python train.py --dataset digits --latent_dim 5"],
        ),
        ("--generate 1 --run_name missing", ["there is no run in", "missing", "python train.py"]),
        ("--generate 1 --saved_path /nowhere", ["there is no run in /nowhere", "python train.py"]),
        (f"--generate 1 --run_name {NAME} --latent_dim 5", ["contradicts", "--latent_dim 10"]),
    ],
)
def test_a_missing_run_is_reported_without_tensorflow(run_script, trained, flags, parts):
    check_one_line(run_script("evaluate.py", *flags.split()), 1, *parts)


def test_images_that_are_not_available_are_reported_without_tensorflow(tree, run_script, tmp_path):
    before = hash_files(tree)
    empty = str(tmp_path)
    result = run_script("train.py", "--dataset", "mnist", "--data_dir", empty, **NO_NETWORK)
    parts = (f"mnist is not in {empty}", "--data_dir FOLDER", "--dataset digits")
    check_one_line(result, 1, *parts)
    assert hash_files(tree) == before


def test_curves_need_no_tensorflow(tree, run_script, trained):
    result = run_script("evaluate.py", "--curves", "1", "--run_name", NAME)
    assert (result.returncode, result.stderr) == (0, "")
    folder, index = tree / "result" / NAME, tree / "result" / "index.html"
    assert written(result.stdout) == [folder / "curves.png", folder / "curves.pdf", index]
    assert all(path.is_file() for path in written(result.stdout))
