"""The full MNIST: 60,000 training and 10,000 test images of handwritten digits."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .idx import load_idx
from .sources import download, find_file, local_directories, missing_file, warn_if_partial

Split = tuple[NDArray[np.uint8], NDArray[np.uint8]]

MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
SHA256 = {
    "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
SAMPLES = (60000, 10000)


def load_data(
    path: str | os.PathLike[str] | None = None, *, data_dir: str | os.PathLike[str] | None = None
) -> tuple[Split, Split]:
    """Load MNIST, from files on this machine or by a download that is checked (SHA-256) and cached.

    Parameters
    ----------
    path : path, optional
        Directory which keeps downloads. Default: the user's cache directory for cnncore.
    data_dir : path, optional
        Directory with the four IDX files under their usual names, plain or ``.gz``, or with a folder ``mnist`` that has
        them. Default: the environment variable CNNCORE_DATA_DIR. With either of them nothing is ever downloaded.

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
    Source: Y. LeCun, C. Cortes, C. J. C. Burges, http://yann.lecun.com/exdb/mnist/ (CC BY-SA 3.0). As in Keras the
    images have no axis for the channel: ``x[..., None]`` adds it.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (60000, 28, 28)
    """
    directories = local_directories("mnist", data_dir)
    files = {name: _locate(name, directories, path) for name in SHA256}
    train = _load_split(files["train-images-idx3-ubyte"], files["train-labels-idx1-ubyte"])
    test = _load_split(files["t10k-images-idx3-ubyte"], files["t10k-labels-idx1-ubyte"])
    source = files["train-images-idx3-ubyte"].parent
    warn_if_partial("mnist", source, (len(train[0]), len(test[0])), SAMPLES)
    return train, test


def _locate(name: str, directories: list[Path], cache_dir: str | os.PathLike[str] | None) -> Path:
    if not directories:
        return download([f"{mirror}{name}.gz" for mirror in MIRRORS], SHA256[name], cache_dir)
    dotted = name.replace("-idx", ".idx")  # the name some unpackers give
    names = (name, f"{name}.gz", dotted, f"{dotted}.gz")
    found = find_file(directories, names)
    if found is None:
        raise missing_file("mnist", directories, names[:2])
    return found


def _load_split(images_path: Path, labels_path: Path) -> Split:
    images, labels = load_idx(images_path), load_idx(labels_path)
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
        raise ValueError(f"{images_path}: expected uint8 (n, 28, 28). Received: {images.dtype} {images.shape}")
    if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise ValueError(f"{labels_path}: expected uint8 ({len(images)},). Received: {labels.dtype} {labels.shape}")
    if labels.max() > 9:
        raise ValueError(f"{labels_path}: expected labels from 0 to 9. Received: {labels.max()}")
    return images, labels
