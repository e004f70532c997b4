"""Properties in the place of which users may put attributes of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["OpenProperty"]


class OpenProperty:
    """A property that only this package has, or that has a value only after a call of ``compile``.

    Users do not know it, and keep something else under its name: ``self.network = Sequential(...)``. Then their object
    is what the attribute returns. The package itself must not use the attribute of a model of a user.

    Examples
    --------
    >>> class Shape:
    ...     @OpenProperty
    ...     def corners(self):
    ...         return 4
    >>> shape = Shape()
    >>> shape.corners
    4
    >>> shape.corners = "round"
    >>> shape.corners
    'round'
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function, self._name, self.__doc__ = function, function.__name__, function.__doc__

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        if owner is None:
            return self
        kept = vars(owner)
        return kept[self._name] if self._name in kept else self._function(owner)

    def __set__(self, owner: Any, value: Any) -> None:
        vars(owner)[self._name] = value
