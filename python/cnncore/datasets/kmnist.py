"""KMNIST: 60,000 training and 10,000 test images of cursive Japanese characters, in MNIST's form."""

from __future__ import annotations

import os

from cnncore.datasets import idx_family

__all__ = ["CLASSES", "load_data"]

CLASSES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")

_SOURCE = idx_family.Source(
    name="kmnist",
    mirrors=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    # as in tensorflow_datasets/url_checksums/kmnist.txt of github.com/tensorflow/datasets
    sha256={
        idx_family.TRAIN_IMAGES: "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        idx_family.TRAIN_LABELS: "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
        idx_family.TEST_IMAGES: "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
        idx_family.TEST_LABELS: "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
    },
)


def load_data(
    path: str | os.PathLike[str] | None = None, *, data_dir: str | os.PathLike[str] | None = None
) -> tuple[idx_family.Split, idx_family.Split]:
    """Load KMNIST, from files on this machine or by a download that is checked (SHA-256) and cached.

    Parameters
    ----------
    path : path, optional
        A directory for downloads; by default the user's cache directory for cnncore. If the name ends in ``.npz``, as
        in Keras, that file is read if it exists here or in the cache of Keras, and otherwise the argument has no
        effect.
    data_dir : path, optional
        Directory with the four IDX files under their usual names, plain or ``.gz``, or with a folder ``kmnist`` that
        has them. Default: the environment variable CNNCORE_DATA_DIR. If one of them is given, nothing is downloaded.

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
    Source: T. Clanuwat et al., "Deep Learning for Classical Japanese Literature", arXiv:1812.01718, 2018
    (CC BY-SA 4.0).

    As in Keras, the images have no axis for the channel; ``x[..., None]`` adds it.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (60000, 28, 28)
    """
    return idx_family.load(_SOURCE, path, data_dir)
