"""The page of results: published runs, missing runs, and the collection of both."""

from __future__ import annotations

import json

import pytest

import runs
from evaluation import classify
from publishing import results
from publishing.published import (
    collect,
    collect_comparison,
    find_figures,
    find_finished,
    published,
)
from publishing.recipes import Recipe


def publish(root, recipe, name, flags, history=(), **measured):
    folder = root / recipe / name
    folder.mkdir(parents=True)
    record = {"flags": flags, "seconds": 120.0, "command": f"python train.py --name={name}"}
    (folder / "run.json").write_text(json.dumps(record))
    losses = dict.fromkeys(("loss", "val_loss", "seconds", "images_per_second"), 1.0)
    rows = [losses | row for row in history or [{"epoch": 1}]]
    runs.write_history(folder / "history.csv", rows)
    for what, numbers in measured.items():
        (folder / f"{what}.json").write_text(json.dumps(numbers))


def mean(value):
    return {"mean": value, "standard_error": 0.1}


def cells(page, first):
    """Returns the cells of the only row whose first cell has this text."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines()]
    (row,) = [row for row in rows if row[0] == first]
    return row


def test_runs_that_do_not_exist_are_reported_as_not_run(tmp_path):
    page = results.write_page(tmp_path / "results")
    assert cells(page, "reproduction, 10,000 test images")[1:] == [results.MISSING] * 3
    assert cells(page, "ours, SVM on z")[1:] == [results.MISSING] * 4
    for recipe in results.RECIPES:
        assert f"`{recipe}`: {results.MISSING}" in page


@pytest.mark.parametrize(("error", "missed"), [(15.0, False), (19.0, True)])
def test_squared_error_and_kl_are_added_and_compared_with_the_published_sum(
    tmp_path, error, missed
):
    root = tmp_path / "results"
    metrics = {"squared_error_plus_kl": mean(error + 10.5), "kl": mean(10.5)}
    publish(root, "conv_mse", "a", {"latent_dim": 8}, metrics=metrics)
    row = cells(results.write_page(root), "reproduction, 10,000 test images")
    assert row[1:3] == [f"{error:.2f}", "10.50"]
    assert row[3] == ("**29.50**" if missed else "25.50")


def test_the_training_time_does_not_count_hours_for_which_it_was_stopped(tmp_path):
    root = tmp_path / "results"
    history = [{"epoch": place, "seconds": seconds} for place, seconds in enumerate((60, 7000, 90))]
    publish(root, "conv", "a", {"latent_dim": 2}, history=history)
    assert "```\nTraining time: 4 minutes.\n" in results.write_page(root)  # 3 of 90 seconds


def test_each_dimension_has_its_own_run(tmp_path):
    root = tmp_path / "results"
    for dim, elbo in ((2, -140.25), (20, -107.5)):
        metrics = {"elbo": mean(elbo), "kl": mean(dim + 0.5), "active_units": min(dim, 17)}
        publish(root, "dimensions", f"ld{dim}", {"latent_dim": dim}, metrics=metrics)
    page = results.write_page(root)
    assert cells(page, "2") == ["2", "142", "140.25", "2.50", "2", results.MISSING, "135"]
    assert cells(page, "20")[2:5] == ["**107.50**", "20.50", "17"]
    assert cells(page, "8")[2] == results.MISSING


def test_the_objective_of_the_last_epoch_is_weighted_by_the_runs_beta(tmp_path):
    root = tmp_path / "results"
    publish(
        root,
        "fashion_m1",
        "m1",
        {"latent_dim": 50, "beta": 0.5, "l2": 0.1, "initializer": "normal"},
        history=[{"epoch": 1, "loss": 300.0}, {"epoch": 2, "loss": 205.0}],
        metrics_last={"reconstruction": mean(200.0), "kl": mean(20.0)},
        classification={
            "accuracy": [
                {"labels": 100, "method": "svm_latent", "mean": 0.7, "standard_deviation": 0.02}
            ]
        },
    )
    page = results.write_page(root)
    rows = [line for line in page.splitlines() if line.startswith("| reproduction")]
    assert rows[0] == "| reproduction | 205.00 | **210.00** |"
    assert rows[1].startswith("| reproduction, SVM on z | **0.700** ± 0.020 | not run")


@pytest.mark.parametrize("method", classify.METHODS)
def test_every_method_has_its_row(tmp_path, method):
    root = tmp_path / "results"
    row = {"labels": 600, "method": method, "mean": 0.9, "standard_deviation": 0.02}
    flags = {"latent_dim": 50}
    publish(root, "fashion_m1_ours", "m1", flags, classification={"accuracy": [row]})
    assert "0.900 ± 0.020" in results.write_page(root)


def test_runs_of_a_recipe_are_found_by_their_settings_and_copied(tmp_path):
    trained, result, root = (tmp_path / name for name in ("trained", "result", "docs"))
    for name, dim, finished in (("a", 2, True), ("b", 3, True), ("c", 2, False)):
        run = runs.Run(trained / name)
        run.start({"flags": {"latent_dim": dim}, "status": "training", "started": name})
        if finished:
            run.finish({"epoch": 1, "val_loss": 2.0}, 1, 60.0)
        runs.write_history(run.history_path, [{"epoch": 1}])
        (result / name).mkdir(parents=True)
        (result / name / "metrics.json").write_text("{}")
    wanted = [{"latent_dim": 2, "a_later_flag": 0}, {"latent_dim": 9}]
    (folder,) = collect(root / "recipe", wanted, find_finished(trained), result)
    assert folder == root / "recipe" / "a"
    assert sorted(path.name for path in folder.iterdir()) == [
        "history.csv", "metrics.json", "run.json",
    ]  # fmt: skip
    assert [run.flags["latent_dim"] for run in published(root, "recipe")] == [2]


def test_figures_that_compare_the_runs_of_a_recipe_are_copied_too(tmp_path):
    trained, result, folder = (tmp_path / name for name in ("trained", "result", "recipe"))
    records = {}
    for name, dim in (("a", 2), ("b", 3), ("of other settings", 4)):
        run = runs.Run(trained / name)
        flags = {"dataset": "digits", "latent_dim": dim}
        run.start({"flags": flags, "status": "training", "started": name})
        run.finish({"epoch": 1, "val_loss": 2.0}, 1, 60.0)
        records[name] = run.read_record()
    both = {name: records[name] for name in ("a", "b")}
    for compared, content in ((both, b"of both"), (records, b"of all three")):
        drawn = result / runs.name_comparison(compared)
        drawn.mkdir(parents=True)
        (drawn / "curves.png").write_bytes(content)
    wanted = [{"latent_dim": dim} for dim in (2, 3)]
    collect(folder, wanted, find_finished(trained), result)
    collect_comparison(folder, wanted, find_finished(trained), result)
    (figure,) = find_figures(folder)
    assert figure == folder / "comparison" / "curves.png"
    assert figure.read_bytes() == b"of both"
    assert collect_comparison(folder, wanted[:1], find_finished(trained), result) == []


def test_every_recipe_has_a_flag_file_that_the_command_line_accepts():
    for recipe in results.RECIPES.values():
        for variant in recipe.variants:
            assert recipe.settings(variant), (recipe.name, variant)


def publish_likelihood(root, name, nll, num_samples=5000, **flags):
    (settings,) = Recipe("nll_one_layer").settings(())
    metrics = {
        "nll": mean(nll),
        "elbo": mean(-nll - 2.0),
        "importance_sampling": {"num_samples": num_samples, "bias": 0.034},
    }
    publish(root, "nll_one_layer", name, settings | flags, metrics=metrics)


def test_the_likelihood_is_the_mean_over_the_seeds_of_the_longest_runs(tmp_path):
    root = tmp_path / "results"
    publish_likelihood(root, "a", 86.0)
    publish_likelihood(root, "b", 87.0, num_samples=500, seed=1)
    publish_likelihood(root, "shorter", 89.0, num_epochs=250, beta_steps=13750)
    publish_likelihood(root, "another objective", 70.0, objective="iwae")
    publish_likelihood(root, "levels", 80.0, model="hierarchical_vae", latent_dim=[50, 50])
    page = results.write_page(root)
    row = cells(page, "VAE, one layer")
    assert row[4:7] == ["**86.50** ± 0.71", "0.10", "88.50"]
    assert row[7:10] == ["500", "2", "1,000"]  # the fewest samples, of two seeds
    assert cells(page, "IWAE, 5 samples")[4] == results.MISSING
    assert cells(page, "250")[-1] == "89.00"
    assert cells(page, "1,000")[-1] == "86.00"  # of the first seed
    assert "too high by at most 0.03 nats" in page


@pytest.mark.parametrize(("nll", "shown"), [(86.3, "86.30"), (86.31, "**86.31**")])
def test_a_likelihood_that_misses_its_target_is_bold(tmp_path, nll, shown):
    root = tmp_path / "results"
    publish_likelihood(root, "a", nll)
    assert cells(results.write_page(root), "VAE, one layer")[4] == shown


def test_disentanglement_has_the_mean_and_spread_of_each_objective(tmp_path):
    root = tmp_path / "results"
    for name, objective, mig in (("a", "elbo", 0.4), ("b", "elbo", 0.6), ("c", "tc", 0.7)):
        scores = dict.fromkeys(("dci_disentanglement", "dci_completeness", "factor_vae"), 0.5)
        flags = {"latent_dim": 10, "objective": objective}
        publish(root, "shapes", name, flags, disentanglement={"mig": mig, **scores})
    page = results.write_page(root)
    assert cells(page, "β-VAE")[1:4] == ["2", "0.500 ± 0.141", "0.500 ± 0.000"]
    assert cells(page, "β-TC-VAE")[1:3] == ["1", "0.700"]
