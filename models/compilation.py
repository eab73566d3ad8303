"""Functions that XLA compiles; a failed compilation is an error of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import tensorflow as tf


class CompilationError(Exception):
    """XLA could not compile or start a function; the message gives XLA's reason on one line."""


class CompiledFunction:
    """A ``tf.function`` that XLA compiles, or whose parts it compiles.

    XLA compiles a function in its first call with arguments of new shapes. The errors of such a
    call have the same classes as those of a running computation, so only an error of a first
    call is taken for a failed compilation: a later one is raised as it is. So are errors that
    Python raises while TensorFlow traces the function, and out-of-memory errors.

    Args:
        function: takes tensors.
        options: of ``tf.function``; ``jit_compile`` is True by default.
    """

    def __init__(self, function: Callable[..., Any], **options: Any):
        self._function = tf.function(function, **{"jit_compile": True, **options})
        self._compiled: set[tuple[tf.TensorShape, ...]] = set()  # shapes of the arguments

    def __call__(self, *args: tf.Tensor) -> Any:
        shapes = tuple(arg.shape for arg in args)
        if shapes in self._compiled:
            return self._function(*args)
        self._function.get_concrete_function(*args)  # traces
        try:
            result = self._function(*args)
        except tf.errors.ResourceExhaustedError:
            raise
        except tf.errors.OpError as error:
            raise CompilationError(f"XLA cannot compile the model ({_shorten(error)})") from error
        self._compiled.add(shapes)
        return result


_PREFACE = re.compile(r"Graph execution error|Detected at node|File |<stack|\d+ root error")


def _shorten(error: tf.errors.OpError) -> str:
    """Returns the first line of XLA's reason, at most 200 characters, without attributes."""
    # Where the function is part of a graph, TensorFlow first names operations and devices.
    lines = (line.strip() for line in error.message.splitlines())
    line = next(line for line in lines if line and not _PREFACE.match(line))
    return re.sub(r"^\(0\) [A-Z_]+: +|\[_Xla[^]]*\]", "", line)[:200]
