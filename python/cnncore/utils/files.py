"""Files from the internet: get_file downloads a file once, and unpacks it."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import urllib.parse
from pathlib import Path
from typing import Any

from cnncore import _checks

__all__ = ["get_file"]

_SCHEMES = ("http", "https", "ftp", "file")
_BLOCK = 1 << 20


def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Download a file unless it is in the cache, and return its path.

    Parameters
    ----------
    fname : str, optional
        The name of the file in the cache, by default that in ``origin``.
    origin : str
        The address.
    untar, extract : bool, default False
        Whether to unpack the file, a tar or zip archive. Then the path of the unpacked folder is returned.
    md5_hash, file_hash : str, optional
        What the file's hash must be. A file with another hash is deleted.
    cache_subdir : str, default "datasets"
        A folder in ``cache_dir``, or an absolute path.
    hash_algorithm : {"auto", "sha256", "md5"}
        "auto" tells them apart by the length of the hash.
    archive_format : {"auto", "tar", "zip"}
    cache_dir : path, optional
        By default the folder of the environment variable KERAS_HOME, or else ~/.keras.
    force_download : bool, default False
        Whether to download the file even if it is in the cache.

    Raises
    ------
    ValueError
        If the file's hash is another one, or the archive has files that would leave the folder.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "one.txt").write_text("1")
    >>> Path(get_file(origin=(folder / "one.txt").as_uri(), cache_dir=folder / "cache")).read_text()
    '1'
    """
    if not isinstance(origin, str) or urllib.parse.urlsplit(origin).scheme not in _SCHEMES:
        raise ValueError(f"[get_file] expected `origin` to be an address, such as https://... Received: {origin!r}")
    _checks.choice(hash_algorithm, "hash_algorithm", "get_file", ("auto", "sha256", "md5"))
    _checks.choice(archive_format, "archive_format", "get_file", ("auto", "tar", "zip"))
    home = Path(cache_dir or os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    folder = home / cache_subdir
    folder.mkdir(parents=True, exist_ok=True)
    name = os.fspath(fname) if fname else os.path.basename(urllib.parse.urlsplit(origin).path)
    if not name or Path(name).name != name:
        raise ValueError(f"[get_file] expected `fname` to be the name of a file without folders. Received: {name!r}")
    unpacked = extract or untar
    stem = name.split(".")[0]
    file = folder / (name if not unpacked or (fname and "." in name) else f"{name}_archive")
    wanted = file_hash or md5_hash
    if force_download or not file.exists() or (wanted and _hash(file, wanted) != wanted.lower()):
        _download(origin, file)
    if wanted and _hash(file, wanted) != wanted.lower():
        file.unlink()
        raise ValueError(f"[get_file] expected {origin} to have the hash {wanted}. Received: another file")
    if not unpacked:
        return str(file)
    target = folder / (f"{stem}_extracted" if fname and "." in name else name)
    _unpack(file, target, "tar" if untar else archive_format)
    return str(target)


def _hash(file: Path, wanted: str) -> str:
    digest = hashlib.md5() if len(wanted) == 32 else hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _download(origin: str, file: Path) -> None:
    import urllib.request  # slow to import, as are the modules of archives below

    print(f"Downloading {origin}", file=sys.stderr)
    part = file.with_name(file.name + ".part")
    try:
        with urllib.request.urlopen(origin) as source, part.open("wb") as target:
            shutil.copyfileobj(source, target, _BLOCK)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _unpack(file: Path, target: Path, kind: str) -> None:
    """Unpack an archive, unless one of its files would be written outside of the folder ``target``."""
    import tarfile
    import zipfile

    root = target.resolve()
    if kind != "tar" and zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            _check_names(archive.namelist(), root, file)
            archive.extractall(target)
    elif kind != "zip" and tarfile.is_tarfile(file):
        with tarfile.open(file) as archive:
            _check_names(archive.getnames(), root, file)
            # Late versions of Python refuse links out of the folder, too.
            options: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            archive.extractall(target, **options)
    else:
        raise ValueError(f"[get_file] expected a tar or zip archive. Received: {file}")


def _check_names(names: list[str], root: Path, file: Path) -> None:
    for name in names:
        if not (root / name).resolve().is_relative_to(root):
            raise ValueError(f"[get_file] expected files that stay in their folder. Received: {name!r} in {file}")
