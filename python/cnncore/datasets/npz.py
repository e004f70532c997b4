"""Reader of data sets in NumPy's .npz files: never pickle, sizes checked before anything is allocated."""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Split = tuple[NDArray[Any], NDArray[Any]]

# DEFLATE cannot compress better than about 1032 to 1: an entry that claims more is a lie about its size.
_MAX_COMPRESSION_RATIO = 1100


def load_npz(path: str | os.PathLike[str]) -> tuple[Split, Split | None]:
    """Read a data set from an .npz file.

    Parameters
    ----------
    path : path
        A file with the arrays ``x_train``, ``y_train``, ``x_test``, ``y_test`` (the names Keras uses for MNIST) or only
        ``x`` and ``y``. Other arrays in it are ignored.

    Returns
    -------
    train : tuple of ndarray
        ``(x, y)``, with the file's shapes and types.
    test : tuple of ndarray or None
        ``(x, y)``; None for a file which has only ``x`` and ``y``.

    Raises
    ------
    ValueError
        Not an .npz file, arrays missing, truncated or corrupted, Python objects (pickle) inside, not numeric, empty,
        or x and y of unequal length. The message names the file and the array.
    OSError
        The file cannot be opened.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "data.npz")
    ...     np.savez(file, x=np.zeros((3, 28, 28), np.uint8), y=np.array([0, 1, 2]))
    ...     (x, y), test = load_npz(file)
    >>> x.shape, y, test
    ((3, 28, 28), array([0, 1, 2]), None)
    """
    name = os.fspath(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = {entry.filename: entry for entry in archive.infolist()}
            if {"x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy"} <= members.keys():
                return _read_pair(archive, members, "_train", name), _read_pair(archive, members, "_test", name)
            if {"x.npy", "y.npy"} <= members.keys():
                return _read_pair(archive, members, "", name), None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ValueError(f"{name}: expected an intact .npz file. Received: {error}") from error
    found = ", ".join(sorted(entry.removesuffix(".npy") for entry in members)) or "no arrays"
    raise ValueError(f"{name}: expected the arrays x and y, or x_train, y_train, x_test and y_test. Received: {found}")


def _read_pair(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], suffix: str, path: str) -> Split:
    x = _read_member(archive, members[f"x{suffix}.npy"], path)
    y = _read_member(archive, members[f"y{suffix}.npy"], path)
    if len(x) != len(y):
        raise ValueError(f"{path}: expected as many labels as images. Received: x{suffix} {len(x)}, y{suffix} {len(y)}")
    return x, y


def _read_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: str) -> NDArray[Any]:
    where = f"{path}: {entry.filename}"
    if entry.file_size > _MAX_COMPRESSION_RATIO * (entry.compress_size + 1):
        raise ValueError(
            f"{where}: expected a plausible size. Received: {entry.file_size} bytes out of {entry.compress_size}"
        )
    with archive.open(entry) as stream:
        shape, dtype = _read_npy_header(stream, where)
        expected = math.prod(shape) * dtype.itemsize
        received = entry.file_size - stream.tell()
        if received != expected:
            raise ValueError(f"{where}: expected {expected} bytes for shape {shape}. Received: {received}")
    with archive.open(entry) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _read_npy_header(stream: IO[bytes], where: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype of a .npy stream, checked to be a non-empty array of numbers."""
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    except ValueError as error:
        raise ValueError(f"{where}: expected the .npy format. Received: {error}") from error
    if dtype.hasobject or dtype.kind not in "buif":
        raise ValueError(f"{where}: expected an array of numbers. Received: dtype {dtype}")
    if not shape or 0 in shape:
        raise ValueError(f"{where}: expected a non-empty array. Received: shape {shape}")
    return shape, dtype
