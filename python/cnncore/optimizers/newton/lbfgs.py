"""L-BFGS: the inverse Hessian is estimated from the latest steps and the changes of the gradient in them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cnncore import _checks
from cnncore.optimizers.newton.line_search import Trial, Wolfe, strong_wolfe
from cnncore.optimizers.newton.objective import Counted, Objective, Step, Vector, dot

__all__ = ["LBFGSMethod"]

_LEAST_COSINE = 1e-10  # a pair is dropped if step and change of the gradient are closer to orthogonal than this


class LBFGSMethod:
    r"""Limited-memory BFGS with a line search for Wolfe's strong conditions.

    The method remembers the pairs :math:`s_i = w_{i+1} - w_i,\ y_i = g_{i+1} - g_i` of the last ``history_size``
    iterations. The direction of a step is :math:`d = -H g`. H begins as :math:`\frac{s^T y}{y^T y} I` of the latest
    pair, and each pair, the oldest first, changes it by

    .. math::
        H \leftarrow (I - \rho s y^T) H (I - \rho y s^T) + \rho s s^T, \quad \rho = 1 / y^T s.

    H itself is not stored: Nocedal's two loops compute its product with g. The first step, before which there are no
    pairs, has a length of at most 1 in the 1-norm.

    Parameters
    ----------
    history_size : int, default 10
        The number of pairs that are remembered. For n parameters, a pair has 2 n numbers.
    learning_rate : float, default 1
        The first step length that the line search tries.
    rules : Wolfe, optional
        The conditions that end the line search.
    storage : dtype, default float64
        The dtype in which pairs are stored. All arithmetic is float64.

    Notes
    -----
    Nocedal, "Updating quasi-Newton matrices with limited storage", 1980; Liu and Nocedal, "On the limited memory BFGS
    method for large scale optimization", 1989.

    Examples
    --------
    >>> class Bowl:
    ...     def value_and_gradient(self, point):
    ...         return float(point @ point), 2 * point
    >>> step = LBFGSMethod().step(Bowl(), np.array([3.0, 4.0]))
    >>> step.value < 25
    True
    """

    def __init__(
        self,
        history_size: int = 10,
        learning_rate: float = 1.0,
        rules: Wolfe | None = None,
        storage: DTypeLike = np.float64,
    ) -> None:
        self.history_size = _checks.integer(history_size, "history_size", "LBFGS")
        self.learning_rate = _checks.number(learning_rate, "learning_rate", "LBFGS", minimum=0.0)
        self.rules = rules or Wolfe()
        self._storage = storage
        self._steps: list[NDArray[Any]] = []
        self._changes: list[NDArray[Any]] = []

    def direction(self, gradient: Vector) -> Vector:
        """-H times the gradient."""
        result = -gradient
        if not self._steps:
            return result
        factors = []
        for s, y in zip(reversed(self._steps), reversed(self._changes), strict=True):
            factors.append(dot(s, result) / dot(y, s))
            result = result - factors[-1] * y
        s, y = self._steps[-1], self._changes[-1]
        result *= dot(y, s) / dot(y, y)
        for s, y, factor in zip(self._steps, self._changes, reversed(factors), strict=True):
            result += s * (factor - dot(y, result) / dot(y, s))
        return result

    def remember(self, step: Vector, change: Vector) -> None:
        """Remember a pair, unless the curvature along the step is negative or close to 0."""
        if dot(step, change) > _LEAST_COSINE * np.sqrt(dot(step, step) * dot(change, change)):
            self._steps = [*self._steps, step.astype(self._storage)][-self.history_size :]
            self._changes = [*self._changes, change.astype(self._storage)][-self.history_size :]

    def step(self, objective: Objective, point: Vector) -> Step:
        """Make one iteration. If the line search finds no lower value, the pairs are forgotten and it is tried again
        along the gradient.
        """
        counted = objective if isinstance(objective, Counted) else Counted(objective)
        before = counted.evaluations
        value, gradient = counted.value_and_gradient(point)
        result = self._search(counted, point, value, gradient)
        if result is None and self._steps:
            self._steps, self._changes = [], []
            result = self._search(counted, point, value, gradient)
        if result is None:
            result = Step(point, value, gradient)
        else:
            self.remember(result.point - point, result.gradient - gradient)
        result.evaluations = counted.evaluations - before
        return result

    def _search(self, objective: Counted, point: Vector, value: float, gradient: Vector) -> Step | None:
        direction = self.direction(gradient)
        slope = dot(gradient, direction)
        if not slope < 0:
            return None

        before = objective.evaluations

        def evaluate(t: float) -> Trial:
            objective.report(f"line search {objective.evaluations - before + 1}")
            new_value, new_gradient = objective.value_and_gradient(point + t * direction)
            return Trial(t, new_value, dot(new_gradient, direction), new_gradient)

        first = self.learning_rate
        if not self._steps:
            first *= min(1.0, 1.0 / float(np.abs(gradient).sum()))
        start = Trial(0.0, value, slope, gradient)
        found = strong_wolfe(evaluate, start, first, float(np.abs(direction).max()), self.rules)
        if found.t == 0.0:
            return None
        return Step(point + found.t * direction, found.value, found.gradient, length=found.t)

    def state_dict(self) -> dict[str, Any]:
        """The pairs, the oldest first."""
        return {"steps": np.array(self._steps), "changes": np.array(self._changes)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        self._steps = [np.array(row, self._storage) for row in state["steps"]]
        self._changes = [np.array(row, self._storage) for row in state["changes"]]
