"""The full MNIST: 60,000 training and 10,000 test images of handwritten digits."""

from __future__ import annotations

import os

from cnncore.datasets import idx_family

__all__ = ["load_data"]

_SOURCE = idx_family.Source(
    name="mnist",
    mirrors=(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
    # as in tensorflow_datasets/url_checksums/mnist.txt of github.com/tensorflow/datasets
    sha256={
        idx_family.TRAIN_IMAGES: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        idx_family.TRAIN_LABELS: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        idx_family.TEST_IMAGES: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        idx_family.TEST_LABELS: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
)


def load_data(
    path: str | os.PathLike[str] | None = None, *, data_dir: str | os.PathLike[str] | None = None
) -> tuple[idx_family.Split, idx_family.Split]:
    """Load MNIST, from files on this machine or by a download that is checked (SHA-256) and cached.

    Parameters
    ----------
    path : path, optional
        A directory for downloads; by default the user's cache directory for cnncore. If the name ends in ``.npz``, as
        in Keras, that file is read if it exists here or in the cache of Keras, and otherwise the argument has no
        effect.
    data_dir : path, optional
        Directory with the four IDX files under their usual names, plain or ``.gz``, or with a folder ``mnist`` that has
        them. Default: the environment variable CNNCORE_DATA_DIR. If one of them is given, nothing is downloaded.

    Returns
    -------
    train : tuple of ndarray
        ``x_train`` uint8 (60000, 28, 28), values 0-255, and ``y_train`` uint8 (60000,), the digits.
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
    Source: Y. LeCun, C. Cortes, C. J. C. Burges, http://yann.lecun.com/exdb/mnist/ (CC BY-SA 3.0).

    As in Keras, the images have no axis for the channel; ``x[..., None]`` adds it.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (60000, 28, 28)
    """
    return idx_family.load(_SOURCE, path, data_dir)
