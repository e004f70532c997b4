"""Functions of ``keras.ops`` that call functions of the user: choices, loops, scans and maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._refusals import names_itself
from cnncore._structure import flatten, pack_like

__all__ = [
    "associative_scan",
    "cond",
    "fori_loop",
    "map",
    "scan",
    "switch",
    "vectorize",
    "vectorized_map",
    "while_loop",
]


def _require_functions(owner: str, **functions: Any) -> None:
    for name, function in functions.items():
        if not callable(function):
            raise TypeError(f"[{owner}] expected `{name}` to be a function. Received: {name}={function!r:.80}")


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """Return ``true_fn()`` if ``pred`` is true, otherwise ``false_fn()``.

    Examples
    --------
    >>> cond(2 > 1, lambda: "yes", lambda: "no")
    'yes'
    """
    _require_functions("cond", true_fn=true_fn, false_fn=false_fn)
    return true_fn() if bool(pred) else false_fn()


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """Replace ``loop_vars`` by ``body(*loop_vars)`` while ``cond(*loop_vars)`` is true, and return the last ones.

    Parameters
    ----------
    cond, body : callable
    loop_vars : list, tuple or a single value
    maximum_iterations : int, optional

    Examples
    --------
    >>> while_loop(lambda i: i < 5, lambda i: i + 2, [0])
    [6]
    """
    _require_functions("while_loop", cond=cond, body=body)
    several = isinstance(loop_vars, (list, tuple))
    values = list(loop_vars) if several else [loop_vars]
    done = 0
    while bool(cond(*values)) and (maximum_iterations is None or done < maximum_iterations):
        result = body(*values)
        values = list(result) if isinstance(result, (list, tuple)) else [result]
        done += 1
    if not several:
        return values[0]
    return values if isinstance(loop_vars, list) else tuple(values)


def fori_loop(lower: int, upper: int, body_fun: Callable[[int, Any], Any], init_val: Any) -> Any:
    """Replace ``init_val`` by ``body_fun(i, value)`` for each ``i`` from ``lower`` to ``upper - 1``.

    Examples
    --------
    >>> fori_loop(0, 4, lambda i, total: total + i, 0)
    6
    """
    _require_functions("fori_loop", body_fun=body_fun)
    limits = [_checks.integer(item, name, "fori_loop", -(2**31)) for item, name in ((lower, "lower"), (upper, "upper"))]
    value = init_val
    for i in range(*limits):
        value = body_fun(i, value)
    return value


def map(f: Callable[[Any], Any], xs: Any) -> Any:  # noqa: A001 (Keras' name)
    """Return the results of ``f`` for each entry of the first axis of ``xs``, stacked.

    ``xs``, and what ``f`` returns, may be lists, tuples or dicts of arrays.

    Examples
    --------
    >>> import numpy as np
    >>> map(lambda row: row.sum(), np.ones((2, 3))).tolist()
    [3.0, 3.0]
    """
    _require_functions("map", f=f)
    lengths = {np.shape(leaf)[0] if np.ndim(leaf) else 0 for leaf in flatten(xs)}
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError(f"[map] expected arrays with the same number of entries. Received: {xs!r:.80}")
    count = lengths.pop()
    results = [f(pack_like(xs, [leaf[place] for leaf in flatten(xs)])) for place in range(count)]
    columns = zip(*(flatten(result) for result in results), strict=True)
    return pack_like(results[0], [np.stack(list(column)) for column in columns])


def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """Return what :func:`map` returns for ``function`` and ``elements``; Keras has both names."""
    return map(function, elements)


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int = 1,
) -> tuple[Any, Any]:
    """Call ``f(carry, x)`` for each entry of the first axis of ``xs``.

    Parameters
    ----------
    f : callable
        Takes the carry and an entry, and returns the next carry and a result.
    init : array or structure of arrays
        The first carry.
    xs : array or structure of arrays, optional
        Without it, ``f`` gets None ``length`` times.
    length : int, optional
        The number of calls; by default the length of the first axis of ``xs``.
    reverse : bool, default False
        Whether to begin with the last entry.
    unroll : int, default 1
        Accepted for compatibility with Keras, and not used.

    Returns
    -------
    carry, results
        The last carry, and the results, stacked in the order of ``xs``.

    Examples
    --------
    >>> carry, sums = scan(lambda total, x: (total + x, total + x), 0.0, np.arange(4.0))
    >>> float(carry), sums.tolist()
    (6.0, [0.0, 1.0, 3.0, 6.0])
    """
    if not callable(f):
        raise TypeError(f"[scan] expected `f` to be a function. Received: f={f!r:.80}")
    leaves = [] if xs is None else flatten(xs)
    lengths = _lengths("scan", "xs", leaves, 0)
    lengths |= set() if length is None else {_checks.integer(length, "length", "scan")}
    if len(lengths) != 1:
        raise ValueError(f"[scan] expected xs or length, with the same number of entries. Received: {sorted(lengths)}")
    places = range(lengths.pop())
    if not places:
        raise ValueError(
            "[scan] expected at least one entry: the form of the results is not known without one. Received: 0"
        )
    carry, results = init, []
    for place in reversed(places) if reverse else places:
        x = None if xs is None else pack_like(xs, [leaf[place] for leaf in leaves])
        pair = f(carry, x)
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise ValueError(f"[scan] expected `f` to return the carry and a result. Received: {pair!r:.80}")
        carry, result = pair
        results.append(result)
    if reverse:
        results.reverse()
    if results[0] is None:
        return carry, None
    columns = zip(*(flatten(result) for result in results), strict=True)
    return carry, pack_like(results[0], [np.stack(list(column)) for column in columns])


def associative_scan(f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """Combine the entries along an axis one after the other, and return the result after each.

    Parameters
    ----------
    f : callable
        Takes two entries, or two structures of them, and combines them.
    elems : array or structure of arrays
    reverse : bool, default False
        Whether to begin with the last entry.
    axis : int, default 0

    Examples
    --------
    >>> associative_scan(lambda a, b: a + b, np.arange(5)).tolist()
    [0, 1, 3, 6, 10]
    """
    if not callable(f):
        raise TypeError(f"[associative_scan] expected `f` to be a function. Received: f={f!r:.80}")
    axis = _checks.integer(axis, "axis", "associative_scan", minimum=-32, maximum=31)
    lengths = _lengths("associative_scan", "elems", flatten(elems), axis)
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(
            f"[associative_scan] expected arrays with the same number of entries, and at least one. "
            f"Received: {sorted(lengths)}"
        )
    (count,) = lengths
    leaves = [np.moveaxis(leaf, axis, 0) for leaf in flatten(elems)]
    order = range(count - 1, -1, -1) if reverse else range(count)
    results: list[list[Any]] = []
    for place in order:
        entry = [leaf[place : place + 1] for leaf in leaves]
        if results:
            entry = flatten(f(pack_like(elems, results[-1]), pack_like(elems, entry)))
        results.append(entry)
    if reverse:
        results.reverse()
    columns = zip(*results, strict=True)
    return pack_like(elems, [np.moveaxis(np.concatenate(list(column)), 0, axis) for column in columns])


def _lengths(owner: str, name: str, leaves: Sequence[Any], axis: int) -> set[int]:
    """The numbers of entries that arrays have along an axis."""
    shapes = [np.shape(leaf) for leaf in leaves]
    for shape in shapes:
        if not -len(shape) <= axis < len(shape):
            raise ValueError(f"[{owner}] expected `{name}` to be arrays with an axis {axis}. Received: shape {shape}")
    return {shape[axis] for shape in shapes}


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """Return ``branches[index](*operands)``. An index outside of the list means its first or last function.

    Examples
    --------
    >>> switch(1, [lambda x: x + 1, lambda x: x * 10], 3)
    30
    """
    if not isinstance(branches, (list, tuple)) or not branches or not all(callable(branch) for branch in branches):
        raise TypeError(f"[switch] expected `branches` to be a list of functions. Received: {branches!r:.80}")
    try:
        place = int(index)
    except (TypeError, ValueError):
        raise TypeError(f"[switch] expected `index` to be an integer. Received: index={index!r:.80}") from None
    return branches[min(max(place, 0), len(branches) - 1)](*operands)


@names_itself
def vectorize(pyfunc: Callable[..., Any], *, excluded: Any = None, signature: str | None = None) -> Callable[..., Any]:
    """Return a function that calls ``pyfunc`` for each entry of arrays.

    ``excluded`` and ``signature`` are those of ``numpy.vectorize``.

    Examples
    --------
    >>> vectorize(lambda a, b: a if a > b else b)([1, 5], 3).tolist()
    [3, 5]
    """
    return np.vectorize(pyfunc, excluded=excluded, signature=signature)
