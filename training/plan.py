"""The plan of a training, which is printed before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import catalog
import data
from catalog.training import LATENT_DIM
from catalog.values import counted
from data import memory


def choose_streaming(
    info: data.DatasetInfo,
    settings: Mapping[str, Any],
    strategy: str,
    num_workers: int,
    recorded: Mapping[str, Any] | None,
) -> tuple[bool, str]:
    """Returns whether to stream the training images, and the reason in words.

    Args:
        info: of the dataset.
        settings: the run's flags; ``stream`` is among them if the user decides it.
        strategy: the flag.
        num_workers: that share the images.
        recorded: the settings in run.json of a run that is resumed: it continues as it began.

    Raises:
        DataError: if the images would be streamed and another flag does not allow it.
    """
    if recorded is not None:
        return bool(recorded.get("stream", False)), "as the run began"
    asked = settings.get("stream")
    streamed, reason = memory.choose_streaming(info, asked, num_workers)
    if streamed and settings["binarize"] == "static":
        raise data.DataError(
            f"{info.name} would be streamed ({reason}), and --binarize static binarizes all "
            "training images once, in memory: type --binarize dynamic, or --stream 0 to load them"
        )
    if streamed and strategy == "multi_worker" and asked is None:
        raise data.DataError(
            f"{info.name} would be streamed ({reason}), and all workers must do the same: type "
            "--stream 1 for each of them, or --stream 0"
        )
    return streamed, reason


def print_plan(
    info: data.DatasetInfo,
    settings: Mapping[str, Any],
    model: Any,
    batches: tuple[Any, Any],
    rows: Mapping[str, str],
) -> None:
    """Prints what will be trained, one line per topic.

    Args:
        info: of the dataset.
        settings: the run's flags.
        model: built.
        batches: for training and for validation.
        rows: further topics: ``images`` (why they are streamed or not), ``device``, ``run``, and
            ``network`` (why it was chosen, if ``--network auto`` did).
    """
    training, validation = batches
    place = "in memory"
    if settings["stream"]:
        place = f"streamed from disk, shuffled {training.buffer_size:,} at a time"
    labeled, latent_dim = "", LATENT_DIM.type.format(settings["latent_dim"])
    if model.uses_labels:
        labeled = f"; {settings['num_labels'] or 'all'} training images are labeled"
    model_row = catalog.PARTS["model"][settings["model"]]
    likelihood = catalog.PARTS["likelihood"][settings["likelihood"]]
    size = "×".join(map(str, info.image_shape))
    plan = {
        "dataset": f"{info.name}: {training.num_images:,} training and {validation.num_images:,} "
        f"validation images, {size}, binarize {settings['binarize']}",
        **(
            {"source": "\n          ".join(filter(None, [info.path, *info.notes]))}
            if info.notes
            else {}
        ),
        "images": f"{place}: {rows['images']}{labeled}",
        "model": f"{settings['model']}, latent_dim {latent_dim}, "
        f"{model.count_params():,} parameters",
        "network": _describe_part("network", settings)
        + (f"; chosen by auto for {rows['network']}" if "network" in rows else ""),
        "p(x|z)": f"{_describe_part('likelihood', settings)} ({likelihood.nats})",
    }
    if model.is_variational:
        plan["p(z)"] = _describe_part("prior", settings)
    plan |= {
        "loss": f"{model_row.loss.format(**settings)}, in nats per image",
        "objective": f"{model.objective}; β {model.beta_schedule}",
        "training": f"{counted(settings['num_epochs'], 'epoch')} of "
        f"{training.steps_per_epoch} batches of {settings['batch_size']}, seed {settings['seed']}"
        + (
            f"; ends after {counted(settings['patience'], 'epoch')} without a lower validation loss"
            if settings["patience"]
            else ""
        ),
        "optimizer": f"Adam, learning rate {settings['learning_rate']:g}, "
        f"{settings['learning_rate_schedule']}"
        + (f", L2 {settings['l2']:g}" if settings["l2"] else "")
        + (f", gradient norm at most {settings['clip_norm']:g}" if settings["clip_norm"] else "")
        + (f", moving average of weights {settings['ema']:g}" if settings["ema"] else ""),
        "device": rows["device"],
        "run": rows["run"],
    }
    if not model.is_variational:
        del plan["objective"]
    for topic, text in plan.items():
        print(f"{topic:<10}{text}", flush=True)


def _describe_part(part: str, settings: Mapping[str, Any]) -> str:
    """Returns e.g. ``"mlp: hidden_dim 500, activation tanh, dropout 0.0"``."""
    flags = catalog.PARTS[part][settings[part]].flags
    values = ", ".join(
        f"{flag.name} {flag.type.format(settings[flag.name])}"
        for flag in flags
        if settings[flag.name] is not None
    )
    return f"{settings[part]}: {values}" if values else settings[part]
