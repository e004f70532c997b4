"""The data sets that the command line can load: those with a name, and files of the user."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnncore.cli.names import DATASETS

__all__ = ["Data", "Split", "load_dataset"]

_HELD_OUT = 0.2
_IDX_PARTS = ("train-images", "train-labels", "t10k-images", "t10k-labels")

Split = tuple[NDArray[Any], NDArray[Any]]


class Data(NamedTuple):
    """A data set, and the word for its second part: "validation" or "test"."""

    name: str
    x_train: NDArray[Any]
    y_train: NDArray[Any]
    x_test: NDArray[Any]
    y_test: NDArray[Any]
    held_out: str
    classes: int

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Height, width and channels of an image."""
        shape = tuple(int(size) for size in self.x_train.shape[1:])
        return (*shape, 1) if len(shape) == 2 else shape


def load_dataset(arguments: argparse.Namespace, name: str) -> Data:
    """Load the data set `name`, for which --data-dir and --labels may be needed.

    If the files have only one part, 20 % of it are used for validation, always the same samples.
    """
    kind, _, option = name.partition(":")
    if kind in DATASETS:
        if arguments.labels is not None:
            raise ValueError(f"--labels is for --data IMAGES.idx. Received: --data {name}")
        return _load_named(kind, option, arguments.data_dir)
    if arguments.data_dir is not None:
        raise ValueError(f"--data-dir is for data sets with a name. Received: --data {name}")
    path = Path(name)
    if path.is_dir():
        return _load_idx_directory(path)
    if arguments.labels is not None:
        return _hold_out(name, *_load_idx_pair(path, arguments.labels))
    if not name.endswith(".npz"):
        received = "an IDX file without --labels" if path.is_file() else name
        raise ValueError(
            f"--data: expected {', '.join(DATASETS)}, a .npz file, IDX files (--data IMAGES.idx --labels LABELS.idx) "
            f"or a directory with IDX files. Received: {received}"
        )
    from cnncore.datasets import load_npz

    train, test = load_npz(name)
    return _hold_out(name, *train) if test is None else _finished(name, train, test, "test")


def _load_named(kind: str, option: str, data_dir: Path | None) -> Data:
    import importlib

    module = importlib.import_module(f"cnncore.datasets.{kind}")
    name = f"{kind}:{option}" if option else kind
    if kind == "mnist5k":
        if data_dir is not None:
            raise ValueError("--data-dir is for data sets that are downloaded. Received: --data mnist5k")
        load: Callable[..., Any] = module.load_data
    else:
        load = functools.partial(module.load_data, data_dir=data_dir)
    if option and not DATASETS[kind].options:
        raise ValueError(f"--data: expected {kind} without an option. Received: {name}")
    train, test = load(option) if option else load()
    held_out = "validation" if kind == "mnist5k" else "test"
    return _finished(name, train, test, held_out, DATASETS[kind].classes(option))


def _load_idx_pair(images: Path, labels: Path) -> Split:
    from cnncore.datasets import load_idx

    x, y = load_idx(images), load_idx(labels)
    if y.shape != x.shape[:1]:
        raise ValueError(f"{labels}: expected {len(x)} labels, as many as images. Received: shape {y.shape}")
    return x, y


def _load_idx_directory(directory: Path) -> Data:
    """Load a directory with files named like those of MNIST, of which the last two may be missing."""
    found = {part: sorted(directory.glob(f"{part}*")) for part in _IDX_PARTS}
    missing = [part for part, paths in found.items() if not paths]
    if set(missing) & set(_IDX_PARTS[:2]):
        raise ValueError(
            f"--data: expected files named {', '.join(part + '*' for part in _IDX_PARTS)} in {directory}, of which the "
            f"last two may be missing. Received: no {' and no '.join(missing)}"
        )
    train = _load_idx_pair(found[_IDX_PARTS[0]][0], found[_IDX_PARTS[1]][0])
    if missing:
        return _hold_out(str(directory), *train)
    return _finished(str(directory), train, _load_idx_pair(found[_IDX_PARTS[2]][0], found[_IDX_PARTS[3]][0]), "test")


def _hold_out(name: str, x: NDArray[Any], y: NDArray[Any]) -> Data:
    """Hold out some samples for validation, which are the same for the commands train and evaluate."""
    count = round(_HELD_OUT * len(x))
    if count == 0:
        raise ValueError(f"{name}: expected at least 3 samples, to hold some out. Received: {len(x)}")
    order = np.random.default_rng(0).permutation(len(x))
    train, validation = order[count:], order[:count]
    return _finished(name, (x[train], y[train]), (x[validation], y[validation]), "validation")


def _finished(name: str, train: Split, test: Split, held_out: str, classes: int | None = None) -> Data:
    """The data with labels as vectors, after checking the sizes of images and counting the classes if their number is
    not known.
    """
    labels = []
    for x, y in (train, test):
        if x.ndim not in (3, 4):
            raise ValueError(f"{name}: expected images (n, height, width[, channels]). Received: {x.shape}")
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        if y.ndim != 1 or (y != np.floor(y)).any() or y.min() < 0:
            raise ValueError(f"{name}: expected a class number from 0 on for each image. Received: shape {y.shape}")
        labels.append(y)
    if classes is None:
        classes = max(2, 1 + int(max(y.max() for y in labels)))
    return Data(name, train[0], labels[0], test[0], labels[1], held_out, classes)
