"""Fuzzing: any command line is either accepted or refused in one line.

Hypothesis draws valid and invalid flags and values, the same in every run.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cli
import data
from catalog import PARTS, READERS, RUN_FLAGS
from catalog.evaluations import EVALUATIONS
from catalog.flags import Flag

PARSERS: dict[str, Callable] = {
    "train.py": cli.parse_train,
    "evaluate.py": cli.parse_evaluate,
}
FLAGS = {"train.py": cli.TRAIN_FLAGS, "evaluate.py": cli.EVALUATE_FLAGS}
SOME = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=250,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

AWKWARD = [
    *data.DATASETS,
    *(name for table in PARTS.values() for name in table),
    *("dynamic", "static", "mirrored", "multi_worker", "mixed_bfloat16", "mixed_float16"),
    *("latent_dim=2,4", "beta=1;4", "hidden_dim=9;9,9", "model=vae,autoencoder", "dataset=x,y"),
    *("auto", "none", "same", "all", "last", "previous", "best", "normal", "cosine", "mean"),
    *("true", "false", "1", "0", "-1", "2", "100", "1437", "1e-3", "0.5", "1e999", "nan", "-inf"),
    *("2,4,8", "2,2", ",", "4,", "3,6", "9" * 5000, "1_000", "٣", "²", "Ⅷ", "0x10", " 7 ", "1e3"),
    *("", " ", "-", "--", "=", "a=b", "a b", "ü", "数字", "\udcff", "\x1b[2J", "\u2028", "a\nb"),
    *("../x", "/", "~", "~nobody", "*", "[", "a,b", "run,*", "x" * 300, "%s", "{}", "$HOME"),
]
VALUES = st.one_of(
    st.sampled_from(AWKWARD),
    st.integers().map(str),
    st.floats().map(str),
    st.text(max_size=20).map(lambda text: text.replace("\0", "")),
    st.lists(st.integers(-1, 1000).map(str), max_size=5).map(",".join),
)


def spoil(name: str, position: int, text: str) -> str:
    """Returns a name in which a character is removed, replaced or inserted."""
    position %= len(name) + 1
    return name[:position] + text + name[position + len(text) % 2 :]


def names_of(script: str) -> st.SearchStrategy[str]:
    known = st.sampled_from([flag.name for flag in FLAGS[script]])
    other = {"train.py": "evaluate.py", "evaluate.py": "train.py"}[script]
    return st.one_of(
        known,
        known,
        known.map("no{}".format),
        st.sampled_from([flag.name for flag in FLAGS[other]]),
        st.builds(spoil, known, st.integers(0, 30), st.sampled_from(["", "x", "_", "-", "é"])),
        st.sampled_from(["flagfile", "undefok", "help", "helpxml", "helpshort", "", "=", "-"]),
    )


def accepted_by(flag: Flag) -> list[str]:
    """Returns the words of ``AWKWARD`` that a flag accepts."""
    found = []
    for value in AWKWARD:
        try:
            flag.type.parse(value)
            found.append(value)
        except ValueError:
            pass
    return found


def taken_words(script: str) -> st.SearchStrategy[list[str]]:
    """Returns words whose flags are valid separately, but may contradict each other."""
    pairs = [
        f"--{flag.name}={value}"
        for flag in FLAGS[script]
        for value in accepted_by(flag)
        if flag.name != "help"
    ]
    first = ["--curves"] if script == "evaluate.py" else []
    return st.lists(st.sampled_from(pairs), max_size=6).map(first.__add__)


def words_for(script: str) -> st.SearchStrategy[list[str]]:
    """Returns the words after a script's name: flags in every notation, and other words."""
    names, dashes = names_of(script), st.sampled_from(["--", "--", "--", "-", "---", ""])
    pieces = st.one_of(
        st.builds(lambda dash, name, value: [f"{dash}{name}={value}"], dashes, names, VALUES),
        st.builds(lambda dash, name, value: [f"{dash}{name}", value], dashes, names, VALUES),
        st.builds(lambda dash, name: [f"{dash}{name}"], dashes, names),
        VALUES.map(lambda value: [value]),
    )
    mixed = st.lists(pieces, max_size=6).map(
        lambda found: [word for piece in found for word in piece]
    )
    return st.one_of(taken_words(script), mixed)


