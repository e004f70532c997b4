"""Find classes and functions by name, for strings in ``compile`` and for files. Files hold names, never modules.

Every public module with ``get``, ``serialize`` and ``deserialize`` (activations, losses, layers, ...) has one
:class:`Registry`, which is the only place where names are looked up.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from cnncore._custom_objects import custom_object, custom_object_scope, registered_name, scoped_object
from cnncore._keras_names.errors import why_no_name
from cnncore._suggestions import nearest

T = TypeVar("T")
C = TypeVar("C", bound=type[Any])


def snake_case(name: str) -> str:
    """``MaxPooling2D`` -> ``max_pooling2d``, ``ReLU`` -> ``re_lu``, as Keras names layers."""
    partial = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", partial).lower()


class Registry(Generic[T]):
    """The classes, or the functions, of one kind ("layer", "loss", "activation", ...) by name.

    Parameters
    ----------
    kind : str
        What the members are called in messages.
    *modules : str
        Modules that register classes when they are imported. They are imported before a name is looked up, so that
        a file can be read in a process that has used none of them so far.
    """

    def __init__(self, kind: str, *modules: str) -> None:
        self.kind = kind
        self._modules = modules
        self._classes: dict[str, Any] = {}
        self._aliases: dict[str, str] = {}

    def register(self, *aliases: str) -> Callable[[C], C]:
        """Decorator of a class. :meth:`get` accepts the names ``aliases`` as well."""

        def add(cls: C) -> C:
            self._classes[cls.__name__] = cls
            for alias in (cls.__name__, snake_case(cls.__name__), *aliases):
                self._aliases[alias.lower()] = cls.__name__
            return cls

        return add

    def register_function(self, function: Any, *names: str) -> None:
        """Add a function under several names."""
        for name in names:
            self._classes[name] = function
            self._aliases[name.lower()] = name

    def _load_modules(self) -> None:
        for module in self._modules:
            importlib.import_module(module)

    def serialize(self, obj: Any) -> dict[str, Any]:
        """``{"class_name", "config"}`` of an object, ready for JSON."""
        if not hasattr(type(obj), "get_config"):
            raise TypeError(f"[{self.kind}] expected an object with get_config. Received: {type(obj).__name__}")
        name = type(obj).__name__
        if self._classes.get(name) is not type(obj):
            name = registered_name(type(obj))
            if name in self._classes:  # a class of the user with the name of one of this package
                name = f"Custom>{name}"
        return {"class_name": name, "config": obj.get_config()}

    def class_named(self, name: str) -> Any:
        """The class of that name, which must exist."""
        self._load_modules()
        return self._classes[name]

    def known_class(self, name: str) -> Any:
        """The class of that name, or None."""
        self._load_modules()
        return self._classes.get(name)

    def named(self, name: str, owner: str = "") -> Any:
        """The class or function with a name, in lower or upper case: one of this package, otherwise one of the user.

        Parameters
        ----------
        name : str
        owner : str, optional
            The function that asks. The message of the ValueError for an unknown name begins with it.
        """
        self._load_modules()
        own = self._aliases.get(name.lower())
        found = custom_object(name) if own is None else self._classes[own]
        if found is None:
            known = ", ".join(sorted({snake_case(known) for known in self._classes}))
            reason = why_no_name(self.kind, name)
            because = nearest(name, self._aliases) if reason is None else f" It is not available: {reason}."
            raise ValueError(
                f"[{owner or self.kind}] Unknown {self.kind} {name!r}.{because} Known: {known}. Received: {name!r}"
            )
        return found

    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> T:
        """The object that a result of :meth:`serialize` describes."""
        with custom_object_scope(custom_objects):
            return self._deserialize(config)

    def _deserialize(self, config: Any) -> T:
        self._load_modules()
        if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
            raise ValueError(f'[{self.kind}] expected {{"class_name", "config"}}. Received: {config!r}')
        name, arguments = config["class_name"], config.get("config", {})
        found: Any = scoped_object(name) or self._classes.get(name) or custom_object(name)
        if found is None:  # "adam" or "he_normal" for "Adam" and "HeNormal"
            found = self._classes.get(self._aliases.get(name.lower(), ""))
        if not isinstance(found, type):
            hint = nearest(name, self._classes)
            known = ", ".join(sorted(self._classes))
            raise ValueError(
                f"[{self.kind}] Unknown {self.kind} {name!r}.{hint} Known: {known}. Received: class_name={name!r}"
            )
        if not isinstance(arguments, dict):
            raise ValueError(
                f"[{self.kind}] expected the config of {name!r} to be a dict. Received: config={arguments!r}"
            )
        try:
            result: T = found.from_config(arguments)  # type: ignore[attr-defined]
        except TypeError as error:
            raise ValueError(
                f"[{self.kind}] expected a config that {name!r} takes ({error}). Received: config={arguments!r:.200}"
            ) from None
        return result

    def get(self, identifier: Any) -> T:
        """An object from a name, a config or a class."""
        if isinstance(identifier, str):
            identifier = self.named(identifier)
        if isinstance(identifier, dict):
            return self.deserialize(identifier)
        if isinstance(identifier, type):
            result: T = identifier()
            if callable(result) or hasattr(result, "get_config"):
                return result
        raise TypeError(f"[{self.kind}] expected an object, its name or its config. Received: {identifier!r}")
