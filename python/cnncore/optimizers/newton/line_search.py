"""A line search that ends at a point where Wolfe's strong conditions hold.

f(t) is the value at point + t * direction. The search tries larger and larger t until there is a minimum between two
of them, the bracket. Then it narrows the bracket by cubic interpolation. The algorithms are 3.5 and 3.6 of Nocedal and
Wright, "Numerical optimization", 2006, with the safeguards of Schmidt's minFunc, which PyTorch's L-BFGS has, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cnncore.optimizers.newton.objective import Vector

__all__ = ["Trial", "Wolfe", "strong_wolfe"]

_TINY_CHANGE = 1e-9  # a bracket is not narrowed further if no coordinate differs by more than this between its ends


@dataclass(frozen=True)
class Trial:
    """A point on the line: its distance t, the value there, the slope along the line, and the gradient."""

    t: float
    value: float
    slope: float
    gradient: Vector

    @property
    def finite(self) -> bool:
        """Whether value and slope are finite, so that a cubic can be laid through them."""
        return bool(np.isfinite(self.value) and np.isfinite(self.slope))


@dataclass(frozen=True)
class Wolfe:
    """The conditions that end a line search, f(t) being the value at distance t.

    Attributes
    ----------
    decrease : float, default 1e-4
        The first condition: f(t) <= f(0) + decrease * t * f'(0).
    slope : float, default 0.9
        The second condition: abs(f'(t)) <= slope * abs(f'(0)).
    most_evaluations : int, default 25
        The search ends after this number of evaluations even if the conditions do not hold.
    noise : float, default 1e-15
        Values that differ by less than noise * abs(f(0)) count as equal. Near a minimum, where rounding hides whether
        the value falls, the slope alone decides.
    """

    decrease: float = 1e-4
    slope: float = 0.9
    most_evaluations: int = 25
    noise: float = 1e-15


def strong_wolfe(evaluate: Callable[[float], Trial], start: Trial, t: float, reach: float, rules: Wolfe) -> Trial:
    """Find a point on the line whose value is not higher than that of ``start``. If there is none, return ``start``.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(t)`` returns the trial at distance t.
    start : Trial
        The trial at t = 0. Its slope is negative.
    t : float
        The first distance to try.
    reach : float
        The largest absolute value in the direction.
    rules : Wolfe

    Returns
    -------
    Trial
        A trial that meets both conditions, unless the search used up its evaluations or the bracket became tiny.
    """
    search = _Search(evaluate, start, reach, rules)
    bracket = search.bracket(t)
    return bracket[0] if len(bracket) == 1 else search.zoom(*bracket)


class _Search:
    def __init__(self, evaluate: Callable[[float], Trial], start: Trial, reach: float, rules: Wolfe) -> None:
        self._evaluate, self._start, self._reach, self._rules = evaluate, start, reach, rules
        self._left, self._noise = rules.most_evaluations, rules.noise * abs(start.value)

    def _try(self, t: float) -> Trial:
        self._left -= 1
        return self._evaluate(t)

    def _too_high(self, trial: Trial) -> bool:
        bound = self._start.value + self._rules.decrease * trial.t * self._start.slope
        return not trial.finite or trial.value > bound + self._noise

    def _flat_enough(self, trial: Trial) -> bool:
        return abs(trial.slope) <= -self._rules.slope * self._start.slope

    def bracket(self, t: float) -> list[Trial]:
        """One trial that meets the conditions, or two trials between which there is a point that does."""
        previous, trial, first = self._start, self._try(t), True
        while self._left > 0:
            if self._too_high(trial) or (not first and trial.value >= previous.value + self._noise):
                return [previous, trial]
            if self._flat_enough(trial):
                return [trial]
            if trial.slope >= 0:
                return [previous, trial]
            least, most = trial.t + 0.01 * (trial.t - previous.t), 10 * trial.t
            previous, trial, first = trial, self._try(_cubic_minimum(previous, trial, least, most)), False
        return [self._start, trial]

    def zoom(self, low: Trial, high: Trial) -> Trial:
        """Narrow the bracket until a trial meets the conditions. ``low`` is the end with the lower value."""
        if high.finite and high.value < low.value - self._noise:
            low, high = high, low
        stuck = False
        while self._left > 0:
            near, far = min(low.t, high.t), max(low.t, high.t)
            if (far - near) * self._reach < _TINY_CHANGE:
                break
            t = _cubic_minimum(low, high, near, far)
            margin = 0.1 * (far - near)
            close = min(far - t, t - near) < margin
            if close and (stuck or t >= far or t <= near):
                t = far - margin if abs(t - far) < abs(t - near) else near + margin
                close = False
            stuck = close
            trial = self._try(t)
            if self._too_high(trial) or trial.value >= low.value + self._noise:
                high = trial
                continue
            if self._flat_enough(trial):
                return trial
            if trial.slope * (high.t - low.t) >= 0:
                high = low
            low = trial
        return low


def _cubic_minimum(a: Trial, b: Trial, least: float, most: float) -> float:
    """Where in [least, most] the cubic through both trials, with their slopes, is lowest. If it has no minimum, the
    middle of [least, most].
    """
    if a.t > b.t:
        a, b = b, a
    if not (a.finite and b.finite) or a.t == b.t:
        return 0.5 * (least + most)
    secant = a.slope + b.slope - 3.0 * (a.value - b.value) / (a.t - b.t)
    square = secant**2 - a.slope * b.slope
    if square < 0:
        return 0.5 * (least + most)
    root = float(np.sqrt(square))
    divisor = b.slope - a.slope + 2.0 * root
    if divisor == 0:
        return 0.5 * (least + most)
    return float(min(max(b.t - (b.t - a.t) * ((b.slope + root - secant) / divisor), least), most))
