"""The learning rate of an optimizer: a number, or a function of the step."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from cnncore import _checks, _core
from cnncore.optimizers import schedules
from cnncore.optimizers.schedules import LearningRateSchedule
from cnncore.optimizers.variables import LearningRate

__all__ = ["Rate", "Rated"]

Rate = float | Callable[[int], float]


class Rated:
    """The part of an optimizer that keeps the learning rate, and passes it on to the rule in the core."""

    rule: _core.Optimizer | None  # what updates the weights in the core; None before the size of the model is known
    _schedule: Callable[[int], float] | None
    _learning_rate: float

    @property
    def step(self) -> int:
        """The number of batches so far, on which schedules depend."""
        raise NotImplementedError

    @property
    def learning_rate(self) -> LearningRate:
        """The rate of the next step: a float with methods ``assign`` and ``numpy``. To change it, assign a number or a
        schedule to this attribute.
        """
        rate = self._learning_rate
        if self._schedule is not None:
            value = self._schedule(self.step)
            rate = _checks.number(value, "learning_rate", type(self).__name__, minimum=0.0)
        return LearningRate(rate, self._set_learning_rate)

    @learning_rate.setter
    def learning_rate(self, value: Rate | dict[str, Any]) -> None:
        self._set_learning_rate(value)

    def _set_learning_rate(self, value: Any) -> None:
        if isinstance(value, dict):
            value = schedules.deserialize(value)
        if callable(value):
            self._schedule: Callable[[int], float] | None = value
            self._learning_rate = 0.0
            return
        rate = _checks.number(value, "learning_rate", type(self).__name__, minimum=0.0)
        self._schedule, self._learning_rate = None, rate
        if self.rule is not None:
            self.rule.learning_rate = rate

    def _rate_config(self) -> Any:
        if isinstance(self._schedule, LearningRateSchedule):
            return schedules.serialize(self._schedule)
        if self._schedule is not None:
            raise ValueError(
                f"[{type(self).__name__}] expected a learning rate that can be saved: a number, or an object of a "
                f"class of cnncore.optimizers.schedules. Received: the function {self._schedule!r}"
            )
        return self._learning_rate

    @property
    def schedule(self) -> Callable[[int], float] | None:
        """The function that gives the learning rate of each step; None if the rate is a number."""
        return self._schedule

    @property
    def lr(self) -> LearningRate:
        """The old name of :attr:`learning_rate`."""
        warnings.warn("`optimizer.lr` is now called `optimizer.learning_rate`.", DeprecationWarning, stacklevel=2)
        return self.learning_rate

    @lr.setter
    def lr(self, value: Rate) -> None:
        warnings.warn("`optimizer.lr` is now called `optimizer.learning_rate`.", DeprecationWarning, stacklevel=2)
        self.learning_rate = value

    def prepare_step(self) -> _core.Optimizer | None:
        """The rule in the core, with the learning rate of the next step; None if ``update`` computes the step."""
        if self.rule is not None and self._schedule is not None:
            self.rule.learning_rate = float(self.learning_rate)
        return self.rule
