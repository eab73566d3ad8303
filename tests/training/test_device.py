"""The setup of TensorFlow and of the available device."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from training import device


def test_the_device_is_named_with_its_cores_or_gpus():
    name = device.set_up_tensorflow()
    if tf.config.list_physical_devices("GPU"):
        assert re.fullmatch(r"GPU, .+", name)
    else:
        assert name == f"CPU, {len(os.sched_getaffinity(0))} cores"


@pytest.mark.parametrize("deterministic", [False, True])
def test_deterministic_gpu_operations_are_enabled_on_request(deterministic, monkeypatch):
    calls = []
    experimental = tf.config.experimental
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"])
    monkeypatch.setattr(experimental, "set_memory_growth", lambda gpu, grows: None)
    monkeypatch.setattr(experimental, "get_device_details", lambda gpu: {"device_name": "H"})
    monkeypatch.setattr(experimental, "enable_op_determinism", lambda: calls.append("ordered"))
    assert device.set_up_tensorflow(2, deterministic) == "GPU, H"
    assert calls == ["ordered"] * deterministic


def test_keras_runs_on_tensorflow_whatever_the_users_settings(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    device.set_up_tensorflow()
    assert os.environ["KERAS_BACKEND"] == "tensorflow"


def test_setting_up_is_silent_and_stderr_works_afterwards(monkeypatch, capfd):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    device.set_up_tensorflow()
    assert capfd.readouterr() == ("", "")
    os.write(2, b"a message\n")
    assert capfd.readouterr().err == "a message\n"


def test_xla_uses_wide_vectors_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=/nowhere")
    device.set_up_tensorflow()
    wide = "--xla_dump_to=/nowhere --xla_cpu_prefer_vector_width=512"
    assert os.environ["XLA_FLAGS"] == wide
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_prefer_vector_width=128")
    device.set_up_tensorflow()
    assert os.environ["XLA_FLAGS"] == "--xla_cpu_prefer_vector_width=128"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("avx512f avx512_bf16 avx512vbmi", True), ("avx512f avx512_fp16", False)],
)
def test_bfloat16_products_are_read_from_the_processors_flags(flags, expected, monkeypatch):
    text = f"processor\t: 0\nflags\t\t: fpu {flags}\nbugs\t\t: none\n"
    monkeypatch.setattr(Path, "read_text", lambda path, encoding: text)
    assert device.has_bfloat16_products() is expected


def test_without_the_processors_flags_there_are_no_bfloat16_products(monkeypatch):
    def refuse(path, encoding):
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", refuse)
    assert device.has_bfloat16_products() is False


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc")
def test_a_freed_large_buffer_is_kept():
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = MallocInfo
    libc.malloc.restype = ctypes.c_void_p
    device.set_up_tensorflow()
    before = libc.mallinfo2().hblks
    buffer = libc.malloc(ctypes.c_size_t(8 * 2**20))
    assert libc.mallinfo2().hblks == before  # not mapped by itself
    libc.free(ctypes.c_void_p(buffer))


class MallocInfo(ctypes.Structure):
    """The result of mallinfo2; hblks is the number of buffers with a mapping of their own."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def test_garbage_is_not_collected_during_the_import_and_is_again_afterwards():
    script = (
        "import gc, sys; gc.callbacks.append(lambda phase, info: during.append('keras' in "
        "sys.modules or 'tensorflow' in sys.modules)); during = []\n"
        "from training import device; device.set_up_tensorflow()\n"
        "print(sum(during), gc.isenabled(), gc.get_freeze_count() > 100_000)"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    collections, *rest = done.stdout.split()
    assert int(collections) < 20, "a hundred and more would be seen while TensorFlow is imported"
    assert rest == ["True", "True"]
