"""EMNIST: up to 814,255 images of handwritten digits and letters, in six selections and MNIST's form."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import numpy as np

from cnncore.datasets.archives import BadFileError
from cnncore.datasets.idx import read_idx
from cnncore.datasets.idx_family import Split, check_split, idx_names, load_split
from cnncore.datasets.sources import download, find_file, local_directories, missing_file, warn_if_partial

__all__ = ["SPLITS", "load_data"]

_URLS = (
    "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
    "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/gzip.zip",
)
# as in tensorflow_datasets/url_checksums/emnist.txt of github.com/tensorflow/datasets
_SHA256 = "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e"
_ARCHIVE = "*gzip.zip"


class _Selection(NamedTuple):
    classes: int
    samples: tuple[int, int]
    first_label: int = 0


SPLITS = {
    "byclass": _Selection(62, (697932, 116323)),
    "bymerge": _Selection(47, (697932, 116323)),
    "balanced": _Selection(47, (112800, 18800)),
    "letters": _Selection(26, (124800, 20800), first_label=1),
    "digits": _Selection(10, (240000, 40000)),
    "mnist": _Selection(10, (60000, 10000)),
}


def load_data(
    split: str = "balanced",
    path: str | os.PathLike[str] | None = None,
    *,
    data_dir: str | os.PathLike[str] | None = None,
) -> tuple[Split, Split]:
    """Load a selection of EMNIST, from files on this machine or by a download of 560 MB that is checked and cached.

    Parameters
    ----------
    split : {"balanced", "byclass", "bymerge", "letters", "digits", "mnist"}, default "balanced"
        Which selection. ``balanced`` has 47 classes, the digits and those letters whose capital and small form differ;
        ``letters`` has 26, here from 0 to 25.
    path : path, optional
        Directory which keeps downloads. Default: the user's cache directory for cnncore.
    data_dir : path, optional
        Directory with ``gzip.zip`` or the unpacked ``emnist-<split>-*-ubyte`` files, plain or ``.gz``, or with a folder
        ``emnist`` that has them. Default: the environment variable CNNCORE_DATA_DIR. With either of them nothing is
        ever downloaded.

    Returns
    -------
    train : tuple of ndarray
        ``x_train`` uint8 (n, 28, 28), values 0-255, upright, and ``y_train`` uint8 (n,).
    test : tuple of ndarray
        ``x_test`` uint8 (m, 28, 28) and ``y_test`` uint8 (m,).

    Raises
    ------
    FileNotFoundError
        `data_dir` or CNNCORE_DATA_DIR lacks the files.
    ValueError
        Another `split`; or a file is truncated, corrupted or holds something else; the message names it.
    ImportError
        A download is needed and pooch is missing: ``pip install "cnncore[data]"``.
    OSError
        No server delivered the right file.

    Notes
    -----
    Source: G. Cohen, S. Afshar, J. Tapson, A. van Schaik, "EMNIST: an extension of MNIST to handwritten letters",
    arXiv:1702.05373, 2017. In the files, the rows and columns of each image are exchanged; here they are put right.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data("letters")  # doctest: +SKIP
    >>> x_train.shape, y_train.max()  # doctest: +SKIP
    ((124800, 28, 28), 25)
    """
    if split not in SPLITS:
        raise ValueError(f"[emnist] expected split to be one of {', '.join(SPLITS)}. Received: split={split!r}")
    directories = local_directories("emnist", data_dir)
    if not directories:
        source = download(_URLS, _SHA256, path, folder="emnist" if path is None else "")
        train, test = _load_archive(source, split)
    else:
        source, train, test = _load_local(directories, split)
    warn_if_partial("emnist", source, (len(train[0]), len(test[0])), SPLITS[split].samples)
    return train, test


def _file_names(split: str) -> tuple[str, str, str, str]:
    train, test = (f"emnist-{split}-{part}" for part in ("train", "test"))
    return (
        f"{train}-images-idx3-ubyte",
        f"{train}-labels-idx1-ubyte",
        f"{test}-images-idx3-ubyte",
        f"{test}-labels-idx1-ubyte",
    )


def _load_local(directories: list[Path], split: str) -> tuple[Path, Split, Split]:
    names = _file_names(split)
    files = [path for name in names if (path := find_file(directories, idx_names(name))) is not None]
    if len(files) == len(names):
        limit = SPLITS[split].classes + SPLITS[split].first_label
        train, test = load_split(files[0], files[1], limit), load_split(files[2], files[3], limit)
        return files[0].parent, _upright(train, split, files[1]), _upright(test, split, files[3])
    archive = find_file(directories, [_ARCHIVE])
    if archive is None:
        raise missing_file("emnist", directories, (*idx_names(names[0])[:2], _ARCHIVE))
    return archive, *_load_archive(archive, split)


def _load_archive(path: Path, split: str) -> tuple[Split, Split]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = {Path(entry.filename).name: entry for entry in archive.infolist()}
            arrays = []
            for name in _file_names(split):
                entry = members.get(f"{name}.gz")
                if entry is None:
                    raise BadFileError(f"{path}: expected a file {name}.gz. Received: {len(members)} others")
                with archive.open(entry) as file:
                    arrays.append(read_idx(cast(BinaryIO, file), f"{path}: {name}.gz", entry.compress_size))
                    file.read()  # read to the end, where the checksum of the archive is compared
    except (zipfile.BadZipFile, RuntimeError, EOFError) as error:
        raise BadFileError(f"{path}: expected an intact zip archive. Received: {error}") from error
    limit = SPLITS[split].classes + SPLITS[split].first_label
    splits = []
    for images, labels in (arrays[:2], arrays[2:]):
        check_split(str(path), images, str(path), labels, limit)
        splits.append(_upright((images, labels), split, path))
    return splits[0], splits[1]


def _upright(part: Split, split: str, where: Path) -> Split:
    """Exchange rows and columns of the images, and count labels from 0."""
    images, labels = part
    first = SPLITS[split].first_label
    if labels.min() < first:
        raise BadFileError(f"{where}: expected labels from {first} on. Received: {labels.min()}")
    return np.ascontiguousarray(images.transpose(0, 2, 1)), labels - np.uint8(first)
