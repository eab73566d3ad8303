"""TensorBoard's logs, read back by TensorBoard."""

from __future__ import annotations

import io
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from tensorboard import context  # type: ignore[import-untyped]
from tensorboard.backend.event_processing import (  # type: ignore[import-untyped]
    data_provider,
    plugin_event_multiplexer,
)
from tensorboard.plugins import base_plugin  # type: ignore[import-untyped]
from tensorboard.plugins.hparams import (  # type: ignore[import-untyped]
    api_pb2,
    backend_context,
    get_experiment,
    metadata,
)
from tensorboard.plugins.projector import projector_plugin  # type: ignore[import-untyped]

import figures
import models
import runs
from tests.settings import make_settings
from training import board
from training.board import Board

SETTINGS = make_settings(hidden_dim=(3, 4), latent_dim=2, num_epochs=6)
IMAGES = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1)).astype(np.uint8)
HOSTILE = ["<script>alert(1)</script>", "a\tb", "a\nb", "a\r\n\tb", '"quoted', "", "🎉", "\u202eb"]
LOGS = {"loss": 5.0, "kl": 2.0, "val_loss": 4.0, "val_kl": 3.0}


@pytest.fixture(scope="module")
def model() -> keras.Model:
    model = models.build((8, 8, 1), SETTINGS)
    model.compile(optimizer=keras.optimizers.Adam(0.25))
    return model


def start(folder: Path) -> runs.Run:
    run = runs.Run(folder)
    run.start({"status": "training", "started": "now", "flags": SETTINGS})
    return run


def make_board(model, run, names=None, images=IMAGES, **settings) -> Board:
    labels = names and np.arange(len(names))
    callback = Board(run, {**SETTINGS, **settings}, images, labels, names)
    callback.set_model(model)
    return callback


def live_through(callback: Board, first: int, last: int, **logs: float) -> None:
    """Calls a board as fit does, for epochs first + 1 to last."""
    for epoch in range(first, last):
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, {**LOGS, **logs})


def read_board(root: Path):
    """Returns TensorBoard's own view of a folder of runs."""
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(root)).Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(root))
    return base_plugin.TBContext(logdir=str(root), data_provider=provider)


# -------------------------------------------------------------------------- scalars


def test_a_training_is_one_run_with_its_losses_by_epoch(model, tmp_path, read_events):
    run = start(tmp_path / "run")
    live_through(make_board(model, run), 0, 2)
    expected = {
        "loss/train": 5.0,
        "kl/train": 2.0,
        "loss/validation": 4.0,
        "kl/validation": 3.0,
        "best/loss": 4.0,
        "learning_rate": 0.25,
    }
    shown = read_board(tmp_path)
    request = context.RequestContext()
    (name,) = {each.run_name for each in shown.data_provider.list_runs(request, experiment_id="")}
    assert name == "run/logs"
    scalars = shown.data_provider.list_scalars(request, experiment_id="", plugin_name="scalars")
    assert set(scalars[name]) == set(expected)
    for tag, value in expected.items():
        assert read_events(run.logs_dir, tag) == [(1, value), (2, value)]


def test_the_best_loss_is_the_lowest_so_far_and_survives_resuming(model, tmp_path, read_events):
    run = start(tmp_path / "run")
    callback = make_board(model, run)
    losses = [4.0, 2.0, 3.0, np.nan]
    for epoch, loss in enumerate(losses):
        live_through(callback, epoch, epoch + 1, val_loss=loss)
    rows = [{"epoch": i + 1, "loss": 1.0, "val_loss": loss} for i, loss in enumerate(losses)]
    runs.write_history(run.history_path, rows)
    live_through(make_board(model, run), 4, 5, val_loss=2.5)
    assert [float(value) for _, value in read_events(run.logs_dir, "best/loss")] == [4, 2, 2, 2, 2]


@pytest.mark.parametrize("cut", [0, 3])
def test_epochs_that_are_trained_again_after_a_kill_are_shown_once(
    model, tmp_path, read_events, cut
):
    """The process died after epoch 4, within an event if ``cut``; the checkpoint is of epoch 1."""
    run = start(tmp_path / "run")
    live_through(make_board(model, run), 0, 4, loss=7.0)
    path = run.logs_dir / "events.out.tfevents.00001"
    path.write_bytes(path.read_bytes()[: -cut or None])
    runs.write_history(run.history_path, [{"epoch": 1, "loss": 7.0, "val_loss": 4.0}])
    for first in (1, 2):  # killed once more, after epoch 3
        live_through(make_board(model, run), first, first + 2)
    assert read_events(run.logs_dir, "loss/train") == [(1, 7.0), (2, 5.0), (3, 5.0), (4, 5.0)]
    assert [step for step, _ in read_events(run.logs_dir, "samples")] == [1, 2, 3, 4]
    assert [step for step, _ in read_events(run.logs_dir, "best/loss")] == [1, 2, 3, 4]


# ---------------------------------------------------------------------- hyperparameters


