"""Turn what users pass as data into arrays of the right shape. It is copied only if that is necessary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._structure import flatten_like, same_structure
from cnncore._suggestions import nearest
from cnncore.graph.unknown_sizes import fits

__all__ = ["as_array", "batch_size_of", "by_name", "is_array", "prepare_x", "refuse_unclear_order"]

_DTYPES = (np.dtype(np.uint8), np.dtype(np.float32))  # types that the core reads without a conversion


def is_array(value: Any) -> bool:
    """Whether a value is one array: a NumPy array, a sparse matrix of SciPy, or another object that NumPy can read, but
    not a list.
    """
    return any(hasattr(value, name) for name in ("__array__", "__dlpack__", "tocsr")) or isinstance(value, np.generic)


def as_array(value: Any) -> Any:
    """The array of another library as a NumPy array, if possible without a copy; any other value as it is."""
    if isinstance(value, np.ndarray) or not is_array(value):
        return value
    if hasattr(value, "detach"):  # PyTorch does not convert tensors that need a gradient or are on another device
        value = value.detach()
        value = value.cpu() if hasattr(value, "cpu") else value
    if hasattr(value, "__array__"):
        return np.asarray(value)
    if hasattr(value, "tocsr"):
        return value.toarray()
    return np.from_dlpack(value)


def by_name(data: Any, structure: Any, names: Sequence[str], what: str, owner: str) -> list[Any]:
    """The parts of ``data`` for the inputs or outputs of a model, in order. None for those that a dict leaves out.

    Parameters
    ----------
    data : array_like, or a list, tuple or dict of them
        What the user passed as ``what``.
    structure : object
        The model's inputs or outputs, nested as the user built them.
    names : list of str
        Their names, in the order of ``structure``.

    Raises
    ------
    ValueError
        If the number of parts or a name does not fit.
    """
    if isinstance(data, Mapping):
        return _from_mapping(data, structure, names, what, owner)
    if len(names) == 1:
        alone = isinstance(data, (list, tuple)) and len(data) == 1 and is_array(data[0]) and np.ndim(data[0]) > 0
        return [data[0]] if alone else [data]
    if not isinstance(data, (list, tuple)) or is_array(data):
        raise ValueError(
            f"[{owner}] expected `{what}` as a list of {len(names)} arrays or a dict of them, for {', '.join(names)}. "
            f"Received: one {type(data).__name__}"
        )
    if not isinstance(structure, dict) and same_structure(structure, data):
        return flatten_like(structure, data)
    refuse_unclear_order(structure, data, what, owner)
    if len(data) != len(names):
        raise ValueError(
            f"[{owner}] expected `{what}` to have {len(names)} arrays, for {', '.join(names)}. Received: {len(data)}"
        )
    return list(data)


def refuse_unclear_order(structure: Any, data: Any, what: str, owner: str) -> None:
    """Raise a ValueError if a list stands for a dict whose keys are not sorted: Keras takes it in the order of sorted
    keys, and the user may mean the order in which the keys were written.
    """
    if isinstance(structure, dict) and list(structure) != sorted(structure, key=str):
        raise ValueError(
            f"[{owner}] expected `{what}` as a dict with the keys {', '.join(map(str, structure))}, since the order of "
            f"a list is not clear: it may be this one or that of sorted keys. Received: a {type(data).__name__}"
        )


def _from_mapping(data: Mapping[str, Any], structure: Any, names: Sequence[str], what: str, owner: str) -> list[Any]:
    keys = list(structure) if isinstance(structure, dict) and set(structure) >= set(data) else list(names)
    for key in data:
        if key not in keys:
            raise ValueError(
                f"[{owner}] expected keys of `{what}` among {', '.join(keys)}.{nearest(key, keys)} Received: {key!r}"
            )
    if isinstance(structure, dict) and keys == list(structure):
        nested = {key: data.get(key) for key in keys}
        return flatten_like(structure, nested) if same_structure(structure, nested) else list(nested.values())
    return [data.get(key) for key in keys]


def prepare_x(x: Any, shape: tuple[Any, ...], name: str) -> np.ndarray:
    """Samples as a C-contiguous uint8 or float32 array (samples, *shape). None in ``shape`` allows any size.

    As in Keras, a last axis of size one may be missing or superfluous.
    """
    array = _checks.numeric_array(as_array(x), "x", name)
    if array.shape[1:] != shape and not fits(array.shape[1:], shape):  # the first is quicker
        if fits((*array.shape[1:], 1), shape) and array.ndim:
            array = array[..., np.newaxis]
        elif fits(array.shape[1:], (*shape, 1)):
            array = array[..., 0]
        else:
            hint = " For a single sample pass x[None]." if fits(array.shape, shape) else ""
            raise ValueError(
                f'Input 0 of layer "{name}" is incompatible with it: expected x of shape '
                f"(batch, {', '.join(map(str, shape))}).{hint} Received: x.shape={array.shape}"
            )
    return _checks.contiguous(array, array.dtype if array.dtype in _DTYPES else np.float32)


def batch_size_of(data: Any) -> int:
    """The number of samples of the first array in a list, tuple or dict of arrays."""
    while isinstance(data, (list, tuple, Mapping)) and len(data):
        first = next(iter(data.values())) if isinstance(data, Mapping) else data[0]
        if not isinstance(first, (list, tuple, Mapping)) and not is_array(first):
            break
        data = first
    return len(data)
