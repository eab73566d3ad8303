"""Imports TensorFlow quietly and sets up the available device."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib.metadata
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import runs
from data import cache, cores

# XLA's own choice for a GPU is Triton's matrix products where they are faster. In XLA of TensorFlow
# 2.21 the compilation fails if such a product is fused with Flatten and the sizes do not suit it
# ("Failed to compute symbolic tile", jax-ml/jax#40237, openxla/xla#36792).
_WITHOUT_TRITON = ("--xla_gpu_enable_triton_gemm=false",)
# The steps of a compiled loop as one CUDA graph, which saves the launches of its kernels: an epoch
# of the default network took 0.080 s instead of 0.094 s on an H200. Drivers before CUDA 12.3 lack
# such graphs; XLA then launches the kernels as before.
_LOOP_AS_GRAPH = (
    "--xla_gpu_enable_command_buffer=FUSION,CUBLAS,CUBLASLT,CUDNN,CUSTOM_CALL,"
    "DYNAMIC_SLICE_FUSION,CONDITIONAL,WHILE",
    "--xla_gpu_graph_min_graph_size=1",
)


def set_up_tensorflow(
    deterministic: bool = False, has_convolutions: bool | None = None, trains: bool = False
) -> str:
    """Imports TensorFlow and Keras, enables memory growth on GPUs, and names the device.

    Of TensorFlow's C++ messages, only fatal errors are printed: the others repeat what its
    exceptions say, or report on the choice of kernels ("Delay kernel timed out", registers that
    ptxas spills). The environment variable TF_CPP_MIN_LOG_LEVEL takes precedence; 0 prints all.

    Args:
        deterministic: enables deterministic GPU operations, which sum in a fixed order.
        has_convolutions: whether a network of this process has convolutions, for which XLA needs
            other settings on a GPU; None leaves XLA's settings for GPUs as they are.
        trains: whether many training steps run in a loop that XLA compiles.

    Returns:
        e.g. ``"CPU, 2 cores"`` or ``"GPU, NVIDIA H200 (140 GiB, compute capability 9.0), CUDA
        12.5.1, float32 products in TF32"``.
    """
    import figures  # noqa: F401  # Keras imports matplotlib: see figures/own_defaults.py

    ignore_keras_settings()
    _keep_large_buffers()
    flags = ["--xla_cpu_prefer_vector_width=512"]  # XLA uses at most 256 bits by default
    if has_convolutions is not None and _open_driver():
        flags += _choose_gpu_flags(deterministic, has_convolutions, trains)
    _add_xla_flags(flags)
    with _quiet_start(), _uncollected(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # with python -W error, their own warnings would raise
        import keras  # noqa: F401
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
    # TensorFlow 2.21's tensors lack NumPy 2's copy argument; NumPy falls back to copying.
    warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if not gpus:
        return f"CPU, {cores.count()} cores"
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    if os.environ.get("NVIDIA_TF32_OVERRIDE") == "0":
        # NVIDIA's libraries obey the variable by themselves; XLA's own products do not.
        tf.config.experimental.enable_tensor_float_32_execution(False)
    return _describe_gpus()


def _describe_gpus() -> str:
    """Returns the GPUs' names and memory, the version of CUDA, and the precision of products."""
    import tensorflow as tf

    experimental = tf.config.experimental
    names, have_tf32 = [], experimental.tensor_float_32_execution_enabled()
    for index, gpu in enumerate(tf.config.list_physical_devices("GPU")):
        details = experimental.get_device_details(gpu)
        capability = details.get("compute_capability", (0, 0))
        have_tf32 = have_tf32 and capability >= (8, 0)  # Ampere and later
        facts = [f"compute capability {'.'.join(map(str, capability))}"]
        if memory := _read_memory(index):
            facts.insert(0, f"{memory / 2**30:.0f} GiB")
        names.append(f"{details.get('device_name', 'unnamed')} ({', '.join(facts)})")
    cuda = tf.sysconfig.get_build_info().get("cuda_version", "unknown")
    precision = "TF32" if have_tf32 else "full precision"
    return f"GPU, {', '.join(names)}, CUDA {cuda}, float32 products in {precision}"


def _open_driver() -> ctypes.CDLL | None:
    """Returns NVIDIA's driver library, opened as TensorFlow does; None if it is not installed."""
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None


