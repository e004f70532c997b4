"""Where the files of a data set come from: a directory of the user, or a download that is checked and cached."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = [
    "DATA_DIR_VARIABLE",
    "download",
    "find_file",
    "local_directories",
    "missing_file",
    "named_file",
    "warn_if_partial",
]

DATA_DIR_VARIABLE = "CNNCORE_DATA_DIR"
_TIMEOUT_SECONDS = 30


def local_directories(dataset: str, data_dir: str | os.PathLike[str] | None) -> list[Path]:
    """The directories to look in: D and D/<dataset>, where D is `data_dir` or CNNCORE_DATA_DIR. An empty list if
    neither is given.

    Raises
    ------
    FileNotFoundError
        D was given and is not a directory.
    """
    given = data_dir if data_dir is not None else os.environ.get(DATA_DIR_VARIABLE)
    if not given:
        return []
    directory = Path(given)
    if not directory.is_dir():
        origin = "data_dir" if data_dir is not None else DATA_DIR_VARIABLE
        raise FileNotFoundError(f"{dataset}: expected {origin} to be an existing directory. Received: {directory}")
    return [directory, directory / dataset]


def named_file(path: str | os.PathLike[str] | None, suffix: str) -> Path | None:
    """The file that the argument `path` of Keras names, if it ends in `suffix` and exists, here or in the cache of
    Keras.
    """
    if path is None or not os.fspath(path).endswith(suffix):
        return None
    keras_home = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    for candidate in (Path(path), Path(keras_home, "datasets", path)):
        if candidate.is_file():
            return candidate
    return None


def find_file(directories: Iterable[Path], names: Sequence[str]) -> Path | None:
    """The first of `names` (glob patterns) that exists in one of the directories, or None."""
    for directory in directories:
        for name in names:
            for path in sorted(directory.glob(name)):
                return path
    return None


def missing_file(dataset: str, directories: Sequence[Path], names: Sequence[str]) -> FileNotFoundError:
    """The error for a directory of the user in which a file is missing. Downloading it instead would hide a mistake."""
    folders = " or ".join(str(directory) for directory in directories)
    return FileNotFoundError(
        f"{dataset}: expected {' or '.join(names)} in {folders}. To download the data set instead, give no data_dir "
        f"and leave {DATA_DIR_VARIABLE} unset"
    )


def warn_if_partial(dataset: str, source: Path, received: tuple[int, int], full: tuple[int, int]) -> None:
    """Warn if the user's files hold another number of samples than the data set of that name."""
    if received != full:
        warnings.warn(
            f"{dataset}: {source} holds {received[0]} training and {received[1]} test samples; "
            f"the full data set has {full[0]} and {full[1]}",
            stacklevel=4,
        )


def download(
    urls: Sequence[str], sha256: str, cache_dir: str | os.PathLike[str] | None = None, folder: str = ""
) -> Path:
    """Download a file into the cache, unless it is there already, and check its SHA-256 sum.

    Parameters
    ----------
    urls : sequence of str
        The same file on several servers, tried in this order.
    sha256 : str
        The file's hash. A cached or downloaded file that differs is never used.
    cache_dir : path, optional
        Default: the user's cache directory for cnncore, as ``pooch.os_cache("cnncore")`` says.
    folder : str, default ""
        A folder inside it.

    Returns
    -------
    Path
        The cached file.

    Raises
    ------
    ImportError
        pooch is not installed.
    OSError
        No server delivered the right file; the message says what each one did.
    """
    try:
        import pooch
    except ImportError as error:
        raise ImportError('downloading a data set needs pooch: pip install "cnncore[data]"') from error
    place = (Path(cache_dir) if cache_dir is not None else pooch.os_cache("cnncore")) / folder
    failures = []
    for url in urls:
        try:
            downloader = pooch.HTTPDownloader(progressbar=True, timeout=_TIMEOUT_SECONDS)
            name = url.rsplit("/", 1)[-1]
            return Path(pooch.retrieve(url, f"sha256:{sha256}", fname=name, path=place, downloader=downloader))
        # pooch raises a ValueError for a wrong hash; the errors of requests are OSErrors
        except (OSError, ValueError) as error:
            failures.append(f"{url}: {error}")
    raise OSError(
        f"could not download {urls[0].rsplit('/', 1)[-1]}. For files that are already on this machine give data_dir "
        f"or set {DATA_DIR_VARIABLE}. Received:\n" + "\n".join(failures)
    )
