"""Suggestions for unknown flags."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from catalog.values import join_or

# Name of a flag in other programs → our flags, of which the first that the script has is
# suggested. A text with a space is the answer itself.
_GPU = "a GPU is used if there is one; for several, type --strategy mirrored"
_SYNONYMS: dict[str, str | tuple[str, ...]] = {
    **dict.fromkeys(("epochs", "epoch", "n_epochs", "max_epochs", "nb_epochs"), ("num_epochs",)),
    **dict.fromkeys(("lr", "learningrate", "step_size"), ("learning_rate",)),
    **dict.fromkeys(("lr_schedule", "scheduler", "lr_scheduler"), ("learning_rate_schedule",)),
    **dict.fromkeys(("batch", "bs", "batchsize", "train_batch_size"), ("batch_size",)),
    **dict.fromkeys(
        ("latent", "latents", "latent_size", "latent_dims", "z", "z_dim", "zdim", "dim_z", "nz"),
        ("latent_dim",),
    ),
    **dict.fromkeys(
        ("hidden", "hidden_dims", "hidden_size", "hidden_units", "layers", "num_layers", "units"),
        ("hidden_dim",),
    ),
    **dict.fromkeys(("arch", "architecture", "encoder", "decoder", "net"), ("network",)),
    **dict.fromkeys(("channels", "num_filters"), ("filters",)),
    **dict.fromkeys(("data", "data_path", "datadir", "data_root", "root"), ("data_dir",)),
    **dict.fromkeys(
        ("images", "image_dir", "images_dir", "img_dir", "image_folder", "train_dir"), ("dataset",)
    ),
    **dict.fromkeys(("img_size", "size", "resolution", "crop", "resize"), ("image_size",)),
    **dict.fromkeys(("gray", "grey", "greyscale"), ("grayscale",)),
    **dict.fromkeys(("config", "cfg", "config_file", "conf", "recipe"), ("flagfile",)),
    **dict.fromkeys(
        ("output", "output_dir", "out", "out_dir", "save_dir", "save_path", "log_dir", "name"),
        ("run_name",),
    ),
    **dict.fromkeys(
        ("ckpt", "ckpt_path", "checkpoint_path", "model_path", "load", "restore", "weights"),
        ("saved_path", "resume"),
    ),
    **dict.fromkeys(("continue", "restart"), ("resume",)),
    **dict.fromkeys(("force", "clobber"), ("overwrite",)),
    **dict.fromkeys(("random_seed", "manual_seed", "rng"), ("seed",)),
    **dict.fromkeys(("fp16", "bf16", "amp", "half", "dtype", "mixed_precision"), ("precision",)),
    **dict.fromkeys(("kl_weight", "kld_weight", "beta_vae"), ("beta",)),
    **dict.fromkeys(("kl_annealing", "annealing", "warmup"), ("beta_schedule",)),
    **dict.fromkeys(("weight_decay", "wd"), ("l2",)),
    **dict.fromkeys(("noise", "denoise", "denoising"), ("corruption",)),
    **dict.fromkeys(("act", "nonlinearity"), ("activation",)),
    **dict.fromkeys(("val_size", "num_val", "validation_split"), ("num_validation",)),
    **dict.fromkeys(("labels", "n_labels", "labeled"), ("num_labels", "label_counts")),
    **dict.fromkeys(("samples", "sample", "n_samples", "num_images"), ("num_gen", "num_samples")),
    **dict.fromkeys(("recon", "reconstruction", "reconstructions"), ("reconstruct",)),
    **dict.fromkeys(("compile", "jit", "xla"), ("jit_compile",)),
    **dict.fromkeys(("gpu", "gpus", "num_gpus", "device", "devices", "cuda"), _GPU),
    **dict.fromkeys(("optimizer", "optim", "opt"), "the optimizer is Adam; see --learning_rate"),
    **dict.fromkeys(
        ("workers", "num_workers", "n_workers", "threads"),
        "images are read in the background without a flag",
    ),
}


def suggest(
    name: str, script: str, known: Collection[str], of_other_script: Collection[str]
) -> str:
    """Returns the end of the message on an unknown flag; empty if nothing is close."""
    plain = name.lower().replace("-", "_")
    known = {*known, "flagfile"}
    if plain in known:
        return f": did you mean --{plain}?"
    if plain in of_other_script:
        other = {"train.py": "evaluate.py", "evaluate.py": "train.py"}.get(script, "another script")
        return f", which is a flag of {other}"
    meant = _SYNONYMS.get(plain, ())
    if isinstance(meant, str):
        return f": {meant}"
    close = [flag for flag in meant if flag in known][:1] or difflib.get_close_matches(
        plain, sorted(known), n=2, cutoff=0.6
    )
    return f": did you mean {join_or([f'--{flag}' for flag in close])}?" if close else ""
