"""Data sets in the form of MNIST: four IDX files with grey images of 28x28 pixels and one label for each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnncore.datasets.idx import load_idx
from cnncore.datasets.npz import load_npz
from cnncore.datasets.sources import download, find_file, local_directories, missing_file, named_file, warn_if_partial

__all__ = ["Source", "Split", "check_split", "idx_names", "load", "load_split"]

Split = tuple[NDArray[np.uint8], NDArray[np.uint8]]

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


class Source(NamedTuple):
    """One data set: where its files are, their hashes, and what they hold."""

    name: str
    mirrors: tuple[str, ...]
    sha256: Mapping[str, str]  # of the .gz files; the keys are the names without .gz
    classes: int = 10
    samples: tuple[int, int] = (60000, 10000)


def load(
    source: Source,
    path: str | os.PathLike[str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
) -> tuple[Split, Split]:
    """Both parts of a data set: from a file as Keras stores it, from a directory, or downloaded."""
    given = named_file(path, ".npz")
    if given is not None:
        return _load_keras_file(source, given)
    if path is not None and os.fspath(path).endswith(".npz"):
        path = None  # the name of the file of Keras, which is not used here
    directories = local_directories(source.name, data_dir)
    files = {name: _locate(source, name, directories, path) for name in source.sha256}
    train = load_split(files[TRAIN_IMAGES], files[TRAIN_LABELS], source.classes)
    test = load_split(files[TEST_IMAGES], files[TEST_LABELS], source.classes)
    warn_if_partial(source.name, files[TRAIN_IMAGES].parent, (len(train[0]), len(test[0])), source.samples)
    return train, test


def _load_keras_file(source: Source, path: Path) -> tuple[Split, Split]:
    train, test = load_npz(path)
    if test is None:
        raise ValueError(f"{path}: expected x_train, y_train, x_test and y_test. Received: only x and y")
    for x, y in (train, test):
        check_split(str(path), x, str(path), y, source.classes)
    warn_if_partial(source.name, path, (len(train[0]), len(test[0])), source.samples)
    return train, test


def _locate(source: Source, name: str, directories: list[Path], cache_dir: str | os.PathLike[str] | None) -> Path:
    if not directories:
        # Four data sets have files of the same names, so each gets its own folder in the cache.
        urls = [f"{mirror}{name}.gz" for mirror in source.mirrors]
        return download(urls, source.sha256[name], cache_dir, folder=source.name if cache_dir is None else "")
    names = idx_names(name)
    found = find_file(directories, names)
    if found is None:
        raise missing_file(source.name, directories, names[:2])
    return found


def idx_names(name: str) -> tuple[str, ...]:
    """The names that an IDX file may have in a directory."""
    dotted = name.replace("-idx", ".idx")  # the name that some programs give to the unpacked file
    return name, f"{name}.gz", dotted, f"{dotted}.gz"


def load_split(images_path: Path, labels_path: Path, classes: int) -> Split:
    """Images and labels from two IDX files, checked to belong together."""
    images, labels = load_idx(images_path), load_idx(labels_path)
    check_split(str(images_path), images, str(labels_path), labels, classes)
    return images, labels


def check_split(
    images_where: str, images: NDArray[np.uint8], labels_where: str, labels: NDArray[np.uint8], classes: int
) -> None:
    """Raise a ValueError unless these are uint8 images (n, 28, 28) and n labels below `classes`."""
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
        raise ValueError(f"{images_where}: expected uint8 (n, 28, 28). Received: {images.dtype} {images.shape}")
    if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise ValueError(f"{labels_where}: expected uint8 ({len(images)},). Received: {labels.dtype} {labels.shape}")
    if labels.max() >= classes:
        raise ValueError(f"{labels_where}: expected labels from 0 to {classes - 1}. Received: {labels.max()}")
