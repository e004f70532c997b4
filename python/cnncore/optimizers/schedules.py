"""Learning rates that change from step to step. A schedule is called with the number of steps done, from 0 on."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from typing import Any

from cnncore import _checks
from cnncore._registry import Registry

_registry: Registry[LearningRateSchedule] = Registry("learning rate schedule")


class LearningRateSchedule:
    """Base class: ``__call__(step)`` gives the rate, ``get_config()`` the arguments of the constructor.

    Any function of the step will do as well; only instances of this class can be saved with a model.
    """

    def __call__(self, step: int) -> float:
        """Rate of the step that follows ``step`` others."""
        raise NotImplementedError(f"{type(self).__name__} must implement __call__(step)")

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor, ready for JSON: by default the attributes of the same names."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        """Inverse of :meth:`get_config`."""
        return cls(**config)


def _rate(value: Any, name: str, owner: object) -> float:
    return _checks.number(value, name, type(owner).__name__, minimum=0.0)


def _steps(value: Any, name: str, owner: object, minimum: int = 1) -> int:
    return _checks.integer(value, name, type(owner).__name__, minimum)


@_registry.register()
class ExponentialDecay(LearningRateSchedule):
    """initial_learning_rate * decay_rate ** (step / decay_steps); the exponent rounded down with ``staircase``.

    Examples
    --------
    >>> ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5)(200)
    0.025
    """

    def __init__(
        self, initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False
    ) -> None:
        self.initial_learning_rate = _rate(initial_learning_rate, "initial_learning_rate", self)
        self.decay_steps = _steps(decay_steps, "decay_steps", self)
        self.decay_rate = _rate(decay_rate, "decay_rate", self)
        self.staircase = _checks.boolean(staircase, "staircase", "ExponentialDecay")

    def __call__(self, step: int) -> float:
        exponent = step // self.decay_steps if self.staircase else step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate**exponent


@_registry.register()
class CosineDecay(LearningRateSchedule):
    """Half a cosine from the initial rate down to ``alpha`` times it, after a linear warm-up if wanted.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
    alpha : float, default 0
        Fraction that is left at the end and from then on.
    warmup_target : float, optional
        Rate to rise to, from the initial one, before the decay begins.
    warmup_steps : int, default 0

    Examples
    --------
    >>> schedule = CosineDecay(0.1, decay_steps=100)
    >>> schedule(0), round(schedule(50), 6), schedule(100)
    (0.1, 0.05, 0.0)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        self.initial_learning_rate = _rate(initial_learning_rate, "initial_learning_rate", self)
        self.decay_steps = _steps(decay_steps, "decay_steps", self)
        self.alpha = _rate(alpha, "alpha", self)
        self.warmup_target = None if warmup_target is None else _rate(warmup_target, "warmup_target", self)
        self.warmup_steps = _steps(warmup_steps, "warmup_steps", self, minimum=0)

    def __call__(self, step: int) -> float:
        top = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return top + (self.warmup_target - top) * step / self.warmup_steps
            top, step = self.warmup_target, step - self.warmup_steps
        return _cosine(top, top * self.alpha, step / self.decay_steps)


@_registry.register()
class PiecewiseConstantDecay(LearningRateSchedule):
    """values[0] up to and including step boundaries[0], then values[1], and so on.

    Examples
    --------
    >>> schedule = PiecewiseConstantDecay([100, 200], [0.1, 0.01, 0.001])
    >>> schedule(100), schedule(101), schedule(1000)
    (0.1, 0.01, 0.001)
    """

    def __init__(self, boundaries: Sequence[int], values: Sequence[float]) -> None:
        self.boundaries = [_steps(boundary, "boundaries", self, minimum=0) for boundary in boundaries]
        self.values = [_rate(value, "values", self) for value in values]
        if len(self.values) != len(self.boundaries) + 1 or self.boundaries != sorted(set(self.boundaries)):
            raise ValueError(
                "[PiecewiseConstantDecay] expected increasing boundaries and one value more than boundaries. "
                f"Received: {boundaries=}, {values=}"
            )

    def __call__(self, step: int) -> float:
        return self.values[bisect.bisect_left(self.boundaries, step)]


@_registry.register()
class OneCycle(LearningRateSchedule):
    """Up to ``max_learning_rate`` and down again over ``total_steps``, along half cosines.

    Parameters
    ----------
    max_learning_rate : float
    total_steps : int
        epochs * ceil(samples / batch size), usually.
    warmup_fraction : float, default 0.3
        Share of the steps spent on the way up, in [0, 1).
    initial_divisor : float, default 25
        The first rate is the largest divided by it.
    final_divisor : float, default 1e4
        The last rate is the first divided by it.

    Notes
    -----
    Smith and Topin, "Super-convergence: very fast training of neural networks using large learning rates", 2018.

    Examples
    --------
    >>> schedule = OneCycle(0.1, total_steps=101, warmup_fraction=0.5)
    >>> round(schedule(0), 6), schedule(50), round(schedule(100), 9)
    (0.004, 0.1, 4e-07)
    """

    def __init__(
        self,
        max_learning_rate: float,
        total_steps: int,
        warmup_fraction: float = 0.3,
        initial_divisor: float = 25.0,
        final_divisor: float = 1e4,
    ) -> None:
        self.max_learning_rate = _rate(max_learning_rate, "max_learning_rate", self)
        self.total_steps = _steps(total_steps, "total_steps", self)
        self.warmup_fraction = _checks.number(warmup_fraction, "warmup_fraction", "OneCycle", minimum=0.0, below=1.0)
        self.initial_divisor = _checks.number(initial_divisor, "initial_divisor", "OneCycle", minimum=1.0)
        self.final_divisor = _checks.number(final_divisor, "final_divisor", "OneCycle", minimum=1.0)

    def __call__(self, step: int) -> float:
        first = self.max_learning_rate / self.initial_divisor
        last_step = max(self.total_steps - 1, 1)
        peak = self.warmup_fraction * last_step
        if step < peak:
            return _cosine(first, self.max_learning_rate, step / peak)
        return _cosine(self.max_learning_rate, first / self.final_divisor, (step - peak) / (last_step - peak))


def _cosine(start: float, end: float, fraction: float) -> float:
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * min(fraction, 1.0)))


def serialize(schedule: LearningRateSchedule) -> dict[str, Any]:
    """``{"class_name", "config"}`` of ``schedule``."""
    return _registry.serialize(schedule)


def deserialize(config: dict[str, Any]) -> LearningRateSchedule:
    """Inverse of :func:`serialize`; an unknown class is a ValueError."""
    return _registry.deserialize(config)
