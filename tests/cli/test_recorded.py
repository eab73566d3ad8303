"""The flags in a run.json: of this version, of earlier ones, and of strangers."""

from __future__ import annotations

import json
import sys

import pytest

import cli

SETTINGS = cli.settings(cli.parse_train(["train.py"]))
CONV = cli.settings(cli.parse_train(["train.py", "--network=conv_leaky", "--stream=1"]))


@pytest.mark.parametrize("settings", [SETTINGS, CONV])
def test_settings_survive_run_json(settings):
    recorded = json.loads(json.dumps(settings))
    assert cli.check_recorded(recorded) == settings


def test_text_of_earlier_versions_is_parsed():
    old = {
        "dataset": "digits",
        "network": "conv",
        "filters": "8,16",
        "paddings": "same,1",
        "decoder_dims": "none",
        "activation": "elu",
        "latent_dim": 2,
        "stream": "0",
        "num_labels": None,
    }
    checked = cli.check_recorded(old)
    assert checked["filters"] == (8, 16)
    assert checked["paddings"] == ("same", 1)
    assert checked["decoder_dims"] == ()
    assert checked["activation"] == ("elu",)
    assert checked["stream"] is False
    # Flags that earlier versions did not have.
    assert (checked["prior"], checked["objective"]) == ("standard_normal", "elbo")


PUBLISHED = sorted((cli.ROOT / "docs" / "results").glob("*/*/run.json"))


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.parent.name)
def test_published_runs_are_accepted_those_of_earlier_versions_too(path):
    recorded = json.loads(path.read_text())["flags"]
    types = {flag.name: flag.type for flag in cli.TRAIN_FLAGS}
    checked = cli.check_recorded(recorded)
    for name, value in recorded.items():
        expected = tuple(value) if isinstance(value, list) else value  # once, lists were text
        assert checked[name] == expected or checked[name] == types[name].parse(str(value))


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        ({"x": 1}, "unknown flag in run.json: --x; it may come from a newer version"),
        ({"run_name": "x"}, "unknown flag in run.json: --run_name"),
        ({"flagfile": "/etc/passwd"}, "unknown flag in run.json: --flagfile"),
        ({"sweep": "beta=1,2"}, "unknown flag in run.json: --sweep"),
        ({"dataset": "spheres"}, "flag --dataset=spheres: expected mnist"),
        ({"dataset": ["mnist"]}, "flag --dataset=['mnist']: expected mnist"),
        ({"latent_dim": "2,4"}, "flag --latent_dim=2,4: --model vae has one level"),
        ({"latent_dim": 2.5}, "flag --latent_dim=2.5: expected an integer"),
        ({"latent_dim": True}, "flag --latent_dim=True: expected an integer"),
        ({"latent_dim": [2]}, "flag --latent_dim=[2]: parsed to 2"),
        ({"latent_dim": "٣"}, "flag --latent_dim=٣: parsed to 3"),
        ({"beta": True}, "flag --beta=True: expected a number"),
        ({"beta": " 2"}, "flag --beta= 2: parsed to 2.0"),
        ({"hidden_dim": "500, 2"}, "flag --hidden_dim=500, 2: parsed to (500, 2)"),
        ({"hidden_dim": [500, True]}, "flag --hidden_dim=500,True: expected"),
        ({"hidden_dim": [[500]]}, "flag --hidden_dim=[500]: expected"),
        ({"hidden_dim": ["500"]}, "flag --hidden_dim=['500']: parsed to (500,)"),
        ({"hidden_dim": []}, "flag --hidden_dim=none: expected"),
        ({"hidden_dim": {"a": 1}}, "flag --hidden_dim={'a': 1}: expected"),
        ({"stream": "yes"}, "flag --stream=yes: expected auto, 1 or 0"),
        ({"filters": [8]}, "flag --filters: --network mlp does not read it"),
        ({"num_validation": 60_000}, "expected less than the 60000 training images"),
    ],
)
def test_flags_that_train_would_refuse_are_refused(flags, part):
    before = set(sys.modules)
    with pytest.raises(cli.UsageError) as error:
        cli.check_recorded(flags)
    assert part in str(error.value)
    assert "\n" not in str(error.value)
    assert set(sys.modules) == before, "nothing that run.json names is imported"
