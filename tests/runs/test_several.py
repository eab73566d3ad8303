"""Comparison of several runs: finding, checking and labeling them."""

from __future__ import annotations

from pathlib import Path

import pytest

import runs


def write_run(root: Path, name: str, latent_dim: int = 10) -> None:
    run = runs.Run(root / name)
    run.folder.mkdir(parents=True)
    flags = {"latent_dim": latent_dim}
    run.write_record({"format": 1, "status": "finished", "started": "1999", "flags": flags})


def names(root: Path, words: str) -> list[str]:
    return [run.name for run in runs.find_several(root, words)]


def records(**flags_of_runs) -> dict[str, dict]:
    shared = {"dataset": "mnist", "binarize": "none", "model": "vae", "latent_dim": 10}
    return {name: {"flags": shared | flags} for name, flags in flags_of_runs.items()}


# --------------------------------------------------------------------- find_several


@pytest.fixture
def root(tmp_path):
    for latent_dim in (100, 20, 2):
        write_run(tmp_path, f"mnist_ld{latent_dim}", latent_dim)
    write_run(tmp_path, "conv_f32,64_ld4", 4)
    (tmp_path / "mnist_no_run").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("mnist_ld20,mnist_ld2", ["mnist_ld2", "mnist_ld20"]),
        ("mnist_ld20, mnist_ld2", ["mnist_ld2", "mnist_ld20"]),
        ("mnist*", ["mnist_ld2", "mnist_ld20", "mnist_ld100"]),
        ("mnist_ld?,mnist_ld10*", ["mnist_ld2", "mnist_ld100"]),
        ("mnist_ld2,mnist*2*,mnist_ld2", ["mnist_ld2", "mnist_ld20"]),
        ("conv_f32,64_ld4,mnist_ld2", ["mnist_ld2", "conv_f32,64_ld4"]),
        ("mnist_ld2,conv_f32,64_ld4", ["mnist_ld2", "conv_f32,64_ld4"]),
        ("*f32,*ld4,*ld100", ["conv_f32,64_ld4", "mnist_ld100"]),
    ],
)
def test_names_and_patterns_are_found_once_each_sorted_by_latent_dim(root, words, expected):
    assert names(root, words) == expected


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("mnist_ld2,mnist_ld3", "is called mnist_ld3: there are conv_f32,64_ld4, mnist_ld100"),
        ("fashion*", "is called fashion*: there are"),
        ("mnist_no_run,mnist_ld2", "is called mnist_no_run"),
        ("mnist_ld2", "names one run, mnist_ld2: name two or more"),
        ("mnist_ld2,*ld2", "names one run, mnist_ld2"),
    ],
)
def test_missing_runs_and_single_runs_are_reported_in_one_line(root, words, told):
    with pytest.raises(runs.RunError) as error:
        names(root, words)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_an_empty_folder_of_runs_is_reported(tmp_path):
    with pytest.raises(runs.RunError, match="there are none"):
        names(tmp_path, "a,b")


# ------------------------------------------------------------------ comparable runs


@pytest.mark.parametrize(("flag", "value"), [("dataset", "fashion_mnist"), ("binarize", "dynamic")])
def test_runs_of_other_images_are_refused_in_one_line(flag, value):
    runs.check_comparable(records(a={"beta": 1.0}, b={"model": "autoencoder"}))
    with pytest.raises(runs.RunError) as error:
        runs.check_comparable(records(a={}, b={}, c={flag: value}))
    told = str(error.value)
    assert f"differ in {flag}: " in told
    assert "(a), " in told, "one run for each value is named"
    assert f"{value} (c)" in told
    assert "\n" not in told


# ------------------------------------------------------------------------ labels


def test_runs_that_differ_in_latent_dim_are_labeled_with_it():
    assert runs.label(records(a={"latent_dim": 2}, b={"latent_dim": 20})) == [
        "latent_dim 2",
        "latent_dim 20",
    ]


def test_runs_that_differ_in_the_model_are_labeled_with_it():
    ours = records(a={"beta": 1.0, "hidden_dim": "8"}, b={"model": "autoencoder"})
    ours["b"]["flags"]["hidden_dim"] = [8]  # written by a newer version
    assert runs.label(ours) == ["vae", "autoencoder"]
    ours |= records(c={"latent_dim": 2, "beta": 1.0})
    assert runs.label(ours) == [
        "vae, latent_dim 10",
        "autoencoder, latent_dim 10",
        "vae, latent_dim 2",
    ]


def test_runs_are_labeled_with_the_settings_in_which_they_differ():
    ours = records(a={"beta": 1.0, "hidden_dim": [8, 4]}, b={"beta": 0.5, "hidden_dim": []})
    assert runs.label(ours) == ["beta 1, hidden_dim 8-4", "beta 0.5, hidden_dim none"]


def test_a_setting_that_only_one_model_reads_is_not_a_difference():
    ours = records(a={"beta": 4.0}, b={"model": "autoencoder"})
    assert runs.label(ours) == ["vae", "autoencoder"]
    ours |= records(c={"beta": 1.0})
    assert runs.label(ours) == ["vae, beta 4", "autoencoder", "vae, beta 1"]


def test_long_labels_leave_out_what_is_not_needed_to_tell_runs_apart():
    settings = {"latent_dim": 2, "learning_rate": 0.01, "num_epochs": 7, "corruption": 0.25}
    other = {"latent_dim": 4, "learning_rate": 0.1, "num_epochs": 9, "corruption": 0.5}
    labels = runs.label(records(a=settings, b=other))
    assert labels == ["latent_dim 2, learning_rate 0.01", "latent_dim 4, learning_rate 0.1"]


def test_runs_with_equal_settings_are_labeled_with_their_names():
    assert runs.label(records(one={"beta": 1.0}, other={"beta": 1.0})) == ["one", "other"]
    ours = records(one={"beta": 1.0}, other={"beta": 1.0}, third={"beta": 2.0})
    assert runs.label(ours) == ["beta 1 (one)", "beta 1 (other)", "beta 2"]


def test_the_name_of_the_folder_depends_on_the_runs_but_not_on_their_order():
    once = runs.name_comparison(records(a={}, b={}))
    assert once == runs.name_comparison(records(b={}, a={}))
    assert once.startswith("compare_mnist_")
    assert len(once) < 40
    others = [
        runs.name_comparison(records(**{name: {} for name in names})) for names in ("ac", "abc")
    ]
    assert len({once, *others}) == 3
