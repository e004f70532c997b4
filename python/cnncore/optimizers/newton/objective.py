"""The interfaces between methods and the functions they minimize, and the result of one iteration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

__all__ = ["Counted", "CurvedObjective", "Method", "Objective", "Step", "Vector", "dot"]

Vector = NDArray[np.float64]


def dot(a: NDArray[Any], b: NDArray[Any]) -> float:
    """The inner product, without BLAS: its threads would compete for the processor with the threads of the core."""
    return float(np.einsum("i,i->", a, b, dtype=np.float64, casting="safe"))


class Objective(Protocol):
    """A function of one flat vector. Points and results are float64, even if it computes in another precision."""

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
    """The result of one iteration.

    Attributes
    ----------
    point, value, gradient
        The point that the method has reached, and the objective's value and gradient there.
    length : float
        The factor by which the proposed step was multiplied; 0 if the method stayed at its point.
    evaluations, products : int
        The numbers of calls of ``value_and_gradient`` and of ``curvature_product``.
    damping : float
        The number that was added to the curvature's diagonal; 0 for methods without damping.
    """

    point: Vector
    value: float
    gradient: Vector
    length: float = 0.0
    evaluations: int = 0
    products: int = 0
    damping: float = 0.0


class Method(Protocol):
    """A method that makes iterations, and keeps a memory between them."""

    def step(self, objective: Objective, point: Vector) -> Step:
        """Make one iteration from ``point``."""
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
        """Value and gradient of the objective. They are not computed again if the point is the same as last time."""
        if self._point is None or not np.array_equal(point, self._point):
            self.evaluations += 1
            value, gradient = self.objective.value_and_gradient(point)
            self._point, self._last = point.copy(), (float(value), np.asarray(gradient, np.float64))
        return self._last

    def report(self, text: str) -> None:
        """Tell the objective what a long iteration is doing, if it has a method ``report``."""
        tell = getattr(self.objective, "report", None)
        if tell is not None:
            tell(text)

    def curvature_product(self, point: Vector, direction: Vector) -> Vector:
        """The product with the objective's curvature."""
        self.products += 1
        curved = cast("CurvedObjective", self.objective)
        return np.asarray(curved.curvature_product(point, direction), np.float64)
