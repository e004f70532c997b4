"""Levenberg-Marquardt: damped Gauss-Newton steps from the whole curvature matrix, for functions of few parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.optimizers.newton.objective import Counted, Objective, Step, Vector

__all__ = ["LevenbergMarquardtMethod"]

_LARGEST = 1e16  # the damping with which steps are too short to change anything


class LevenbergMarquardtMethod:
    r"""Steps :math:`p = -(B + \lambda D)^{-1} g`, which are only taken if they lower the objective.

    g is the gradient, and B the Gauss-Newton matrix, whose columns are computed as products with unit vectors. D is a
    diagonal matrix with the largest values that the diagonal of B has had so far, so that the method does not depend on
    the scale of the parameters. r is the ratio between how much the objective falls in the step and how much the
    quadratic model predicts. If r > 0, the step is taken, and :math:`\lambda \leftarrow \lambda \max(1/3, 1 - (2 r -
    1)^3)`. Otherwise :math:`\lambda \leftarrow \nu \lambda` with :math:`\nu = 2, 4, 8, \ldots`, and a new step is
    tried. If none lowers the objective, the point and :math:`\lambda` stay as they were.

    Parameters
    ----------
    damping : float, default 1e-3
        The :math:`\lambda` to begin with.
    most_parameters : int, default 5000
        An objective of more parameters is refused. For n parameters, B has n * n float64 values.

    Notes
    -----
    Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", 1963; Moré, "The
    Levenberg-Marquardt algorithm", 1978; Nielsen, "Damping parameter in Marquardt's method", 1999.

    Examples
    --------
    >>> class Line:  # residuals 2 w - 6
    ...     def value_and_gradient(self, point):
    ...         return float(0.5 * (2 * point[0] - 6) ** 2), 2 * (2 * point - 6)
    ...
    ...     def curvature_product(self, point, direction):
    ...         return 4 * direction
    >>> LevenbergMarquardtMethod(damping=0.0).step(Line(), np.zeros(1)).point
    array([3.])
    """

    def __init__(self, damping: float = 1e-3, most_parameters: int = 5000) -> None:
        self.damping = _checks.number(damping, "damping", "LevenbergMarquardt", minimum=0.0)
        self.most_parameters = _checks.integer(most_parameters, "most_parameters", "LevenbergMarquardt")
        self._growth = 2.0
        self._diagonal: Vector | None = None

    def step(self, objective: Objective, point: Vector) -> Step:
        """Make one iteration: try steps with more and more damping until one of them lowers the objective.

        Raises
        ------
        ValueError
            If there are more than ``most_parameters``.
        """
        if point.size > self.most_parameters:
            raise ValueError(
                f"[LevenbergMarquardt] expected at most {self.most_parameters} parameters, since the method stores a "
                "matrix with as many rows and columns: use LBFGS or NewtonCG, or raise `most_parameters`. "
                f"Received: {point.size}"
            )
        counted = objective if isinstance(objective, Counted) else Counted(objective)
        evaluations, products = counted.evaluations, counted.products
        value, gradient = counted.value_and_gradient(point)
        result = self._descend(counted, point, value, gradient, self._matrix(counted, point))
        result.evaluations, result.products = counted.evaluations - evaluations, counted.products - products
        result.damping = self.damping
        return result

    def _matrix(self, objective: Counted, point: Vector) -> Vector:
        matrix = np.empty((point.size, point.size))
        for i, unit in enumerate(np.eye(point.size)):
            matrix[i] = objective.curvature_product(point, unit)
            objective.report(f"curvature {i + 1}/{point.size}")
        diagonal = matrix.diagonal()
        self._diagonal = diagonal.copy() if self._diagonal is None else np.maximum(self._diagonal, diagonal)
        return np.asarray(0.5 * (matrix + matrix.T), np.float64)

    def _descend(self, objective: Counted, point: Vector, value: float, gradient: Vector, matrix: Vector) -> Step:
        assert self._diagonal is not None
        scale = np.maximum(self._diagonal, 1e-12 * max(float(self._diagonal.max()), 1e-300))
        trial, first = 0, self.damping
        while trial == 0 or self.damping < _LARGEST:
            trial += 1
            objective.report(f"trial {trial}, damping {self.damping:.1e}")
            step = _solve(matrix + self.damping * np.diag(scale), -gradient)
            model = float(gradient @ step + 0.5 * step @ matrix @ step)
            new_value, new_gradient = objective.value_and_gradient(point + step)
            fall = value - new_value
            if np.isfinite(new_gradient).all() and fall > 0 and model < 0:
                self.damping *= max(1.0 / 3.0, 1.0 - (2.0 * fall / -model - 1.0) ** 3)
                self._growth = 2.0
                return Step(point + step, new_value, new_gradient, length=1.0)
            self.damping = max(self.damping, 1e-10) * self._growth
            self._growth *= 2.0
        self.damping, self._growth = first, 2.0
        return Step(point, value, gradient)

    def state_dict(self) -> dict[str, Any]:
        """The damping, its growth and the largest diagonal."""
        diagonal = np.empty(0) if self._diagonal is None else self._diagonal.copy()
        return {"damping": self.damping, "growth": self._growth, "diagonal": diagonal}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        self.damping, self._growth = float(state["damping"]), float(state["growth"])
        diagonal = np.array(state["diagonal"], np.float64)
        self._diagonal = diagonal if diagonal.size else None


def _solve(matrix: Vector, right: Vector) -> Vector:
    """The solution x of matrix x = right. If the matrix is singular, the shortest least-squares solution."""
    try:
        return np.asarray(np.linalg.solve(matrix, right), np.float64)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(matrix, right, rcond=None)[0], np.float64)
