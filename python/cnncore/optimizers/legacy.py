"""The path ``optimizers.legacy`` of Keras 2.11 and later. It has the classes of :mod:`cnncore.optimizers`."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

_NAMES = ("Adagrad", "Adam", "Ftrl", "Optimizer", "RMSprop", "SGD", "Adadelta", "Adamax", "Nadam")


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(f"`optimizers.legacy.{name}` is now `optimizers.{name}`.", DeprecationWarning, stacklevel=2)
    return getattr(import_module("cnncore.optimizers"), name)


def __dir__() -> list[str]:
    return list(_NAMES)
