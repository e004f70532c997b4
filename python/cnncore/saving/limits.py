"""Limits for files, which may come from strangers: how large a file may be, and what messages may show of it."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator

__all__ = ["MAX_BYTES", "checked_size", "only_value_errors", "printable", "read_bounded"]

MAX_BYTES = 2**32  # the largest file that is read, unless the caller allows more
_SHOWN = 500  # the largest number of characters of a file that a message shows


def checked_size(size: int, max_bytes: int | None, path: str) -> None:
    """Raise a ValueError if a file of ``size`` bytes is larger than ``max_bytes``; None means :data:`MAX_BYTES`."""
    limit = MAX_BYTES if max_bytes is None else max_bytes
    if size > limit:
        raise ValueError(f"{path}: expected at most {limit:,} bytes. Received: {size:,}. Pass max_bytes= to read it.")


def read_bounded(path: str | os.PathLike[str], max_bytes: int | None) -> bytes:
    """The bytes of a file, if they are not more than :func:`checked_size` allows.

    Pipes and devices are refused: they may have no end, or nothing to read.
    """
    name = os.fspath(path)
    with open(path, "rb", opener=_without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{name}: expected a regular file. Received: a pipe or a device")
        checked_size(status.st_size, max_bytes, name)
        return file.read()


def _without_waiting(path: str, flags: int) -> int:
    """Open a file. Opening a pipe waits for a writer otherwise."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def printable(text: object) -> str:
    r"""``text`` without control characters and cut to a length that fits into a message.

    Examples
    --------
    >>> printable("a" + chr(27) + "[31mb")
    'a\\x1b[31mb'
    """
    whole = str(text)
    shown = whole[:_SHOWN]
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)
    return safe if len(whole) <= _SHOWN else f"{safe}... ({len(whole):,} characters)"


@contextlib.contextmanager
def only_value_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn every error while a file is read into a ValueError that names the file and shows only a short part of it."""
    name = printable(os.fspath(path))
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        text = printable(error) or type(error).__name__
        kind = "" if isinstance(error, (ValueError, TypeError)) else f"{type(error).__name__}: "
        message = text if text.startswith(name) else f"{name}: {kind}{text}"
        # The original exception is not attached, because its text may be as long as the file.
        raise ValueError(message) from None
