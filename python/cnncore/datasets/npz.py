"""Reader of data sets in NumPy's .npz files. It never unpickles, and checks sizes before anything is allocated."""

from __future__ import annotations

import lzma
import math
import os
import struct
import tokenize
import zipfile
import zlib
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cnncore.datasets.archives import BadFileError, check_size

__all__ = ["Split", "load_npz"]

Split = tuple[NDArray[Any], NDArray[Any]]

# What zipfile and NumPy raise for files that are damaged or use unsupported parts of the zip format.
# RuntimeError is an encrypted entry, OSError a position before the file's start.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    tokenize.TokenError,
    struct.error,
    EOFError,
    OSError,
    OverflowError,
    RecursionError,
    RuntimeError,
    SyntaxError,
    ValueError,
)


def load_npz(path: str | os.PathLike[str], *, max_bytes: int | None = None) -> tuple[Split, Split | None]:
    """Read a data set from an .npz file.

    Parameters
    ----------
    path : path
        A file with the arrays ``x_train``, ``y_train``, ``x_test``, ``y_test`` (the names Keras uses for MNIST) or only
        ``x`` and ``y``. Other arrays in it are ignored. The checksum of each array is compared.
    max_bytes : int, optional
        The largest array that may come out of the file; by default 64 MiB or 100 times its compressed size, whichever
        is larger. This prevents a small file from filling the memory.

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
        larger than `max_bytes`, or x and y of unequal length. The message names the file and the array.
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
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return _read_archive(archive, name, max_bytes)
        except BadFileError:
            raise
        except _BROKEN as error:
            raise ValueError(f"{name}: expected an intact .npz file. Received: {error}") from error


def _read_archive(archive: zipfile.ZipFile, name: str, max_bytes: int | None) -> tuple[Split, Split | None]:
    members = {entry.filename: entry for entry in archive.infolist()}

    def read(suffix: str) -> Split:
        x = _read_member(archive, members[f"x{suffix}.npy"], name, max_bytes)
        y = _read_member(archive, members[f"y{suffix}.npy"], name, max_bytes)
        if len(x) != len(y):
            raise BadFileError(
                f"{name}: expected as many labels as images. Received: x{suffix} {len(x)}, y{suffix} {len(y)}"
            )
        return x, y

    if {"x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy"} <= members.keys():
        return read("_train"), read("_test")
    if {"x.npy", "y.npy"} <= members.keys():
        return read(""), None
    found = ", ".join(sorted(entry.removesuffix(".npy") for entry in members)) or "no arrays"
    raise BadFileError(
        f"{name}: expected the arrays x and y, or x_train, y_train, x_test and y_test. Received: {found}"
    )


def _read_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: str, max_bytes: int | None) -> NDArray[Any]:
    where = f"{path}: {entry.filename}"
    check_size(where, entry.file_size, entry.compress_size, max_bytes)
    with archive.open(entry) as stream:
        shape, dtype = _read_npy_header(stream, where)
        expected = math.prod(shape) * dtype.itemsize
        received = entry.file_size - stream.tell()
        if received != expected:
            raise BadFileError(f"{where}: expected {expected} bytes for shape {shape}. Received: {received}")
    with archive.open(entry) as stream:
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
        stream.read(1)  # at the end of an entry its checksum is compared
        return array


def _read_npy_header(stream: IO[bytes], where: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype of a .npy stream, checked to be a non-empty array of numbers."""
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    except (ValueError, SyntaxError, tokenize.TokenError, RecursionError) as error:
        raise BadFileError(f"{where}: expected the .npy format. Received: {error}") from error
    if dtype.hasobject or dtype.kind not in "buif":
        raise BadFileError(f"{where}: expected an array of numbers. Received: dtype {dtype}")
    if not shape or 0 in shape:
        raise BadFileError(f"{where}: expected a non-empty array. Received: shape {shape}")
    return shape, dtype
