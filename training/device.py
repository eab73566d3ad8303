"""Imports TensorFlow quietly and sets up the available device."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path


def set_up_tensorflow(log_level: int = 2, deterministic: bool = False) -> str:
    """Imports TensorFlow and Keras, enables memory growth on GPUs, and names the device.

    Args:
        log_level: minimum level of TensorFlow's C++ log messages: 2 for errors, 3 for fatal
            errors only. The environment variable TF_CPP_MIN_LOG_LEVEL takes precedence.
        deterministic: enables deterministic GPU operations, which sum in a fixed order.

    Returns:
        e.g. ``"CPU, 2 cores"`` or ``"GPU, NVIDIA H200"``.
    """
    import figures  # noqa: F401  # Keras imports matplotlib: see figures/own_defaults.py

    ignore_keras_settings()
    _keep_large_buffers()
    _use_wide_vectors()
    with _quiet_start(log_level), _uncollected(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # with python -W error, their own warnings would raise
        import keras  # noqa: F401
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
    # TensorFlow 2.21's tensors lack NumPy 2's copy argument; NumPy falls back to copying.
    warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if not gpus:
        return f"CPU, {len(os.sched_getaffinity(0))} cores"
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    names = [tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in gpus]
    return f"GPU, {', '.join(name or 'unnamed' for name in names)}"


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


def _use_wide_vectors() -> None:
    """Enables 512-bit vectors in XLA, which uses at most 256 bits by default."""
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_cpu_prefer_vector_width" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --xla_cpu_prefer_vector_width=512".strip()


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
def _quiet_start(log_level: int) -> Iterator[None]:
    """Suppresses TensorFlow's C++ messages on stderr during its import.

    A dozen lines on oneDNN and missing GPU drivers are logged before any setting applies.
    They are printed if the import fails, or if TF_CPP_MIN_LOG_LEVEL is set.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = str(log_level)
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
