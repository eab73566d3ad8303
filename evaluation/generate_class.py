"""``--generate_class 7``: samples of the prior that the classifier assigns to one class."""

from __future__ import annotations

from pathlib import Path

import figures
import runs
from evaluation import RequestError, samples
from evaluation.session import Session


def check(session: Session) -> None:
    """Raises RequestError for a model without a classifier, or an unknown class."""
    samples.check_classifier(session, "generate_class")
    find_class(session)


def find_class(session: Session) -> int:
    """Returns the class that the flag gives by name or number.

    Raises:
        RequestError: if there is no such class.
    """
    names = session.check_labels("generate_class")
    wanted = session.flags["generate_class"]
    numbers = [str(label) for label in range(len(names))]
    for spellings in ([name.casefold() for name in names], numbers):
        if wanted.casefold() in spellings:
            return spellings.index(wanted.casefold())
    shown = ", ".join(names[:20]) + (f", … ({len(names)} in all)" if len(names) > 20 else "")
    raise RequestError(
        f"flag --generate_class={wanted}: expected one of {shown}, or its number, 0 to "
        f"{len(names) - 1}"
    )


def run(session: Session) -> list[Path]:
    """Draws ``num_gen`` samples of the class; reports how many draws it took to find them."""
    from evaluation import batching

    wanted = find_class(session)
    name = runs.make_printable(session.check_labels("generate_class")[wanted])
    z, num_draws = samples.draw_class(session, wanted, session.flags["num_gen"])
    found = f"{len(z):,} in {num_draws:,} draws"
    print(f"  samples that the classifier assigns to {name}: {found}")
    name = name.replace("$", r"\$")  # not mathematics
    figure = figures.draw_images(
        batching.decode(session, z),
        f"Samples from the prior classified as {name}",
        f"{session.subtitle} · by {samples.describe_classifier(session)} · {found}"
        + session.seed_note,
    )
    return session.save_figure(figure, f"generated_class_{wanted}")
