"""Samples and the classes that a classifier assigns to them: drawn, found, exported.

The classifier of the fake model is known: the class of z is the decile of the normal
distribution in which z_1 lies, so that each class has a tenth of the prior.
"""

import csv
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import figures
import runs
from catalog.datasets import DATASETS
from evaluation import (
    RequestError,
    batching,
    export_samples,
    generate,
    generate_class,
    png_folder,
    samples,
)
from evaluation.session import Session
from tests.evaluation.sessions import make_session as make_any_session

CLOTHES = DATASETS["fashion_mnist"].class_names or ()
_EDGES = scipy.stats.norm.ppf(np.arange(1, 10) / 10).astype(np.float32)


def tenth(z):
    return np.searchsorted(_EDGES, np.asarray(z)[:, 0], side="right")


class FakeModel:
    """Decodes z into images whose pixels are σ(z_1)."""

    is_variational = True
    uses_labels = True

    def __init__(self, classes=range(10)):
        self.classes = tf.constant(list(classes))  # that it calls each tenth

    def sample_prior(self, num, seed):
        return tf.random.stateless_normal((num, 2), (seed, 0))

    def decode(self, z):
        return tf.tile(tf.sigmoid(z[:, :1])[:, None, None], (1, 4, 4, 1))

    def classify(self, images):
        return tf.one_hot(tf.zeros(images.shape[0], tf.int32), 10)

    def classify_z(self, z):
        place = tf.reduce_sum(tf.cast(z[:, :1] >= _EDGES, tf.int32), axis=1)
        return 0.75 * tf.one_hot(tf.gather(self.classes, place), 10) + 0.025


def make_session(folder, model=None, settings=None, **flags):
    described = {"dataset": "fashion_mnist", "model": "classifier_vae", "num_labels": None}
    test = np.zeros((5, 4, 4, 1), np.float32), np.array([0, 0, 3, 0, 7])  # three of class 0
    session = make_any_session(
        folder, model or FakeModel(), test, settings={**described, **(settings or {})}, **flags
    )
    session.result_dir = folder / "result"
    return session


@pytest.fixture
def drawn(monkeypatch):
    """The arguments of every figure drawn, by the function's name; nothing is written."""
    calls: dict[str, list[tuple]] = {"draw_images": [], "draw_named_images": []}
    for name, arguments in calls.items():
        monkeypatch.setattr(figures, name, lambda *args, to=arguments: to.append(args))
    monkeypatch.setattr(Session, "save_figure", lambda self, figure, name: [Path(name)])
    return calls


def z_of(images):
    """The z_1 that an image was decoded from."""
    return scipy.special.logit(np.asarray(images, np.float64)[:, 0, 0, :])


# ------------------------------------------------------------------------- generate


def test_samples_have_the_classes_that_the_classifier_assigns(drawn, tmp_path):
    generate.run(make_session(tmp_path, num_gen=60))
    ((images, names, _, subtitle),) = drawn["draw_named_images"]
    assert names == [CLOTHES[place] for place in tenth(z_of(images))]
    assert len(set(names)) == 10
    assert "named by the classifier, right for 60.0 % of test images" in subtitle
    assert drawn["draw_images"] == []


# ------------------------------------------------------------------- one class alone


@pytest.mark.parametrize("written", ["Sneaker", "sneaker", "7"])
def test_only_samples_of_the_class_are_drawn_and_the_number_of_draws_is_reported(
    written, drawn, tmp_path, capsys
):
    session = make_session(tmp_path, generate_class=written, num_gen=300)
    generate_class.check(session)
    assert generate_class.run(session) == [Path("generated_class_7")]
    ((images, title, subtitle),) = drawn["draw_images"]
    assert images.shape == (300, 4, 4, 1)
    np.testing.assert_array_equal(tenth(z_of(images)), np.full(300, 7))
    assert len(np.unique(images[:, 0, 0, 0])) == 300
    assert title == "Samples from the prior classified as Sneaker"
    printed = capsys.readouterr().out.strip()
    assert printed.startswith("samples that the classifier assigns to Sneaker: 300 in ")
    assert printed.partition(": ")[2] in subtitle
    num_draws = int(printed.split(" in ")[1].removesuffix(" draws").replace(",", ""))
    # a tenth of the prior: 3,000 ± 164
    assert abs(num_draws - 3000) < 5 * 164