def check_read_or_refused(script: str, words: list[str]) -> str:
    """Parses; returns ``"read"``, ``"help"`` or the message of a UsageError."""
    try:
        values = PARSERS[script]([script, *words])
    except (cli.UsageError, data.DataError) as error:
        told = cli.on_one_line(error)
        assert told
        assert told.isprintable()
        return told
    except SystemExit as stopped:
        return "help" if not stopped.code else f"status {stopped.code}"
    if script == "train.py":
        cli.execution(values)
        if not values.sweep:
            chosen = cli.settings(values)
            assert cli.check_recorded(json.loads(json.dumps(chosen))) == chosen
        try:
            for _, name, _ in cli.parse_each([script, *words], values):
                assert "/" not in name
            if not values.sweep:
                assert "/" not in cli.run_name(values)
        except cli.UsageError as error:  # a name too long
            return cli.on_one_line(error)
    else:
        cli.given(values)
    return "read"


@pytest.mark.parametrize("script", PARSERS)
def test_any_command_line_is_accepted_or_refused_in_one_line(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ends: dict[str, int] = {}

    @SOME
    @given(words=words_for(script))
    def fuzz(words):
        end = check_read_or_refused(script, words)
        ends[end[:20]] = ends.get(end[:20], 0) + 1

    fuzz()
    assert sum(ends.values()) >= SOME.max_examples
    assert len(ends) > 10, "refusals of many kinds"
    assert ends["read"] > 10, "or nothing was tried beyond the words themselves"
    assert not [end for end in ends if end.startswith("status")]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", PARSERS)
def test_any_flag_file_is_accepted_or_refused_in_one_line(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outer, inner = tmp_path / "outer.flags", tmp_path / "inner ü.flags"
    lines = st.one_of(
        words_for(script).map(" ".join),
        words_for(script).map("\n".join),
        st.sampled_from(
            ["# a comment", "// another", f"--flagfile={inner}", f"--flagfile {outer}", "\ufeff"]
        ),
        st.text(max_size=30),
    )
    ends = set()

    @SOME
    @given(
        texts=st.tuples(st.lists(lines, max_size=4), st.lists(lines, max_size=4)),
        after=words_for(script),
        spoiled=st.binary(max_size=3),
    )
    def fuzz(texts, after, spoiled):
        for path, text in zip((outer, inner), texts, strict=True):
            path.write_bytes("\n".join(text).encode(errors="surrogateescape") + spoiled)
        ends.add(check_read_or_refused(script, [f"--flagfile={outer}", *after])[:20])

    fuzz()
    assert len(ends) > 5, "refusals of many kinds"
    assert set(tmp_path.iterdir()) == {outer, inner}


@pytest.mark.parametrize("script", PARSERS)
@pytest.mark.parametrize("value", AWKWARD)
def test_every_flag_accepts_or_refuses_every_awkward_value(script, value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for flag in FLAGS[script]:
        check_read_or_refused(script, [f"--{flag.name}={value}"])
    check_read_or_refused(script, [value])


@SOME
@given(
    names=st.permutations([flag.name for flag in RUN_FLAGS]).map(lambda all_: all_[:4]),
    extra=st.sampled_from(["--latent_dim=3", "--beta=2", "--seed=4", "--batch_size=7"]),
)
def test_the_last_of_repeated_flags_counts_and_their_order_does_not(names, extra):
    flag = extra.split("=")[0]
    known = {flag.name: flag for flag in cli.TRAIN_FLAGS}
    words = [
        f"--{name}={known[name].type.format(known[name].default)}"
        for name in names
        if known[name].default is not None
    ]
    words = [word for word in words if not word.startswith(f"{flag}=")]
    expected = cli.settings(cli.parse_train(["train.py", extra]))
    for shuffled in (
        [f"{flag}=1", *words, extra],
        [*words[::-1], f"{flag}=1", extra],
        [extra, *words],
    ):
        assert cli.settings(cli.parse_train(["train.py", *shuffled])) == expected


def test_every_flag_of_the_catalog_is_fuzzed():
    fuzzed = {flag.name for flags in FLAGS.values() for flag in flags}
    assert set(EVALUATIONS) <= fuzzed
    assert set(READERS) <= fuzzed
