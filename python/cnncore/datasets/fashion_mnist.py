"""Fashion-MNIST: 60,000 training and 10,000 test images of clothes in 10 classes, in MNIST's form."""

from __future__ import annotations

import os

from cnncore.datasets import idx_family

__all__ = ["CLASSES", "load_data"]

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

_SOURCE = idx_family.Source(
    name="fashion_mnist",
    mirrors=(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    # as in tensorflow_datasets/url_checksums/fashion_mnist.txt of github.com/tensorflow/datasets
    sha256={
        idx_family.TRAIN_IMAGES: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        idx_family.TRAIN_LABELS: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        idx_family.TEST_IMAGES: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        idx_family.TEST_LABELS: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
)


def load_data(
    path: str | os.PathLike[str] | None = None, *, data_dir: str | os.PathLike[str] | None = None
) -> tuple[idx_family.Split, idx_family.Split]:
    """Load Fashion-MNIST, from files on this machine or by a download that is checked (SHA-256) and cached.

    Parameters
    ----------
    path : path, optional
        A directory for downloads; by default the user's cache directory for cnncore. If the name ends in ``.npz``, as
        in Keras, that file is read if it exists here or in the cache of Keras, and otherwise the argument has no
        effect.
    data_dir : path, optional
        Directory with the four IDX files under their usual names, plain or ``.gz``, or with a folder ``fashion_mnist``
        that has them. Default: the environment variable CNNCORE_DATA_DIR. If one of them is given, nothing is
        downloaded.

    Returns
    -------
    train : tuple of ndarray
        ``x_train`` uint8 (60000, 28, 28), values 0-255, and ``y_train`` uint8 (60000,), indices of `CLASSES`.
    test : tuple of ndarray
        ``x_test`` uint8 (10000, 28, 28) and ``y_test`` uint8 (10000,).

    Raises
    ------
    FileNotFoundError
        `data_dir` or CNNCORE_DATA_DIR lacks a file.
    ValueError
        A file is truncated, corrupted or holds something else; the message names it.
    ImportError
        A download is needed and pooch is missing: ``pip install "cnncore[data]"``.
    OSError
        No server delivered the right file.

    Notes
    -----
    Source: H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747, 2017 (MIT licence).

    As in Keras, the images have no axis for the channel; ``x[..., None]`` adds it.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (60000, 28, 28)
    """
    return idx_family.load(_SOURCE, path, data_dir)
