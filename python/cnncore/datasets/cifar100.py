"""CIFAR-100: 50,000 training and 10,000 test colour images of 32x32 pixels in 100 classes, or in 20 groups of them."""

from __future__ import annotations

import os

from cnncore.datasets import cifar

__all__ = ["load_data"]

_FORMAT = cifar.Format(
    name="cifar100",
    urls=("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",),
    # as in tensorflow_datasets/url_checksums/cifar100.txt of github.com/tensorflow/datasets
    sha256="58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    archive="cifar-100-binary*.tar.gz",
    folder="cifar-100-binary",
    train_files=("train.bin",),
    test_file="test.bin",
    label_classes=(20, 100),
    records_per_file=50000,
    samples=(50000, 10000),
)
_LABEL_MODES = ("coarse", "fine")  # in the order of a record's bytes


def load_data(
    label_mode: str = "fine",
    path: str | os.PathLike[str] | None = None,
    *,
    data_dir: str | os.PathLike[str] | None = None,
) -> tuple[cifar.Split, cifar.Split]:
    """Load CIFAR-100, from files on this machine or by a download that is checked (SHA-256) and cached.

    Parameters
    ----------
    label_mode : {"fine", "coarse"}, default "fine"
        The 100 classes, or the 20 groups of five classes each.
    path : path, optional
        Directory which keeps downloads. Default: the user's cache directory for cnncore.
    data_dir : path, optional
        Directory with ``cifar-100-binary*.tar.gz`` or the unpacked folder ``cifar-100-binary``, or with a folder
        ``cifar100`` that has them. Default: the environment variable CNNCORE_DATA_DIR. With either of them nothing is
        ever downloaded.

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
        Another `label_mode`; or a file is truncated, corrupted or holds something else; the message names it.
    ImportError
        A download is needed and pooch is missing: ``pip install "cnncore[data]"``.
    OSError
        No server delivered the right file.

    Notes
    -----
    Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009,
    https://www.cs.toronto.edu/~kriz/cifar.html, the binary version.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data("coarse")  # doctest: +SKIP
    >>> x_train.shape, y_train.max()  # doctest: +SKIP
    ((50000, 32, 32, 3), 19)
    """
    if label_mode not in _LABEL_MODES:
        raise ValueError(f'[cifar100] expected label_mode "fine" or "coarse". Received: label_mode={label_mode!r}')
    return cifar.load(_FORMAT, _LABEL_MODES.index(label_mode), path, data_dir)
