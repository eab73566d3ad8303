"""A run opened for evaluation: its model, its images, and where results go."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import data
import figures
import runs
from catalog import read_by
from catalog.datasets import is_known, is_path, short_name
from catalog.values import to_levels
from evaluation import RequestError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from data.new_images import NewImages
    from models import VAE, DiagonalGaussian

# Settings without which a figure cannot be understood.
_SHOWN = ("likelihood", "prior", "objective", "beta", "num_labels", "binarize")

Images = tuple[np.ndarray, np.ndarray | None]  # images in [0, 1] and labels, None without


@dataclasses.dataclass
class Session:
    """One run opened for evaluation; its model and images are loaded when they are first used.

    Args:
        run: the run.
        record: its run.json, with all flags that determine its result.
        checkpoint: the model to evaluate: ``"best"`` or ``"last"``.
        result_dir: folder for results; made when the first is written.
        flags: of evaluate.py, by name.
        loaded: images already loaded, by dataset and split. Sessions that share it load the
            images of a dataset once.
        kept_dir: folder of numbers of this run that are computed once; None for ``result_dir``.

    Attributes:
        saved_epoch: epoch after which the model was saved, once it is loaded; None if unknown.
        drawn_maps: splits whose latent map has been drawn.
    """

    run: runs.Run
    record: dict[str, Any]
    checkpoint: str
    result_dir: Path
    flags: Mapping[str, Any]
    loaded: dict[tuple[str, str], Images] = dataclasses.field(default_factory=dict)
    kept_dir: Path | None = None
    saved_epoch: int | None = dataclasses.field(default=None, init=False)
    drawn_maps: set[str] = dataclasses.field(default_factory=set, init=False)

    # ------------------------------------------------------------- what is known of the run

    @property
    def settings(self) -> dict[str, Any]:
        """The flags that determine the run's result, by name."""
        return self.record["flags"]

    @property
    def levels(self) -> tuple[int, ...]:
        """Dimensions of each level of z; most models have one."""
        return to_levels(self.settings["latent_dim"])

    @property
    def latent_dim(self) -> int:
        """Dimensions of z, all levels together."""
        return sum(self.levels)

    @property
    def likelihood(self) -> str:
        """Name of p(x|z), which the oldest runs do not record."""
        return self.settings.get("likelihood", "bernoulli")

    @property
    def prior(self) -> str:
        """Name of p(z), which older runs do not record."""
        return self.settings.get("prior", "standard_normal")

    @property
    def draws_standard_normal(self) -> bool:
        """Whether p(z) is N(0, I) for all of z."""
        return self.prior == "standard_normal" and len(self.levels) == 1

    @property
    def split(self) -> str:
        """Which images ``--metrics`` and ``--nll`` measure: ``"test"`` or ``"validation"``."""
        return self.flags["split"]

    @property
    def seed(self) -> int:
        """Seed of samples, subsets and t-SNE."""
        return self.flags["seed"]

    @property
    def seed_note(self) -> str:
        """The seed, to follow a subtitle, if it is not the default."""
        return f" · seed {self.seed}" if self.seed else ""

    @functools.cached_property
    def data_dir(self) -> str | None:
        """Folder of prepared datasets: the flag's, or the one that the run was trained from."""
        return self.flags["data_dir"] or self.run.trusted_data_dir(self.record)

    @functools.cached_property
    def dataset(self) -> str:
        """Name of the dataset, or the path of the images that the run was trained on."""
        given = self.flags.get("dataset")
        return given if given and is_path(given) else self.run.trusted_dataset(self.record)

    @property
    def dataset_name(self) -> str:
        """Name of the dataset for figures and messages."""
        return short_name(self.settings["dataset"])

    @functools.cached_property
    def info(self) -> data.DatasetInfo:
        """Description of the dataset that the run was trained on."""
        return data.from_record(self.record, self.dataset, self.data_dir)

    @functools.cached_property
    def recorded_info(self) -> data.DatasetInfo:
        """Description of the dataset; of images that may be gone, that in run.json."""
        if not is_known(self.dataset):
            return data.read_description(self.record.get("dataset"), self.dataset, self.settings)
        return self.info

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Names of the classes; None for a dataset without labels."""
        return self.info.class_names

    @property
    def epoch(self) -> int | None:
        """Epoch after which the model was saved."""
        if self.saved_epoch is not None:
            return self.saved_epoch
        best = self.record.get("best")
        if self.checkpoint == "best" and best:
            return best["epoch"]
        return self.record.get("epochs_done")

    @property
    def caption(self) -> str:
        """What a figure's reader must know of the run, for the line below its title.

        Settings of the model show if they are not at their default. The name shows if it is not
        made from the settings.
        """
        defaults = {name: flag.default for name, flag in read_by(self.settings).items()}
        parts = [self.dataset_name, self.settings["model"]]
        parts.append(f"latent_dim {runs.as_word(self.settings['latent_dim'])}")
        parts += [
            f"{name} {runs.format_value(self.settings[name])}"
            for name in _SHOWN
            if name in self.settings and self.settings[name] != defaults.get(name)
        ]
        name = self.run.name
        if not name.startswith(f"{self.dataset_name}_{self.settings['model']}_"):
            parts.append(f"run {name if len(name) <= 32 else f'{name[:20]}…{name[-11:]}'}")
        return " · ".join(parts).replace("$", r"\$")

    @property
    def subtitle(self) -> str:
        """``caption`` and the epoch of the model, for the line below a figure's title."""
        return f"{self.caption} · epoch {self.epoch}"

    def check_model(self) -> None:
        """Raises RunError if the run has no model of this checkpoint, or a damaged one."""
        path = self.run.folder / runs.CHECKPOINTS[self.checkpoint]
        if not path.is_file() and not self.record.get("files", {}).get(path.name):
            reason = "the run has not finished an epoch yet"
            if self.record["status"] == "diverged":
                reason = "the run diverged before it had finished an epoch"
            raise runs.RunError(f"{path} does not exist: {reason}")
        with runs.open_file(self.run, path.name):
            pass

    def check_images(self) -> None:
        """Raises DataError if images are neither on disk nor can be downloaded, or have changed."""
        own = self.settings["dataset"] if is_known(self.settings["dataset"]) else self.info
        for dataset in filter(None, (own, self.flags["ood_dataset"])):
            data.check_available(dataset, self.data_dir)

    def check_labels(self, flag: str) -> tuple[str, ...]:
        """Returns the class names; raises RequestError if the dataset has no labels."""
        if self.class_names is None:
            raise RequestError(f"--{flag} needs labels, and {self.dataset_name} has none")
        return self.class_names

    # ------------------------------------------------------------------- what is loaded

    @functools.cached_property
    def model(self) -> VAE:
        """The trained model."""
        import models
        from evaluation import trained_model

        info = self.recorded_info
        num_train = info.num_train - self.settings["num_validation"]
        num_classes = len(info.class_names or ())
        shape_and_settings = (info.image_shape, self.settings, num_classes, num_train)
        build = functools.partial(models.build, *shape_and_settings)
        model, self.saved_epoch = trained_model.load(self.run, self.checkpoint, build)
        return model

    @property
    def test(self) -> Images:
        """Test images as the model sees them, float32 in [0, 1], and their labels."""
        return self.load_images(self.settings["dataset"], "test")

    @property
    def split_data(self) -> Images:
        """The test images, or with ``--split validation`` the validation images; and labels."""
        return self.load_images(self.settings["dataset"], self.split)

    @property
    def train(self) -> Images:
        """Training images without the validation images, and their labels.

        They are gray if their binarization is dynamic.
        """
        return self.load_images(self.settings["dataset"], "train")

    def load_images(self, dataset: str, split: str) -> Images:
        """Returns the images of a split, binarized as those of the run.

        Args:
            dataset: its name.
            split: ``"train"`` (without the validation images), ``"validation"`` or ``"test"``.

        Returns:
            float32 images (num_images, height, width, channels) in [0, 1]; int64 labels
            (num_images,), or None.
        """
        from data import splits

        if (dataset, split) not in self.loaded:
            binarize = self.settings["binarize"]
            is_own = dataset == self.settings["dataset"]
            info = self.info if is_own else data.describe(dataset, self.data_dir)
            if split == "test":
                images = splits.load_test(info, self.data_dir, binarize)
            else:
                num_validation = self.settings["num_validation"]
                train, validation = splits.load_train_and_validation(
                    info, self.data_dir, num_validation, binarize
                )
                images = train if split == "train" else validation
            pixels = images.images.astype("float32") / 255
            self.loaded[dataset, split] = pixels, images.labels
        return self.loaded[dataset, split]

    @functools.cached_property
    def new_images(self) -> NewImages:
        """The images of ``--encode``, listed and checked; raises DataError for wrong ones."""
        from data import new_images

        # How numbers in an array are scaled is known only from those that the run was trained on.
        info = self.info if self.recorded_info.source == "arrays" else self.recorded_info
        return new_images.open_images(self.flags["encode"], info)

    @functools.cached_property
    def test_posterior(self) -> DiagonalGaussian:
        """Posteriors of all test images: mean and log_var, each (num_images, latent_dim)."""
        from evaluation import batching

        return batching.encode(self, self.test[0])

    @functools.cached_property
    def split_posterior(self) -> DiagonalGaussian:
        """Posteriors of the images of ``split_data``, as ``test_posterior``."""
        from evaluation import batching

        if self.split == "test":
            return self.test_posterior
        return batching.encode(self, self.split_data[0])

    # ------------------------------------------------------------------ what is written

    def make_folder(self, folder: Path | None = None) -> None:
        """Makes a folder for results; removes unfinished files of killed processes from it."""
        folder = folder or self.result_dir
        folder.mkdir(parents=True, exist_ok=True)
        runs.remove_leftovers(folder)

    def path(self, name: str, folder: Path | None = None) -> Path:
        """Returns the path of a result, which is named after the images and the epoch.

        Results of the validation images end in ``_validation``, those of the last epoch in
        ``_last``, and those of both in ``_validation_last``.

        Args:
            name: of the file.
            folder: None for ``result_dir``.
        """
        path = (folder or self.result_dir) / name
        suffix = "" if self.split == "test" else f"_{self.split}"
        suffix += "_last" if self.checkpoint == "last" else ""
        return path.with_name(f"{path.stem}{suffix}{path.suffix}")

    @contextlib.contextmanager
    def write(self, name: str, folder: Path | None = None) -> Iterator[Path]:
        """Yields a path to write to; the file then replaces the result ``name`` in one step.

        Raises:
            RunError: if it cannot be written; the message names the result.
        """
        with self.writing(self.path(name, folder)) as path:
            self.make_folder(folder)
            with runs.write_atomically(path) as partial:
                yield partial

    @contextlib.contextmanager
    def writing(self, path: Path) -> Iterator[Path]:
        """Turns an OSError into a RunError that names ``path``, which it yields."""
        try:
            yield path
        except OSError as error:
            reason = error.strerror or " ".join(str(error).split())
            raise runs.RunError(f"{path} cannot be written ({reason})") from error

    def write_text(self, name: str, text: str) -> Path:
        """Writes a text and a line break; returns its path."""
        with self.write(name) as path:
            path.write_text(text + "\n", encoding="utf-8")
        return self.path(name)

    def write_json(self, name: str, content: Any) -> Path:
        """Writes JSON; returns its path."""
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        return self.write_text(name, text)

    def write_csv(
        self, name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]
    ) -> Path:
        """Writes rows by column, empty where a row has no value; returns the path."""
        with self.write(name) as path, path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows(rows)
        return self.path(name)

    def save_figure(self, figure: Figure, name: str) -> list[Path]:
        """Writes ``name``.png and ``name``.pdf; returns their paths."""
        names = [f"{name}.png", f"{name}.pdf"]
        for file_name in names:
            with self.write(file_name) as path:
                figures.save(figure, path)
        return [self.path(file_name) for file_name in names]
