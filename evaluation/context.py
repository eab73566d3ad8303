"""What every evaluation is given: the run, its model, its images, and where to write."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import figures
import runs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from models import VAE


@dataclasses.dataclass
class Context:
    """One call of evaluate.py on one run. The model and the images are loaded when first used.

    Attributes:
        run: where the run lies.
        record: its run.json.
        checkpoint: ``"best"`` or ``"last"``.
        result_dir: where figures and tables go.
        class_names: of the dataset.
        load_model: returns the trained model.
        load_pixels: ``"train"`` or ``"test"`` → images as the model was trained on them (grey
            training images where their binarisation is dynamic),
            float32 (num_images, height, width, channels) in [0, 1], and their labels.
        load_test_of: another dataset's name → the same of its test images.
        datasets: name → what is known of it: ``image_shape`` and more.
        num_gen: images to draw.
        num_points: images in a latent map.
        seed: of samples and t-SNE.
        flags: those of single evaluations, by name.
        drawn_maps: splits whose latent map this call has drawn already.
        epoch_of_model: after which the model was saved, once it is loaded and if it is known.
    """

    run: runs.Run
    record: dict[str, Any]
    checkpoint: str
    result_dir: Path
    class_names: tuple[str, ...]
    load_model: Callable[[], VAE]
    load_pixels: Callable[[str], tuple[np.ndarray, np.ndarray]]
    num_gen: int
    num_points: int
    seed: int
    load_test_of: Callable[[str], tuple[np.ndarray, np.ndarray]] | None = None
    datasets: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    flags: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    drawn_maps: set[str] = dataclasses.field(default_factory=set)
    epoch_of_model: int | None = None

    @functools.cached_property
    def model(self) -> VAE:
        return self.load_model()

    @functools.cached_property
    def test(self) -> tuple[np.ndarray, np.ndarray]:
        """Test images, float32 in [0, 1], and their labels."""
        return self.load_pixels("test")

    @functools.cached_property
    def train(self) -> tuple[np.ndarray, np.ndarray]:
        """Training images, validation not among them, and their labels."""
        return self.load_pixels("train")

    @functools.cached_property
    def test_posterior(self) -> tuple[np.ndarray, np.ndarray]:
        """(z_mean, z_log_var) of every test image, each (num_images, latent_dim)."""
        from evaluation import batching

        return batching.encode(self.model, self.test[0])

    @property
    def latent_dim(self) -> int:
        return self.record["flags"]["latent_dim"]

    @property
    def epoch(self) -> int | None:
        """After which the model was saved."""
        if self.epoch_of_model is not None:
            return self.epoch_of_model
        best = self.record.get("best")
        done = self.record.get("epochs_done")
        return best["epoch"] if self.checkpoint == "best" and best else done

    @property
    def subtitle(self) -> str:
        """Names the run, the dataset and the model's age below a figure's title."""
        return f"{self.record['flags']['dataset']} · run {self.run.name} · epoch {self.epoch}"

    def path(self, name: str) -> Path:
        """Returns where to write a result, in a folder that is there from now on; those of the
        last epoch's model say so."""
        self.result_dir.mkdir(parents=True, exist_ok=True)
        path = self.result_dir / name
        suffix = "_last" if self.checkpoint == "last" else ""
        return path.with_name(f"{path.stem}{suffix}{path.suffix}")

    def save_figure(self, figure: Figure, name: str) -> list[Path]:
        """Writes ``name``.png and ``name``.pdf; returns their paths."""
        paths = [self.path(f"{name}.png"), self.path(f"{name}.pdf")]
        for path in paths:
            with runs.write_atomically(path) as beside:
                figures.save(figure, beside)
        return paths
