"""What a method asks for, and what an iteration tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

__all__ = ["Counted", "CurvedObjective", "Method", "Objective", "Step", "Vector", "dot"]

Vector = NDArray[np.float64]


def dot(a: NDArray[Any], b: NDArray[Any]) -> float:
    """The inner product. Not by BLAS, whose threads would wait for the core's to give their cores back."""
    return float(np.einsum("i,i->", a, b, dtype=np.float64, casting="safe"))


class Objective(Protocol):
    """A function of one flat vector. Points and results are float64, whatever it computes in."""

    def value_and_gradient(self, point: Vector) -> tuple[float, Vector]:
        """The value, which may be infinite or NaN, and the gradient, a new vector."""
        ...


class CurvedObjective(Objective, Protocol):
    """An objective whose curvature Newton-CG and Levenberg-Marquardt can ask for."""

    def curvature_product(self, point: Vector, direction: Vector) -> Vector:
        """The Hessian, or the Gauss-Newton matrix, at ``point`` times ``direction``."""
        ...


@dataclass
class Step:
    """One iteration.

    Attributes
    ----------
    point, value, gradient
        Where the method is now, the objective there and its gradient.
    length : float
        What the proposed step was multiplied with; 0 where the method stayed.
    evaluations, products : int
        Calls of ``value_and_gradient`` and of ``curvature_product``.
    damping : float
        Added to the curvature's diagonal, for the methods that do.
    """

    point: Vector
    value: float
    gradient: Vector
    length: float = 0.0
    evaluations: int = 0
    products: int = 0
    damping: float = 0.0


class Method(Protocol):
    """An iteration with a memory."""

    def step(self, objective: Objective, point: Vector) -> Step:
        """One iteration from ``point``."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Copies of the memory: numbers and arrays."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        ...


class Counted:
    """An objective that counts its calls and keeps the value and gradient of the last point."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.evaluations = self.products = 0
        self._point: Vector | None = None
        self._last: tuple[float, Vector] = (np.nan, np.empty(0))

    def value_and_gradient(self, point: Vector) -> tuple[float, Vector]:
        """The objective's, computed once where it is asked for the last point again."""
        if self._point is None or not np.array_equal(point, self._point):
            self.evaluations += 1
            value, gradient = self.objective.value_and_gradient(point)
            self._point, self._last = point.copy(), (float(value), np.asarray(gradient, np.float64))
        return self._last

    def report(self, text: str) -> None:
        """Tell what a long iteration does, where somebody listens."""
        tell = getattr(self.objective, "report", None)
        if tell is not None:
            tell(text)

    def curvature_product(self, point: Vector, direction: Vector) -> Vector:
        """The objective's."""
        self.products += 1
        curved = cast("CurvedObjective", self.objective)
        return np.asarray(curved.curvature_product(point, direction), np.float64)
