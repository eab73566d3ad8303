"""TensorFlow, set up on the device that is there."""

from __future__ import annotations

import os
import re

import tensorflow as tf

from training import device


def test_the_device_is_named_with_what_it_has():
    name = device.set_up_tensorflow()
    if tf.config.list_physical_devices("GPU"):
        assert re.fullmatch(r"GPU, .+", name)
    else:
        assert name == f"CPU, {len(os.sched_getaffinity(0))} cores"


def test_keras_runs_on_tensorflow_whatever_it_was_told_before(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    device.set_up_tensorflow()
    assert os.environ["KERAS_BACKEND"] == "tensorflow"


def test_setting_up_is_silent_and_stderr_works_afterwards(monkeypatch, capfd):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    device.set_up_tensorflow()
    assert capfd.readouterr() == ("", "")
    os.write(2, b"a message\n")
    assert capfd.readouterr().err == "a message\n"
