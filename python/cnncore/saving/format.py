"""The file format: a safetensors file with float32 tensors and, in its metadata, JSON that describes the model.

The metadata has one entry, ``cnncore``: JSON with ``format_version``, ``config`` and ``sha256``, a checksum of the
config and all tensors (safetensors itself notices a broken structure, not a flipped bit). The same content gives the
same bytes. Nothing in a file is ever executed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from .atomic import write_atomically
from .limits import checked_size, only_value_errors, printable

__all__ = ["FORMAT_VERSION", "ModelFile", "Tensors", "parse_json", "read_file", "write_file"]

FORMAT_VERSION = 1
_METADATA_KEY = "cnncore"

Tensors = dict[str, NDArray[np.float32]]


class ModelFile(NamedTuple):
    """The content of a file. `config` is None if another program wrote the file."""

    config: dict[str, Any] | None
    tensors: Tensors


def write_file(path: str | os.PathLike[str], config: Mapping[str, Any], tensors: Tensors) -> None:
    """Write `config` and `tensors` to `path`, atomically.

    Raises
    ------
    ValueError
        A tensor holds NaN or infinity. Such a file could not be loaded again.
    OSError
        The file cannot be written. An old file is still as it was.
    """
    for name, tensor in tensors.items():
        _check_finite(tensor, f"cannot save: tensor {name!r}")
    header = {"format_version": FORMAT_VERSION, "config": config, "sha256": _checksum(config, tensors)}
    contiguous = {name: np.asarray(tensor, np.float32, order="C") for name, tensor in tensors.items()}
    write_atomically(path, safetensors.numpy.save(contiguous, {_METADATA_KEY: _to_json(header)}))


def read_file(path: str | os.PathLike[str], max_bytes: int | None = None) -> ModelFile:
    """Read and check a file: structure, checksum, dtypes, finite values.

    It takes a small multiple of the size of the file as memory. The file is read and not mapped into memory, so nothing
    bad happens if another program rewrites it meanwhile.

    Parameters
    ----------
    path : path
    max_bytes : int, optional
        Largest size that is accepted; 4 GiB by default.

    Raises
    ------
    ValueError
        The file is truncated, corrupted, too large, not a safetensors file, of a newer format, or has a tensor that is
        not float32 or not finite. The message names the file and what is wrong.
    OSError
        The file cannot be opened.
    """
    name = os.fspath(path)
    with open(path, "rb") as file:
        checked_size(os.fstat(file.fileno()).st_size, max_bytes, name)
        content = file.read()
    with only_value_errors(path):
        try:
            entries = safetensors.deserialize(content)  # type: ignore[no-untyped-call]
        except safetensors.SafetensorError as error:
            raise ValueError(f"expected an intact safetensors file. Received: {error}") from None
        metadata = _metadata(content)
        tensors: Tensors = {}
        for key, entry in entries:
            if entry["dtype"] != "F32":
                raise ValueError(f"tensor {printable(key)!r}: expected float32 (F32). Received: {entry['dtype']}")
            tensors[key] = np.frombuffer(entry["data"], "<f4").reshape(entry["shape"]).astype(np.float32, copy=False)
        config = _read_config(metadata, tensors)
        for key, tensor in tensors.items():
            _check_finite(tensor, f"tensor {printable(key)!r}")
    return ModelFile(config, tensors)


def _metadata(content: bytes) -> dict[str, str]:
    """The text entries of a safetensors file, whose structure must have been checked.

    Its header is JSON after eight bytes.
    """
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    metadata = header.get("__metadata__", {}) if isinstance(header, dict) else {}
    return metadata if isinstance(metadata, dict) else {}


def _read_config(metadata: Mapping[str, str], tensors: Tensors) -> dict[str, Any] | None:
    if _METADATA_KEY not in metadata:
        return None
    header = parse_json(metadata[_METADATA_KEY], "its metadata")
    if not isinstance(header, dict) or not isinstance(header.get("config"), dict):
        raise ValueError("expected its metadata to be a JSON object with a config")
    if header.get("format_version") != FORMAT_VERSION:
        raise ValueError(f"expected format version {FORMAT_VERSION}. Received: {header.get('format_version')}")
    config: dict[str, Any] = header["config"]
    if header.get("sha256") != _checksum(config, tensors):
        raise ValueError("the file is corrupted: its content does not match its checksum")
    return config


def parse_json(text: str | bytes, what: str) -> Any:
    """The value of a JSON text.

    Raises a ValueError for numbers that are not finite and for texts that are nested too deeply.
    """
    try:
        return json.loads(text, parse_constant=_reject_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"expected {what} to be JSON. Received: {printable(error)}") from None


def _reject_constant(text: str) -> None:
    raise ValueError(f"the constant {text}, which is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]}, which is too large")
    return value


def _checksum(config: Mapping[str, Any], tensors: Tensors) -> str:
    digest = hashlib.sha256(_to_json(config).encode())
    for name in sorted(tensors):
        digest.update(f"\n{name} {tensors[name].shape}\n".encode())
        digest.update(np.ascontiguousarray(tensors[name], "<f4").tobytes())
    return digest.hexdigest()


def _to_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, allow_nan=False, sort_keys=True)


def _check_finite(tensor: NDArray[np.float32], what: str) -> None:
    finite = np.isfinite(tensor)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueError(f"{what}: expected finite values. Received: {tensor[index]} at {index}")
