"""Which changes of layers need new networks: counters of them, and the part of a layer that notices new settings."""

from __future__ import annotations

import inspect
from typing import Any

from cnncore import activations

__all__ = ["Settings", "settings", "settings_version", "structure_changed", "structure_version"]

_version = 0  # counts the changes of ``trainable``, of the layers of models, and of settings
_settings_version = 0  # counts the changes of settings only, which need new networks for calls on arrays, too
settings: dict[type, frozenset[str]] = {}  # for each class of layers, the names of its settings


def structure_version() -> int:
    """Return a number that is different after ``trainable`` or a setting of a layer, or the layers of a model, were
    changed.
    """
    return _version


def structure_changed() -> None:
    """Tell all models that the networks they hold may be out of date."""
    global _version
    _version += 1


def settings_version() -> int:
    """Return a number that is different after a setting of a layer was changed."""
    return _settings_version


class Settings:
    """The part of a layer that notices when a setting, such as ``activation`` or ``rate``, is replaced after the layer
    was built. Then networks that contain the layer are made again.
    """

    settings_changed = 0  # how often a setting was replaced
    fixed_settings: tuple[str, ...] = ()  # those that decide which weights there are, so that they must not be replaced

    def set_setting(self, name: str, value: Any) -> None:
        """Set an attribute that is, or may be, a setting."""
        known = self.__dict__
        replaced = (
            name in known and known.get("built") and known[name] is not value and name in _settings_of(type(self))
        )
        if replaced and name in self.fixed_settings:
            raise ValueError(
                f"[{type(self).__name__}] expected `{name}` to stay as it is, since the layer has its weights already. "
                f"Make a new layer. Received: {name}={value!r}"
            )
        if replaced and name.endswith("activation") and value is not None:
            value = activations.get(value, type(self).__name__)
        super().__setattr__(name, value)
        if replaced:
            global _settings_version
            self.settings_changed += 1
            _settings_version += 1
            structure_changed()


def _settings_of(cls: type[Any]) -> frozenset[str]:
    found = settings.get(cls)
    if found is None:
        found = settings[cls] = _find_settings(cls)
    return found


def _find_settings(cls: type[Any]) -> frozenset[str]:
    """The attributes that say what a layer of this package computes: the arguments of its class, or those of the class
    of this package from which a class of a user is derived. None for models and for classes derived from ``Layer``.
    """
    own = next((base for base in inspect.getmro(cls) if base.__module__.startswith("cnncore.layers.")), object)
    if own.__module__.startswith(("cnncore.layers.base.", "cnncore.layers.weights.")) or hasattr(cls, "fit"):
        return frozenset()
    # Up to Python 3.11.2, the signature of a class is that of an inherited __new__, even if it also inherits __init__.
    parameters = inspect.signature(own.__init__).parameters  # type: ignore[misc]
    return frozenset(parameters) - {"self", "name", "trainable", "dtype", "kwargs"}
