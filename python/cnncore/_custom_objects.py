"""Classes and functions of users, found by their names in files. Reading a file never imports anything."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

__all__ = [
    "CustomObjectScope",
    "custom_object",
    "custom_object_scope",
    "function_name",
    "get_custom_objects",
    "named_function",
    "register_keras_serializable",
    "registered_name",
    "scoped_object",
]

T = TypeVar("T")

_registered: dict[str, Any] = {}  # "package>name"


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.stack: list[Mapping[str, Any]] = []


_scopes = _Scopes()


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Decorator of a class or function: files that name it can then be read without ``custom_objects=``.

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


def get_custom_objects() -> dict[str, Any]:
    """The registered classes and functions by name, as a dict. Putting an object into it registers the object.

    Examples
    --------
    >>> get_custom_objects()["Fourfold"] = lambda x: 4 * x
    >>> custom_object("Fourfold")(2)
    8
    >>> del get_custom_objects()["Fourfold"]
    """
    return _registered


def registered_name(obj: Any) -> str:
    """The name by which files know ``obj``, a class or function."""
    for key, value in _registered.items():
        if value is obj:
            return key
    return str(getattr(obj, "__name__", type(obj).__name__))


def function_name(function: Any, what: str) -> str:
    """The name under which a file can refer to a function. A function without a name, such as a lambda, is a
    ValueError.
    """
    name = registered_name(function)
    if not name.rpartition(">")[2].isidentifier():
        raise ValueError(
            f"The {what} {name!r} is a function without a name, so it cannot be described in a file. Define it with "
            "def, or compile the model again after loading."
        )
    return name


def named_function(name: Any, what: str) -> Any:
    """The function that a file names. An unknown name is a ValueError."""
    function = custom_object(name) if isinstance(name, str) else None
    if not callable(function):
        raise ValueError(
            f"The file has {name!r} as a {what}, but no function of that name is known: load with "
            f"custom_objects={{{name!r}: the function}}, or with compile=False."
        )
    return function


def scoped_object(name: str) -> Any:
    """The object that a scope around this call gives this name, or None. The name may begin with a package."""
    plain = name.rpartition(">")[2]
    for scope in reversed(_scopes.stack):
        for known in (name, plain):
            if known in scope:
                return scope[known]
    return None


def custom_object(name: str) -> Any:
    """The object that a user gave this name, in a scope around this call or by registering it, or None."""
    found = scoped_object(name)
    if found is not None:
        return found
    if name in _registered:
        return _registered[name]
    for key, value in _registered.items():
        if key.partition(">")[2] == name:
            return value
    return None


def get_registered_object(
    name: str, custom_objects: Mapping[str, Any] | None = None, module_objects: Mapping[str, Any] | None = None
) -> Any:
    """The class or function that users gave a name, or None.

    Parameters
    ----------
    name : str
    custom_objects, module_objects : dict, optional
        Names to look up before the registered ones, and after them.
    """
    if not isinstance(name, str) or not isinstance(module_objects, (Mapping, type(None))):
        raise TypeError(
            "[get_registered_object] expected a name, and dicts of objects by their names. "
            f"Received: name={name!r:.80}, module_objects={module_objects!r:.80}"
        )
    with custom_object_scope(custom_objects):
        found = custom_object(name)
    return found if found is not None else (module_objects or {}).get(name)


@contextlib.contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any] | None) -> Iterator[None]:
    """Names that are known in this thread while a ``with`` block runs.

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
