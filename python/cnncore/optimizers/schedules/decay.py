"""Schedules that decrease the rate: exponentially, as 1 / t, along a power, or in steps."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence

from cnncore import _checks
from cnncore.optimizers.schedules.base import LearningRateSchedule, duration, rate, registry

__all__ = ["ExponentialDecay", "InverseTimeDecay", "PiecewiseConstantDecay", "PolynomialDecay"]


@registry.register()
class ExponentialDecay(LearningRateSchedule):
    """``initial_learning_rate * decay_rate ** (step / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : float
        After this number of steps, the rate has been multiplied by ``decay_rate`` once.
    decay_rate : float
        The factor.
    staircase : bool, default False
        Round the exponent down, so that the rate changes once every ``decay_steps`` steps.
    name : str, default "ExponentialDecay"

    Examples
    --------
    >>> ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5)(200)
    0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        self.initial_learning_rate = rate(initial_learning_rate, "initial_learning_rate", self)
        self.decay_steps = duration(decay_steps, "decay_steps", self)
        self.decay_rate = rate(decay_rate, "decay_rate", self)
        self.staircase = _checks.boolean(staircase, "staircase", "ExponentialDecay")
        self.name = name

    def __call__(self, step: int) -> float:
        exponent = step // self.decay_steps if self.staircase else step / self.decay_steps
        return float(self.initial_learning_rate * self.decay_rate**exponent)


@registry.register()
class InverseTimeDecay(LearningRateSchedule):
    """``initial_learning_rate / (1 + decay_rate * step / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : float
    decay_rate : float
    staircase : bool, default False
        Round ``step / decay_steps`` down.
    name : str, default "InverseTimeDecay"

    Examples
    --------
    >>> InverseTimeDecay(0.1, decay_steps=100, decay_rate=1.0)(300)
    0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        self.initial_learning_rate = rate(initial_learning_rate, "initial_learning_rate", self)
        self.decay_steps = duration(decay_steps, "decay_steps", self)
        self.decay_rate = rate(decay_rate, "decay_rate", self)
        self.staircase = _checks.boolean(staircase, "staircase", "InverseTimeDecay")
        self.name = name

    def __call__(self, step: int) -> float:
        time = step // self.decay_steps if self.staircase else step / self.decay_steps
        return self.initial_learning_rate / (1.0 + self.decay_rate * time)


@registry.register()
class PolynomialDecay(LearningRateSchedule):
    """``(initial - end) * (1 - step / decay_steps) ** power + end``, and ``end`` after ``decay_steps`` steps.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : float
    end_learning_rate : float, default 0.0001
    power : float, default 1
    cycle : bool, default False
        Whether the formula uses the smallest multiple of ``decay_steps`` that is not less than the step instead of
        ``decay_steps``. At each multiple the rate is then raised, and falls again.
    name : str, default "PolynomialDecay"

    Examples
    --------
    >>> schedule = PolynomialDecay(0.1, decay_steps=100, end_learning_rate=0.0)
    >>> schedule(0), schedule(75), schedule(200)
    (0.1, 0.025, 0.0)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = rate(initial_learning_rate, "initial_learning_rate", self)
        self.decay_steps = duration(decay_steps, "decay_steps", self)
        self.end_learning_rate = rate(end_learning_rate, "end_learning_rate", self)
        self.power = _checks.number(power, "power", "PolynomialDecay", minimum=0.0)
        self.cycle = _checks.boolean(cycle, "cycle", "PolynomialDecay")
        self.name = name

    def __call__(self, step: int) -> float:
        steps = self.decay_steps
        if self.cycle:
            steps *= max(math.ceil(step / steps), 1)
        fraction = min(step / steps, 1.0)
        height = self.initial_learning_rate - self.end_learning_rate
        return float(height * (1.0 - fraction) ** self.power + self.end_learning_rate)


@registry.register()
class PiecewiseConstantDecay(LearningRateSchedule):
    """``values[0]`` up to and including step ``boundaries[0]``, then ``values[1]``, and so on.

    Parameters
    ----------
    boundaries : sequence of numbers
        Increasing steps.
    values : sequence of float
        The rates. There is one more than there are boundaries.
    name : str, default "PiecewiseConstant"

    Examples
    --------
    >>> schedule = PiecewiseConstantDecay([100, 200], [0.1, 0.01, 0.001])
    >>> schedule(100), schedule(101), schedule(1000)
    (0.1, 0.01, 0.001)
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant") -> None:
        owner = "PiecewiseConstantDecay"
        self.boundaries = [rate(item, "boundaries", self) for item in _checks.listed(boundaries, "boundaries", owner)]
        self.values = [rate(item, "values", self) for item in _checks.listed(values, "values", owner)]
        self.name = name
        if len(self.values) != len(self.boundaries) + 1 or self.boundaries != sorted(set(self.boundaries)):
            raise ValueError(
                "[PiecewiseConstantDecay] expected increasing boundaries and one value more than boundaries. "
                f"Received: {boundaries=}, {values=}"
            )

    def __call__(self, step: int) -> float:
        return self.values[bisect.bisect_left(self.boundaries, step)]
