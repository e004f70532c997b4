"""Remembered: values that a model makes once and uses in many calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["Remembered"]

_Value = TypeVar("_Value")


class Remembered:
    """Values that are made from a few source objects, and made again when one of the sources has been replaced.

    Copies and pickles of it are empty.

    Examples
    --------
    >>> remembered, numbers = Remembered(), [1, 2, 3]
    >>> remembered.get("sum", (numbers,), lambda: sum(numbers))
    6
    >>> numbers.append(4)  # still the same object
    >>> remembered.get("sum", (numbers,), lambda: sum(numbers))
    6
    """

    def __init__(self) -> None:
        self._values: dict[str, tuple[tuple[Any, ...], Any]] = {}

    def get(self, name: str, sources: tuple[Any, ...], make: Callable[[], _Value]) -> _Value:
        """The value of that name. If the sources are not the objects it was made from, ``make`` makes it again.

        Whole numbers among the sources are compared by their value.
        """
        known = self._values.get(name)
        if known is not None and len(known[0]) == len(sources):
            for a, b in zip(known[0], sources):  # noqa: B905  # the lengths are equal, and this is called in each step
                if a is not b and not (type(a) is int and a == b):
                    break
            else:
                value: _Value = known[1]
                return value
        made = make()
        self._values[name] = sources, made
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return Remembered, ()
