"""Modes: how steps are compiled, and whether run.json says that the result repeats."""

from __future__ import annotations

import keras
import pytest
import tensorflow as tf

import runs
from training import device, modes

DENSE, CONV = False, True  # whether the network has convolutions


def make_model() -> keras.Model:
    model = keras.Sequential([keras.layers.Dense(2)])
    model.build((None, 8))
    return model


def pretend(monkeypatch, on_cpu: bool) -> None:
    gpus = [] if on_cpu else ["a GPU"]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)


@pytest.mark.parametrize(
    ("has_convolutions", "jit_compile", "deterministic", "on_cpu", "loop", "repeats"),
    [
        (DENSE, None, False, True, "xla_loop", True),
        (DENSE, True, False, True, "xla_loop", True),
        (DENSE, False, False, True, "graph", False),
        (DENSE, None, True, True, "xla_loop", True),
        (CONV, None, False, True, "graph", False),
        (CONV, True, False, True, "xla_step", True),
        (CONV, False, False, True, "graph", False),
        (CONV, None, True, True, "xla_step", True),
        (CONV, True, True, True, "xla_step", True),
        (CONV, None, False, False, "xla_loop", False),
        (CONV, False, False, False, "graph", False),
        (CONV, None, True, False, "xla_loop", True),
    ],
)
def test_the_mode_follows_from_model_flags_and_device(
    has_convolutions, jit_compile, deterministic, on_cpu, loop, repeats, monkeypatch
):
    pretend(monkeypatch, on_cpu)
    flags = (jit_compile, deterministic, has_convolutions)
    mode = modes.choose_mode(make_model(), 1000, *flags)
    assert (mode.loop, not mode.unordered) == (loop, repeats)
    assert mode.reason


@pytest.mark.parametrize(
    ("batch_size", "jit_compile", "deterministic", "has_products", "on_cpu", "loop"),
    [
        (1024, None, False, True, True, "graph"),
        (1024, True, False, True, True, "xla_loop"),
        (1024, None, True, True, True, "xla_loop"),
        (100, None, False, True, True, "xla_loop"),
        (1024, None, False, False, True, "xla_loop"),
        (1024, None, False, True, False, "xla_loop"),
    ],
)
def test_large_bfloat16_batches_run_in_a_graph_if_the_processor_has_such_products(
    batch_size, jit_compile, deterministic, has_products, on_cpu, loop, monkeypatch
):
    pretend(monkeypatch, on_cpu)
    monkeypatch.setattr(device, "has_bfloat16_products", lambda: has_products)
    half = make_model()
    half.dtype_policy = "mixed_bfloat16"
    assert modes.choose_mode(half, batch_size, jit_compile, deterministic).loop == loop
    half.dtype_policy = "float32"
    assert modes.choose_mode(half, batch_size, jit_compile, deterministic).loop == "xla_loop"


@pytest.mark.parametrize(
    ("has_convolutions", "compares", "jit_compile", "on_cpu", "loop", "part"),
    [
        (DENSE, False, None, True, "xla_replicas", "compiled by XLA on each replica"),
        (DENSE, False, False, True, "graph", "as requested by --jit_compile 0"),
        (DENSE, True, None, True, "graph", "the replicas exchange their images"),
        (CONV, False, None, True, "graph", "convolutions are slower"),
        (CONV, False, True, True, "xla_replicas", "compiled by XLA on each replica"),
        (CONV, False, None, False, "xla_replicas", "compiled by XLA on each replica"),
        (CONV, True, None, False, "graph", "the replicas exchange their images"),
    ],
)
def test_xla_compiles_replicas_where_it_compiles_one_device_unless_images_are_compared(
    has_convolutions, compares, jit_compile, on_cpu, loop, part, monkeypatch
):
    pretend(monkeypatch, on_cpu)
    model = make_model()
    model.compares_images = compares
    mode = modes.choose_shared_mode(model, 100, 2, jit_compile, has_convolutions)
    assert mode.loop == loop
    assert part in mode.reason
    assert "each batch shared by 2 replicas" in mode.reason
    assert modes.judge_repeatability(mode, None) == ("up to the order of sums", mode.unordered)


ORDERED = modes.Mode("xla_loop", "quick", "")
UNORDERED = modes.Mode("graph", "quick", "any order")
EXACT = {"loop": "xla_loop", "repeats": "bit for bit", "repeats_because": "one order"}


@pytest.mark.parametrize(
    ("mode", "record", "repeats", "because"),
    [
        (ORDERED, None, "bit for bit", "the order of its sums is fixed"),
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
            "it began as xla_step and was resumed as xla_loop",
        ),
        (ORDERED, {}, "up to the order of sums", "it began in a version that did not record it"),
    ],
)
def test_a_run_repeats_if_all_modes_that_trained_it_do(mode, record, repeats, because):
    assert modes.judge_repeatability(mode, record) == (repeats, because)


def test_run_json_says_whether_the_run_repeats_and_training_prints_it(in_process, tmp_path, capsys):
    words = ("--dataset", "digits", "--hidden_dim", "16", "--run_name", "one")
    run = runs.Run(tmp_path / "trained_model" / "one")
    any_order = "the threads of a graph add up in any order"
    for more, loop, repeats, because in (
        (("--num_epochs", "1"), "xla_loop", runs.BIT_FOR_BIT, "the order of its sums is fixed"),
        (
            ("--num_epochs", "2", "--resume", "--jit_compile", "0"),
            *("graph", runs.UP_TO_ROUNDING, any_order),
        ),
        # Epochs that were trained by a graph remain unordered.
        (("--num_epochs", "3", "--resume"), "xla_loop", runs.UP_TO_ROUNDING, any_order),
    ):
        keras.utils.clear_session()
        in_process("train", *words, *more)
        assert f"\nrepeats   {repeats}: {because}\n" in capsys.readouterr().out
        record = run.read_record()
        assert record["status"] == "finished"
        found = tuple(record[name] for name in ("loop", "repeats", "repeats_because"))
        assert found == (loop, repeats, because)
