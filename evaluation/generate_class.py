"""``--generate_class 7``: samples of the prior that the classifier takes for one class."""

from __future__ import annotations

from pathlib import Path

import figures
from evaluation import RequestError, samples
from evaluation.context import Context


def check(context: Context) -> None:
    """Raises RequestError for a model without a classifier, or a class that is none."""
    samples.check_classifier(context, "generate_class")
    find_class(context)


def find_class(context: Context) -> int:
    """Returns the class that the flag names, or gives the number of.

    Raises:
        RequestError: if there is no such class.
    """
    names = context.class_names
    wanted = context.flags["generate_class"]
    for place, name in enumerate(names):
        if wanted.casefold() in (name.casefold(), str(place)):
            return place
    raise RequestError(
        f"flag --generate_class={wanted}: expected one of {', '.join(names)}, or its number, 0 to "
        f"{len(names) - 1}"
    )


def run(context: Context) -> list[Path]:
    """Draws ``num_gen`` samples of the class, and says how many it took to find them."""
    from evaluation import batching

    wanted = find_class(context)
    name = context.class_names[wanted]
    z, num_draws = samples.draw_class(context, wanted, context.num_gen)
    found = f"{len(z):,} in {num_draws:,} draws"
    print(f"  samples that the classifier calls {name}: {found}")
    figure = figures.draw_images(
        batching.decode(context.model, z),
        f"Samples called {name}",
        f"{context.subtitle} · from the prior, those that the classifier calls {name}: {found} · "
        f"seed {context.seed}",
    )
    return context.save_figure(figure, f"generated_class_{wanted}")
