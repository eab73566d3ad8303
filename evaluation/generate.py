"""``--generate``: what the model makes of samples from the prior, N(0, I)."""

from __future__ import annotations

from pathlib import Path

import figures
from evaluation import batching, samples
from evaluation.context import Context


def run(context: Context) -> list[Path]:
    """Draws ``num_gen`` decoded samples, each titled by the classifier where there is one.

    An autoencoder has no prior: what it decodes from N(0, I) is drawn, and said to be that.
    """
    z = samples.draw(context, context.num_gen)
    title, subtitle = "Samples from the prior, decoded", context.subtitle
    if not context.model.variational:
        title = "Samples from N(0, I), decoded"
        subtitle += " · the autoencoder was not trained to decode such"
    images, subtitle = batching.decode(context.model, z), f"{subtitle} · seed {context.seed}"
    if context.model.uses_labels:
        called, _ = samples.call(context, z)
        names = [context.class_names[place] for place in called]
        subtitle += " · named by the classifier"
        figure = figures.draw_named_images(images, names, title, subtitle)
    else:
        figure = figures.draw_images(images, title, subtitle)
    return context.save_figure(figure, "generated")
