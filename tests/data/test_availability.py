"""Folders in which images are looked for, and the messages when they cannot be loaded."""

import email.message
import http.client
import io
import os
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import data


@pytest.fixture
def answer(monkeypatch):
    """Makes network requests raise an exception; by default any request fails the test."""

    def set_answer(error):
        def urlopen(*args, **kwargs):
            raise error

        monkeypatch.setattr(urllib.request, "urlopen", urlopen)

    set_answer(AssertionError("the network was asked"))
    return set_answer


def prepare(folder, name):
    """Makes the folder that TFDS leaves after a complete download."""
    (folder / name / data.describe(name).version).mkdir(parents=True)


def test_the_flag_comes_before_the_environment(monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", "/from/environment")
    assert data.resolve_data_dir("/from/flag") == Path("/from/flag")


@pytest.mark.parametrize("flag", [None, ""])
def test_the_environment_comes_before_the_default(monkeypatch, flag):
    monkeypatch.setenv("TFDS_DATA_DIR", "/from/environment")
    assert data.resolve_data_dir(flag) == Path("/from/environment")


@pytest.mark.parametrize("value", [None, ""])
def test_the_default_is_that_of_tfds(monkeypatch, value):
    if value is None:
        monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    else:
        monkeypatch.setenv("TFDS_DATA_DIR", value)
    monkeypatch.setenv("HOME", "/home/reader")
    assert data.resolve_data_dir(None) == Path("/home/reader/tensorflow_datasets")


def test_home_and_relative_folders_become_absolute(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/reader")
    monkeypatch.chdir(tmp_path)
    assert data.resolve_data_dir("~/images") == Path("/home/reader/images")
    assert data.resolve_data_dir("images") == tmp_path / "images"


@pytest.mark.parametrize("name", ["digits", "patches", "shapes"])
def test_an_embedded_dataset_is_always_available(answer, tmp_path, name):
    assert data.is_prepared(name, str(tmp_path))
    data.check_available(name, str(tmp_path))
    assert not data.can_stream(name)


def test_a_prepared_dataset_is_available_without_network(answer, tmp_path):
    prepare(tmp_path, "mnist")
    assert data.is_prepared("mnist", str(tmp_path))
    data.check_available("mnist", str(tmp_path))


def test_a_prepared_dataset_is_found_by_the_environment(answer, tmp_path, monkeypatch):
    prepare(tmp_path, "mnist")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    data.check_available("mnist", None)


def test_another_dataset_or_version_does_not_count_as_prepared(tmp_path):
    prepare(tmp_path, "mnist")
    assert not data.is_prepared("fashion_mnist", str(tmp_path))
    os.rename(tmp_path / "mnist" / "3.0.1", tmp_path / "mnist" / "1.0.0")
    assert not data.is_prepared("mnist", str(tmp_path))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (urllib.error.URLError("Name or service not known"), "Name or service not known"),
        (TimeoutError("timed out"), "timed out"),
        (http.client.RemoteDisconnected("closed without response"), "closed without response"),
        (http.client.BadStatusLine("SSH-2.0-OpenSSH"), "SSH-2.0-OpenSSH"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_missing_images_without_network_are_reported_in_one_line(answer, tmp_path, error, reason):
    answer(error)
    with pytest.raises(data.DataError) as caught:
        data.check_available("mnist", str(tmp_path))
    message = str(caught.value)
    assert message.startswith(f"mnist is not in {tmp_path} ")
    assert reason in message
    assert "--data_dir FOLDER" in message
    assert "--dataset digits" in message
    assert "\n" not in message


@pytest.mark.parametrize("status", [403, 404, 500])
def test_any_answer_of_the_server_counts_as_available(answer, tmp_path, status):
    headers = email.message.Message()
    answer(urllib.error.HTTPError("http://server", status, "no list", headers, io.BytesIO()))
    data.check_available("mnist", str(tmp_path))


def test_the_address_asked_is_the_one_the_dataset_comes_from(monkeypatch, tmp_path):
    asked = []

    def urlopen(url, timeout):
        asked.append(url)
        return io.BytesIO()

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    data.check_available("fashion_mnist", str(tmp_path))
    assert asked == [data.DATASETS["fashion_mnist"].download_url]
