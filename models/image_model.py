"""A Keras model of images, and checks of what it is given."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def _like(method: Any) -> Any:
    """Gives a method the signature and the docstring of Keras' method that it extends."""
    return functools.wraps(method)


class ImageModel(keras.Model):
    """A Keras model trained on images, which refuses what it would misread in an error of one line.

    ``fit`` checks the values of arrays and of the first batch of a ``tf.data.Dataset``;
    ``evaluate`` and ``predict`` check arrays. Types and shapes are checked in every batch.

    Attributes:
        image_shape: (height, width, channels), known once it is built.
    """

    image_shape: tuple[int, ...] | None = None

    def check_batch(self, images, labels=None) -> None:
        """Raises ValueError unless the model can be trained on these images and labels."""
        check_images(images, self.image_shape)

    @_like(keras.Model.fit)
    def fit(self, x=None, y=None, *args: Any, **kwargs: Any):
        self._check_arguments(kwargs)
        for images, labels, *_ in _known_batches((x, y), kwargs.get("validation_data")):
            self.check_batch(images, labels)
        return super().fit(x, y, *args, **kwargs)

    @_like(keras.Model.evaluate)
    def evaluate(self, x=None, y=None, *args: Any, **kwargs: Any):
        self._check_arguments(kwargs)
        if _is_array(x):
            self.check_batch(x, y)
        return super().evaluate(x, y, *args, **kwargs)

    @_like(keras.Model.predict)
    def predict(self, x, *args: Any, **kwargs: Any):
        if _is_array(x):
            check_images(x, self.image_shape)
        return super().predict(x, *args, **kwargs)

    def _check_arguments(self, kwargs: Mapping[str, Any]) -> None:
        """Refuses Keras' arguments that would have no effect."""
        for name, value in {**(self.get_compile_config() or {}), **kwargs}.items():
            if value is not None and name in _WITHOUT_EFFECT:
                raise ValueError(
                    f"received {name}: expected none, because the model computes its own losses, "
                    'with equal weights; type compile(optimizer="adam") and fit(images)'
                )


# Arguments of compile, fit and evaluate.
_WITHOUT_EFFECT = ("loss", "metrics", "weighted_metrics", "sample_weight", "class_weight")


def _is_array(data: Any) -> bool:
    return isinstance(data, np.ndarray | tf.Tensor)


def _known_batches(*sources: Any) -> Iterator[Any]:
    """Yields (images, labels, …) of each source whose values can be had without side effects."""
    for source in sources:
        images, *rest = source if isinstance(source, tuple | list) else (source,)
        if isinstance(images, tf.data.Dataset):
            for batch in images.take(1):
                yield keras.utils.unpack_x_y_sample_weight(batch)
        elif _is_array(images):
            yield images, *(rest or [None])


def to_tensor(value: Any, dtype: str | None = None) -> Any:
    """Returns a tensor of an array or of lists; a symbolic input of Keras is returned unchanged."""
    if keras.backend.is_keras_tensor(value):
        return value
    return keras.ops.convert_to_tensor(value, dtype=dtype)


def check_images(images: Any, image_shape: Sequence[int] | None = None) -> None:
    """Raises ValueError unless these are floats in [0, 1], (batch, height, width, channels).

    Inside a ``tf.function``, only the type and the shape are known.

    Args:
        images: an array or a tensor.
        image_shape: (height, width, channels) that the model was built for, or None.
    """
    shape, dtype = tf.TensorShape(images.shape), tf.as_dtype(images.dtype)
    expected = "expected float32 (num_images, height, width, channels) in [0, 1]"
    advice = ""
    if shape.rank == 3:
        is_single = shape[-1] in (1, 3, 4)
        advice = "images[np.newaxis], or dataset.batch(100)" if is_single else "images[..., None]"
    elif not dtype.is_floating:
        advice = 'images.astype("float32")' + ("" if dtype.is_bool else " / 255")
    if shape.rank != 4 or not dtype.is_floating:
        advice = advice and f"; type {advice}"
        raise ValueError(f"the images are {dtype.name} {shape}: {expected}{advice}")
    if image_shape and not shape[1:].is_compatible_with(image_shape):
        raise ValueError(
            f"each image is {shape[1:]}: expected {tuple(image_shape)}, for which the model was "
            "built; resize the images, or create another model"
        )
    if _has_values(images):
        low, high = _range(images)
        if np.isnan(low):
            raise ValueError(f"some images have undefined values (NaN): {expected}")
        if low < 0 or high > 1:
            raise ValueError(
                f"the images have values from {low:g} to {high:g}: {expected}; type images / 255, "
                "or divide by another largest possible value"
            )


def check_labels(labels: Any, num_classes: int) -> None:
    """Raises ValueError unless these are integers from −1 to num_classes − 1, (batch,)."""
    shape, dtype = tf.TensorShape(labels.shape), tf.as_dtype(labels.dtype)
    expected = f"expected integers (num_images,) from 0 to {num_classes - 1}, −1 for unlabeled"
    if shape.rank != 1 or not dtype.is_integer:
        advice = {(2, True): "; type labels[:, 0]", (2, False): "; type labels.argmax(axis=1)"}
        columns = shape.rank and shape[-1]
        raise ValueError(
            f"the labels are {dtype.name} {shape}: {expected}"
            + advice.get((shape.rank, columns == 1), "")
        )
    if _has_values(labels):
        low, high = _range(labels)
        if low < -1 or high >= num_classes:
            raise ValueError(f"the labels are from {low} to {high}: {expected}")


def check_z(z: Any, latent_dim: int) -> None:
    """Raises ValueError unless this has the shape (batch, latent_dim)."""
    if len(z.shape) != 2 or z.shape[-1] != latent_dim:
        raise ValueError(f"z is {z.shape}: expected (num_images, {latent_dim})")


def _has_values(array: Any) -> bool:
    return _is_array(array) and not tf.is_symbolic_tensor(array) and 0 not in array.shape


def _range(array: Any) -> tuple[Any, Any]:
    values = np.asarray(array)
    return values.min(), values.max()