def _read_memory(index: int) -> int | None:
    """Returns the memory of the GPU that has this index in this process, in bytes.

    TensorFlow states the memory of a GPU only after it has reserved most of it.
    """
    driver, device, size = _open_driver(), ctypes.c_int(), ctypes.c_size_t()
    if driver is None:
        return None
    failed = (
        driver.cuInit(0)
        or driver.cuDeviceGet(ctypes.byref(device), index)
        or driver.cuDeviceTotalMem_v2(ctypes.byref(size), device)
    )
    return None if failed else size.value


def _choose_gpu_flags(deterministic: bool, has_convolutions: bool, trains: bool) -> list[str]:
    """Returns flags of XLA for the GPU; see ``set_up_tensorflow``.

    Deterministic training keeps XLA's settings except for convolutions: it measures no kernels,
    and its repeatability was tested without CUDA graphs of loops.
    """
    flags: list[str] = []
    if has_convolutions:
        flags += _WITHOUT_TRITON
    elif trains and not deterministic:
        flags += _LOOP_AS_GRAPH
    if not deterministic and (folder := _make_autotuning_folder()):
        flags.append(f"--xla_gpu_per_fusion_autotune_cache_dir={folder}")
        flags.append("--xla_gpu_experimental_autotune_cache_mode=AUTOTUNE_CACHE_MODE_UPDATE")
    return flags


def _make_autotuning_folder() -> Path | None:
    """Returns the folder in which XLA keeps the kernels that it found to be fastest.

    XLA tells GPUs and computations apart, but not its own versions, so there is a folder for each
    version of TensorFlow. None if it cannot be written, where a compilation would fail.
    """
    try:
        version = importlib.metadata.version("tensorflow")
        folder = cache.own_folder() / f"autotuning-{version}"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, importlib.metadata.PackageNotFoundError):
        return None
    text = os.fspath(folder)
    # XLA splits its flags at white space.
    return folder if os.access(folder, os.W_OK) and not any(map(str.isspace, text)) else None


def _add_xla_flags(flags: list[str]) -> None:
    """Adds flags to XLA_FLAGS, except those that the user has set."""
    words = os.environ.get("XLA_FLAGS", "").split()
    given = {word.partition("=")[0] for word in words}
    words += [flag for flag in flags if flag.partition("=")[0] not in given]
    os.environ["XLA_FLAGS"] = " ".join(words)


def ignore_keras_settings() -> None:
    """Makes Keras use its own defaults when it is imported.

    A user's keras.json or KERAS_* variables can change results (``"image_data_format":
    "channels_first"`` transposes the pixels of a trained encoder's input) or prevent Keras
    from being imported.
    """
    for name in [name for name in os.environ if name.startswith("KERAS_")]:
        del os.environ[name]
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # A folder that cannot exist: Keras writes a keras.json into any folder that it can create.
    os.environ["KERAS_HOME"] = f"{os.devnull}/keras"


def _keep_large_buffers() -> None:
    """Makes glibc reuse freed buffers of up to 32 MiB, its limit.

    By default, glibc returns freed buffers above 128 KiB to the system at once. A matrix
    product requests such a buffer at every step, and mapping its pages again takes a fifth
    of the training time of a small model.
    """
    if not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"):
        return
    m_mmap_threshold = -3  # malloc.h
    ctypes.CDLL(None).mallopt(m_mmap_threshold, 32 * 2**20)


def has_bfloat16_products() -> bool:
    """Returns whether the processor has bfloat16 dot products (x86, on Linux)."""
    try:
        return "avx512_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def out_of_memory_in_one_line() -> Iterator[None]:
    """Converts TensorFlow's out-of-memory error to a MemoryError with a one-line message."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        reason = error.message.splitlines()[0][:200]
        raise MemoryError(
            f"the model does not fit into memory ({reason}): choose a smaller --hidden_dim or "
            "--batch_size"
        ) from error


@contextlib.contextmanager
def failed_compilation_in_one_line(command: str) -> Iterator[None]:
    """Converts a CompilationError to a RunError with a one-line message.

    Args:
        command: trains the same run without XLA.
    """
    import models

    try:
        yield
    except models.CompilationError as error:
        raise runs.RunError(f"{error}: to train without XLA, type {command}") from error


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Keeps the garbage collector from the objects of TensorFlow and Keras.

    They are half a million and live until the process ends. Visiting them takes a sixth of the
    time of the import, and a second or more when the process exits.
    """
    if "keras" in sys.modules:
        yield
        return
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


@contextlib.contextmanager
def _quiet_start() -> Iterator[None]:
    """Suppresses TensorFlow's C++ messages on stderr during its import.

    A dozen lines on oneDNN and missing GPU drivers are logged before any setting applies.
    They are printed if the import fails, or if TF_CPP_MIN_LOG_LEVEL is set.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
