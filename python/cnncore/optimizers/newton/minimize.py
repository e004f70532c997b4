"""Repeat the iterations of a method until it converges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cnncore.optimizers.newton.objective import Counted, Method, Objective, Step, Vector

__all__ = ["Result", "minimize"]

_NOISE = 1e-15


@dataclass(frozen=True)
class Result:
    """The best point that was found, and how much work that was.

    Attributes
    ----------
    point, value, gradient
        The best point, and the objective's value and gradient there.
    iterations, evaluations, products : int
        The numbers of iterations, of calls of ``value_and_gradient`` and of calls of ``curvature_product``.
    converged : bool
        Whether the norm of the gradient is at most ``tolerance``.
    """

    point: Vector
    value: float
    gradient: Vector
    iterations: int
    evaluations: int
    products: int
    converged: bool


def minimize(
    method: Method,
    objective: Objective,
    start: Vector,
    iterations: int = 100,
    tolerance: float = 1e-8,
    callback: Callable[[int, Step], None] | None = None,
) -> Result:
    """Iterate from ``start`` until the norm of the gradient is at most ``tolerance`` or two iterations in a row find no
    better point.

    Parameters
    ----------
    method : Method
    objective : Objective
    start : numpy.ndarray of float64
    iterations : int, default 100
        The largest number of iterations.
    tolerance : float, default 1e-8
        The norm of the gradient at which the method has converged.
    callback : callable, optional
        ``callback(iteration, step)`` is called after each iteration. Iterations are counted from 1.

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        If the value or the gradient at ``start`` is not finite.

    Examples
    --------
    >>> from cnncore.optimizers.newton import LBFGSMethod
    >>> class Bowl:
    ...     def value_and_gradient(self, point):
    ...         return float(point @ point), 2 * point
    >>> minimize(LBFGSMethod(), Bowl(), np.array([3.0, 4.0])).converged
    True
    """
    counted = Counted(objective)
    point = np.array(start, np.float64)
    value, gradient = counted.value_and_gradient(point)
    if not (np.isfinite(value) and np.isfinite(gradient).all()):
        raise ValueError(f"[minimize] expected a finite value and gradient at the start. Received: {value}")
    best, done, stayed = Step(point, value, gradient), 0, 0
    while done < iterations and np.linalg.norm(best.gradient) > tolerance and stayed < 2:
        step = method.step(counted, point)
        done += 1
        stayed = stayed + 1 if step.length == 0.0 else 0
        point = step.point
        if _better(step, best):
            best = step
        if callback is not None:
            callback(done, step)
    converged = bool(np.linalg.norm(best.gradient) <= tolerance)
    return Result(best.point, best.value, best.gradient, done, counted.evaluations, counted.products, converged)


def _better(a: Step, b: Step) -> bool:
    """Whether the value of ``a`` is lower. If rounding hides which is lower, whether its gradient is smaller."""
    if abs(a.value - b.value) <= _NOISE * abs(b.value):
        return bool(np.linalg.norm(a.gradient) < np.linalg.norm(b.gradient))
    return a.value < b.value