def test_the_draws_are_counted_up_to_the_last_one_kept(tmp_path):
    session = make_session(tmp_path, model=FakeModel([3] * 10))
    z, num_draws = samples.draw_class(session, 3, count=1234)
    assert (len(z), num_draws) == (1234, 1234)


def test_samples_of_a_class_repeat_with_the_seed_and_differ_with_another(tmp_path):
    once, again, other = (
        samples.draw_class(make_session(tmp_path, seed=seed), 2, 50) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(once[0], again[0])
    assert once[1] == again[1]
    assert np.all(once[0] != other[0])


def test_a_class_without_samples_is_reported_in_one_line_with_the_classes_found(tmp_path):
    model = FakeModel([4] * 9 + [5])
    session = make_session(tmp_path, model, generate_class="Bag")
    with pytest.raises(runs.RunError) as error:
        generate_class.run(session)
    message = str(error.value)
    assert "--generate_class=Bag" in message
    assert "none of 100,000 samples" in message
    assert message.endswith("only to Coat, Sandal")
    assert "\n" not in message


def test_the_samples_found_of_a_rare_class_are_drawn(drawn, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(samples, "_DRAWS", 1000)
    monkeypatch.setattr(samples, "_MAX_DRAWS", 2000)
    session = make_session(tmp_path, generate_class="0", num_gen=1000)
    generate_class.run(session)
    ((images, *_),) = drawn["draw_images"]
    assert abs(len(images) - 200) < 5 * np.sqrt(2000 * 0.1 * 0.9)
    assert f"{len(images)} in 2,000 draws" in capsys.readouterr().out


def test_an_unknown_class_is_reported_in_one_line(tmp_path):
    for wrong in ("Shoe", "10", "-1"):
        with pytest.raises(RequestError) as error:
            generate_class.check(make_session(tmp_path, generate_class=wrong))
        assert str(error.value).startswith(
            f"flag --generate_class={wrong}: expected one of T-shirt"
        )
        assert "number, 0 to 9" in str(error.value)


@pytest.mark.parametrize("module", [generate_class, export_samples])
def test_a_model_without_a_classifier_is_reported_in_one_line(module, tmp_path):
    session = make_session(tmp_path, generate_class="7", export_samples=5)
    del session.settings["num_labels"]
    session.settings["model"] = "vae"
    with pytest.raises(RequestError) as error:
        module.check(session)
    assert "is a vae, which has no classifier" in str(error.value)
    assert "\n" not in str(error.value)


# --------------------------------------------------------------------------- export


@pytest.fixture
def exported(tmp_path, monkeypatch, capsys):
    """The folder and the paths of the second of two exports."""
    monkeypatch.setattr(png_folder, "_AT_ONCE", 40)
    export_samples.run(make_session(tmp_path, FakeModel([4] * 10), export_samples=1001))
    session = make_session(tmp_path, export_samples=101)
    return session.result_dir / "samples", export_samples.run(session)


def test_every_sample_is_in_the_folder_of_its_class(exported):
    folder, written = exported
    found = sorted(folder.rglob("*.png"))
    assert [path.name for path in sorted(found, key=lambda path: path.name)] == [
        f"{number:03d}.png" for number in range(101)
    ]
    folders = [name.replace("/", "-") for name in CLOTHES]
    for path in found:
        pixels = matplotlib.image.imread(path)
        assert pixels.shape == (4, 4)  # gray, of the images' own size
        z = scipy.special.logit(pixels.astype(np.float64)[:1, :1])
        nearest = {int(tenth(z + step)[0]) for step in (-0.02, 0, 0.02)}  # 8 bits of σ(z)
        assert folders.index(path.parent.name) in nearest
    assert written[-1] == folder / "labels.csv"
    assert set(written[:-1]) == {path.parent for path in found}


def test_the_table_has_a_row_for_each_sample_with_its_class_and_probability(exported):
    folder, _ = exported
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["file"] for row in rows} == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*.png")
    }
    for row in rows:
        assert row["file"].split("/")[0] == row["class"].replace("/", "-")
        assert row["class"] in CLOTHES
        assert float(row["probability"]) == pytest.approx(0.775, abs=1e-6)


@pytest.mark.parametrize("name", ["mine.png", "Bag/99.png", "Bag/note.txt", "labels.csv/x"])
def test_files_that_no_export_wrote_are_kept_and_the_export_is_refused(tmp_path, name):
    session = make_session(tmp_path, export_samples=20)
    folder = session.result_dir / "samples"
    if "/x" not in name:
        export_samples.run(session)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("mine")
    with pytest.raises(runs.RunError) as error:
        export_samples.run(session)
    assert str(error.value).startswith(f"{folder / name} is not from an earlier export")
    assert "\n" not in str(error.value)
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert after == {**before, folder / name: b"mine"}


