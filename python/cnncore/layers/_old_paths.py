"""Modules that held layers in older versions of Keras. They refer to ``cnncore.layers``, with a DeprecationWarning."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

__all__ = ["leading_to_layers"]


def leading_to_layers(module: str) -> Callable[[str], Any]:
    """Return the function ``__getattr__`` for the old module ``cnncore.layers.<module>``."""

    def get(name: str) -> Any:
        from cnncore import layers

        if name.startswith("__") or not hasattr(layers, name):
            raise AttributeError(f"module 'cnncore.layers.{module}' has no attribute {name!r}")
        warnings.warn(
            f"cnncore.layers.{module}.{name} is called cnncore.layers.{name} today.", DeprecationWarning, stacklevel=2
        )
        return getattr(layers, name)

    return get
