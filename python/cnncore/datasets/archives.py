"""Read compressed files safely: their unpacked size is bounded, they are read to their end, and checksums
are compared.
"""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

__all__ = ["BadFileError", "Member", "check_size", "decompressed_limit", "intact_gzip", "read_tar_gz"]

# How large one file may become in memory. Images become 2 to 20 times smaller by compression. Only tiny or constant
# files become much smaller, and those fit into the first limit.
_FREE_BYTES = 64 << 20
_PLAUSIBLE_RATIO = 100

_CHUNK = 1 << 20
_TAR_BLOCK = 512


class BadFileError(ValueError):
    """A data file is not what it should be; the message names it."""


def decompressed_limit(compressed: int, max_bytes: int | None = None) -> int:
    """The largest unpacked size of `compressed` bytes: `max_bytes`, or by default 64 MiB or 100 times as much,
    whichever is larger.
    """
    return max(_FREE_BYTES, _PLAUSIBLE_RATIO * compressed) if max_bytes is None else max_bytes


def check_size(where: str, expected: int, compressed: int, max_bytes: int | None = None) -> None:
    """Refuse an array of `expected` bytes, before it is read, if its compressed size is implausibly small.

    Raises
    ------
    ValueError
        `expected` is above :func:`decompressed_limit`.
    """
    limit = decompressed_limit(compressed, max_bytes)
    if expected > limit:
        raise BadFileError(
            f"{where}: expected at most {limit} bytes of data out of {compressed} compressed ones (max_bytes= raises "
            f"this limit). Received: {expected} bytes"
        )


@contextmanager
def intact_gzip(where: str) -> Iterator[None]:
    """Turn the errors of broken compression into a ValueError that names the file."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadFileError(f"{where}: expected intact gzip compression. Received: {error}") from error


class Member:
    """One file inside an archive: its name, its size, and its bytes, which can be read once, before the next file."""

    def __init__(self, name: str, size: int, stream: BinaryIO, where: str) -> None:
        self.name, self.size = name, size
        self._stream, self._where, self._left = stream, f"{where}: {name}", size

    def read(self) -> bytes:
        """All bytes of the member."""
        with intact_gzip(self._where):
            data = _read_exactly(self._stream, self._left, self._where)
        self._left = 0
        return data

    def skip(self) -> None:
        """Skip what was not read, and the padding up to a whole block."""
        _skip(self._stream, self._left + -self.size % _TAR_BLOCK, self._where)
        self._left = 0


def read_tar_gz(path: Path, max_bytes: int) -> Iterator[Member]:
    """The files of a ``.tar.gz`` archive, one after another. Nothing is unpacked to the disk.

    The archive is read to its end, where its checksum is compared. After the last file of this iterator, all bytes are
    known to be right.

    Parameters
    ----------
    path : Path
        The archive.
    max_bytes : int
        The largest unpacked size of the archive. More is an error, so that a small file cannot keep the machine busy.

    Raises
    ------
    ValueError
        Not a gzip-compressed tar archive, truncated, a wrong checksum, or more than `max_bytes`.
    """
    where = str(path)
    with open(path, "rb") as file, intact_gzip(where), gzip.GzipFile(fileobj=file) as unpacked:
        stream = cast(BinaryIO, unpacked)
        total = 0
        while any(block := _read_exactly(stream, _TAR_BLOCK, where)):
            member = _next_member(block, stream, where)
            total += member.size
            if total > max_bytes:
                raise BadFileError(f"{where}: expected at most {max_bytes} bytes in the archive. Received: more")
            yield member
            member.skip()
        padding = 0
        while rest := stream.read(_CHUNK):  # read to the end, where gzip compares the checksum
            padding += len(rest)
            if any(rest) or padding > _CHUNK:
                raise BadFileError(f"{where}: expected nothing but zeros after the archive's end. Received: more data")


def _next_member(block: bytes, stream: BinaryIO, where: str) -> Member:
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")  # compares the header's checksum
    except tarfile.HeaderError as error:
        raise BadFileError(f"{where}: expected an intact .tar.gz archive. Received: {error}") from error
    if info.size < 0:
        raise BadFileError(f"{where}: expected a size of at least 0 of {info.name!r}. Received: {info.size}")
    return Member(os.path.basename(info.name) if info.isreg() else "", info.size, stream, where)


def _read_exactly(stream: BinaryIO, size: int, where: str) -> bytes:
    # Read in chunks, so that a header with a wrong size cannot make us allocate more than the file holds.
    data = bytearray()
    while len(data) < size:
        chunk = stream.read(min(_CHUNK, size - len(data)))
        if not chunk:
            raise BadFileError(f"{where}: expected an intact .tar.gz archive. Received: its end too early")
        data += chunk
    return bytes(data)


def _skip(stream: BinaryIO, size: int, where: str) -> None:
    while size > 0:
        chunk = stream.read(min(_CHUNK, size))
        if not chunk:
            raise BadFileError(f"{where}: expected an intact .tar.gz archive. Received: its end too early")
        size -= len(chunk)
