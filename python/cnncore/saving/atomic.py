"""Write a file in such a way that readers find either the old or the new content, and never a part of it."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import re
import secrets
import stat
import time
import zlib

__all__ = ["check_writable", "remove_stale_files", "write_atomically"]


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace the content of `path` by `data`.

    The data is written to a temporary file in the same directory, flushed to the disk, and then the file is renamed. If
    anything fails, the old file is as it was, and the temporary file is removed.

    Parameters
    ----------
    path : path
        Where to write. If it is a symbolic link, the file to which it leads is replaced. An existing file keeps its
        permissions.
    data : bytes
        The whole new content.

    Raises
    ------
    OSError
        In the cases of :func:`check_writable`, or if the disk is full.
    """
    target = _resolve(path)
    directory = os.path.dirname(target)
    # A new file with the permissions of the umask, which the module tempfile does not offer.
    temporary = _temporary_name(directory)
    remove_stale_files(directory)
    try:
        with open(temporary, "xb") as file:
            if os.path.exists(target):
                os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise type(error)(error.errno, f"cannot write: {error.strerror}", os.fspath(path)) from error
        raise
    _sync_directory(directory)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise the errors that :func:`write_atomically` would raise, before there is work that could be lost.

    Raises
    ------
    OSError
        The directory is missing or nothing can be created in it (FileNotFoundError, NotADirectoryError,
        PermissionError), or `path` is a directory, a device or a read-only file.

    Examples
    --------
    >>> check_writable("/no/such/directory/model.safetensors")
    Traceback (most recent call last):
        ...
    FileNotFoundError: [Errno 2] cannot write: No such file or directory: '/no/such/directory/model.safetensors'
    """
    target = _resolve(path)
    temporary = _temporary_name(os.path.dirname(target))
    try:
        open(temporary, "xb").close()
        os.unlink(temporary)
    except OSError as error:
        raise type(error)(error.errno, f"cannot write: {error.strerror}", os.fspath(path)) from error


def remove_stale_files(directory: str) -> None:
    """Remove temporary files that killed processes have left: those whose process is gone, or that are a day old."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(directory):
            match = _TEMPORARY.fullmatch(entry.name)
            if match is None:
                continue
            with contextlib.suppress(OSError):
                if _is_stale(match["host"], match["process"], entry.stat(follow_symlinks=False).st_mtime):
                    os.unlink(entry.path)


_TEMPORARY = re.compile(r"\.cnncore-(?:(?P<host>[0-9a-f]{8})-(?P<process>[0-9]+)-)?[0-9a-f]{16}\.tmp")
_DAY = 24 * 3600.0


def _temporary_name(directory: str) -> str:
    return os.path.join(directory, f".cnncore-{_host()}-{os.getpid()}-{secrets.token_hex(8)}.tmp")


def _host() -> str:
    """Eight digits that distinguish this machine from others that write to the same directory."""
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _is_stale(host: str | None, process: str | None, modified: float) -> bool:
    if host == _host() and process is not None:
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):
            return False
        return False
    return time.time() - modified > _DAY


def _resolve(path: str | os.PathLike[str]) -> str:
    """The absolute path to which symbolic links lead. It is refused if it is something other than a file."""
    target = os.path.realpath(path)
    if os.path.isdir(target) or not os.path.basename(target):
        raise IsADirectoryError(errno.EISDIR, "cannot write: expected a file, not a directory", os.fspath(path))
    if os.path.exists(target):
        if not os.path.isfile(target):
            raise OSError(errno.EINVAL, "cannot write: expected a regular file", os.fspath(path))
        if not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, "cannot write: the file is read-only", os.fspath(path))
    return target


def _sync_directory(directory: str) -> None:
    """Flush the directory, so that the rename survives a power cut.

    If the system refuses that, the new file is still there.
    """
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
