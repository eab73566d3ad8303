"""How steps are computed, and what run.json says of it."""

from __future__ import annotations

import keras
import pytest
import tensorflow as tf

import runs
from training import device, modes

DENSE, CONV, TRANSPOSED = "Dense", "Conv2D", "Conv2DTranspose"


def make_model(layer: str) -> keras.Model:
    kinds = {
        DENSE: keras.layers.Dense(2),
        CONV: keras.layers.Conv2D(2, 3),
        TRANSPOSED: keras.layers.Conv2DTranspose(2, 3),
    }
    return keras.Sequential([keras.Sequential([kinds[layer]])])


def pretend(monkeypatch, on_cpu: bool) -> None:
    gpus = [] if on_cpu else ["a GPU"]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)


@pytest.mark.parametrize(
    ("layer", "jit_compile", "deterministic", "on_cpu", "loop", "repeats"),
    [
        (DENSE, "auto", False, True, "xla_loop", True),
        (DENSE, "1", False, True, "xla_loop", True),
        (DENSE, "0", False, True, "graph", False),
        (DENSE, "auto", True, True, "xla_loop", True),
        (CONV, "auto", False, True, "graph", False),
        (CONV, "1", False, True, "xla_step", True),
        (CONV, "0", False, True, "graph", False),
        (CONV, "auto", True, True, "xla_step", True),
        (CONV, "1", True, True, "xla_step", True),
        (TRANSPOSED, "auto", False, True, "graph", False),
        (TRANSPOSED, "auto", True, True, "xla_step", True),
        (CONV, "auto", False, False, "xla_loop", False),
        (CONV, "0", False, False, "graph", False),
        (CONV, "auto", True, False, "xla_loop", True),
    ],
)
def test_the_mode_follows_from_model_flags_and_device(
    layer, jit_compile, deterministic, on_cpu, loop, repeats, monkeypatch
):
    pretend(monkeypatch, on_cpu)
    mode = modes.choose_mode(make_model(layer), 1000, jit_compile, deterministic)
    assert (mode.loop, not mode.unordered) == (loop, repeats)
    assert mode.why


@pytest.mark.parametrize(
    ("batch_size", "jit_compile", "deterministic", "has_products", "on_cpu", "loop"),
    [
        (1024, "auto", False, True, True, "graph"),
        (1024, "1", False, True, True, "xla_loop"),
        (1024, "auto", True, True, True, "xla_loop"),
        (100, "auto", False, True, True, "xla_loop"),
        (1024, "auto", False, False, True, "xla_loop"),
        (1024, "auto", False, True, False, "xla_loop"),
    ],
)
def test_large_batches_in_bfloat16_run_where_the_processor_multiplies_them(
    batch_size, jit_compile, deterministic, has_products, on_cpu, loop, monkeypatch
):
    pretend(monkeypatch, on_cpu)
    monkeypatch.setattr(device, "has_bfloat16_products", lambda: has_products)
    half = make_model(DENSE)
    half.dtype_policy = "mixed_bfloat16"
    assert modes.choose_mode(half, batch_size, jit_compile, deterministic).loop == loop
    half.dtype_policy = "float32"
    assert modes.choose_mode(half, batch_size, jit_compile, deterministic).loop == "xla_loop"


ORDERED = modes.Mode("xla_loop", "quick", "")
UNORDERED = modes.Mode("graph", "quick", "any order")
EXACT = {"loop": "xla_loop", "repeats": "bit for bit", "repeats_because": "one order"}


@pytest.mark.parametrize(
    ("mode", "begun", "repeats", "because"),
    [
        (ORDERED, None, "bit for bit", "its sums have one order"),
        (ORDERED, EXACT, "bit for bit", "one order"),
        (UNORDERED, None, "up to the order of sums", "any order"),
        (UNORDERED, EXACT, "up to the order of sums", "any order"),
        (
            ORDERED,
            {**EXACT, "repeats": "up to the order of sums", "repeats_because": "a reason"},
            "up to the order of sums",
            "a reason",
        ),
        (
            ORDERED,
            {**EXACT, "loop": "xla_step"},
            "up to the order of sums",
            "it began as xla_step and went on as xla_loop",
        ),
        (ORDERED, {}, "up to the order of sums", "it began in a version that did not note it"),
        (modes.shared(2), None, "up to the order of sums", modes.shared(2).unordered),
    ],
)
def test_a_run_repeats_where_all_that_it_was_trained_by_does(mode, begun, repeats, because):
    assert modes.say_whether_it_repeats(mode, begun) == (repeats, because)


def test_run_json_says_whether_the_run_repeats_and_training_prints_it(in_process, tmp_path, capsys):
    words = ("--dataset", "digits", "--hidden_dim", "16", "--run_name", "one")
    run = runs.Run(tmp_path / "trained_model" / "one")
    any_order = "a graph's threads add up in any order"
    for more, loop, repeats, because in (
        (("--num_epochs", "1"), "xla_loop", runs.BIT_FOR_BIT, "its sums have one order"),
        (
            ("--num_epochs", "2", "--resume", "--jit_compile", "0"),
            *("graph", runs.UP_TO_ROUNDING, any_order),
        ),
        # What has been trained by a graph stays so.
        (("--num_epochs", "3", "--resume"), "xla_loop", runs.UP_TO_ROUNDING, any_order),
    ):
        keras.utils.clear_session()
        in_process("train", *words, *more)
        assert f"\nrepeats   {repeats}: {because}\n" in capsys.readouterr().out
        record = run.read_record()
        assert record["status"] == "finished"
        found = tuple(record[name] for name in ("loop", "repeats", "repeats_because"))
        assert found == (loop, repeats, because)
