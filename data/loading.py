"""From the flags that describe a run to the batches that it trains on and is validated by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from data import labels, splits
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
) -> tuple[ResidentBatches | StreamedBatches, ResidentBatches, splits.Split]:
    """Returns the training batches, the validation batches, and the validation images.

    These are always in memory.

    Args:
        settings: the flags of the run by name; of them ``dataset``, ``num_validation``,
            ``binarize``, ``batch_size``, ``seed`` and ``stream``, and ``num_labels`` where
            there are labels.
        data_dir: the folder of prepared datasets; None for TFDS's own.
        binarize_with: as in ``ResidentBatches``.
        with_labels: whether the batches are (images, labels). ``num_labels`` training images
            are labelled, None for all of them; all validation images are.
        share: the worker's that trains. Of another's, no image is kept or decoded; of
            ``num_labels``, each has as many as any other.
    """
    name, num_held_out = settings["dataset"], settings["num_validation"]
    num_train, num_validation = splits.count(name, num_held_out)
    chosen = (name, data_dir, num_held_out, settings["binarize"], share)
    how = (settings["batch_size"], settings["seed"], binarize_with)

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
        training = streaming.StreamedBatches(encoded, positions, *how, kept, share, num_train)
    else:
        train, validation = splits.load_train_and_validation(*chosen)
        kept = hide(train.labels) if with_labels else None
        training = ResidentBatches(train.images, *how, kept, share, num_train)
    held_out = ResidentBatches(
        validation.images,
        even_size(num_validation, share=share),
        labels=validation.labels if with_labels else None,
        share=share,
        num_images=num_validation,
    )
    return training, held_out, validation
