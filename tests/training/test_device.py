"""The setup of TensorFlow and of the available device."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from data import cores
from training import device


def test_the_device_is_named_with_its_cores_or_gpus():
    name = device.set_up_tensorflow()
    if tf.config.list_physical_devices("GPU"):
        one = r".+ \(\d+ GiB, compute capability \d+\.\d+\)"
        assert re.fullmatch(rf"GPU, {one}, CUDA [\d.]+, float32 products in .+", name)
    else:
        assert name == f"CPU, {cores.count()} cores"


class Driver:
    """Replaces NVIDIA's driver library: every GPU has 140 GiB."""

    def cuInit(self, flags):
        return 0

    def cuDeviceGet(self, device, index):
        return 0

    def cuDeviceTotalMem_v2(self, size, device):
        size._obj.value = 140 * 2**30
        return 0


@pytest.fixture
def gpu(monkeypatch):
    """Makes TensorFlow report an H200; returns the settings that are changed."""
    calls = []
    details = {"device_name": "NVIDIA H200", "compute_capability": (9, 0)}
    experimental = tf.config.experimental
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"])
    monkeypatch.setattr(experimental, "set_memory_growth", lambda gpu, grows: None)
    monkeypatch.setattr(experimental, "get_device_details", lambda gpu: details)
    monkeypatch.setattr(experimental, "enable_op_determinism", lambda: calls.append("ordered"))
    monkeypatch.setattr(tf.sysconfig, "get_build_info", lambda: {"cuda_version": "12.5.1"})
    monkeypatch.setattr(device, "_open_driver", Driver)
    monkeypatch.setattr(device.cache, "own_folder", lambda: Path("/dev/null/no folder"))
    monkeypatch.setenv("XLA_FLAGS", "")
    yield calls
    experimental.enable_tensor_float_32_execution(True)


H200 = "GPU, NVIDIA H200 (140 GiB, compute capability 9.0), CUDA 12.5.1"


@pytest.mark.parametrize("deterministic", [False, True])
def test_deterministic_gpu_operations_are_enabled_on_request(deterministic, gpu):
    assert device.set_up_tensorflow(deterministic) == f"{H200}, float32 products in TF32"
    assert gpu == ["ordered"] * deterministic


@pytest.mark.parametrize("override", ["0", "1", ""])
def test_nvidias_variable_turns_tf32_off(override, gpu, monkeypatch):
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", override)
    precision = "full precision" if override == "0" else "TF32"
    assert device.set_up_tensorflow() == f"{H200}, float32 products in {precision}"
    enabled = tf.config.experimental.tensor_float_32_execution_enabled()
    assert enabled == (override != "0")


def test_gpus_before_ampere_have_no_tf32(gpu, monkeypatch):
    details = {"device_name": "Tesla V100", "compute_capability": (7, 0)}
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details)
    assert device.set_up_tensorflow().endswith("float32 products in full precision")


WIDE = "--xla_cpu_prefer_vector_width=512"
NO_TRITON = "--xla_gpu_enable_triton_gemm=false"
# As measured, by this name, on an H200.
WHILE_AS_GRAPH = (
    "--xla_gpu_enable_command_buffer=FUSION,CUBLAS,CUBLASLT,CUDNN,CUSTOM_CALL,"
    "DYNAMIC_SLICE_FUSION,CONDITIONAL,WHILE --xla_gpu_graph_min_graph_size=1"
)


@pytest.mark.parametrize(
    ("deterministic", "has_convolutions", "trains", "expected"),
    [
        (False, None, True, [WIDE]),
        (False, True, True, [WIDE, NO_TRITON]),
        (True, True, True, [WIDE, NO_TRITON]),
        (False, False, True, [WIDE, WHILE_AS_GRAPH]),
        (True, False, True, [WIDE]),
        (False, True, False, [WIDE, NO_TRITON]),
        (False, False, False, [WIDE]),
    ],
)
def test_xlas_settings_for_a_gpu_follow_from_the_network(
    deterministic, has_convolutions, trains, expected, gpu
):
    device.set_up_tensorflow(deterministic, has_convolutions, trains)
    assert os.environ["XLA_FLAGS"] == " ".join(expected)


def test_the_users_settings_of_xla_take_precedence(gpu, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_gpu_enable_triton_gemm=true --xla_gpu_autotune_level=2")
    device.set_up_tensorflow(has_convolutions=True)
    given = "--xla_gpu_enable_triton_gemm=true --xla_gpu_autotune_level=2"
    assert os.environ["XLA_FLAGS"] == f"{given} {WIDE}"


def test_without_a_driver_xla_has_no_settings_for_a_gpu(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setattr(device, "_open_driver", lambda: None)
    device.set_up_tensorflow(has_convolutions=True, trains=True)
    assert os.environ["XLA_FLAGS"] == WIDE


@pytest.mark.parametrize("deterministic", [False, True])
def test_xla_keeps_its_choice_of_kernels_in_the_cache(deterministic, gpu, monkeypatch, tmp_path):
    monkeypatch.setattr(device.cache, "own_folder", lambda: tmp_path / "keras-vae")
    device.set_up_tensorflow(deterministic, has_convolutions=True)
    folder = tmp_path / "keras-vae" / f"autotuning-{importlib.metadata.version('tensorflow')}"
    assert folder.is_dir() != deterministic
    flag = f"--xla_gpu_per_fusion_autotune_cache_dir={folder}"
    assert (flag in os.environ["XLA_FLAGS"].split()) != deterministic


@pytest.mark.parametrize("name", ["a folder with spaces", "file"])
def test_a_folder_that_xla_cannot_use_is_left_out(name, gpu, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(device.cache, "own_folder", lambda: tmp_path / name)
    device.set_up_tensorflow(has_convolutions=True)
    assert os.environ["XLA_FLAGS"] == f"{WIDE} {NO_TRITON}"


def test_xla_accepts_every_setting_and_its_messages_are_not_printed(tmp_path):
    """XLA ends a process with a setting that it does not know, on a CPU too."""
    program = f"""
from pathlib import Path
from training import device
device._open_driver = lambda: True
device.cache.own_folder = lambda: Path({str(tmp_path)!r})
flags = device._choose_gpu_flags(False, True, True) + device._choose_gpu_flags(False, False, True)
device._add_xla_flags(flags)
device.set_up_tensorflow()
import tensorflow as tf
print(float(tf.function(lambda x: x + 1, jit_compile=True)(tf.constant(1.0))), len(set(flags)))
"""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TF_CPP", "XLA_"))}
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "2.0 5\n", "")


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
