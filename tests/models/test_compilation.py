"""Functions that XLA compiles: results, and errors of the first and of later calls."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models import CompilationError, CompiledFunction


def spell(x: tf.Tensor) -> tf.Tensor:
    """Computes with texts, which XLA cannot compile."""
    return tf.strings.length(tf.strings.as_string(x))


def test_the_results_are_those_of_the_function():
    double = CompiledFunction(lambda x: 2 * x)
    for length in (3, 3, 4):
        np.testing.assert_array_equal(double(tf.ones(length)), np.full(length, 2.0))


@pytest.mark.parametrize("in_loop", [False, True])
def test_an_operation_that_xla_lacks_is_named_on_one_line(in_loop):
    def compute(x):
        if not in_loop:
            return spell(x)
        return tf.while_loop(lambda y: y[0] < 9, lambda y: y + spell(y), [tf.cast(x, tf.int32)])

    with pytest.raises(CompilationError) as caught:
        CompiledFunction(compute)(tf.zeros(3))
    message = str(caught.value)
    assert message.startswith("XLA cannot compile the model (Detected unsupported operations")
    assert "AsString" in message
    assert "\n" not in message
    assert "_XlaMustCompile" not in message
    assert len(message) < 300
    assert isinstance(caught.value.__cause__, tf.errors.InvalidArgumentError)


class Failing(CompiledFunction):
    """A compiled function whose n-th call raises an error, as a GPU may raise it."""

    def __init__(self, error: Exception, number: int):
        super().__init__(lambda x: x)
        compiled = self._function
        self.calls = 0

        def call(*args):
            self.calls += 1
            if self.calls == number:
                raise error
            return compiled(*args)

        call.get_concrete_function = compiled.get_concrete_function  # type: ignore[attr-defined]
        self._function = call


SYMBOLIC = (
    "Failed to analyze the computation (Failed to compute symbolic tile for (d0) -> (d0)\nHLO"
)


def test_a_failure_inside_xlas_compiler_is_a_failed_compilation():
    function = Failing(tf.errors.InternalError(None, None, SYMBOLIC), 1)
    with pytest.raises(CompilationError, match=r"\(Failed to analyze .* -> \(d0\)\)$"):
        function(tf.ones(3))


def test_an_error_of_a_later_call_is_none_unless_the_shapes_are_new():
    function = Failing(tf.errors.InternalError(None, None, "CUDA error"), 2)
    function(tf.ones(3))
    with pytest.raises(tf.errors.InternalError, match="CUDA error"):
        function(tf.ones(3))
    function = Failing(tf.errors.InternalError(None, None, SYMBOLIC), 2)
    function(tf.ones(3))
    with pytest.raises(CompilationError, match="symbolic tile"):
        function(tf.ones(4))


def test_other_errors_of_a_first_call_are_raised_as_they_are():
    function = Failing(tf.errors.ResourceExhaustedError(None, None, "Out of memory"), 1)
    with pytest.raises(tf.errors.ResourceExhaustedError):
        function(tf.ones(3))

    def mistaken(x):
        raise tf.errors.InvalidArgumentError(None, None, "while it is traced")

    with pytest.raises(tf.errors.InvalidArgumentError, match="while it is traced"):
        CompiledFunction(mistaken, autograph=False)(tf.ones(3))
