"""Modules that only older versions of Keras have: their names are found elsewhere, with a DeprecationWarning."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

__all__ = ["leading_to"]


def leading_to(module: str, *today: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of the old module ``cnncore.<module>``: it looks for names in the modules ``today``."""

    def get(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module 'cnncore.{module}' has no attribute {name!r}")
        errors: list[Exception] = []
        for place in today:
            try:
                found = getattr(importlib.import_module(place), name)
            except (AttributeError, ImportError) as error:
                errors.append(error)
                continue
            message = f"cnncore.{module}.{name} is called {place}.{name} today."
            warnings.warn(message, DeprecationWarning, stacklevel=2)
            return found
        raise errors[0]

    return get
