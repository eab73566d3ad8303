"""Runs exported models in one runtime, in a process that does not find this program.

    python -P run_exported.py RUNTIME FOLDER

For each file X of the runtime's format in the folder, reads the inputs from X.inputs.npz and writes
the outputs to X.RUNTIME.npz.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

SUFFIXES = {"onnx": ".onnx", "saved_model": ".saved_model", "tflite": ".tflite", "keras": ".keras"}


def open_onnx(path):
    """Returns a function from named inputs to named outputs."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


def open_saved_model(path):
    """Returns a function from named inputs to named outputs."""
    import tensorflow as tf

    model = tf.saved_model.load(path)
    return lambda inputs: model.signatures["serving_default"](
        **{name: tf.constant(value) for name, value in inputs.items()}
    )


def open_tflite(path):
    """Returns a function from named inputs to named outputs."""
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(path).get_signature_runner()
    return lambda inputs: runner(**inputs)


def open_keras(path):
    """Returns a function from named inputs to named outputs."""
    import keras

    model = keras.saving.load_model(path, safe_mode=True)
    own = {type(layer).__module__.split(".")[0] for layer in model.layers}
    assert own == {"keras"}, own
    return model


def main(runtime, folder):
    """Runs every file of the runtime's format; a second batch size checks that it is free."""
    paths = sorted(Path(folder).glob(f"*{SUFFIXES[runtime]}"))
    for path in paths:
        inputs = dict(np.load(path.with_suffix(".inputs.npz")))
        model = globals()[f"open_{runtime}"](str(path))
        single = model({name: values[:1] for name, values in inputs.items()})
        outputs: dict[str, Any] = {
            name: np.asarray(values) for name, values in model(inputs).items()
        }
        for name, values in outputs.items():
            np.testing.assert_allclose(np.asarray(single[name]), values[:1], rtol=1e-4, atol=1e-4)
        np.savez(path.with_suffix(f".{runtime}.npz"), **outputs)
    assert not {"models", "catalog", "evaluation"} & set(sys.modules)


if __name__ == "__main__":
    main(*sys.argv[1:])
