"""``--network auto``: what it chooses for each size, and what a run records of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cli
import data
from catalog.networks import NETWORKS, choose


@pytest.fixture
def images(tmp_path: Path):
    """Writes an array of images of a shape; returns its path."""

    def write(*shape: int) -> str:
        path = tmp_path / f"{'x'.join(map(str, shape))}.npy"
        np.save(path, np.random.default_rng(0).integers(0, 256, (20, *shape), np.uint8))
        return str(path)

    return write


def parse(*words: str):
    return cli.parse_train(["train.py", *words])


@pytest.mark.parametrize(
    ("shape", "network", "sizes"),
    [
        ((8, 8, 1), "mlp", {}),
        ((8, 8, 3), "mlp", {}),
        ((28, 28, 1), "mlp", {}),
        ((32, 32, 1), "mlp", {}),
        ((18, 18, 3), "mlp", {}),
        ((19, 18, 3), "resnet", {"width": 32}),
        ((28, 28, 3), "resnet", {"width": 32}),
        ((32, 32, 3), "resnet", {"width": 32}),
        ((33, 32, 1), "resnet", {"width": 16}),
        ((48, 64, 3), "resnet", {"width": 16}),
        ((64, 64, 1), "resnet", {"width": 16}),
        ((65, 16, 3), "resnet", {"width": 8}),
        ((128, 128, 3), "resnet", {"width": 8}),
        ((129, 128, 3), "conv", {"filters": (32, 64, 128, 256, 256)}),
        ((218, 178, 3), "conv", {"filters": (32, 64, 128, 256, 256)}),
        ((256, 256, 3), "conv", {"filters": (32, 64, 128, 256, 256)}),
        ((15, 64, 3), "conv", {"filters": (32, 64, 128)}),
        ((1, 2000, 1), "conv", {"filters": (32, 64, 128, 256, 256, 256, 256, 256)}),
    ],
)
def test_the_size_of_the_images_decides(shape, network, sizes, images):
    chosen = choose(shape)
    assert (chosen.network, chosen.flags) == (network, sizes)
    assert chosen.reason.startswith(f"{shape[0]}×{shape[1]} pixels, ")
    assert sizes.keys() <= {flag.name for flag in NETWORKS[network].flags}
    if max(shape) > 256:
        return
    values = parse("--dataset", images(*shape))
    settings = cli.settings(values)
    assert values.network == "auto"
    assert {"network": network, **sizes}.items() <= settings.items()
    typed = parse("--dataset", images(*shape), f"--network={network}", *as_words(sizes))
    assert typed.network == network
    assert cli.settings(typed) == settings
    assert cli.run_name(typed) == cli.run_name(values)


def as_words(sizes: dict) -> list[str]:
    types = {flag.name: flag.type for flag in cli.TRAIN_FLAGS}
    return [f"--{name}={types[name].format(value)}" for name, value in sizes.items()]


@pytest.mark.parametrize("dataset", data.DATASETS)
def test_the_datasets_of_the_catalog_keep_their_default(dataset):
    values = parse("--dataset", dataset)
    assert values.network == cli.settings(values)["network"] == "mlp"
    assert cli.run_name(values) == f"{dataset}_vae_hd500_ld10_e50"
    chosen = parse("--dataset", dataset, "--network", "auto")
    assert chosen.network == "auto"
    assert cli.settings(chosen) == cli.settings(values)


def test_a_runs_name_has_the_network_that_was_chosen(images):
    assert cli.run_name(parse("--dataset", images(8, 8))) == "8x8_vae_hd500_ld10_e50"
    assert cli.run_name(parse("--dataset", images(32, 32, 3))) == "32x32x3_vae_ld10_e50_nresnet"
    name = cli.run_name(parse("--dataset", images(64, 64, 3)))
    assert name == "64x64x3_vae_ld10_e50_nresnet_w16"


def test_its_sizes_can_be_given_and_the_size_is_that_after_resizing(images):
    large = images(64, 64, 3)
    assert cli.settings(parse("--dataset", large, "--width", "24"))["width"] == 24
    small = cli.settings(parse("--dataset", large, "--image_size", "8"))
    assert small["network"] == "mlp"
    assert cli.settings(parse("--dataset", large, "--image_size", "8", "--hidden_dim", "9"))


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--hidden_dim", "9"], "flag --hidden_dim: --network resnet does not read it; it reads"),
        (["--hidden_dim", "9"], "leave it out, or choose --network mlp"),
        (["--filters", "9", "--network=auto"], "or choose --network conv, conv_prelu or conv_le"),
        (["--label_counts", "9"], "unknown flag --label_counts"),
    ],
)
def test_flags_of_another_network_are_refused(words, part, images):
    with pytest.raises(cli.UsageError) as caught:
        parse("--dataset", images(64, 64, 3), *words)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_mistakes_are_found_before_the_images_are_read(tmp_path):
    missing = str(tmp_path / "missing.npy")
    with pytest.raises(cli.UsageError, match="--beta_steps: --beta_schedule constant does not"):
        parse("--dataset", missing, "--beta_steps", "9")
    with pytest.raises(data.DataError, match="there is no file"):
        parse("--dataset", missing, "--width", "9")


def test_a_sweep_over_networks_includes_auto(images):
    argv = ["train.py", "--dataset", images(32, 32, 3), "--sweep", "network=mlp,auto"]
    members = cli.parse_each(argv, cli.parse_train(argv))
    assert [member.settings["network"] for member in members] == ["mlp", "resnet"]


def test_evaluate_finds_any_network_for_auto():
    values = cli.parse_evaluate(["evaluate.py", "--all", "--network", "auto", "--beta", "4"])
    assert cli.given(values) == {"beta": 4.0}


def test_the_oldest_runs_have_the_network_of_their_time(images):
    path = images(64, 64, 3)
    info = data.describe(path)
    flags = {"dataset": path, "hidden_dim": [9]}
    assert cli.check_recorded(flags, data.to_record(info))["network"] == "mlp"
    settings = cli.settings(parse("--dataset", path))
    assert cli.check_recorded(settings, data.to_record(info)) == settings
