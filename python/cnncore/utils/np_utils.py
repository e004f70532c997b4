"""``utils.np_utils`` of Keras 2. Its functions are in :mod:`cnncore.utils`; using them here is deprecated."""

from __future__ import annotations

import warnings
from typing import Any

_NAMES = ("normalize", "to_categorical")


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import numerical

    warnings.warn(
        f"cnncore.utils.np_utils.{name} is an old name: write cnncore.utils.{name}", DeprecationWarning, stacklevel=2
    )
    return getattr(numerical, name)
