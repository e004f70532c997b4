"""CIFAR-10: 50,000 training and 10,000 test colour images of 32x32 pixels in 10 classes."""

from __future__ import annotations

import os

from cnncore.datasets import cifar

__all__ = ["CLASSES", "load_data"]

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

_FORMAT = cifar.Format(
    name="cifar10",
    urls=("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
    # as in tensorflow_datasets/url_checksums/cifar10.txt of github.com/tensorflow/datasets
    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    archive="cifar-10-binary*.tar.gz",
    folder="cifar-10-batches-bin",
    train_files=tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
    test_file="test_batch.bin",
    label_classes=(10,),
    records_per_file=10000,
    samples=(50000, 10000),
)


def load_data(
    path: str | os.PathLike[str] | None = None, *, data_dir: str | os.PathLike[str] | None = None
) -> tuple[cifar.Split, cifar.Split]:
    """Load CIFAR-10, from files on this machine or by a download that is checked (SHA-256) and cached.

    Parameters
    ----------
    path : path, optional
        Directory which keeps downloads. Default: the user's cache directory for cnncore.
    data_dir : path, optional
        Directory with ``cifar-10-binary*.tar.gz`` or the unpacked ``cifar-10-batches-bin``, or with a folder
        ``cifar10`` that has them. Default: the environment variable CNNCORE_DATA_DIR. With either of them nothing is
        ever downloaded. An archive with some of the batches is accepted, with a warning.

    Returns
    -------
    train : tuple of ndarray
        ``x_train`` uint8 (50000, 32, 32, 3), values 0-255, and ``y_train`` uint8 (50000, 1), as in Keras.
    test : tuple of ndarray
        ``x_test`` uint8 (10000, 32, 32, 3) and ``y_test`` uint8 (10000, 1).

    Raises
    ------
    FileNotFoundError
        `data_dir` or CNNCORE_DATA_DIR lacks the files.
    ValueError
        A file is truncated, corrupted (the archive's checksums are compared) or holds something else; the message
        names it.
    ImportError
        A download is needed and pooch is missing: ``pip install "cnncore[data]"``.
    OSError
        No server delivered the right file.

    Notes
    -----
    Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009,
    https://www.cs.toronto.edu/~kriz/cifar.html, the binary version. `CLASSES` names the labels.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape, y_train.shape  # doctest: +SKIP
    ((50000, 32, 32, 3), (50000, 1))
    """
    return cifar.load(_FORMAT, 0, path, data_dir)
