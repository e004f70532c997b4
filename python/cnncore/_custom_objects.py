"""Classes and functions of users by name, for reading files. A file names them; it never imports anything."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

__all__ = [
    "CustomObjectScope",
    "custom_object",
    "custom_object_scope",
    "register_keras_serializable",
    "registered_name",
]

T = TypeVar("T")

_registered: dict[str, Any] = {}  # "package>name"


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.stack: list[Mapping[str, Any]] = []


_scopes = _Scopes()


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Class decorator: files that name this class, or function, can be read without ``custom_objects=``.

    Parameters
    ----------
    package : str, default "Custom"
        Distinguishes names of different projects.
    name : str, optional
        The class' own name by default.

    Examples
    --------
    >>> from cnncore.layers import Layer
    >>> @register_keras_serializable()
    ... class Twice(Layer):
    ...     def call(self, x):
    ...         return x * 2
    >>> custom_object("Twice") is Twice
    True
    """

    def add(obj: T) -> T:
        key = f"{package}>{name or getattr(obj, '__name__', type(obj).__name__)}"
        _registered[key] = obj
        return obj

    return add


def registered_name(obj: Any) -> str:
    """The name under which files know a class or function."""
    for key, value in _registered.items():
        if value is obj:
            return key
    return str(getattr(obj, "__name__", type(obj).__name__))


def custom_object(name: str) -> Any:
    """The object that users gave a name: in a scope around this call, or registered; None if there is none."""
    for scope in reversed(_scopes.stack):
        if name in scope:
            return scope[name]
    if name in _registered:
        return _registered[name]
    for key, value in _registered.items():
        if key.partition(">")[2] == name:
            return value
    return None


@contextlib.contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any] | None) -> Iterator[None]:
    """Names known while a ``with`` block runs, in this thread.

    Parameters
    ----------
    custom_objects : dict of str to class or function

    Examples
    --------
    >>> with custom_object_scope({"twice": lambda x: x * 2}):
    ...     custom_object("twice")(4)
    8
    """
    if custom_objects is not None and not isinstance(custom_objects, Mapping):
        raise TypeError(f"Expected `custom_objects` to be a dict of names. Received: {type(custom_objects).__name__}")
    _scopes.stack.append(custom_objects or {})
    try:
        yield
    finally:
        _scopes.stack.pop()


CustomObjectScope = custom_object_scope
