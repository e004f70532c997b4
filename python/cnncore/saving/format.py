"""The file format: a safetensors file with float32 tensors and, in its metadata, JSON that describes the model.

The metadata has one entry, ``cnncore``: JSON with ``format_version``, ``config`` and ``sha256``, a checksum of the
config and all tensors (safetensors itself notices a broken structure, not a flipped bit). The same content gives the
same bytes. Nothing in a file is ever executed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from .atomic import write_atomically

FORMAT_VERSION = 1
_METADATA_KEY = "cnncore"

Tensors = dict[str, NDArray[np.float32]]


class ModelFile(NamedTuple):
    """Content of a file: `config` is None where another program wrote it."""

    config: dict[str, Any] | None
    tensors: Tensors


def write_file(path: str | os.PathLike[str], config: Mapping[str, Any], tensors: Tensors) -> None:
    """Write `config` and `tensors` to `path`, atomically.

    Raises
    ------
    ValueError
        A tensor holds NaN or infinity (the file could never be loaded again).
    OSError
        The file cannot be written; what was there is intact.
    """
    for name, tensor in tensors.items():
        _check_finite(tensor, f"cannot save: tensor {name!r}")
    header = {"format_version": FORMAT_VERSION, "config": config, "sha256": _checksum(config, tensors)}
    contiguous = {name: np.ascontiguousarray(tensor, np.float32) for name, tensor in tensors.items()}
    write_atomically(path, safetensors.numpy.save(contiguous, {_METADATA_KEY: _to_json(header)}))


def read_file(path: str | os.PathLike[str]) -> ModelFile:
    """Read and check a file: structure, checksum, dtypes, finite values.

    Raises
    ------
    ValueError
        The file is truncated, corrupted, no safetensors file, of a newer format, or holds a tensor that is not
        float32 or not finite. The message names the file and what is wrong.
    OSError
        The file cannot be opened.
    """
    name = os.fspath(path)
    with open(path, "rb"):  # safetensors' own errors for missing files and directories are less clear
        pass
    try:
        with safetensors.safe_open(name, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors: Tensors = {}
            for key in file.keys():  # noqa: SIM118 (it is no dict)
                dtype = file.get_slice(key).get_dtype()
                if dtype != "F32":
                    raise ValueError(f"{name}: tensor {key!r}: expected float32 (F32). Received: {dtype}")
                tensors[key] = file.get_tensor(key)
    except safetensors.SafetensorError as error:
        raise ValueError(f"{name}: expected an intact safetensors file. Received: {error}") from error
    config = _read_config(metadata, tensors, name)
    for key, tensor in tensors.items():
        _check_finite(tensor, f"{name}: tensor {key!r}")
    return ModelFile(config, tensors)


def _read_config(metadata: Mapping[str, str], tensors: Tensors, path: str) -> dict[str, Any] | None:
    if _METADATA_KEY not in metadata:
        return None
    try:
        header = json.loads(metadata[_METADATA_KEY], parse_constant=_reject_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected its metadata to be JSON. Received: {error}") from error
    if not isinstance(header, dict) or not isinstance(header.get("config"), dict):
        raise ValueError(f"{path}: expected its metadata to be a JSON object with a config")
    if header.get("format_version") != FORMAT_VERSION:
        raise ValueError(f"{path}: expected format version {FORMAT_VERSION}. Received: {header.get('format_version')}")
    config: dict[str, Any] = header["config"]
    if header.get("sha256") != _checksum(config, tensors):
        raise ValueError(f"{path}: the file is corrupted: its content does not match its checksum")
    return config


def _reject_constant(text: str) -> None:
    raise ValueError(f"the constant {text}, which is not JSON")


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
