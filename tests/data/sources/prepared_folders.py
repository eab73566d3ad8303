"""Prepared TFDS folders in tests: reading them, and writing records of any content."""

import pytest
import tensorflow as tf

import data
from data.sources import tfds

COUNTS = {"train": 12, "test": 5}
SHARD = "mnist-test.tfrecord-00000-of-00001"


def load(folder, split="test"):
    return tfds.load(data.describe("mnist"), split, str(folder.parents[1]))


def error_of(function, *args):
    with pytest.raises(data.DataError) as caught:
        function(*args)
    message = str(caught.value)
    assert "\n" not in message
    assert "--data_dir" in message
    return message


def stream_test_images(folder):
    """Reads the test images as streamed training images are read."""
    info = data.describe("mnist")
    encoded = tfds.open_stream(info, "test", str(folder.parents[1]))
    try:
        for record in encoded.records(0, 5):
            encoded.decode(record["image"])
    except Exception as error:
        raise tfds.damaged(info, str(folder.parents[1]), error) from error


def write_records(path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


def read_records(path):
    return [record.numpy() for record in tf.data.TFRecordDataset(str(path))]


def example(**features):
    kinds = {bytes: "bytes_list", int: "int64_list", float: "float_list"}
    message = tf.train.Example()
    for name, value in features.items():
        values = value if isinstance(value, list) else [value]
        getattr(message.features.feature[name], kinds[type(values[0])]).value.extend(values)
    return message.SerializeToString()


def png(height=28, width=28, channels=1, dtype=tf.uint8):
    return tf.io.encode_png(tf.zeros((height, width, channels), dtype)).numpy()


def lose_images(folder):
    (folder / SHARD).unlink()
