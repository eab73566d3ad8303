"""The tables of docs/speed.md, made from the measurements."""

from __future__ import annotations

import pytest

from publishing import speed

PAGE = "text\n<!-- table mlp -->\nold\n<!-- end -->\nmore\n<!-- table gpu -->\n<!-- end -->\n"
FACTS = {
    "machine": {"cores": 2, "processor": "a chip"},
    "versions": {"keras": "3.15"},
    "date": "2026-11-26",
    "rounds": 5,
}


def row(ratio: float) -> dict[str, float]:
    return {
        "seconds": 1.5 * ratio,
        "ratio": ratio,
        "loss": 118.04,
        "ready_seconds": 6.0,
        "peak_memory_mib": 1081.9,
    }


def test_only_the_tables_are_replaced():
    filled = speed.fill(PAGE, {"mlp": "| new |\n", "gpu": "| chip |\n"})
    assert filled == (
        "text\n<!-- table mlp -->\n| new |\n<!-- end -->\nmore\n<!-- table gpu -->\n| chip |\n"
        "<!-- end -->\n"
    )
    assert speed.fill(filled, {"mlp": "| new |\n", "gpu": "| chip |\n"}) == filled


@pytest.mark.parametrize("names", [["mlp"], ["mlp", "gpu", "conv"]])
def test_a_table_that_is_missing_on_one_side_is_refused(names):
    with pytest.raises(ValueError, match="the page has the tables"):
        speed.fill(PAGE, dict.fromkeys(names, ""))


def test_a_missed_aim_is_bold():
    rows = {"ours": row(1), "keras_fit": row(2.6), "jax_scan": row(0.92), "matrix_rate": row(0.6)}
    origin, _, table = speed.training_table("mlp", {**FACTS, "rows": rows}).partition("\n\n")
    assert origin == "2 cores, a chip; keras 3.15; 2026-11-26; medians of 5:"
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    assert [line[1:4] for line in lines] == [
        ["s per epoch", "relative", "aim"],
        ["---", "---", "---"],
        ["1.50", "1.00", "–"],
        ["3.90", "2.60", "2.5"],
        ["1.38", "**0.92**", "1.1"],
        ["0.90", "**0.60**", "0.8"],
    ]
    assert lines[2][4:] == ["118.0", "6.0", "1,082"]
    assert lines[5][4:] == ["–", "–", "–"]


def test_parts_that_only_one_version_has_are_left_out_of_the_other():
    seconds = {"before": {"start": 5.04, "exit": 1.0}, "now": {"start": 4.0}}
    assert speed.parts_table({**FACTS, "seconds": seconds}).splitlines()[2:] == [
        "| seconds | before | now |",
        "| --- | --- | --- |",
        "| start | 5.0 | 4.0 |",
        "| exit | 1.0 | – |",
    ]


def test_sources_have_a_rate_a_delay_and_memory():
    row = {"images_per_second": 1234.5, "first_batch_seconds": 2.34, "peak_memory_mib": 1000.4}
    rows = {"folder": row, "million": {**row, "images_per_second": None}}
    assert speed.sources_table({**FACTS, "sources": rows}).splitlines()[2:] == [
        "|  | images per second | first batch after, s | peak MiB |",
        "| --- | --- | --- | --- |",
        "| folder | 1,234 | 2.3 | 1,000 |",
        "| million | – | 2.3 | 1,000 |",
    ]


def test_a_gpu_table_has_a_column_for_each_model():
    tables = {"MLP": {"ours": 0.094, "JAX": 0.052}, "conv": {"ours": "did not compile"}}
    measured = {"chip": "a GPU", "versions": ["Keras 3"], "date": "2026-11-26", "tables": tables}
    assert speed.gpu_table(measured).splitlines() == [
        "a GPU, Keras 3, 2026-11-26:",
        "",
        "| s per 60,000 images | MLP | conv |",
        "| --- | --- | --- |",
        "| ours | 0.094 | did not compile |",
        "| JAX | 0.052 |  |",
    ]


def test_the_page_has_the_measurements_of_the_files():
    page = speed.PAGE.read_text(encoding="utf-8")
    assert speed.fill(page, speed.make_tables()) == page
