"""Metrics: every number that training or evaluation reports, with its unit and direction."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from catalog.values import MAX_LEVELS

NATS = "nats per image"


class Metric(NamedTuple):
    """One number, a mean over images unless its description says otherwise.

    Attributes:
        heading: its name in tables and figures.
        unit: in words; empty for a plain number.
        description: what it is.
        higher_is_better: the direction; None if it has none.
        is_trained: whether training reports it for each epoch, in history.csv.
        is_validated: whether it is also reported for the validation images, as ``val_<name>``.
        depends_on_likelihood: whether values of probabilities and of densities cannot be compared.
        digits: after the point, in tables.
        needs_labels: whether it is known for labeled images only.
    """

    heading: str
    unit: str
    description: str
    higher_is_better: bool | None = False
    is_trained: bool = False
    is_validated: bool = True
    depends_on_likelihood: bool = False
    digits: int = 2
    needs_labels: bool = False


METRICS = {
    "loss": Metric(
        "loss",
        NATS,
        "reconstruction + β · KL with the final β, and what a model adds",
        is_trained=True,
        depends_on_likelihood=True,
    ),
    "elbo": Metric(
        "ELBO",
        NATS,
        "−(reconstruction + KL), whatever β the model was trained with",
        higher_is_better=True,
        depends_on_likelihood=True,
    ),
    "nll": Metric(
        "NLL",
        NATS,
        "−log p(x), estimated by importance sampling (--nll)",
        depends_on_likelihood=True,
    ),
    "nll_bits_per_dimension": Metric(
        "NLL, bits",
        "bits per value",
        "NLL / (log 2 · height · width · channels), for likelihoods of 8-bit pixels",
        depends_on_likelihood=True,
        digits=3,
    ),
    "bits_per_dimension": Metric(
        "bits per dimension",
        "−ELBO in bits per value",
        "−ELBO / (log 2 · height · width · channels), for likelihoods of 8-bit pixels",
        depends_on_likelihood=True,
        digits=3,
    ),
    "reconstruction": Metric(
        "reconstruction",
        NATS,
        "−log p(x|z), z sampled from the posterior of each image",
        is_trained=True,
        depends_on_likelihood=True,
    ),
    "kl": Metric("KL", NATS, "KL(q(z|x) ‖ p(z))", higher_is_better=None, is_trained=True),
    **{
        f"kl_{level}": Metric(
            f"KL of level {level}",
            NATS,
            f"the part of the KL at level {level} of a hierarchy; level 1 is next to the image",
            higher_is_better=None,
            is_trained=True,
        )
        for level in range(1, MAX_LEVELS + 1)
    },
    "mutual_information": Metric(
        "index-code MI",
        NATS,
        "mutual information of image and z, a part of the KL (Chen et al., 2018)",
        higher_is_better=None,
    ),
    "total_correlation": Metric(
        "total correlation",
        NATS,
        "KL of the aggregate posterior from the product of its marginals, a part of the KL",
        higher_is_better=None,
    ),
    "dimension_wise_kl": Metric(
        "dimension-wise KL",
        NATS,
        "KL of the marginals of the aggregate posterior from the prior, the rest of the KL",
        higher_is_better=None,
    ),
    "mean_squared_error": Metric(
        "squared error",
        "summed over pixels",
        "squared error of the reconstruction",
    ),
    "squared_error_plus_kl": Metric(
        "squared error + KL",
        "z sampled",
        "squared error for a sampled z, summed over pixels, plus KL",
    ),
    "frechet_distance": Metric(
        "Fréchet distance",
        "squared, in features of a classifier",
        "distance of normal distributions fitted to features of samples and of test images "
        "(--quality; Heusel et al., 2017)",
        digits=3,
    ),
    "precision": Metric(
        "precision",
        "fraction of samples",
        "samples within the estimated manifold of the test images (--quality; Kynkäänniemi et "
        "al., 2019)",
        higher_is_better=True,
        digits=4,
    ),
    "recall": Metric(
        "recall",
        "fraction of test images",
        "test images within the estimated manifold of the samples (--quality; Kynkäänniemi et "
        "al., 2019)",
        higher_is_better=True,
        digits=4,
    ),
    "density": Metric(
        "density",
        "1 for other test images",
        "how densely test images surround samples (--quality; Naeem et al., 2020)",
        higher_is_better=True,
        digits=4,
    ),
    "coverage": Metric(
        "coverage",
        "fraction of test images",
        "test images with a sample nearby (--quality; Naeem et al., 2020)",
        higher_is_better=True,
        digits=4,
    ),
    "classification": Metric(
        "classification",
        NATS,
        "−log p(y|z), over labeled images",
        is_trained=True,
        needs_labels=True,
    ),
    "accuracy": Metric(
        "accuracy",
        "fraction of labeled images",
        "images whose true class gets the highest probability",
        higher_is_better=True,
        is_trained=True,
        digits=4,
        needs_labels=True,
    ),
    "objective": Metric(
        "objective",
        NATS,
        "what the optimizer minimizes",
        is_trained=True,
        is_validated=False,
        depends_on_likelihood=True,
    ),
    "active_units": Metric(
        "active units",
        "dimensions",
        "dimensions whose posterior mean varies by more than 0.01 over images (Burda et al., 2016)",
        higher_is_better=None,
        digits=0,
    ),
    "mig": Metric(
        "MIG",
        "",
        "mutual information gap: a factor's information in the most informative dimension minus "
        "that in the second, relative to its entropy, mean over factors (Chen et al., 2018)",
        higher_is_better=True,
        digits=3,
    ),
    "dci_disentanglement": Metric(
        "DCI disentanglement",
        "",
        "whether each dimension is important for one factor only (Eastwood and Williams, 2018)",
        higher_is_better=True,
        digits=3,
    ),
    "dci_completeness": Metric(
        "DCI completeness",
        "",
        "whether one dimension only is important for each factor (Eastwood and Williams, 2018)",
        higher_is_better=True,
        digits=3,
    ),
    "dci_informativeness": Metric(
        "DCI informativeness",
        "fraction of images",
        "accuracy with which a factor's value is predicted from z, mean over factors",
        higher_is_better=True,
        digits=3,
    ),
    "factor_vae": Metric(
        "FactorVAE score",
        "fraction of votes",
        "accuracy with which the dimension that varies least says which factor is constant (Kim "
        "and Mnih, 2018)",
        higher_is_better=True,
        digits=3,
    ),
}


def to_bits_per_dimension(nats: Any, image_shape: tuple[int, ...]) -> Any:
    """Converts nats per image, a number or an array, to bits per value of the images.

    Args:
        image_shape: (height, width, channels).
    """
    return nats / (math.log(2) * math.prod(image_shape))


def name_columns() -> tuple[str, ...]:
    """Returns the columns that history.csv can have, in their order."""
    trained = [name for name, metric in METRICS.items() if metric.is_trained]
    validated = [f"val_{name}" for name in trained if METRICS[name].is_validated]
    return ("epoch", *trained, *validated, "seconds", "images_per_second")
