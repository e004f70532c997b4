"""Schedules in which the learning rate follows half a cosine."""

from __future__ import annotations

import math

from cnncore import _checks
from cnncore.optimizers.schedules.base import LearningRateSchedule, duration, rate, registry

__all__ = ["CosineDecay", "CosineDecayRestarts", "OneCycle"]


@registry.register()
class CosineDecay(LearningRateSchedule):
    """Half a cosine from the initial rate down to ``alpha`` times that rate, optionally after a linear warm-up.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : float
        The number of steps in which the rate falls, without the warm-up.
    alpha : float, default 0
        The fraction of the rate that is left at the end. The rate stays there afterwards.
    name : str, default "CosineDecay"
    warmup_target : float, optional
        The rate at the end of the warm-up. The warm-up begins with the initial rate. By default there is no warm-up.
    warmup_steps : float, default 0
        The number of steps of the warm-up.

    Notes
    -----
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.

    Examples
    --------
    >>> schedule = CosineDecay(0.1, decay_steps=100)
    >>> schedule(0), round(schedule(50), 6), schedule(100)
    (0.1, 0.05, 0.0)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        self.initial_learning_rate = rate(initial_learning_rate, "initial_learning_rate", self)
        self.decay_steps = duration(decay_steps, "decay_steps", self)
        self.alpha = rate(alpha, "alpha", self)
        self.name = name
        self.warmup_target = None if warmup_target is None else rate(warmup_target, "warmup_target", self)
        self.warmup_steps = rate(warmup_steps, "warmup_steps", self)

    def __call__(self, step: int) -> float:
        top, done = self.initial_learning_rate, float(step)
        if self.warmup_target is not None:
            if done < self.warmup_steps:
                return top + (self.warmup_target - top) * done / self.warmup_steps
            top, done = self.warmup_target, done - self.warmup_steps
        return _cosine(top, top * self.alpha, done / self.decay_steps)


@registry.register()
class CosineDecayRestarts(LearningRateSchedule):
    """Half cosines, one after another. Each is ``t_mul`` times as long and ``m_mul`` times as high as the one before.

    Parameters
    ----------
    initial_learning_rate : float
    first_decay_steps : float
        The number of steps of the first half cosine.
    t_mul : float, default 2
        How many times as long as the one before each half cosine is; at least 1.
    m_mul : float, default 1
        How many times as high as the one before each half cosine is.
    alpha : float, default 0
        The rate is never less than this fraction of the initial rate.
    name : str, default "SGDRDecay"

    Notes
    -----
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.

    Examples
    --------
    >>> schedule = CosineDecayRestarts(0.1, first_decay_steps=10, m_mul=0.5)
    >>> schedule(0), round(schedule(5), 6), schedule(10), schedule(30)
    (0.1, 0.05, 0.05, 0.025)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = rate(initial_learning_rate, "initial_learning_rate", self)
        self.first_decay_steps = duration(first_decay_steps, "first_decay_steps", self)
        self.t_mul = _checks.number(t_mul, "t_mul", "CosineDecayRestarts", minimum=1.0)
        self.m_mul = rate(m_mul, "m_mul", self)
        self.alpha = rate(alpha, "alpha", self)
        self.name = name

    def __call__(self, step: int) -> float:
        restarts, begin, length = 0, 0.0, float(self.first_decay_steps)
        if self.t_mul == 1.0:
            restarts = int(step // length)
            begin = restarts * length
        else:
            while step >= begin + length:
                restarts, begin, length = restarts + 1, begin + length, length * self.t_mul
        height = _cosine(self.m_mul**restarts, 0.0, (step - begin) / length)
        return self.initial_learning_rate * ((1.0 - self.alpha) * height + self.alpha)


@registry.register()
class OneCycle(LearningRateSchedule):
    """The rate rises to ``max_learning_rate`` and falls again, along half cosines, in ``total_steps`` steps.

    Parameters
    ----------
    max_learning_rate : float
    total_steps : int
        The number of steps of the training: usually epochs * ceil(samples / batch size).
    warmup_fraction : float, default 0.3
        The share of the steps in which the rate rises, in [0, 1).
    initial_divisor : float, default 25
        The first rate is the largest rate divided by this.
    final_divisor : float, default 1e4
        The last rate is the first rate divided by this.

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
        self.max_learning_rate = rate(max_learning_rate, "max_learning_rate", self)
        self.total_steps = _checks.integer(total_steps, "total_steps", "OneCycle")
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