def read_table(root: Path):
    """Returns TensorBoard's description of its table of runs, and each run's settings."""
    shown, request = read_board(root), context.RequestContext()
    hparams = backend_context.Context(shown)
    contents = hparams.hparams_metadata(request, "")
    experiment = get_experiment.Handler(request, hparams, "", api_pb2.GetExperimentRequest()).run()
    sessions = [
        metadata.parse_session_start_info_plugin_data(tags[metadata.SESSION_START_INFO_TAG])
        for tags in contents.values()
    ]
    return experiment, {each.group_name: each.hparams for each in sessions}


def test_a_sweep_is_a_table(model, tmp_path):
    for latent_dim in (2, 4, 8):
        run = start(tmp_path / f"of {latent_dim}")
        live_through(make_board(model, run, latent_dim=latent_dim), 0, 1)
    experiment, rows = read_table(tmp_path)
    assert {info.name for info in experiment.hparam_infos if info.differs} == {"latent_dim"}
    assert experiment.metric_infos[0].name.tag == "best/loss"
    assert {name: row["latent_dim"].number_value for name, row in rows.items()} == {
        "of 2": 2,
        "of 4": 4,
        "of 8": 8,
    }
    row = rows["of 2"]
    assert set(row) == {name for name, value in SETTINGS.items() if value is not None}
    assert row["hidden_dim"].string_value == "3,4"
    assert row["dataset"].string_value == "mnist"


def test_an_extended_run_has_its_new_settings_in_the_table(model, tmp_path):
    run = start(tmp_path / "run")
    live_through(make_board(model, run), 0, 1)
    runs.write_history(run.history_path, [{"epoch": 1, "loss": 7.0, "val_loss": 4.0}])
    live_through(make_board(model, run, num_epochs=9), 1, 2)
    _, rows = read_table(tmp_path)
    assert rows["run"]["num_epochs"].number_value == 9


# -------------------------------------------------------------------------- images


@pytest.mark.parametrize(
    ("num_epochs", "shown"),
    [(1, [1]), (2, [1, 2]), (6, [1, 2, 3, 4, 5, 6]), (50, [1, 10, 20, 30, 40, 50])],
)
def test_images_are_shown_after_the_first_epoch_the_last_and_a_few_between(
    model, tmp_path, read_events, num_epochs, shown
):
    run = start(tmp_path / "run")
    live_through(make_board(model, run, num_epochs=num_epochs), 0, num_epochs)
    for tag in ("reconstructions", "samples"):
        assert [step for step, _ in read_events(run.logs_dir, tag)] == shown


def test_an_image_has_its_reconstruction_to_the_right_and_samples_are_of_the_seed(
    model, tmp_path, read_events
):
    run = start(tmp_path / "run")
    live_through(make_board(model, run, seed=3), 0, 1)
    images = IMAGES[:16] / np.float32(255)
    pairs = np.concatenate([images, model.reconstruct(images)], axis=2)
    samples = model.decode(model.sample_prior(16, 3))
    for tag, expected in (("reconstructions", pairs), ("samples", samples)):
        ((_, (width, height, png)),) = read_events(run.logs_dir, tag)
        sheet = np.asarray(Image.open(io.BytesIO(png))) / 255
        assert sheet.shape[:2] == (int(height), int(width))
        np.testing.assert_allclose(sheet, figures.tile(expected, 4, 2), atol=1.01 / 255)


def test_an_autoencoder_has_no_samples(tmp_path):
    model = models.build((8, 8, 1), make_settings(model="autoencoder", latent_dim=2))
    model.compile(optimizer="adam")
    run = start(tmp_path / "run")
    callback = make_board(model, run)
    live_through(callback, 0, 1)
    callback.on_train_end()
    request = context.RequestContext()
    provider = read_board(tmp_path).data_provider
    tags = provider.list_blob_sequences(request, experiment_id="", plugin_name="images")
    assert set(tags["run/logs"]) == {"reconstructions"}
    assert 'tensor_name: "codes"' in (run.logs_dir / "projector_config.pbtxt").read_text()


def test_the_random_streams_of_a_model_are_left_as_they_were(model, tmp_path):
    before = [np.array(variable) for variable in model.variables]
    callback = make_board(model, start(tmp_path / "run"))
    live_through(callback, 0, 1)
    callback.on_train_end()
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(np.asarray(variable), value, err_msg=variable.path)


# -------------------------------------------------------------------------- projector


def read_projector(root: Path, name: str):
    """Returns the projector's configuration of a run, and its tensor, as TensorBoard reads them."""
    plugin = projector_plugin.ProjectorPlugin(read_board(root))
    plugin._update_configs()
    (embedding,) = plugin._configs[name].embeddings
    path = projector_plugin._rel_to_abs_asset_path(
        embedding.tensor_path, plugin.config_fpaths[name]
    )
    return embedding, projector_plugin._read_tensor_tsv_file(path)


