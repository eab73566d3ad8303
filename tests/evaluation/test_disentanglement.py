"""``--disentanglement``: its table, its file and its figure, and the scores in ``--compare``."""

from __future__ import annotations

import csv
import json
import types
from typing import Any

import numpy as np
import pytest

import data
import figures
import runs
from data.sources import shapes
from evaluation import RequestError, comparison, disentanglement
from evaluation.statistics import disentanglement as statistics
from tests.evaluation.sessions import make_session, save_untrained_run

FACTORS = shapes.load_factors(data.describe("shapes"), "test")


def open_perfect(folder, num_dims=14, **flags):
    """Returns a session whose last five dimensions are the factors; the others are noise.

    The posterior of y, the last one, has a standard deviation of 10 times the distance of values.
    """
    noise = np.random.default_rng(0).normal(size=(len(FACTORS), num_dims - 5))
    codes = np.concatenate([noise, FACTORS - FACTORS.mean(axis=0)], axis=1)
    session = make_session(
        folder,
        types.SimpleNamespace(is_variational=True),
        settings={"dataset": "shapes", "latent_dim": num_dims},
        **flags,
    )
    z_log_var = np.full_like(codes, -20)
    z_log_var[:, -1] = 2 * np.log(10)
    session.test_posterior = codes.astype(np.float32), z_log_var  # type: ignore
    return session


@pytest.fixture
def drawn(monkeypatch):
    """The arguments of the figure."""
    calls: list[Any] = []
    draw = figures.draw_information

    def record(*args: Any) -> Any:
        calls.append(args)
        return draw(*args)

    monkeypatch.setattr(figures, "draw_information", record)
    return calls


def test_a_perfect_code_is_printed_written_and_drawn(tmp_path, capsys, drawn):
    written = disentanglement.run(open_perfect(tmp_path))
    assert [path.name for path in written] == [
        f"disentanglement.{suffix}" for suffix in ("json", "png", "pdf")
    ]
    found = json.loads(written[0].read_text())
    assert found["num_images"] == 4_320
    assert found["mig"] == pytest.approx(0.99, abs=0.005)  # the test images are not all
    scores = disentanglement.find_scores(found)
    assert len(scores) == 5
    assert min(scores.values()) > 0.98
    assert [factor["name"] for factor in found["factors"]] == ["shape", "size", "angle", "x", "y"]
    assert [factor["num_values"] for factor in found["factors"]] == [3, 5, 10, 12, 12]
    information = np.array(found["information"])
    assert information.shape == np.shape(found["importance"]) == (5, 14)
    np.testing.assert_allclose(information[:, 9:].diagonal(), 1)
    protocol = found["protocol"]
    assert (protocol["mig_bins"], protocol["factor_vae_votes"]) == (20, [10_000, 5_000])
    printed = capsys.readouterr().out
    assert "posterior means of 4,320 test images" in printed
    assert f"  MIG                  {found['mig']:.3f}  histograms of 20 bins" in printed
    assert "  y           12  0.9" in printed
    assert "z14 100, " in printed

    ((shares, gaps, dims, _, subtitle),) = drawn
    assert "the 12 most informative of 14 dimensions" in subtitle
    assert list(dims[-5:]) == [10, 11, 12, 13, 14]
    assert len(dims) == shares.shape[1] == 12
    np.testing.assert_allclose(shares, information[:, np.array(dims) - 1])
    assert gaps["angle"] == found["factors"][2]["gap"]


def test_samples_of_the_posteriors_have_only_the_information_that_the_decoder_gets(tmp_path):
    found = disentanglement.measure(open_perfect(tmp_path, features="sample"))
    assert found["protocol"]["codes"] == "one sample of each posterior"
    *gaps, gap_of_y = (factor["gap"] for factor in found["factors"])
    assert min(gaps) > 0.98
    assert gap_of_y < 0.1


def test_images_without_known_factors_are_refused_in_one_line(tmp_path):
    with pytest.raises(RequestError) as caught:
        disentanglement.check(make_session(tmp_path))
    assert str(caught.value) == (
        "--disentanglement needs images with known factors, and digits has none: choose a run of "
        "--dataset shapes"
    )
    disentanglement.check(open_perfect(tmp_path))


def test_compared_runs_have_the_scores_in_their_table(tmp_path, capsys, monkeypatch):
    importance = np.ones((5, 2)), np.arange(5) / 10
    monkeypatch.setattr(statistics, "measure_importance", lambda *_: importance)  # takes seconds
    sessions = []
    for latent_dim in (2, 3):
        session = save_untrained_run(
            tmp_path / str(latent_dim), dataset="shapes", latent_dim=latent_dim
        )
        session.run.folder.rename(tmp_path / f"ld{latent_dim}")
        session.run = runs.Run(tmp_path / f"ld{latent_dim}")
        sessions.append(session)
    comparison.compare(sessions)
    printed = capsys.readouterr().out
    assert "MIG  DCI disentanglement" in printed
    with (sessions[0].result_dir / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    measured = disentanglement.measure(sessions[1])
    assert float(rows[1]["mig"]) == measured["mig"]
    assert float(rows[0]["mig"]) != measured["mig"]
    lines = [line for line in printed.splitlines() if line.startswith("latent_dim 3")]
    scores = [f"{value:.3f}" for value in disentanglement.find_scores(measured).values()]
    printed_scores = [word for line in lines for word in line.split() if word in scores]
    assert printed_scores == scores
