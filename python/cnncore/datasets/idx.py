"""Reader of the IDX format, in which MNIST is distributed.

A file is: two zero bytes, a type code, the number of dimensions, one big-endian uint32 per dimension, the elements in
C order and big-endian. Source: "THE IDX FILE FORMAT" at the end of http://yann.lecun.com/exdb/mnist/
"""

from __future__ import annotations

import gzip
import math
import os
import struct
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from cnncore.datasets.archives import check_size, intact_gzip

__all__ = ["load_idx", "read_idx"]

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 20


def load_idx(path: str | os.PathLike[str], *, max_bytes: int | None = None) -> NDArray[Any]:
    """Read one IDX file. Whether it is compressed by gzip is found out from its content, not from its name.

    Parameters
    ----------
    path : path
        The file. A compressed one is read to its end, and its checksum is compared.
    max_bytes : int, optional
        The largest array that may come out of a compressed file; by default 64 MiB or 100 times the size of the file,
        whichever is larger. This prevents a small file from filling the memory.

    Returns
    -------
    ndarray
        The array, with the file's shape and type in native byte order. Writable.

    Raises
    ------
    ValueError
        Not an IDX file, unknown type code, a dimension of 0, fewer or more bytes than the header promises, more than
        `max_bytes`, or broken compression. The message names the file, what was expected and what was received.
    OSError
        The file cannot be opened.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "labels.idx")
    ...     _ = file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     load_idx(file)
    array([7, 2, 1], dtype=uint8)
    """
    with open(path, "rb") as file:
        return read_idx(file, os.fspath(path), os.fstat(file.fileno()).st_size, max_bytes)


def read_idx(file: BinaryIO, where: str, size: int, max_bytes: int | None = None) -> NDArray[Any]:
    """The same as :func:`load_idx` for an open file of `size` bytes that can be rewound; messages call it `where`."""
    compressed = file.read(2) == _GZIP_MAGIC
    file.seek(0)
    if not compressed:
        return _read_array(file, where, _read_header(file, where))
    with intact_gzip(where), gzip.GzipFile(fileobj=file) as stream:
        dtype, shape = header = _read_header(cast(BinaryIO, stream), where)
        check_size(where, math.prod(shape) * dtype.itemsize, size, max_bytes)
        return _read_array(cast(BinaryIO, stream), where, header)


def _read_array(stream: BinaryIO, path: str, header: tuple[np.dtype[Any], tuple[int, ...]]) -> NDArray[Any]:
    dtype, shape = header
    expected = math.prod(shape) * dtype.itemsize
    data = bytearray()
    # Read in chunks, so that a header with a wrong size cannot make us allocate more than the file holds.
    while len(data) < expected and (chunk := stream.read(min(_CHUNK, expected - len(data)))):
        data += chunk
    if len(data) < expected:
        raise ValueError(f"{path}: expected {expected} bytes of data for shape {shape}. Received: {len(data)} bytes")
    if stream.read(1):  # at the end of a gzip stream this also compares its checksum
        raise ValueError(f"{path}: expected {expected} bytes of data for shape {shape}. Received: bytes after the end")
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _read_header(stream: BinaryIO, path: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise ValueError(f"{path}: expected an IDX file, which starts with two zero bytes. Received: {magic.hex(' ')}")
    type_code, rank = magic[2:]
    if type_code not in _DTYPES:
        known = ", ".join(f"0x{code:02x}" for code in _DTYPES)
        raise ValueError(f"{path}: expected one of the IDX type codes {known}. Received: 0x{type_code:02x}")
    if rank == 0:
        raise ValueError(f"{path}: expected at least one dimension. Received: 0")
    sizes = stream.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise ValueError(
            f"{path}: expected {rank} dimensions in the header. Received: {len(sizes)} of {4 * rank} bytes"
        )
    shape = struct.unpack(f">{rank}I", sizes)
    if 0 in shape:
        raise ValueError(f"{path}: expected positive dimensions. Received: {shape}")
    return np.dtype(_DTYPES[type_code]), shape
