"""The catalog of datasets against what the sources load, and the dataset's record in run.json."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import data
from data import splits

ROOT = Path(__file__).resolve().parents[2]
NAMES = pytest.mark.parametrize("name", data.DATASETS)


@NAMES
def test_every_source_has_the_interface(name):
    source = data.source_of(data.describe(name))
    assert callable(source.load)
    assert hasattr(source, "is_prepared") == hasattr(source, "check_server")
    assert hasattr(source, "open_stream") == hasattr(source, "damaged") == data.can_stream(name)


@NAMES
def test_descriptions_are_consistent(name):
    info = data.describe(name)
    assert info.name == name
    assert 0 < info.num_validation < info.num_train
    assert info.value_range == (0, 255)
    if info.class_names is not None:
        assert len(set(info.class_names)) == len(info.class_names)
    # Images that can be downloaded have a version and an address.
    downloadable = hasattr(data.source_of(info), "check_server")
    assert downloadable == (info.version is not None) == (info.download_url is not None)


@pytest.mark.parametrize("name", ["digits", "patches", "shapes"])
def test_embedded_images_have_the_catalogs_counts_shapes_and_labels(name):
    info = data.describe(name)
    train, validation = splits.load_train_and_validation(name)
    for split, count in (
        (train, info.num_train - info.num_validation),
        (validation, info.num_validation),
        (splits.load_test(name), info.num_test),
    ):
        assert split.images.shape == (count, *info.image_shape)
        assert split.images.dtype == np.uint8
        assert (split.images.min(), split.images.max()) == info.value_range
        if info.class_names is None or split.labels is None:
            assert split.labels is info.class_names is None
        else:
            assert split.labels.dtype == np.int64
            assert set(split.labels) == set(range(len(info.class_names)))


def test_describing_imports_neither_tensorflow_nor_scikit_learn():
    code = (
        "import sys, data\n"
        "for name in data.DATASETS:\n"
        "    data.describe(name), data.can_stream(name), data.is_prepared(name, None)\n"
        "print({'tensorflow', 'tensorflow_datasets', 'sklearn', 'keras'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mnst", "did you mean mnist or kmnist?"),
        ("cifar", "did you mean cifar10 or cifar100?"),
        ("emnst/letters", "did you mean emnist or mnist?"),
        ("mnits:3.0.1", "did you mean mnist or kmnist?"),
        ("photographs/of_cats", "; photographs/of_cats is not prepared in "),
        ("Mnist", "the path of a folder"),
        ("../mnist", "the path of a folder"),
    ],
)
def test_an_unknown_name_is_one_line_with_the_known_ones(name, hint, tmp_path):
    with pytest.raises(data.UnknownDataset) as caught:
        data.describe(name, str(tmp_path))
    message = str(caught.value)
    assert message.startswith("expected mnist, fashion_mnist, digits, patches or shapes, another ")
    assert hint in message
    assert "\n" not in message


# ---------------------------------------------------------------- the record in run.json


@NAMES
def test_a_record_is_json_and_gives_the_description(name):
    info = data.describe(name)
    record = json.loads(json.dumps({"dataset": data.to_record(info)}))
    assert data.from_record(record, name) == info


def test_an_old_run_is_described_by_its_name():
    assert data.from_record({"flags": {}}, "digits") == data.describe("digits")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"name": "mnist"}, "its name is 'mnist', expected 'digits'"),
        ({"image_shape": [28, 28, 1]}, "its image_shape is [28, 28, 1], expected [8, 8, 1]"),
        ({"image_shape": "8x8"}, "its image_shape is '8x8'"),
        ({"num_train": 10**30}, "its num_train is 1000000"),
        ({"num_test": None}, "its num_test is None"),
        ({"class_names": None}, "its class_names is None"),
        ({"class_names": ["x" * 10**6] * 10}, "its class_names is ['xxx"),
        ({"value_range": [0, 1]}, "its value_range is [0, 1], expected [0, 255]"),
        ({"source": "os"}, "its source is 'os', expected None"),
    ],
)
def test_a_record_of_another_dataset_is_refused_in_one_line(change, part):
    record = {"dataset": data.to_record(data.describe("digits")) | change}
    with pytest.raises(data.DataError) as caught:
        data.from_record(record, "digits")
    message = str(caught.value)
    assert part in message
    assert "\n" not in message
    assert len(message) < 400


@pytest.mark.parametrize("record", [None, [], "digits", 3])
def test_a_record_that_is_not_an_object_is_refused(record):
    with pytest.raises(data.DataError, match="expected an object"):
        data.from_record({"dataset": record}, "digits")
