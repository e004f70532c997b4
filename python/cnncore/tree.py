"""Functions of nested lists, tuples and dicts, under the names of ``keras.tree``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnncore import _checks, _structure
from cnncore._keras_names.errors import explain_missing

__all__ = ["assert_same_structure", "flatten", "is_nested", "lists_to_tuples", "map_structure", "pack_sequence_as"]


def is_nested(structure: Any) -> bool:
    """Whether ``structure`` is a list, a tuple or a dict.

    Examples
    --------
    >>> is_nested([1]), is_nested(1)
    (True, False)
    """
    return isinstance(structure, (list, tuple, dict))


def flatten(structure: Any) -> list[Any]:
    """Return the values in ``structure`` from left to right; those of a dict in the order of its sorted keys.

    Examples
    --------
    >>> flatten([1, (2, {"b": 4, "a": 3})])
    [1, 2, 3, 4]
    """
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in flatten(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for item in structure for leaf in flatten(item)]
    return [structure]


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """Return a structure with the results of ``func`` for the values at the same places of ``structures``.

    ``none_is_leaf=False`` leaves None as it is.

    Examples
    --------
    >>> map_structure(lambda a, b: a + b, {"x": 1}, {"x": 2})
    {'x': 3}
    """
    if not structures:
        raise ValueError("[map_structure] expected at least one structure. Received: none")
    first = structures[0]
    for other in structures[1:]:
        assert_same_structure(first, other)
    if isinstance(first, dict):
        return {
            key: map_structure(func, *(item[key] for item in structures), none_is_leaf=none_is_leaf) for key in first
        }
    if isinstance(first, (list, tuple)):
        mapped = [map_structure(func, *items, none_is_leaf=none_is_leaf) for items in zip(*structures, strict=True)]
        return mapped if isinstance(first, list) else tuple(mapped)
    return None if first is None and not none_is_leaf else func(*structures)


def pack_sequence_as(structure: Any, flat_sequence: list[Any]) -> Any:
    """Return the values of ``flat_sequence`` nested like ``structure``; the inverse of :func:`flatten`.

    Examples
    --------
    >>> pack_sequence_as({"b": 0, "a": [0, 0]}, [1, 2, 3])
    {'b': 3, 'a': [1, 2]}
    """
    leaves = _checks.listed(flat_sequence, "flat_sequence", "pack_sequence_as")
    count = len(flatten(structure))
    if len(leaves) != count:
        raise ValueError(f"[pack_sequence_as] expected {count} values. Received: {len(leaves)}")
    return _packed(structure, iter(leaves))


def _packed(structure: Any, leaves: Any) -> Any:
    if isinstance(structure, dict):
        made = {key: _packed(structure[key], leaves) for key in sorted(structure)}
        return {key: made[key] for key in structure}
    if isinstance(structure, (list, tuple)):
        packed = [_packed(item, leaves) for item in structure]
        return packed if isinstance(structure, list) else tuple(packed)
    return next(leaves)


def assert_same_structure(a: Any, b: Any, check_types: Any = None) -> None:
    """Raise a ValueError if ``a`` and ``b`` are not nested in the same way. ``check_types`` is not used.

    Examples
    --------
    >>> assert_same_structure([1, 2], (3, 4))
    """
    if not _structure.same_structure(a, b):
        raise ValueError(f"[tree] expected two structures that are nested alike. Received: {a!r:.60} and {b!r:.60}")


def lists_to_tuples(structure: Any) -> Any:
    """Return ``structure`` with tuples in the place of its lists.

    Examples
    --------
    >>> lists_to_tuples({"a": [1, [2]]})
    {'a': (1, (2,))}
    """
    if isinstance(structure, dict):
        return {key: lists_to_tuples(value) for key, value in structure.items()}
    return tuple(lists_to_tuples(item) for item in structure) if isinstance(structure, (list, tuple)) else structure


__getattr__ = explain_missing("tree", __all__)
