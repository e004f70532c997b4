"""Bring what users pass as inputs or targets into a list, in the order in which a model keeps its tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnncore._structure import flatten_like, same_structure
from cnncore.graph.tensor import KerasTensor
from cnncore.graph.unknown_sizes import fits
from cnncore.layers.calls import eager
from cnncore.models.data.arrays import refuse_unclear_order

__all__ = ["arrange", "as_arrays", "fitting", "map_shapes"]


def arrange(structure: Any, names: list[str], data: Any, owner: str, what: str = "inputs") -> list[Any]:
    """The values in ``data`` in the order of ``flatten(structure)``.

    Parameters
    ----------
    structure
        The tensors as they were given to the model: one, or a list or dict of them, nested.
    names : list of str
        Their names, in order.
    data
        For a single tensor, its value. Otherwise a structure that is nested like ``structure``, a flat list or tuple in
        the same order, or a dict by name.
    owner, what : str
        The function that asks, and what it asks for; both are for messages.

    Raises
    ------
    ValueError
        If there are too few or too many values, or a name is missing.

    Examples
    --------
    >>> arrange(["a", "b"], ["left", "right"], {"right": 2, "left": 1}, "Model")
    [1, 2]
    """
    count = len(names)
    if isinstance(data, dict):
        return _by_name(structure, names, data, owner, what)
    if count == 1:
        if isinstance(data, (list, tuple)) and len(data) == 1 and _is_value(data[0]):
            return [data[0]]
        return [data]
    if isinstance(data, (list, tuple)):
        if same_structure(structure, data):
            return flatten_like(structure, data)
        refuse_unclear_order(structure, data, what, owner)
        if len(data) == count:
            return list(data)
        received = f"{len(data)} of them"
    else:
        received = f"one {type(data).__name__}"
    raise ValueError(f"[{owner}] expected {count} {what}: {', '.join(names)}. Received: {received}")


def as_arrays(data: Any) -> Any:
    """``data`` with every nested list of numbers as an array; lists and dicts of arrays stay."""
    if isinstance(data, dict):
        return {key: as_arrays(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)) and any(_is_value(item) or isinstance(item, dict) for item in data):
        return [as_arrays(item) for item in data]
    return data if _is_value(data) else np.asarray(data)


def fitting(x: Any, tensor: KerasTensor, owner: str) -> np.ndarray:
    """``x`` as an array of uint8 or float32 with the shape of the input ``tensor``.

    As in Keras a channel axis of size one may be left out.

    Raises
    ------
    ValueError
        If its shape is not that of the tensor.
    """
    array = eager.prepare(x, owner)
    if fits((*array.shape[1:], 1), tensor.shape[1:]):
        array = array[..., np.newaxis]
    if not fits(array.shape[1:], tensor.shape[1:]):
        hint = " For a single sample pass x[None]." if fits(array.shape, tensor.shape[1:]) else ""
        raise ValueError(
            f'Input "{tensor.name}" of model "{owner}" is incompatible with it: expected shape {tensor.shape}.{hint} '
            f"Received: shape={array.shape}"
        )
    return array


def map_shapes(function: Callable[[Any], Any], structure: Any) -> Any:
    """A list or dict of shapes, nested, with ``function`` of each; a shape is a tuple or list of sizes and None.

    Examples
    --------
    >>> map_shapes(len, {"a": (None, 3), "b": [(None, 28, 28, 1)]})
    {'a': 2, 'b': [4]}
    """
    if isinstance(structure, dict):
        return {key: map_shapes(function, value) for key, value in structure.items()}
    if (
        isinstance(structure, (list, tuple))
        and structure
        and all(isinstance(x, (list, tuple, dict)) for x in structure)
    ):
        return [map_shapes(function, value) for value in structure]
    return function(structure)


def _by_name(structure: Any, names: list[str], data: dict[str, Any], owner: str, what: str) -> list[Any]:
    if same_structure(structure, data):
        return flatten_like(structure, data)
    missing = [name for name in names if name not in data]
    if missing:
        raise ValueError(
            f"[{owner}] expected {what} named {', '.join(names)}. Missing: {', '.join(missing)}. "
            f"Received: {', '.join(map(str, data)) or 'an empty dict'}"
        )
    return [data[name] for name in names]


def _is_value(item: Any) -> bool:
    """Whether ``item`` is an array or tensor, rather than a number or row of one."""
    return hasattr(item, "shape") and not isinstance(item, np.generic)
