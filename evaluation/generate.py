"""``--generate``: images decoded from samples of the prior."""

from __future__ import annotations

from pathlib import Path

import figures
from evaluation import batching, samples
from evaluation.session import Session


def run(session: Session) -> list[Path]:
    """Draws ``num_gen`` decoded samples, titled by the classifier if the model has one.

    An autoencoder has no prior: the title says that its samples are from N(0, I).
    """
    z = batching.sample_prior(session, session.flags["num_gen"])
    title, subtitle = "Samples from the prior, decoded", session.subtitle
    if not session.model.is_variational:
        title = "Samples from N(0, I), decoded"
        subtitle += " · the autoencoder was not trained to decode these"
    images, subtitle = batching.decode(session, z), subtitle + session.seed_note
    if session.model.uses_labels and session.class_names:
        predicted, _ = samples.predict(session, z)
        names = [session.class_names[label] for label in predicted]
        subtitle += f" · named by {samples.describe_classifier(session)}"
        figure = figures.draw_named_images(images, names, title, subtitle)
    else:
        figure = figures.draw_images(images, title, subtitle)
    return session.save_figure(figure, "generated")
