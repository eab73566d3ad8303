"""The README.md of an exported model: what its files take and give, and code that uses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import runs
from catalog.exports import FORMATS
from catalog.priors import PRIORS
from evaluation.session import Session

if TYPE_CHECKING:
    import keras

_NUM = 4  # images and samples in the code


class _Use(NamedTuple):
    """How a format is used; ``{part}`` is a file, ``{given}`` its input, ``{output}`` an output.

    Attributes:
        imports: statements that import the runtime.
        load: an expression that opens a file.
        call: an expression that computes an output.
        pip: the package of the runtime.
    """

    imports: str
    load: str
    call: str
    pip: str


_USES = {
    "onnx": _Use(
        "import onnxruntime",
        'onnxruntime.InferenceSession("{part}.onnx")',
        '{part}.run(["{output}"], {{{pairs}}})[0]',
        "onnxruntime",
    ),
    "saved_model": _Use(
        "import tensorflow as tf",
        'tf.saved_model.load("{part}.saved_model")',
        '{part}.serve({{{pairs}}})["{output}"]',
        "tensorflow",
    ),
    "tflite": _Use(
        "from ai_edge_litert.interpreter import Interpreter",
        'Interpreter("{part}.tflite").get_signature_runner()',
        '{part}({arguments})["{output}"]',
        "ai-edge-litert",
    ),
    "keras": _Use(
        "import keras",
        'keras.saving.load_model("{part}.keras")',
        '{part}({{{pairs}}})["{output}"]',
        "keras tensorflow",
    ),
}
_MEANINGS = {  # cells of a table in Markdown
    "images": "pixel values from 0 to 255",
    "noise": "ε in z = z_mean + exp(z_log_var / 2)·ε: draws from N(0, I), or 0 for z = z_mean",
    "z": "latent variables",
    "z_top": "those of the top level, the last ones of z, drawn from its prior",
    "z_mean": "mean of q(z\\|x)",
    "z_log_var": "logarithm of the variance of q(z\\|x)",
    "reconstruction": "E[x\\|z], pixel values from 0 to 255",
    "class_probabilities": "p(y\\|z) at z_mean",
}


def describe(session: Session, parts: Mapping[str, keras.Model], formats: Sequence[str]) -> str:
    """Returns the text.

    Args:
        session: whose model was exported.
        parts: the exported models by name.
        formats: in which they were exported.
    """
    settings = session.settings
    latent_dim = runs.as_word(settings["latent_dim"])
    lines = [
        f"# {runs.make_printable(session.run.name)}, exported",
        "",
        f"The {settings['model']} of this run after epoch {session.epoch}: network "
        f"{settings['network']}, likelihood {session.likelihood}, latent_dim {latent_dim}, "
        f"trained on {runs.make_printable(session.dataset_name)}. Arrays are float32, the batch "
        "size is free, and nothing is random.",
        "",
        "| file | input, output | shape | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for part, model in parts.items():
        for kind, tensors in (("input", model.input), ("output", model.output)):
            lines += [
                f"| {part} | {kind} `{name}` | ({', '.join(map(str, ('batch', *each.shape[1:])))}) "
                f"| {_MEANINGS[name]} |"
                for name, each in tensors.items()
            ]
    lines += ["", *_describe_pixels(session), *_describe_classes(session)]
    lines += _describe_arithmetic(session)
    for name in formats:
        use = _USES[name]
        lines += ["", f"## {name}", "", f"For {FORMATS[name].description}: pip install {use.pip}"]
        lines += ["", "```python", *_write_code(session, parts, use), "```"]
    return "\n".join(lines) + "\n"


def _describe_pixels(session: Session) -> list[str]:
    lines = [
        "Images are given as files have them, from 0 (black) to 255 (white); they are divided by "
        "255 inside. Decoded images are means, 255·E[x|z], not rounded; no pixels are drawn."
    ]
    low, high = session.recorded_info.value_range
    if (low, high) != (0, 255):
        lines.append(f"The dataset's own values, {low} to {high}, correspond to 0 to 255.")
    notes = session.record.get("dataset", {}).get("notes")  # not checked when it was read
    if isinstance(notes, list) and notes:
        text = "; ".join(runs.make_printable(str(note)) for note in notes)
        lines.append(f"The images that it was trained on were prepared first: {text}.")
    if session.settings["binarize"] != "none":
        lines.append(
            "It was trained on black and white images: each pixel was drawn white with probability "
            "value / 255. The exported model does not draw. For images like those of the training, "
            "give it `255.0 * (rng.random(images.shape) < images / 255)` as float32."
        )
    return lines


def _describe_classes(session: Session) -> list[str]:
    class_names = session.recorded_info.class_names
    if not (session.model.uses_labels and class_names):
        return []
    names = ", ".join(map(runs.make_printable, class_names))
    return ["", f"The classes, in the order of `class_probabilities`: {names}."]


def _describe_arithmetic(session: Session) -> list[str]:
    lines = []
    if session.settings["precision"] != "float32":
        lines += [
            "",
            f"The run was trained in {session.settings['precision']}; the exported model computes "
            "in float32, with the same float32 weights.",
        ]
    if session.flags["quantize"]:
        lines += ["", "The weights in the tflite files are rounded to 16 bits (--quantize)."]
    return lines


def _write_code(session: Session, parts: Mapping[str, keras.Model], use: _Use) -> list[str]:
    """Returns about ten lines that encode, sample, decode and reconstruct."""
    shape = ", ".join(map(str, (_NUM, *session.recorded_info.image_shape)))
    *lower, top = session.levels
    draw = PRIORS[session.prior].numpy.format(num=_NUM, latent_dim=top)
    if not session.model.is_variational:
        draw = "z = np.asarray(z_mean)  # codes; an autoencoder has no prior to draw from"

    def call(part: str, output: str, **given: str) -> str:
        return use.call.format(
            part=part,
            output=output,
            pairs=", ".join(f'"{name}": {value}' for name, value in given.items()),
            arguments=", ".join(f"{name}={value}" for name, value in given.items()),
        )

    given = {name: name for name in parts["model"].input}
    if lower:
        draw += f"""
z_top = z.astype("float32")
noise = rng.normal(size=({_NUM}, {sum(lower)})).astype("float32")
prior = {use.load.format(part="prior")}
z = {call("prior", "z", z_top="z_top", noise="noise")}"""

    noise = f'noise = np.zeros(({_NUM}, {session.latent_dim}), "float32")  # or draws from N(0, I)'
    return [
        use.imports,
        "import numpy as np",
        "",
        "rng = np.random.default_rng(0)",
        f'images = rng.uniform(0, 255, ({shape})).astype("float32")  # in place of yours',
        f"encoder = {use.load.format(part='encoder')}",
        f"z_mean = {call('encoder', 'z_mean', images='images')}",
        f"decoder = {use.load.format(part='decoder')}",
        *draw.split("\n"),
        'z = np.asarray(z, "float32")',
        f"samples = {call('decoder', 'images', z='z')}",
        f"model = {use.load.format(part='model')}",
        *([noise] if "noise" in given else []),
        f"reconstruction = {call('model', 'reconstruction', **given)}",
    ]
