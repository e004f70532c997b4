"""Newton-CG, also called Hessian-free optimization: conjugate gradients solve Newton's equation, using only products
with the curvature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from cnncore import _checks
from cnncore.optimizers.newton.objective import Counted, Objective, Step, Vector, dot

__all__ = ["NewtonCGMethod", "Solution", "conjugate_gradients"]

_HALVINGS = 30
_LARGEST = 1e16  # the damping with which steps are too short to change anything
_DECREASE = 1e-4  # a step must lower the value by at least this share of what the slope predicts
_GROWTH = 1.3  # ratio of the numbers of the iterations whose solutions are kept as proposals


class Solution(NamedTuple):
    """What conjugate gradients found.

    Attributes
    ----------
    proposals : list of numpy.ndarray
        Approximate solutions of some iterations. The last one is the final solution.
    residual : numpy.ndarray
        The residual of the final solution, A p + gradient.
    products : int
        The number of products with A.
    """

    proposals: list[Vector]
    residual: Vector
    products: int


def conjugate_gradients(
    product: Callable[[Vector], Vector],
    gradient: Vector,
    start: Vector,
    most: int,
    progress: float,
    tolerance: float,
    preconditioner: Vector | None = None,
    report: Callable[[str], None] | None = None,
) -> Solution:
    """Solve A p = -gradient for a symmetric matrix A of which only products are known.

    Parameters
    ----------
    product : callable
        ``product(v)`` returns A v.
    gradient, start : numpy.ndarray of float64
        The right side and the first p.
    most : int
        The largest number of iterations.
    progress : float
        Iterations end if the last tenth of them (at least ten) lowered the quadratic model p A p / 2 + gradient p on
        average by less than this share of its value (Martens, 2010).
    tolerance : float
        Iterations end if the norm of the residual is at most this.
    preconditioner : numpy.ndarray, optional
        An estimate of A's diagonal.
    report : callable, optional
        Called with a line of text after each iteration.

    Returns
    -------
    Solution

    Notes
    -----
    Iterations also end at a direction with a curvature of 0 or less. Such a direction is only followed if it is the
    first one.
    """
    p = start.copy()
    residual = product(p) + gradient if p.any() else gradient.copy()
    products = int(p.any())
    scale = np.ones_like(gradient) if preconditioner is None else 1.0 / preconditioner
    preconditioned = scale * residual
    direction, rho = -preconditioned, dot(residual, preconditioned)
    values, proposals, next_kept = [0.5 * dot(p, residual + gradient)], [p.copy()], 1.0
    for i in range(1, most + 1):
        if np.sqrt(dot(residual, residual)) <= tolerance:
            break
        along = product(direction)
        products += 1
        curvature = dot(direction, along)
        if not curvature > 0:
            if i == 1 and not p.any():
                p, residual = p + direction, residual + along
                proposals.append(p.copy())
            break
        length = rho / curvature
        p = p + length * direction
        residual = residual + length * along
        preconditioned = scale * residual
        rho, last = dot(residual, preconditioned), rho
        direction = -preconditioned + rho / last * direction
        values.append(0.5 * dot(p, residual + gradient))
        if report is not None:
            report(f"CG {i}, residual {np.sqrt(dot(residual, residual)):.1e}")
        if i >= next_kept:
            proposals.append(p.copy())
            next_kept = max(next_kept * _GROWTH, next_kept + 1)
        window = max(10, i // 10)
        if i > window and values[i] < 0 and (values[i] - values[i - window]) / values[i] < window * progress:
            break
    if not np.array_equal(proposals[-1], p):
        proposals.append(p)
    return Solution(proposals, residual, products)


class NewtonCGMethod:
    r"""Newton's method with Martens' damping.

    Conjugate gradients solve :math:`(B + \lambda I) p = -g`, where B is the curvature and g the gradient. They start
    from ``decay`` times the solution of the iteration before, and propose several approximate solutions on their way.
    The method goes back from the last proposal to earlier ones as long as that lowers the objective, and then shortens
    the step until the objective falls enough. r is the ratio between how much the objective falls at the last proposal
    and how much the quadratic model predicts: :math:`\lambda` becomes :math:`3 \lambda / 2` if r < 1/4, and
    :math:`2 \lambda / 3` if r > 3/4. The smaller the gradient, the more exactly the equation is solved, so that the
    last iterations are like those of Newton's method.

    Parameters
    ----------
    damping : float, default 1
        The :math:`\lambda` to begin with.
    most_products : int, default 250
        The largest number of iterations of conjugate gradients.
    progress : float, default 5e-4
        Conjugate gradients stop if an iteration lowers the quadratic model by less than this share of its value.
    decay : float, default 0.95
        The factor of the last solution, from which conjugate gradients start.
    preconditioner : callable, optional
        ``preconditioner(point)`` returns an estimate of the curvature's diagonal, a vector without negative values. It
        is used as ``(vector + damping) ** 0.75``.
    residual : float, default 0.5
        Conjugate gradients also stop if the norm of the residual is at most this share of the gradient's norm. The
        share shrinks as the gradient does. With 0, only ``progress`` decides, as in Martens' paper.
    learning_rate : float, default 1
        The factor of the solution that is tried first. Smaller factors are tried if the value does not fall enough.
    noise : float, default 1e-15
        Values whose relative difference is smaller than this count as equal.

    Notes
    -----
    Martens, "Deep learning via Hessian-free optimization", 2010; Martens and Sutskever, "Training deep and recurrent
    networks with Hessian-free optimization", 2012.

    Examples
    --------
    >>> class Bowl:
    ...     def value_and_gradient(self, point):
    ...         return float(point @ point), 2 * point
    ...
    ...     def curvature_product(self, point, direction):
    ...         return 2 * direction
    >>> step = NewtonCGMethod(damping=0.0).step(Bowl(), np.array([3.0, 4.0]))
    >>> step.point.round(6)
    array([0., 0.])
    """

    def __init__(
        self,
        damping: float = 1.0,
        most_products: int = 250,
        progress: float = 5e-4,
        decay: float = 0.95,
        preconditioner: Callable[[Vector], Vector] | None = None,
        residual: float = 0.5,
        learning_rate: float = 1.0,
        noise: float = 1e-15,
    ) -> None:
        self.damping = _checks.number(damping, "damping", "NewtonCG", minimum=0.0)
        self.most_products = _checks.integer(most_products, "most_products", "NewtonCG")
        self.progress = _checks.number(progress, "progress", "NewtonCG", minimum=0.0)
        self.decay = _checks.number(decay, "decay", "NewtonCG", minimum=0.0)
        self.preconditioner = preconditioner
        self.residual = _checks.number(residual, "residual", "NewtonCG", minimum=0.0)
        self.learning_rate = _checks.number(learning_rate, "learning_rate", "NewtonCG", minimum=0.0)
        self.noise = _checks.number(noise, "noise", "NewtonCG", minimum=0.0)
        self._last: Vector | None = None
        self._first_norm = 0.0

    def step(self, objective: Objective, point: Vector) -> Step:
        """Make one iteration."""
        counted = objective if isinstance(objective, Counted) else Counted(objective)
        evaluations, products = counted.evaluations, counted.products
        value, gradient = counted.value_and_gradient(point)
        norm = float(np.sqrt(dot(gradient, gradient)))
        self._first_norm = self._first_norm or norm
        if norm == 0.0:
            return Step(point, value, gradient, damping=self.damping)
        begun = self._last is not None
        solution = self._solve(counted, point, gradient, norm)
        if begun and dot(gradient, solution.proposals[-1]) >= 0:  # uphill: start again from 0
            self._last = None
            solution = self._solve(counted, point, gradient, norm)
        reached = counted.value_and_gradient(point + solution.proposals[-1])[0]
        result = self._descend(counted, point, value, gradient, solution.proposals, reached)
        self._adapt(gradient, solution, reached - value)
        result.evaluations, result.products = counted.evaluations - evaluations, counted.products - products
        result.damping = self.damping
        return result

    def _solve(self, objective: Counted, point: Vector, gradient: Vector, norm: float) -> Solution:
        start = np.zeros_like(gradient) if self._last is None else self.decay * self._last
        near = min(1.0, norm / self._first_norm)
        scale = None if self.preconditioner is None else (self.preconditioner(point) + self.damping) ** 0.75
        solution = conjugate_gradients(
            lambda v: objective.curvature_product(point, v) + self.damping * v,
            gradient,
            start,
            self.most_products,
            self.progress * near,
            self.residual * near * norm,
            scale,
            objective.report,
        )
        self._last = solution.proposals[-1]
        return solution

    def _descend(
        self, objective: Counted, point: Vector, value: float, gradient: Vector, proposals: list[Vector], reached: float
    ) -> Step:
        """Go back through the proposals as long as that lowers the objective, then shorten the best one until the
        objective falls enough.
        """
        best, best_value = proposals[-1], reached
        for proposal in reversed(proposals[:-1]):
            new_value = objective.value_and_gradient(point + proposal)[0]
            if np.isfinite(best_value) and not new_value < best_value:
                break
            best, best_value = proposal, new_value
        slope, length = dot(gradient, best), self.learning_rate
        for trial in range(1, _HALVINGS + 1):
            objective.report(f"line search {trial}")
            new_value, new_gradient = objective.value_and_gradient(point + length * best)
            finite = np.isfinite(new_value) and np.isfinite(new_gradient).all()
            if finite and new_value <= value + _DECREASE * length * min(slope, 0.0) + self.noise * abs(value):
                return Step(point + length * best, new_value, new_gradient, length=length)
            length *= 0.5
        self._last = None  # this solution does not lower the objective: the next one starts from 0
        return Step(point, value, gradient)

    def _adapt(self, gradient: Vector, solution: Solution, fall: float) -> None:
        """Set the damping of the next iteration, by how well the quadratic model predicted the objective's fall."""
        p = solution.proposals[-1]
        product = solution.residual - gradient - self.damping * p  # the curvature times p
        model = dot(gradient, p) + 0.5 * dot(p, product)
        ratio = fall / model if model < 0 and np.isfinite(fall) else -np.inf
        if ratio < 0.25:
            self.damping = min(max(1.5 * self.damping, 1e-10), _LARGEST)
        elif ratio > 0.75:
            self.damping *= 2.0 / 3.0

    def state_dict(self) -> dict[str, Any]:
        """The damping, the norm of the first gradient, and the last solution."""
        last = np.empty(0) if self._last is None else self._last.copy()
        return {"damping": self.damping, "first_norm": self._first_norm, "last": last}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        self.damping, self._first_norm = float(state["damping"]), float(state["first_norm"])
        last = np.array(state["last"], np.float64)
        self._last = last if last.size else None
