"""Small datasets of any kind, prepared by TFDS itself without network."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Rows = Sequence[Mapping[str, Any]]


def prepare(
    data_dir: Path,
    name: str,
    splits: Mapping[str, Rows],
    features: Mapping[str, Any],
    *,
    configuration: str = "",
    version: str = "1.0.0",
    supervised: tuple[str, str] | None = None,
) -> Path:
    """Writes a dataset as TFDS does; returns its folder.

    Args:
        data_dir: folder of prepared datasets.
        name: such as ``"mini"``.
        splits: split → examples, each feature → value.
        features: of TFDS.
        configuration: empty for none.
        version: of the dataset.
        supervised: the features that TFDS calls input and target.
    """
    import tensorflow_datasets as tfds

    def describe(self):
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(dict(features)),
            supervised_keys=supervised,
        )

    def generate(self, rows: Rows):
        yield from enumerate(rows)

    def split(self, _):
        return {part: generate(self, rows) for part, rows in splits.items()}

    number = tfds.core.Version(version)
    configurations = [tfds.core.BuilderConfig(name=configuration, version=number)]
    members = {
        "VERSION": number,
        "BUILDER_CONFIGS": configurations if configuration else [],
        "_info": describe,
        "_split_generators": split,
        "_generate_examples": generate,
        "__module__": __name__,
    }
    with tfds.core.registered.skip_registration():
        builder = type(name.title().replace("_", ""), (tfds.core.GeneratorBasedBuilder,), members)
    builder(data_dir=str(data_dir)).download_and_prepare()
    folder = data_dir / name / configuration / version
    assert folder.is_dir()
    return folder


def draw(count: int, height: int, width: int, channels: int, dtype: Any = np.uint8) -> np.ndarray:
    """Returns images that all differ, (count, height, width, channels)."""
    generator = np.random.default_rng(count)
    largest = np.iinfo(dtype).max + 1
    return generator.integers(0, largest, (count, height, width, channels)).astype(dtype)


def encode(image: np.ndarray, kind: str) -> io.BytesIO:
    """Returns an image file that TFDS stores as it is."""
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, kind)
    file.seek(0)
    return file
