"""``--interpolate`` and ``--traverse``: images decoded along lines of the latent space."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import data
import figures
from catalog.models import MODELS
from catalog.priors import PRIORS
from evaluation import RequestError, interpolate, traverse
from evaluation.session import Session
from tests.evaluation.sessions import load_digits, save_untrained_run

KINDS = [
    (model, prior)
    for model, row in MODELS.items()
    for prior in PRIORS
    if prior == "standard_normal" or any(flag.name == "prior" for flag in row.flags)
]
of_every_kind = pytest.mark.parametrize(("model", "prior"), KINDS)


def open_session(folder: Path, settings: dict[str, Any], **flags: Any) -> Session:
    chosen = {key: value for key, value in settings.items() if key not in ("model", "prior")}
    model = settings.get("model", "vae")
    known = settings.get("prior", "standard_normal")
    prior = {} if known == "standard_normal" else {"prior": known}
    session = save_untrained_run(folder, model=model, **{"latent_dim": 3, **chosen, **prior})
    return dataclasses.replace(session, flags={**session.flags, **flags})


@pytest.fixture
def drawn(monkeypatch):
    """The arguments of every figure drawn, by the function's name; they are drawn, too."""
    calls: dict[str, list[Any]] = {}
    for name in ("draw_interpolations", "draw_traversals"):
        draw = getattr(figures, name)

        def record(*args: Any, name: str = name, draw: Any = draw) -> Any:
            calls[name] = list(args)
            return draw(*args)

        monkeypatch.setattr(figures, name, record)
    return calls


def load_test() -> tuple[np.ndarray, np.ndarray]:
    images, labels = load_digits("test")
    return images.astype("float32") / 255, labels


# ---------------------------------------------------------------------------- interpolate


@of_every_kind
def test_images_are_decoded_on_the_line_between_two_posterior_means(tmp_path, drawn, model, prior):
    session = open_session(
        tmp_path, {"model": model, "prior": prior}, interpolate=(("3", "17"), ("0", "359"))
    )
    interpolate.check(session)
    written = interpolate.run(session)
    assert [path.name for path in written] == ["interpolation.png", "interpolation.pdf"]
    originals, decoded, names, title, _ = drawn["draw_interpolations"]
    images, labels = load_test()
    chosen = [3, 17, 0, 359]
    np.testing.assert_array_equal(originals.reshape(4, 8, 8, 1), images[chosen])
    assert names == [f"test image {i}: {labels[i]}" for i in chosen]
    assert ("codes" in title) == (model == "autoencoder")
    z = np.asarray(session.model.encode(images[chosen]).mean)
    for pair in range(2):
        first, last = z[2 * pair], z[2 * pair + 1]
        path = [first + (last - first) * step / 10 for step in range(11)]
        expected = session.model.decode(np.array(path, np.float32))
        np.testing.assert_allclose(decoded[pair], expected, atol=1e-5)
    ends = decoded[:, [0, -1]].reshape(4, 8, 8, 1)
    np.testing.assert_allclose(ends, session.model.reconstruct(images[chosen]), atol=1e-5)


def test_files_and_test_images_may_be_mixed(tmp_path, drawn):
    images, _ = load_test()
    path = tmp_path / "seven.png"
    Image.fromarray((images[7, ..., 0] * 255).astype(np.uint8)).save(path)
    session = open_session(tmp_path, {}, interpolate=((str(path), "7"),))
    interpolate.check(session)
    interpolate.run(session)
    originals, decoded, names, *_ = drawn["draw_interpolations"]
    np.testing.assert_array_equal(originals[0, 0], originals[0, 1])
    np.testing.assert_allclose(decoded[0], decoded[0, :1].repeat(11, axis=0), atol=1e-5)
    assert names[0].endswith("/seven.png")
    assert len(names[0]) <= 30


def test_what_is_no_image_cannot_be_an_end(tmp_path):
    for wrong, error, says in (
        ("360", RequestError, "360 is no test image: expected a number from 0 to 359"),
        ("-1", data.DataError, "there is no file -1"),
        ("9" * 5000, data.DataError, "there is no file 999"),
        (str(tmp_path), data.DataError, "is not an image"),
    ):
        session = open_session(tmp_path, {}, interpolate=(("0", wrong),))
        with pytest.raises(error) as caught:
            interpolate.check(session)
        assert says in str(caught.value)


# ------------------------------------------------------------------------------- traverse


@of_every_kind
@pytest.mark.parametrize("latent_dim", [1, 15])
def test_each_row_changes_one_dimension_of_a_typical_test_image(
    tmp_path, drawn, model, prior, latent_dim
):
    session = open_session(tmp_path, {"model": model, "prior": prior, "latent_dim": latent_dim})
    written = traverse.run(session)
    assert [path.name for path in written] == ["traversal.png", "traversal.pdf"]
    decoded, rows, measure, (values, meaning), start, title, subtitle = drawn["draw_traversals"]
    images, labels = load_test()
    z_mean, z_log_var = map(np.asarray, session.model.encode(images))
    if prior == "standard_normal" and model != "autoencoder":
        kl = 0.5 * (z_mean**2 + np.exp(z_log_var) - 1 - z_log_var)
        importance, center, spread = kl.mean(axis=0), np.zeros(latent_dim), np.ones(latent_dim)
        assert measure == "KL, nats"
        assert "N(0, I)" in meaning
    else:
        importance = z_mean.var(axis=0)
        assert measure == "variance of z"
        of = z_mean
        if model != "autoencoder":
            of = np.asarray(session.model.sample_prior(10_000, 0))
        center, spread = of.mean(axis=0), of.std(axis=0)
        assert ("codes" in meaning) == (model == "autoencoder")
    place = int(start[2].split()[2].rstrip(":"))
    distance = np.linalg.norm(z_mean - z_mean.mean(axis=0), axis=1)
    assert abs((distance < distance[place]).sum() - 180) <= 1  # the median, up to rounding
    dims = np.argsort(-importance)[:12]
    assert [name for name, _ in rows] == [f"$z_{{{dim + 1}}}$" for dim in dims]
    np.testing.assert_allclose([value for _, value in rows], importance[dims], rtol=1e-3)
    np.testing.assert_allclose(values, np.arange(-3, 3.5, 0.5))
    for row, dim in enumerate(dims):
        z = np.tile(z_mean[place], (13, 1))
        z[:, dim] = center[dim] + values * spread[dim]
        np.testing.assert_allclose(decoded[row], session.model.decode(z), atol=1e-4)
    np.testing.assert_array_equal(start[0], images[place])
    expected = session.model.reconstruct(images[[place]])[0]
    np.testing.assert_allclose(start[1], expected, atol=1e-5)
    assert start[2] == f"test image {place}: {labels[place]}"
    assert ("12 of 15" in title) == (latent_dim == 15)
    found = re.search(r"with ([\d.]+) of ([\d.]+) nats of KL", subtitle)
    assert (found is not None) == (latent_dim == 15 and measure == "KL, nats")
    if found:
        sums = importance[dims].sum(), importance.sum()
        np.testing.assert_allclose([float(text) for text in found.groups()], sums, atol=0.006)


def test_colors_without_classes_are_traversed(tmp_path, drawn):
    session = open_session(tmp_path, {"dataset": "patches"})
    traverse.run(session)
    decoded, *_, start, _, _ = drawn["draw_traversals"]
    assert decoded.shape == (3, 13, 16, 16, 3)
    assert re.fullmatch(r"test image \d+", start[2])
