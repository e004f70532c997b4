"""The description of a weight: its name, its shape, and how its values begin and stay."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cnncore.initializers import Initializer

__all__ = ["Values", "WeightSpec"]


class WeightSpec(NamedTuple):
    """The description of a weight that a layer needs.

    ``trainable=False`` marks state that no gradient changes, such as moving statistics. ``regularizer`` and
    ``constraint`` are objects of :mod:`cnncore.regularizers` and :mod:`cnncore.constraints`, or None.
    """

    name: str
    shape: tuple[int, ...]
    initializer: Initializer
    trainable: bool = True
    regularizer: Any = None
    constraint: Any = None


class Values(Initializer):
    """The initializer of a variable whose values are given."""

    def __init__(self, values: Any) -> None:
        super().__init__()
        self._values: np.ndarray = np.array(values, np.float32)

    def __call__(self, shape: Any, seed: Any = None, dtype: Any = None) -> np.ndarray:
        return np.array(self._values)
