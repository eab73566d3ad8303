"""Sources of images: one module for each way of loading them.

Every module has

    load(info, split, data_dir, positions) -> (images, labels)

where ``info`` is the dataset's ``DatasetInfo``, ``split`` is ``"train"`` or ``"test"`` and
``positions`` selects some of the split's images (None: all). Images are uint8 of shape
(num_images, height, width, channels); labels are int64 of shape (num_images,), or None if the
dataset has none.

A source that downloads also has ``is_prepared(info, data_dir)`` and ``check_server(info,
data_dir, timeout)``. A source whose images can stay on disk while a model trains also has
``open_stream(info, split, data_dir) -> data.streaming.Encoded`` and ``damaged(info, data_dir,
error) -> DataError``.

A source of images with known factors has ``load_factors(info, split)``, which returns the number of
each factor's value, int64 of shape (num_images, num_factors). The modules import TensorFlow and
scikit-learn only when they load images.
"""