@pytest.mark.parametrize("place", ["samples", "samples/Bag", "samples/Bag/01.png"])
def test_an_export_follows_no_link(tmp_path, place):
    session = make_session(tmp_path, export_samples=20)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.txt").write_text("mine")
    link = session.result_dir / place
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere if place != "samples/Bag/01.png" else elsewhere / "mine.txt")
    if place != "samples":
        (session.result_dir / "samples" / "labels.csv").write_text(
            "file,class,probability\nBag/01.png,Bag,1\nBag,Bag,1\n"
        )
    with pytest.raises(runs.RunError, match=r"is a link|is not from an earlier export"):
        export_samples.run(session)
    assert [path.name for path in elsewhere.iterdir()] == ["mine.txt"]
    assert (elsewhere / "mine.txt").read_text() == "mine"
    assert link.is_symlink()


def test_an_export_that_was_killed_is_replaced(tmp_path, monkeypatch):
    """Whenever it is killed, every file that it has written is listed in labels.csv."""
    session = make_session(tmp_path, export_samples=50)
    monkeypatch.setattr(png_folder, "_AT_ONCE", 10)
    decode, calls = batching.decode, []

    def die(session, z):
        calls.append(z)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return decode(session, z)

    monkeypatch.setattr(batching, "decode", die)
    with pytest.raises(KeyboardInterrupt):
        export_samples.run(session)
    assert len(list(session.result_dir.rglob("*.png"))) == 20
    monkeypatch.setattr(batching, "decode", decode)
    export_samples.run(session)
    assert len(list(session.result_dir.rglob("*.png"))) == 50


def test_a_full_disk_is_reported_with_the_image_that_cannot_be_written(tmp_path, monkeypatch):
    def fail(image):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tf.io, "encode_png", fail)
    session = make_session(tmp_path, export_samples=5)
    with pytest.raises(
        runs.RunError, match=r"0\.png cannot be written \(No space left on device\)"
    ):
        export_samples.run(session)


def test_folders_of_classes_are_safe_and_all_different():
    names = ["a/b", "a-b", "..", "", "/etc", "x\x1b[31m", "A-B", "labels.csv", "ü" * 200, " b. "]
    folders = png_folder.make_names(names, "class", ["labels.csv"])
    assert len({folder.casefold() for folder in folders} - {"labels.csv"}) == len(names)
    for folder in folders:
        assert folder.isprintable()
        assert folder == Path(folder).name
        assert folder.strip(". ") == folder
        assert len(folder.encode()) < 120
    assert folders[:4] == ["a-b", "a-b-1", "class-2", "class-3"]
    assert png_folder.make_names(CLOTHES, "class")[::9] == ["T-shirt-top", "Ankle boot"]


# ------------------------------------------------------------------- both, end to end


def test_a_trained_model_generates_a_class_and_exports_from_the_command_line(
    in_process, tmp_path, capsys
):
    sizes = ("--dataset", "digits", "--hidden_dim", "32", "--latent_dim", "2")
    in_process("train", *sizes, "--num_epochs", "4", "--model", "classifier_vae", "--run_name", "a")
    in_process("evaluate", "--run_name", "a", "--export_samples", "60")
    folder = tmp_path / "result" / "a" / "samples"
    assert len(list(folder.rglob("*.png"))) == 60
    with (folder / "labels.csv").open(newline="") as file:
        classes = [row["class"] for row in csv.DictReader(file)]
    common = max(set(classes), key=classes.count)
    capsys.readouterr()
    in_process("evaluate", "--run_name", "a", "--generate_class", common, "--num_gen", "5")
    printed = capsys.readouterr().out
    assert f"assigns to {common}: 5 in " in printed
    assert (tmp_path / "result" / "a" / f"generated_class_{common}.png").is_file()
    assert not (tmp_path / "result" / "a" / "generated.png").exists()
    with pytest.raises(SystemExit) as stopped:
        in_process("evaluate", "--run_name", "a", "--generate_class", "ten")
    error = capsys.readouterr().err
    assert (stopped.value.code, error.count("\n")) == (2, 1)
    assert "flag --generate_class=ten: expected one of 0, 1, 2" in error
