"""The real MNIST and Fashion-MNIST, if they are in a folder beside the repository."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.special import entr

from catalog.classifiers import CLASSIFIERS
from data import DATASETS, splits
from evaluation import features
from evaluation.statistics import fidelity

DATA_DIR = Path(__file__).resolve().parents[2] / "shared" / "tensorflow_datasets"

pytestmark = pytest.mark.skipif(not DATA_DIR.is_dir(), reason=f"no datasets in {DATA_DIR}")

# Images of each class, as the makers of the datasets state them.
TRAIN_COUNTS = {
    "mnist": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    "fashion_mnist": [6000] * 10,
}
TEST_COUNTS = {
    "mnist": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    "fashion_mnist": [1000] * 10,
}


@pytest.fixture(scope="module", params=sorted(TRAIN_COUNTS))
def name(request):
    return request.param


@pytest.fixture(scope="module")
def train_and_validation(name):
    return splits.load_train_and_validation(name, str(DATA_DIR))


@pytest.fixture(scope="module")
def official_test(name):
    return splits.load_test(name, str(DATA_DIR))


def scale(split):
    """Returns images in [0, 1]."""
    return split.images.astype(np.float32) / 255


def test_the_validation_images_are_10000_of_the_60000(name, train_and_validation):
    train, validation = train_and_validation
    assert (len(train), len(validation)) == (50_000, 10_000)
    counts = np.bincount(train.labels) + np.bincount(validation.labels)
    assert counts.tolist() == TRAIN_COUNTS[name]


def test_training_and_validation_images_do_not_overlap(train_and_validation):
    train, validation = (
        {image.tobytes() for image in split.images} for split in train_and_validation
    )
    assert not train & validation
    assert len(train) + len(validation) == 60_000  # no image comes twice in either dataset


def test_the_validation_images_are_balanced_like_the_training_images(train_and_validation):
    train, validation = (np.bincount(split.labels) / len(split) for split in train_and_validation)
    np.testing.assert_allclose(train, validation, atol=0.015)


def test_the_test_images_are_the_official_10000(name, official_test):
    assert len(official_test) == 10_000
    assert np.bincount(official_test.labels).tolist() == TEST_COUNTS[name]


def test_images_and_labels_have_the_types_and_ranges_of_the_table(
    name, train_and_validation, official_test
):
    for split in (*train_and_validation, official_test):
        assert split.images.shape[1:] == DATASETS[name].image_shape == (28, 28, 1)
        assert split.images.dtype == np.uint8
        assert (split.images.min(), split.images.max()) == (0, 255)
        assert split.labels.dtype == np.int64
        assert set(split.labels) == set(range(10))


def test_the_entropy_of_the_pixels_is_the_one_that_the_bernoulli_likelihood_quotes(
    name, official_test
):
    white = official_test.images / 255
    entropy = (entr(white) + entr(1 - white)).sum(axis=(1, 2, 3)).mean()
    assert entropy == pytest.approx({"mnist": 45.5, "fashion_mnist": 189.9}[name], abs=0.05)


def test_labels_belong_to_their_images(train_and_validation, official_test):
    """Nearest class means classify most images correctly, unless the labels are shuffled."""
    train, _ = train_and_validation
    pixels = train.images.reshape(len(train), -1).astype(np.float32)
    means = np.stack([pixels[train.labels == label].mean(axis=0) for label in range(10)])
    shown = official_test.images.reshape(len(official_test), -1).astype(np.float32)
    # |x − m|² without |x|², which is the same for all classes
    nearest = np.argmin((means**2).sum(axis=1) - 2 * shown @ means.T, axis=1)
    assert np.mean(nearest == official_test.labels) > 0.65


def test_the_pinned_classifier_is_as_accurate_as_the_catalog_says(name, official_test):
    classifier, _ = features.load(name, (28, 28, 1), 10)
    logits = classifier.predict(scale(official_test), batch_size=500, verbose=0)
    accuracy = np.mean(logits.argmax(axis=1) == official_test.labels)
    assert accuracy == pytest.approx(CLASSIFIERS[name].accuracy, abs=2e-4)


def test_training_images_are_like_test_images_in_its_features_and_blurred_ones_are_not(
    name, train_and_validation, official_test
):
    """Of the 64 features, each with a variance near 1."""
    _, network = features.load(name, (28, 28, 1), 10)
    train, test = scale(train_and_validation[0][:10_000]), scale(official_test)
    blurred = gaussian_filter(train, (0, 1, 1, 0))
    real, fake, smooth = (
        network.predict(images, batch_size=500, verbose=0) for images in (test, train, blurred)
    )
    assert fake.var(axis=0).mean() == pytest.approx(1, abs=0.1)
    assert fidelity.measure_frechet_distance(real, fake) < 0.15
    assert fidelity.measure_frechet_distance(real, smooth) > 5
    measured = fidelity.measure_neighborhoods(real, fake, fidelity.find_radii(real, 5), 5)
    assert all(0.87 < value < 1.05 for value in measured.values())
