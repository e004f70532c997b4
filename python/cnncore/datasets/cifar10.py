"""CIFAR-10: 50,000 training and 10,000 test colour images of 32x32 pixels in 10 classes."""

from __future__ import annotations

import os
import tarfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from .sources import download, find_file, local_directories, missing_file, warn_if_partial

Split = tuple[NDArray[np.uint8], NDArray[np.uint8]]

# The binary version: the Python version of the archive holds pickles, which are code.
URLS = ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",)
SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SAMPLES = (50000, 10000)

_TRAIN_FILES = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
_TEST_FILE = "test_batch.bin"
_RECORD_BYTES = 1 + 3 * 32 * 32
_RECORDS_PER_FILE = 10000


def load_data(
    path: str | os.PathLike[str] | None = None, *, data_dir: str | os.PathLike[str] | None = None
) -> tuple[Split, Split]:
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
        A file is truncated, corrupted or holds something else; the message names it.
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
    directories = local_directories("cifar10", data_dir)
    source = _locate(directories, path)
    batches = _read_directory(source) if source.is_dir() else _read_archive(source)
    train_names = [name for name in _TRAIN_FILES if name in batches]
    if not train_names or _TEST_FILE not in batches:
        found = ", ".join(batches) or "neither"
        raise ValueError(f"{source}: expected data_batch_1.bin and {_TEST_FILE} at least. Received: {found}")
    images = [batches[name][0] for name in train_names]
    labels = [batches[name][1] for name in train_names]
    train, test = (np.concatenate(images), np.concatenate(labels)), batches[_TEST_FILE]
    warn_if_partial("cifar10", source, (len(train[0]), len(test[0])), SAMPLES)
    return train, test


def _locate(directories: list[Path], cache_dir: str | os.PathLike[str] | None) -> Path:
    if not directories:
        return download(URLS, SHA256, cache_dir)
    names = ("cifar-10-batches-bin", "cifar-10-binary*.tar.gz")
    found = find_file(directories, names)
    if found is None:
        raise missing_file("cifar10", directories, names)
    return found


def _read_directory(directory: Path) -> dict[str, Split]:
    batches = {}
    for name in (*_TRAIN_FILES, _TEST_FILE):
        path = directory / name
        if path.is_file():
            with path.open("rb") as file:
                batches[name] = _read_batch(file, path.stat().st_size, str(path))
    return batches


def _read_archive(path: Path) -> dict[str, Split]:
    """Read the batches in place: nothing is unpacked to the disk, so names inside the archive can do no harm."""
    batches = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = member.name.rsplit("/", 1)[-1]
                file = archive.extractfile(member) if name in (*_TRAIN_FILES, _TEST_FILE) else None
                if file is not None:
                    batches[name] = _read_batch(file, member.size, f"{path}: {member.name}")
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise ValueError(f"{path}: expected an intact .tar.gz archive. Received: {error}") from error
    return batches


def _read_batch(file: IO[bytes], size: int, where: str) -> Split:
    """Records of 1 label byte and 3,072 pixel bytes, channel by channel: to NHWC and (n, 1)."""
    records, rest = divmod(size, _RECORD_BYTES)
    if rest or not 0 < records <= _RECORDS_PER_FILE:
        raise ValueError(
            f"{where}: expected 1 to {_RECORDS_PER_FILE} records of {_RECORD_BYTES} bytes. Received: {size} bytes"
        )
    data = file.read(size)
    if len(data) != size:
        raise ValueError(f"{where}: expected {size} bytes. Received: {len(data)}")
    table = np.frombuffer(data, np.uint8).reshape(records, _RECORD_BYTES)
    labels = table[:, :1].copy()
    if labels.max() > 9:
        raise ValueError(f"{where}: expected labels from 0 to 9. Received: {labels.max()}")
    images = table[:, 1:].reshape(records, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), labels
