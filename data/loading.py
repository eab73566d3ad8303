"""Batches for training and validation, from the settings of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

import data
from data import DatasetInfo, labels, splits
from data.batches import Draw, ResidentBatches, even_size
from data.shares import ALONE, Share

if TYPE_CHECKING:
    from data.streaming import StreamedBatches


def load_batches(
    settings: Mapping[str, Any],
    data_dir: str | None,
    binarize_with: Draw | None = None,
    with_labels: bool = False,
    share: Share = ALONE,
    info: DatasetInfo | None = None,
) -> tuple[ResidentBatches | StreamedBatches, ResidentBatches, splits.Split]:
    """Returns the training batches, the validation batches, and the validation images.

    Args:
        settings: the run's flags by name. Those read are ``dataset`` and the flags of its
            source, ``num_validation``, ``binarize``, ``batch_size``, ``seed`` and ``stream`` (a
            bool), and ``num_labels`` if ``with_labels``.
        data_dir: folder of prepared datasets; None for TFDS's default.
        binarize_with: as in ``ResidentBatches``.
        with_labels: whether the batches are (images, labels). ``num_labels`` training images
            keep their labels, or all if it is None; all validation images do.
        share: the worker that trains. No image of another worker is kept or decoded, and
            each worker has equally many of the ``num_labels``.
        info: the dataset's description; None to describe ``settings["dataset"]``.

    Raises:
        DataError: if the images cannot be loaded, or have no labels where some are needed.
    """
    if not isinstance(settings["stream"], bool):
        raise TypeError(f"stream: received {settings['stream']!r}, expected True or False")
    info = info or data.describe(settings["dataset"], data_dir, settings)
    if with_labels and info.class_names is None:
        raise data.DataError(
            f"{info.name} has no labels: choose a --model that needs none, or a --dataset with "
            "labels"
        )
    num_held_out = settings["num_validation"]
    num_train, num_validation = splits.count(info, num_held_out)
    chosen = (info, data_dir, num_held_out, settings["binarize"], share)
    order = (settings["batch_size"], settings["seed"], binarize_with)

    def hide(true_labels):
        num_labels = settings["num_labels"]
        if num_labels is not None:
            num_labels = len(share.of(np.arange(num_labels)))
        return labels.hide(true_labels, num_labels, settings["seed"])

    training: ResidentBatches | StreamedBatches
    if settings["stream"]:
        from data import streaming

        encoded, positions, validation = splits.stream_train_and_load_validation(*chosen)
        kept = hide(encoded.read_labels(positions)) if with_labels else None
        training = streaming.StreamedBatches(encoded, positions, *order, kept, share, num_train)
    else:
        train, validation = splits.load_train_and_validation(*chosen)
        kept = hide(train.labels) if with_labels else None
        training = ResidentBatches(train.images, *order, kept, share, num_train)
    held_out = ResidentBatches(
        validation.images,
        even_size(num_validation, share=share),
        labels=validation.labels if with_labels else None,
        share=share,
        num_images=num_validation,
    )
    return training, held_out, validation
