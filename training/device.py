"""TensorFlow, imported quietly, on the device that is there."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path


def set_up_tensorflow(log_level: int = 2, deterministic: bool = False) -> str:
    """Imports TensorFlow and Keras, has a GPU's memory grow as needed, and names the device.

    Args:
        log_level: of what TensorFlow's C++ prints while it runs: 2 for errors, 3 for those
            alone that end the process. TF_CPP_MIN_LOG_LEVEL comes first.
        deterministic: have a GPU compute by kernels that add up in one order.

    Returns:
        e.g. ``"CPU, 2 cores"`` or ``"GPU, NVIDIA H200"``.
    """
    import figures  # noqa: F401  # Keras imports matplotlib: see figures/own_defaults.py

    os.environ["KERAS_BACKEND"] = "tensorflow"
    _keep_large_buffers()
    _use_wide_vectors()
    with _quiet_start(log_level):
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if not gpus:
        return f"CPU, {len(os.sched_getaffinity(0))} cores"
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    names = [tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in gpus]
    return f"GPU, {', '.join(name or 'unnamed' for name in names)}"


def _keep_large_buffers() -> None:
    """Has glibc keep freed buffers of up to 32 MiB, its limit, for the next request.

    By default it hands those above 128 KiB back to the system at once. A matrix product
    asks for such a buffer at every step, and all its pages are then mapped anew: a fifth
    of the time of a small model.
    """
    if not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"):
        return
    m_mmap_threshold = -3  # malloc.h
    ctypes.CDLL(None).mallopt(m_mmap_threshold, 32 * 2**20)


def _use_wide_vectors() -> None:
    """Has XLA use 512-bit vectors where the processor has them; by default it stops at 256."""
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_cpu_prefer_vector_width" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --xla_cpu_prefer_vector_width=512".strip()


def has_bfloat16_products() -> bool:
    """Says whether the processor multiplies vectors of bfloat16 itself (x86, on Linux)."""
    try:
        return "avx512_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def out_of_memory_in_one_line() -> Iterator[None]:
    """Turns TensorFlow's error for lack of memory into a MemoryError for the user."""
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
def _quiet_start(log_level: int) -> Iterator[None]:
    """Holds back what TensorFlow's C++ prints on stderr while it starts.

    A dozen lines on oneDNN and missing GPU drivers, which no setting turns off so early.
    They are printed after all if the start fails, or if TF_CPP_MIN_LOG_LEVEL is set.
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