def finish(model, folder: Path, names=None, images=IMAGES) -> runs.Run:
    run = start(folder)
    callback = make_board(model, run, names, images)
    live_through(callback, 0, 1)
    callback.on_train_end()
    return run


def test_the_projector_has_posterior_means_classes_and_thumbnails(model, tmp_path):
    names = [f"class {i % 3}" for i in range(20)]
    run = finish(model, tmp_path / "run", names)
    embedding, tensor = read_projector(tmp_path, "run/logs")
    assert embedding.tensor_name == "posterior_means"
    z_mean, _ = model.encode(IMAGES / np.float32(255))
    np.testing.assert_allclose(tensor[:, :2], z_mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(tensor[:, 2], 0)  # two dimensions would not be drawn
    lines = (run.logs_dir / embedding.metadata_path).read_text().split("\n")
    assert lines[0] == "class\timage"
    assert lines[1:-1] == [f"{name}\t{i}" for i, name in enumerate(names)]
    assert list(embedding.sprite.single_image_dim) == [8, 8]
    sprite = np.asarray(Image.open(run.logs_dir / embedding.sprite.image_path))
    assert sprite.shape == (4 * 8, 5 * 8, 3)  # 20 images in rows of 5
    paper = 255 - IMAGES[7, :, :, 0].astype(int)  # ink on paper
    np.testing.assert_allclose(sprite[8:16, 16:24, 0], paper, atol=1)


def test_hostile_class_names_stay_in_their_cell(model, tmp_path):
    run = finish(model, tmp_path / "run", [HOSTILE[i % len(HOSTILE)] for i in range(20)])
    lines = (run.logs_dir / "metadata.tsv").read_bytes().decode().splitlines()
    cells = [line.split("\t") for line in lines]
    assert [len(row) for row in cells] == [2] * 21
    assert [row[1] for row in cells[1:]] == [str(i) for i in range(20)]
    found = [row[0] for row in cells[1 : len(HOSTILE) + 1]]
    assert found[:6] == [HOSTILE[0], r"a\tb", r"a\nb", r"a\r\n\tb", HOSTILE[4], ""]
    assert found[6:] == ["🎉", r"\u202eb"]


def test_images_without_labels_have_positions_and_no_heading(model, tmp_path):
    run = finish(model, tmp_path / "run")
    lines = (run.logs_dir / "metadata.tsv").read_text().splitlines()
    assert lines == [str(i) for i in range(20)]


def test_the_projector_has_a_thousand_images_at_most(model, tmp_path):
    run = finish(model, tmp_path / "run", ["a"] * 2500, np.repeat(IMAGES, 125, axis=0))
    _, tensor = read_projector(tmp_path, "run/logs")
    assert tensor.shape == (1000, 3)
    assert (run.logs_dir / "metadata.tsv").read_text().count("\n") == 1001


def test_thumbnails_are_small_squares(tmp_path):
    settings = make_settings(latent_dim=4, hidden_dim=(2,))
    model = models.build((80, 40, 3), settings)
    model.compile(optimizer="adam")
    run = finish(model, tmp_path / "run", images=np.full((7, 80, 40, 3), 200, np.uint8))
    embedding, tensor = read_projector(tmp_path, "run/logs")
    assert tensor.shape == (7, 4)
    assert list(embedding.sprite.single_image_dim) == [32, 32]
    sprite = np.asarray(Image.open(run.logs_dir / "sprite.png"))
    assert sprite.shape == (96, 96, 3)
    assert set(np.unique(sprite[:32, :8])) == {0}
    assert set(np.unique(sprite[:32, 8:24])) == {200}


# -------------------------------------------------------------------------- failures


def test_a_full_disk_is_reported_in_one_line(model, tmp_path, monkeypatch):
    callback = make_board(model, start(tmp_path / "run"))
    monkeypatch.setattr(board, "_path", lambda folder, number: Path("/dev/full"))
    with pytest.raises(runs.RunError) as raised:
        board._EventWriter(tmp_path, 0).flush()
    message = str(raised.value)
    assert message.startswith("/dev/full cannot be written (")
    assert "No space left on device" in message
    assert message.endswith("--tensorboard 0 to train without logs")
    assert "\n" not in message
    assert callback.run.read_record()["status"] == "training"


WORDS = ("--dataset", "digits", "--hidden_dim", "8", "--latent_dim", "2", "--num_epochs", "1")


def test_a_training_without_logs_writes_none(in_process, tmp_path):
    in_process("train", *WORDS, "--run_name", "without", "--tensorboard", "0")
    assert not (tmp_path / "trained_model" / "without" / "logs").exists()
    in_process("train", *WORDS, "--run_name", "with")
    logs = tmp_path / "trained_model" / "with" / "logs"
    assert sorted(path.name for path in logs.iterdir()) == [
        "events.out.tfevents.00000",
        "events.out.tfevents.00001",
        "metadata.tsv",
        "projector_config.pbtxt",
        "sprite.png",
        "tensors.tsv",
    ]
    assert (logs / "metadata.tsv").read_text().startswith("class\timage\n")
