"""The binary format of CIFAR-10 and CIFAR-100: records of label bytes and 3,072 pixel bytes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnncore.datasets.archives import read_tar_gz
from cnncore.datasets.sources import download, find_file, local_directories, missing_file, warn_if_partial

__all__ = ["Format", "Split", "load"]

Split = tuple[NDArray[np.uint8], NDArray[np.uint8]]

_PIXEL_BYTES = 3 * 32 * 32
_MAX_ARCHIVE_BYTES = 256 << 20  # the full archives hold 184 MB


class Format(NamedTuple):
    """Where a data set is found and how its files are laid out.

    The archive is the binary version: the Python version of these archives holds pickles, which are code.
    """

    name: str
    urls: tuple[str, ...]
    sha256: str
    archive: str  # a glob pattern
    folder: str
    train_files: tuple[str, ...]
    test_file: str
    label_classes: tuple[int, ...]  # the number of classes of each label byte in a record
    records_per_file: int
    samples: tuple[int, int]


def load(
    layout: Format,
    label: int,
    path: str | os.PathLike[str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
) -> tuple[Split, Split]:
    """Both parts of a data set, with the labels of byte number `label`."""
    directories = local_directories(layout.name, data_dir)
    source = _locate(layout, directories, path)
    batches = _read_directory(layout, source) if source.is_dir() else _read_archive(layout, source)
    train_names = [name for name in layout.train_files if name in batches]
    if not train_names or layout.test_file not in batches:
        found = ", ".join(batches) or "neither"
        raise ValueError(
            f"{source}: expected {layout.train_files[0]} and {layout.test_file} at least. Received: {found}"
        )
    train = _decode([batches[name] for name in train_names], layout, label)
    test = _decode([batches[layout.test_file]], layout, label)
    warn_if_partial(layout.name, source, (len(train[0]), len(test[0])), layout.samples)
    return train, test


def _locate(layout: Format, directories: list[Path], cache_dir: str | os.PathLike[str] | None) -> Path:
    if not directories:
        return download(layout.urls, layout.sha256, cache_dir)
    names = (layout.folder, layout.archive)
    found = find_file(directories, names)
    if found is None:
        raise missing_file(layout.name, directories, names)
    return found


def _read_directory(layout: Format, directory: Path) -> dict[str, NDArray[np.uint8]]:
    batches = {}
    for name in (*layout.train_files, layout.test_file):
        path = directory / name
        if path.is_file():
            _check_size(layout, path.stat().st_size, str(path))
            batches[name] = _records(layout, path.read_bytes(), str(path))
    return batches


def _read_archive(layout: Format, path: Path) -> dict[str, NDArray[np.uint8]]:
    wanted = {*layout.train_files, layout.test_file}
    batches = {}
    for member in read_tar_gz(path, _MAX_ARCHIVE_BYTES):
        if member.name in wanted:
            where = f"{path}: {member.name}"
            _check_size(layout, member.size, where)
            batches[member.name] = _records(layout, member.read(), where)
    return batches


def _check_size(layout: Format, size: int, where: str) -> None:
    record_bytes = len(layout.label_classes) + _PIXEL_BYTES
    records, rest = divmod(size, record_bytes)
    if rest or not 0 < records <= layout.records_per_file:
        raise ValueError(
            f"{where}: expected 1 to {layout.records_per_file} records of {record_bytes} bytes. Received: {size} bytes"
        )


def _records(layout: Format, data: bytes, where: str) -> NDArray[np.uint8]:
    """The bytes of the file with one row for each record, after checking the labels."""
    _check_size(layout, len(data), where)
    table = np.frombuffer(data, np.uint8).reshape(-1, len(layout.label_classes) + _PIXEL_BYTES)
    for column, classes in enumerate(layout.label_classes):
        highest = table[:, column].max()
        if highest >= classes:
            raise ValueError(f"{where}: expected labels from 0 to {classes - 1}. Received: {highest}")
    return table


def _decode(tables: Sequence[NDArray[np.uint8]], layout: Format, label: int) -> Split:
    """Images as NHWC, from records with one plane for each colour, and labels as (n, 1)."""
    images = np.empty((sum(map(len, tables)), 32, 32, 3), np.uint8)
    begin = 0
    for table in tables:
        planes = table[:, len(layout.label_classes) :].reshape(-1, 3, 32, 32)
        images[begin : begin + len(table)] = planes.transpose(0, 2, 3, 1)
        begin += len(table)
    return images, np.concatenate([table[:, label : label + 1] for table in tables])
