"""Writes Functional models of Keras in the formats of ``--export``."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf


def write(name: str, model: keras.Model, path: Path, quantize: bool) -> None:
    """Writes a model in a format.

    Args:
        name: of the format, in ``catalog.exports``.
        model: whose inputs and outputs are dictionaries of tensors.
        path: a file, or the folder of a SavedModel.
        quantize: whether a tflite file has 16-bit weights.

    Raises:
        OSError: if it cannot be written.
    """
    try:
        if name == "tflite":
            _write_tflite(model, path, quantize)
        else:
            _WRITERS[name](model, path)
    except tf.errors.OpError as error:
        # e.g. "{{function_node …}} PATH; No space left on device [Op:SaveV2]"
        raise OSError(error.message.split("; ")[-1].split(" [Op")[0]) from error


def _write_keras(model: keras.Model, path: Path) -> None:
    model.save(path)


def _write_saved_model(model: keras.Model, path: Path) -> None:
    # model.export of Keras 3.15 would store every weight twice.
    signature = {
        name: tf.TensorSpec(tensor.shape, tensor.dtype, name)
        for name, tensor in model.input.items()
    }
    served = tf.Module()
    served.weights = [variable.value for variable in model.variables]
    served.serve = tf.function(model, input_signature=[signature], autograph=False)
    tf.saved_model.save(served, str(path), {"serving_default": served.serve})


def _write_tflite(model: keras.Model, path: Path, quantize: bool) -> None:
    target = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}  # all that LiteRT alone has
    options = {}
    if quantize:
        target["supported_types"] = [tf.float16]
        options["optimizations"] = [tf.lite.Optimize.DEFAULT]
    model.export(path, format="litert", verbose=False, target_spec=target, **options)


def _write_onnx(model: keras.Model, path: Path) -> None:
    import onnx

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras looks for np.object, which NumPy warns of
        signature = [model.input]
        model.export(path, format="onnx", verbose=False, input_signature=signature)
    written = onnx.load(path)
    for value in (*written.graph.input, *written.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.checker.check_model(written)  # tf2onnx only logs operations that ONNX lacks
    onnx.save(written, path)


_WRITERS: dict[str, Callable[[keras.Model, Path], None]] = {
    "keras": _write_keras,
    "onnx": _write_onnx,
    "saved_model": _write_saved_model,
}
