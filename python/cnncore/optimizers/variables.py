"""Numbers of an optimizer that also have the methods of Keras' variables: ``rate.numpy()``, ``rate.assign(0.1)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["Iterations", "LearningRate"]


class LearningRate(float):
    """A learning rate: a float with a method ``assign``.

    Examples
    --------
    >>> from cnncore.optimizers import SGD
    >>> optimizer = SGD(0.1)
    >>> optimizer.learning_rate.assign(0.05)
    >>> optimizer.learning_rate, optimizer.learning_rate * 2
    (0.05, 0.1)
    """

    _assign: Callable[[float], None]

    def __new__(cls, value: float, assign: Callable[[float], None]) -> LearningRate:
        rate = super().__new__(cls, value)
        rate._assign = assign
        return rate

    def assign(self, value: Any) -> None:
        """Make ``value`` the optimizer's learning rate."""
        self._assign(value)

    def numpy(self) -> np.float32:
        """The rate as float32, which the core uses."""
        value: np.float32 = np.float32(float(self))
        return value

    def __reduce__(self) -> tuple[type[float], tuple[float]]:
        return float, (float(self),)  # a copy is a plain float, which belongs to no optimizer


class Iterations(int):
    """A number of steps: an int with a method ``assign``."""

    _assign: Callable[[int], None]

    def __new__(cls, value: int, assign: Callable[[int], None]) -> Iterations:
        count = super().__new__(cls, value)
        count._assign = assign
        return count

    def assign(self, value: Any) -> None:
        """Make ``value`` the optimizer's number of steps."""
        self._assign(value)

    def numpy(self) -> np.int64:
        """The number as an int64."""
        value: np.int64 = np.int64(int(self))
        return value

    def __reduce__(self) -> tuple[type[int], tuple[int]]:
        return int, (int(self),)
