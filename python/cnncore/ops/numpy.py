"""Functions of NumPy under the names that they have in ``keras.ops.numpy``."""

from __future__ import annotations

from typing import Any

from cnncore._keras_names.errors import missing
from cnncore.ops.arrays import NUMPY_NAMES, numpy_function
from cnncore.ops.slices import get_item, split
from cnncore.ops.special import divide_no_nan

__all__ = ["divide_no_nan", "get_item", "split"]


def __dir__() -> list[str]:
    return sorted({*__all__, *NUMPY_NAMES})


def __getattr__(name: str) -> Any:
    if name in NUMPY_NAMES:
        return numpy_function(name)
    raise missing("ops", name, __dir__())
