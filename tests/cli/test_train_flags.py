"""The command line of both scripts: values, booleans, flag files, errors and settings."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from absl.flags import FlagValues

import cli
import data
from catalog import RUN_FLAGS, read_by
from catalog.evaluations import EVALUATIONS
from catalog.networks import ACTIVATIONS
from catalog.training import INITIALIZERS
from tests.data.sources import tfds_datasets


def parse_train(*args: str) -> FlagValues:
    return cli.parse_train(["train.py", *args])


def parse_evaluate(*args: str) -> FlagValues:
    return cli.parse_evaluate(["evaluate.py", *args])


@pytest.fixture
def recipe(tmp_path: Path):
    """Writes a flag file; returns the flag that reads it."""

    def write(text: str | bytes, name: str = "recipe.flags") -> str:
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / name).write_bytes(content)
        return f"--flagfile={tmp_path / name}"

    return write


# ------------------------------------------------------------------------- defaults


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("batch_size", 100),
        ("latent_dim", 10),
        ("hidden_dim", (500,)),
        ("num_epochs", 50),
        ("dataset", "mnist"),
        ("data_dir", None),
        ("beta", 1.0),
    ],
)
def test_train_keeps_the_defaults_of_earlier_versions(name, default):
    assert parse_train()[name].value == default


@pytest.mark.parametrize(
    ("name", "default"),
    [("saved_path", None), ("num_gen", 50), ("reconstruct", False), ("generate", False)],
)
def test_evaluate_keeps_the_defaults_of_earlier_versions(name, default):
    assert parse_evaluate("--curves")[name].value == default


def test_evaluate_has_every_flag_that_describes_a_run_and_no_default_for_it():
    flags = parse_evaluate("--curves")
    assert cli.given(flags) == {}
    for flag in RUN_FLAGS:
        assert flags[flag.name].value is None
    chosen = parse_evaluate("--curves", "--latent_dim", "5", "--beta=4", "--dataset", "digits")
    assert cli.given(chosen) == {"dataset": "digits", "latent_dim": 5, "beta": 4.0}


def test_every_evaluation_in_the_table_is_a_flag_that_is_off_until_asked_for():
    values = {"interpolate": "1,2", "export": "keras"}
    for name in EVALUATIONS:
        flags = parse_evaluate(f"--{name}", values.get(name, "1"))
        assert [other for other in EVALUATIONS if flags[other].value] == [name]


@pytest.mark.parametrize("written", ["--latent_dim 5", "--latent_dim=5", "-latent_dim 5"])
def test_a_value_follows_its_flag_after_a_space_or_an_equals_sign(written):
    assert parse_train(*written.split()).latent_dim == 5


def test_numbers_may_have_an_exponent():
    assert parse_train("--learning_rate", "5e-4").learning_rate == 5e-4


# ------------------------------------------------------------------------- booleans

TRUE = ["--generate", "--generate 1", "--generate=1", "--generate=true", "--generate True"]
FALSE = ["--nogenerate", "--generate 0", "--generate=0", "--generate=false", "--generate False"]


@pytest.mark.parametrize(
    ("written", "meaning"), [*((text, True) for text in TRUE), *((text, False) for text in FALSE)]
)
def test_booleans_are_read_alike_on_the_command_line_and_in_flag_files(written, meaning, recipe):
    assert parse_evaluate("--curves", *written.split()).generate is meaning
    assert parse_evaluate(*written.split(), "--curves").generate is meaning
    assert parse_evaluate("--curves", recipe(f"{written}\n")).generate is meaning
    nested = recipe(f"{recipe(written, 'inner.flags')}\n")
    assert parse_evaluate("--curves", nested).generate is meaning


def test_a_boolean_takes_no_other_flag_for_its_value():
    flags = parse_evaluate("--generate", "--num_gen", "7", "--reconstruct", "0", "--latent")
    assert (flags.generate, flags.num_gen, flags.reconstruct, flags.latent) == (
        True,
        7,
        False,
        True,
    )


# ----------------------------------------------------------------------- flag files


@pytest.mark.parametrize(
    "text",
    [
        "--latent_dim=5",
        "--latent_dim 5\n",
        "  --latent_dim   5  \n",
        "--latent_dim\t5\n",
        "--latent_dim 5\r\n",
        "--latent_dim\n5\n",
        "# a comment\n\n// another\n--latent_dim=5\n",
        "--latent_dim=4\n--latent_dim=5\n",
    ],
)
def test_a_flag_file_may_be_written_in_many_ways(text, recipe):
    assert parse_train(recipe(text)).latent_dim == 5


def test_a_value_in_a_flag_file_may_contain_spaces(recipe):
    assert parse_train(recipe("--data_dir /my data/sets\n")).data_dir == "/my data/sets"


def test_flags_after_a_flag_file_override_it_and_those_before_do_not(recipe):
    path = recipe("--latent_dim 5\n--hidden_dim 64\n--overwrite\n")
    flags = parse_train("--hidden_dim", "32", path, "--latent_dim", "7", "--overwrite", "0")
    assert (flags.latent_dim, flags.hidden_dim, flags.overwrite) == (7, (64,), False)


@pytest.mark.parametrize("form", ["--flagfile={}", "--flagfile {}"])
@pytest.mark.parametrize(
    "inner", ["--latent_dim=5\n--overwrite=0", "--latent_dim 5\n--overwrite 0"]
)
def test_a_flag_file_may_read_another(form, inner, recipe, tmp_path):
    recipe(inner, "inner.flags")
    flags = parse_train(recipe(form.format(tmp_path / "inner.flags") + "\n--hidden_dim 64\n"))
    assert (flags.latent_dim, flags.hidden_dim, flags.overwrite) == (5, (64,), False)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("--latnet_dim 5", "unknown flag --latnet_dim: did you mean --latent_dim?"),
        ("latent_dim=5", "unexpected argument 'latent_dim=5'"),
        ("--latent_dim = 5", "flag --latent_dim="),
        ("--flagfile", "--flagfile"),
        (b"\xff\xfe", "not UTF-8 text"),
    ],
)
def test_a_mistake_in_a_flag_file_is_reported(text, part, recipe):
    with pytest.raises(cli.UsageError) as error:
        parse_train(recipe(text))
    assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_the_recipes_that_come_with_the_program_are_valid(tmp_path, monkeypatch):
    from tensorflow_datasets import features

    for name, shape in (("cifar10", (32, 32, 3)), ("celeb_a", (218, 178, 3))):
        rows = [{"image": image} for image in tfds_datasets.draw(9, *shape)]
        tfds_datasets.prepare(
            tmp_path, name, {"train": rows}, {"image": features.Image(shape=shape)}
        )
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    recipes = sorted((cli.ROOT / "configs").glob("*.flags"))
    assert recipes
    for path in recipes:
        parse_train(f"--flagfile={path}")


# ------------------------------------------------------------------------- mistakes

BAD_TRAIN = [
    ("--latent_dim x", "flag --latent_dim=x: expected an integer of at least 1"),
    ("--latent_dim 0", "flag --latent_dim=0: expected an integer of at least 1"),
    ("--latent_dim 2.5", "flag --latent_dim=2.5: expected an integer of at least 1"),
    ("--latent_dim=", "flag --latent_dim=: expected an integer of at least 1"),
    ("--batch_size 1e3", "flag --batch_size=1e3: expected an integer"),
    ("--num_epochs=-3", "flag --num_epochs=-3: expected an integer of at least 1"),
    ("--hidden_dim nan", "flag --hidden_dim=nan: expected an integer of at least 1"),
    ("--hidden_dim 500,0", "flag --hidden_dim=500,0: expected an integer of at least 1"),
    ("--beta nan", "flag --beta=nan: expected a number of at least 0"),
    ("--beta inf", "flag --beta=inf: expected a number of at least 0"),
    ("--beta 1e400", "flag --beta=1e400: expected a number of at least 0"),
    ("--beta=-0.1", "flag --beta=-0.1: expected a number of at least 0"),
    ("--learning_rate 0", "flag --learning_rate=0: expected a number above 0"),
    ("--learning_rate nan", "flag --learning_rate=nan: expected a number above 0"),
    ("--learning_rate fast", "flag --learning_rate=fast: expected a number above 0"),
    ("--seed=-1", "flag --seed=-1: expected an integer of at least 0"),
    ("--seed 2147483648", "at most 2147483647"),
    ("--latent_dim 99999999999999999999", "flag --latent_dim=99999999999999999999: expected"),
    ("--dataset imagenet", "flag --dataset=imagenet: expected mnist, fashion_mnist"),
    ("--dataset fashionmnist", "did you mean fashion_mnist"),
    ("--binarize Dynamic", "expected none, dynamic or static; did you mean dynamic?"),
    ("--activation sigmoid", "flag --activation=sigmoid: expected tanh, relu, elu, leaky_relu,"),
    ("--model gan", "flag --model=gan: expected vae"),
    ("--network cnn", "flag --network=cnn: expected auto, mlp"),
    ("--run_name ../x", "flag --run_name=../x: expected a folder's name"),
    ("--run_name=", "flag --run_name=: expected a folder's name"),
    (f"--run_name {'x' * 200}", "up to 150 letters"),
    ("--data_dir=", "flag --data_dir=: expected a path"),
    ("--num_validation 60000", "expected less than the 60000 training images of mnist"),
    ("--dataset digits --num_validation 1437", "less than the 1437 training images of digits"),
    ("--num_validation 0", "flag --num_validation=0: expected an integer of at least 1"),
    ("--latnet_dim 5", "unknown flag --latnet_dim: did you mean --latent_dim?"),
    ("--nolatent_dim", "unknown flag --nolatent_dim: did you mean --latent_dim?"),
    ("--latent 5", "unknown flag --latent, which is a flag of evaluate.py"),
    ("--generate 1", "unknown flag --generate, which is a flag of evaluate.py"),
    ("-x", "unknown flag --x (python train.py --help all lists the flags)"),
    ("5", "unexpected argument '5': flags are written --name value"),
    ("--latent_dim 5 6", "unexpected argument '6'"),
    ("--overwrite 1 2", "unexpected argument '2'"),
    ("--nooverwrite 1", "unexpected argument '1'"),
    ("-- 5", "unexpected argument '5'"),
    ("--latent_dim", "Missing value for flag --latent_dim"),
    ("--dropout 1", "flag --dropout=1: expected a number of at least 0, at most 0.99"),
    ("--precision half", "expected float32, mixed_bfloat16 or mixed_float16"),
    ("--resume --overwrite", "--resume and --overwrite contradict each other"),
    ("--steps_per_execution 0", "expected an integer of at least 1"),
    ("--checkpoint_minutes=-1", "expected a number of at least 0"),
    ("--jit_compile yes", "flag --jit_compile=yes: expected auto, 1 or 0"),
    ("--overwrite maybe", "flag --overwrite=maybe: expected "),
    ("--overwrite=2", "flag --overwrite=2: expected "),
    ("--nooverwrite=1", "--nooverwrite=1"),
    (
        "--flagfile=/nowhere/x.flags",
        "the flag file /nowhere/x.flags cannot be read (No such file or directory)",
    ),
    ("--flagfile", "--flagfile without a file"),
    ("--flagfile=", "--flagfile"),
]

BAD_EVALUATE = [
    ("", "nothing to do: give --all, one or more of --reconstruct, --generate"),
    ("--generate 0", "nothing to do"),
    ("--all 0 --nolatent", "nothing to do"),
    ("--latent_dim 5", "nothing to do"),
    ("--all --saved_path x --run_name y", "--saved_path and --run_name both name a run"),
    ("--all --num_gen 0", "flag --num_gen=0: expected an integer of at least 1"),
    ("--all --num_points 9", "flag --num_points=9: expected an integer of at least 10"),
    ("--all --checkpoint bets", "flag --checkpoint=bets: expected best or last; did you mean best"),
    ("--all --saved_path=", "flag --saved_path=: expected a path"),
    ("--all --latent_dim 0", "flag --latent_dim=0: expected an integer of at least 1"),
    ("--genrate 1", "unknown flag --genrate: did you mean --generate"),
    ("--overwrite", "unknown flag --overwrite, which is a flag of train.py"),
    ("--all 1 2", "unexpected argument '2'"),
    ("--all yes", "flag --all=yes: expected "),
]


@pytest.mark.parametrize(
    ("parse", "words", "part"),
    [
        *((parse_train, words, part) for words, part in BAD_TRAIN),
        *((parse_evaluate, words, part) for words, part in BAD_EVALUATE),
    ],
)
def test_a_bad_command_line_is_reported_in_one_line(parse, words, part):
    with pytest.raises(cli.UsageError) as error:
        parse(*words.split())
    assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_values_with_line_breaks_are_reported_in_one_line():
    for name in ("latent_dim", "run_name", "dataset", "a\nb"):
        with pytest.raises(cli.UsageError) as error:
            parse_train(f"--{name}", "5\n6")
        assert "\n" not in str(error.value)


# ------------------------------------------------------------------------- settings


def test_settings_hold_what_determines_the_result_and_nothing_else():
    flags = parse_train("--dataset", "digits", "--data_dir", "/d")
    settings = cli.settings(flags)
    assert settings["num_validation"] == 144
    read = set(read_by(settings))
    assert not read & {"filters", "pixel_stddev", "beta_steps", "num_labels", "stream"}
    assert set(settings) == read
    assert cli.settings(parse_train("--stream", "0"))["stream"] is False


def draw_settings(source: random.Random) -> dict[str, Any]:
    drawn = {
        "dataset": source.choice(list(data.DATASETS)),
        "num_validation": source.randint(1, 1000),
        "binarize": source.choice(["none", "dynamic", "static"]),
        "hidden_dim": tuple(source.randint(1, 1000) for _ in range(source.randint(1, 4))),
        "initializer": source.choice(INITIALIZERS),
        "activation": (source.choice(ACTIVATIONS),),
        "latent_dim": source.randint(1, 100),
        "beta": round(source.uniform(0, 10), source.randint(0, 3)),
        "learning_rate": 10 ** -source.randint(0, 8) * source.randint(1, 9),
        "batch_size": source.randint(1, 1000),
        "num_epochs": source.randint(1, 500),
        "dropout": round(source.uniform(0, 0.9), source.randint(1, 3)),
        "precision": source.choice(["float32", "mixed_bfloat16", "mixed_float16"]),
        "seed": source.randint(0, 2**31 - 1),
    }
    return dict(source.sample(list(drawn.items()), source.randint(0, len(drawn))))


def test_any_settings_are_recovered_from_flags_and_run_json_and_have_a_unique_name(recipe):
    source = random.Random(0)
    types = {flag.name: flag.type for flag in cli.TRAIN_FLAGS}
    seen: dict[str, dict[str, Any]] = {}
    for _ in range(200):
        drawn = draw_settings(source)
        words = [
            source.choice(["--{} {}", "--{}={}"]).format(name, types[name].format(value))
            for name, value in drawn.items()
        ]
        typed = parse_train(*" ".join(words).split())
        settings = cli.settings(typed)
        assert drawn.items() <= settings.items()
        assert cli.settings(parse_train(recipe("\n".join(words)))) == settings
        name = cli.run_name(typed)
        assert seen.setdefault(name, settings) == settings
        assert parse_evaluate("--all", "--run_name", name).run_name == name
    assert len(seen) > 150
