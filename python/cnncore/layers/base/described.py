"""What a file keeps of a layer: its name, and the arguments from which its constructor makes it again."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from cnncore import _checks, regularizers
from cnncore.layers.base.arguments import checked_name, given_arguments

__all__ = ["Described"]

D = TypeVar("D", bound="Described")


class Described:
    """The part of a layer that describes it: its name and its configuration."""

    _name: str
    _has_own_name: bool
    _trainable: bool
    activity_regularizer: Any
    declared_input_shape: tuple[int, ...] | None

    def __new__(cls: type[D], *args: Any, **kwargs: Any) -> D:
        """Remember the arguments of a class that a user wrote, in case the class has no ``get_config``."""
        layer = super().__new__(cls)
        if not cls.__module__.startswith("cnncore."):
            layer.__dict__["_given"] = given_arguments(cls, args, kwargs)
        return layer

    @property
    def name(self) -> str:
        """The layer's name."""
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name, self._has_own_name = checked_name(value, type(self).__name__), True

    def rename(self, name: str) -> None:
        """Change the name. A model does so if it has another layer of that name and the user did not choose it."""
        self._name = name

    @property
    def has_own_name(self) -> bool:
        """Whether the user chose the name, rather than leaving it to be derived from the class."""
        return self._has_own_name

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor as a dict that can be written as JSON."""
        config: dict[str, Any] = {"name": self.name, "trainable": self._trainable}
        if self.declared_input_shape is not None:
            config["input_shape"] = list(self.declared_input_shape)
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return self._with_given(config)

    def _with_given(self, config: dict[str, Any]) -> dict[str, Any]:
        """Add to ``config`` the arguments that a user's class was made with, if the class has no ``get_config``."""
        given = self.__dict__.get("_given")
        own = next(cls for cls in type(self).__mro__ if "get_config" in vars(cls))
        if given is None or not own.__module__.startswith("cnncore."):
            return config
        taken = inspect.signature(type(self).__init__).parameters
        if not any(item.kind is item.VAR_KEYWORD for item in taken.values()):
            config = {key: value for key, value in config.items() if key in taken}
        return {**given, **config}

    @classmethod
    def from_config(cls: type[D], config: dict[str, Any]) -> D:
        """Make a layer from a dict that :meth:`get_config` returned."""
        return cls(**_checks.config(config, f"{cls.__name__}.from_config"))
