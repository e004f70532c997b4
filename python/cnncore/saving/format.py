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

from cnncore.saving.atomic import write_atomically
from cnncore.saving.limits import only_value_errors, printable, read_bounded

__all__ = ["FORMAT_VERSION", "ModelFile", "Tensors", "parse_json", "read_file", "write_file"]

FORMAT_VERSION = 1
_METADATA_KEY = "cnncore"
_TYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}

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

    Numbers in float16, bfloat16 and float64, as other programs write them, become float32.

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
        The file is truncated, corrupted, too large, not a safetensors file, of a newer format, or has a tensor that
        does not hold floating-point numbers, or numbers that are not finite. The message names the file and the fault.
    OSError
        The file cannot be opened.
    """
    content = read_bounded(path, max_bytes)
    with only_value_errors(path):
        try:
            entries = safetensors.deserialize(content)  # type: ignore[no-untyped-call]
        except safetensors.SafetensorError as error:
            raise ValueError(f"expected an intact safetensors file. {_hint(content)}Received: {error}") from None
        metadata = _metadata(content)
        tensors: Tensors = {}
        for key, entry in entries:
            tensors[key] = _float32(key, entry)
        config = _read_config(metadata, tensors)
        for key, tensor in tensors.items():
            _check_finite(tensor, f"tensor {printable(key)!r}")
    return ModelFile(config, tensors)


def _float32(key: str, entry: Mapping[str, Any]) -> NDArray[np.float32]:
    """A tensor of floating-point numbers as float32."""
    dtype, data = entry["dtype"], entry["data"]
    values: NDArray[np.float32]
    if dtype == "BF16":  # the upper half of a float32
        values = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    elif dtype in _TYPES:
        with np.errstate(over="ignore"):  # infinities are refused later
            values = np.frombuffer(data, _TYPES[dtype]).astype(np.float32, copy=False)
    else:
        raise ValueError(f"tensor {printable(key)!r}: expected F32, F64, F16 or BF16. Received: {dtype}")
    shaped: NDArray[np.float32] = values.reshape(entry["shape"])
    return shaped


def _hint(content: bytes) -> str:
    """What to do with a file of another format, which its first bytes show."""
    if content.startswith(b"PK"):
        return (
            "Files of numpy.savez are read by numpy.load, and their arrays given to set_weights; files of torch.save "
            "are written again by safetensors.torch.save_file. "
        )
    if content.startswith((b"\x80", b"\x93NUMPY")):
        return "Pickles and files of numpy.save are not read: give their arrays to set_weights. "
    return ""


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
