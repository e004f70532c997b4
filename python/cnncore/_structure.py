"""Nested structures: lists, tuples and dicts of values, such as the inputs and outputs of layers and models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = [
    "flatten",
    "flatten_by_key",
    "flatten_like",
    "map_structure",
    "pack_like",
    "same_structure",
    "without_list_of_one",
]


def flatten(structure: Any) -> list[Any]:
    """The values of a structure from left to right; the values of a dict in the order of its keys.

    Examples
    --------
    >>> flatten([1, (2, {"b": 4, "a": 3})])
    [1, 2, 4, 3]

    Use :func:`flatten_like` for another structure that is nested in the same way: it finds the values of dicts by key.
    """
    if isinstance(structure, dict):
        return [leaf for value in structure.values() for leaf in flatten(value)]
    if isinstance(structure, (list, tuple)):
        return [leaf for value in structure for leaf in flatten(value)]
    return [structure]


def flatten_by_key(structure: Any) -> list[Any]:
    """The values of a structure from left to right; the values of a dict in the order of its sorted keys.

    Examples
    --------
    >>> flatten_by_key([1, (2, {"b": 4, "a": 3})])
    [1, 2, 3, 4]
    """
    if isinstance(structure, dict):
        keys = sorted(structure, key=lambda key: (type(key).__name__, key))
        return [leaf for key in keys for leaf in flatten_by_key(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for value in structure for leaf in flatten_by_key(value)]
    return [structure]


def flatten_like(structure: Any, other: Any) -> list[Any]:
    """The values of ``other`` in the order in which :func:`flatten` gives those of ``structure``.

    Examples
    --------
    >>> flatten_like({"a": 0, "b": 0}, {"b": 2, "a": 1})
    [1, 2]
    """
    if isinstance(structure, dict):
        return [leaf for key, value in structure.items() for leaf in flatten_like(value, other[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for a, b in zip(structure, other, strict=True) for leaf in flatten_like(a, b)]
    return [other]


def map_structure(function: Callable[[Any], Any], structure: Any) -> Any:
    """The same structure, with ``function`` applied to each value.

    Examples
    --------
    >>> map_structure(str, {"a": [1, 2]})
    {'a': ['1', '2']}
    """
    return pack_like(structure, [function(leaf) for leaf in flatten(structure)])


def pack_like(structure: Any, leaves: list[Any]) -> Any:
    """``leaves`` in the structure of ``structure``; the inverse of :func:`flatten`."""
    return _pack(structure, iter(leaves))


def same_structure(first: Any, second: Any) -> bool:
    """Whether two structures are nested in the same way. Lists and tuples count as the same.

    Examples
    --------
    >>> same_structure([1, {"a": 2}], (5, {"a": 6})), same_structure([1], 1)
    (True, False)
    """
    if isinstance(first, dict) or isinstance(second, dict):
        return (
            isinstance(first, dict)
            and isinstance(second, dict)
            and set(first) == set(second)
            and all(same_structure(first[key], second[key]) for key in first)
        )
    if isinstance(first, (list, tuple)) or isinstance(second, (list, tuple)):
        return (
            isinstance(first, (list, tuple))
            and isinstance(second, (list, tuple))
            and len(first) == len(second)
            and all(same_structure(a, b) for a, b in zip(first, second, strict=True))
        )
    return True


def _pack(structure: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(structure, dict):
        return {key: _pack(value, leaves) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        packed = [_pack(value, leaves) for value in structure]
        return packed if isinstance(structure, list) else tuple(packed)
    return next(leaves)


def without_list_of_one(structure: Any) -> Any:
    """The value itself where a structure is a list or tuple of one value; everything else as it is.

    Examples
    --------
    >>> without_list_of_one([1]), without_list_of_one([1, 2]), without_list_of_one({"a": 1})
    (1, [1, 2], {'a': 1})
    """
    if (
        isinstance(structure, (list, tuple))
        and len(structure) == 1
        and not isinstance(structure[0], (list, tuple, dict))
    ):
        return structure[0]
    return structure
