"""HDF5 files. Only arrays are read that are stored in the file itself, and whose size fits their stored bytes."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from cnncore.saving.limits import printable

__all__ = ["Array", "array_at", "group_at", "h5_bytes", "names_in", "open_h5", "text_in", "write_names"]

Array = np.ndarray[Any, Any]

_ATTRIBUTE_BYTES = 64512  # the largest size of an attribute of fixed length


def _h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise ValueError(
            "files of Keras need the package h5py: pip install cnncore[keras], or use a name that ends in .safetensors."
        ) from None
    return h5py


def h5_bytes(write: Any) -> bytes:
    """The bytes of an HDF5 file, into which ``write(file)`` writes."""
    content = io.BytesIO()
    with _h5py().File(content, "w") as file:
        write(file)
    return content.getvalue()


def open_h5(content: bytes) -> Any:
    """The HDF5 file with these bytes, for a ``with`` statement."""
    h5py = _h5py()
    try:
        return h5py.File(io.BytesIO(content), "r")
    except OSError as error:
        raise ValueError(f"expected an intact HDF5 file. Received: {printable(error)}") from None


def _item(parent: Any, path: str) -> Any:
    """The object at a path below a group, or None. Links that lead to other files are not followed."""
    h5py = _h5py()
    item = parent
    for part in path.split("/"):
        link = item.get(part, getlink=True) if part and isinstance(item, h5py.Group) else None
        if not isinstance(link, h5py.HardLink):
            return None
        item = item[part]
    return item


def group_at(parent: Any, path: str) -> Any:
    """The group at a path, or None."""
    item = _item(parent, path)
    return item if isinstance(item, _h5py().Group) else None


def array_at(parent: Any, path: str, shape: tuple[int, ...] | None, name: str = "") -> Array:
    """The numbers at a path as float32.

    Parameters
    ----------
    parent : h5py.Group
    path : str
        Below ``parent``.
    shape : tuple of int, optional
        The shape that the array must have.
    name : str, optional
        The name in messages, by default ``path``.

    Raises
    ------
    ValueError
        If there are no such numbers, or they are not finite, have another shape, or are not stored in this file.
    """
    item, shown = _item(parent, path), printable(name or path)
    wanted = "" if shape is None else f" of shape {tuple(shape)}"
    if item is None:
        raise ValueError(f"expected the weight {shown!r}{wanted}. Received: nothing")
    if not isinstance(item, _h5py().Dataset) or item.is_virtual or item.external:
        raise ValueError(f"weight {shown!r}: expected an array stored in the file")
    numeric = item.dtype.kind == "f" or (item.dtype.kind in "iu" and item.shape == ())
    compressed = item.compression is not None or item.shuffle
    stored = item.nbytes if compressed else item.id.get_storage_size()
    if not numeric or (shape is not None and item.shape != tuple(shape)) or stored < item.nbytes or _bomb(item):
        raise ValueError(
            f"weight {shown!r}: expected stored numbers{wanted}. Received: {item.dtype}, shape {item.shape}"
        )
    with np.errstate(over="ignore"):
        array = np.asarray(item[()]).astype(np.float32)
    if not np.isfinite(array).all():
        raise ValueError(f"weight {shown!r}: expected finite values")
    return array


def _bomb(item: Any) -> bool:
    """Whether the stated size of an array is more than a hundred times that of its stored bytes.

    Compressing weights saves three quarters at best.
    """
    return bool(math.prod(item.shape) > 1000 and item.nbytes > 100 * max(item.id.get_storage_size(), 1))


def text_in(attributes: Any, name: str) -> str | None:
    """The text of an attribute, or None."""
    value = attributes.get(name)
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.decode("utf8")
    if not isinstance(value, str):
        raise ValueError(f"expected the attribute {name!r} to be text. Received: {type(value).__name__}")
    return value


def names_in(group: Any, name: str) -> list[str]:
    """A list of names that is stored in attributes. Long lists are cut into attributes name0, name1 and so on."""
    if name in group.attrs:
        parts = [group.attrs[name]]
    else:
        parts = []
        while f"{name}{len(parts)}" in group.attrs:
            parts.append(group.attrs[f"{name}{len(parts)}"])
    return [item.decode("utf8") if isinstance(item, bytes) else str(item) for part in parts for item in np.ravel(part)]


def write_names(group: Any, name: str, names: Iterable[str]) -> None:
    """Inverse of :func:`names_in`."""
    encoded = np.array([item.encode("utf8") for item in names])
    pieces = max(1, -(-encoded.nbytes // _ATTRIBUTE_BYTES))
    if pieces == 1:
        group.attrs[name] = encoded
        return
    for number, piece in enumerate(np.array_split(encoded, pieces * 2)):
        group.attrs[f"{name}{number}"] = piece
