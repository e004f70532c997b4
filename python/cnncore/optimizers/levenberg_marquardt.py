"""Levenberg-Marquardt inside ``fit``."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._checks import Float32
from cnncore.optimizers.base import Rate, registry
from cnncore.optimizers.newton.levenberg_marquardt import LevenbergMarquardtMethod
from cnncore.optimizers.newton.objective import Objective, Vector
from cnncore.optimizers.searching import CurvedBatch, Searching

__all__ = ["LevenbergMarquardt"]


@registry.register()
class LevenbergMarquardt(Searching):
    r"""Steps :math:`p = -(B + \lambda D)^{-1} g` with the whole Gauss-Newton matrix B, where they lower the loss.

    For small networks and squared losses, near whose minimum B is the Hessian but for the residuals' own curvature;
    it takes any loss. D is the largest diagonal of B so far. A step is tried with :math:`\lambda` growing until the
    loss falls; where it falls as the quadratic model says, :math:`\lambda` shrinks to a third. It is made for the
    whole data as one batch.

    Parameters
    ----------
    learning_rate : float, default 1
        Has to be 1: the damping says how long a step is.
    damping : float, default 1e-3
        The first :math:`\lambda`.
    max_parameters : int, default 5000
        A network with more trained weights is refused: B has this number squared of float64 values, and costs a
        product for each weight.
    iterations_per_batch : int, default 1
        Iterations on a batch before the next.
    name : str, optional
        There are no weight decay, clipping and averages: regularizers of layers are part of the loss.

    See Also
    --------
    cnncore.optimizers.newton.LevenbergMarquardtMethod : The formula for any function, and its sources.

    Notes
    -----
    Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", 1963; Nielsen, "Damping parameter
    in Marquardt's method", 1999.

    Examples
    --------
    >>> import numpy as np
    >>> from cnncore.optimizers import LevenbergMarquardt
    >>> class Line:  # residuals 2 w - 6
    ...     def value_and_gradient(self, point):
    ...         return float(0.5 * (2 * point[0] - 6) ** 2), 2 * (2 * point - 6)
    ...
    ...     def curvature_product(self, point, direction):
    ...         return 4 * direction
    >>> optimizer = LevenbergMarquardt(damping=0.0)
    >>> optimizer.build(1)
    >>> optimizer.iterate(Line(), np.zeros(1, np.float32))
    array([3.], dtype=float32)
    """

    method: LevenbergMarquardtMethod

    def __init__(
        self,
        learning_rate: Rate = 1.0,
        damping: float = 1e-3,
        max_parameters: int = 5000,
        iterations_per_batch: int = 1,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, iterations_per_batch, name, kwargs)
        if self.schedule is not None or float(self.learning_rate) != 1.0:
            raise ValueError(
                "[LevenbergMarquardt] expected `learning_rate` to be 1: the damping says how long a step is. "
                f"Received: learning_rate={learning_rate!r}"
            )
        self.damping = _checks.number(damping, "damping", "LevenbergMarquardt", minimum=0.0)
        self.max_parameters = _checks.integer(max_parameters, "max_parameters", "LevenbergMarquardt")
        self.method = LevenbergMarquardtMethod(self.damping, self.max_parameters)

    def iterate(self, objective: Objective, params: Float32) -> Float32:
        parts = [np.arange(v.offset, v.slice.stop) for v in self.trained_variables]
        places = np.concatenate(parts) if parts else np.arange(params.size)
        moved: Float32 = params.copy()
        moved[places] = super().iterate(_Gathered(objective, params, places), params[places])
        return moved

    def _recall(self) -> None:
        damping, growth = self.memory.get("damping", np.array([self.damping, 2.0], np.float32))
        diagonal = self.memory.get("diagonal", np.empty(0))
        self.method.load_state_dict({"damping": damping, "growth": growth, "diagonal": diagonal})

    def _remember(self) -> None:
        kept = self.method.state_dict()
        self._memory = {"damping": np.array([kept["damping"], kept["growth"]], np.float32)}
        if kept["diagonal"].size:
            self._memory["diagonal"] = kept["diagonal"].astype(np.float32)

    def get_config(self) -> dict[str, Any]:
        names = "damping max_parameters"
        return {**super().get_config(), **{name: getattr(self, name) for name in names.split()}}


class _Gathered:
    """An objective over the trained weights alone, without the gaps between them."""

    def __init__(self, objective: Any, params: np.ndarray, places: np.ndarray) -> None:
        self._objective, self._params, self._places = objective, params.astype(np.float64), places

    def _spread(self, values: Vector, rest: Vector) -> Vector:
        whole = rest.copy()
        whole[self._places] = values
        return np.asarray(whole, np.float64)

    def value_and_gradient(self, point: Vector) -> tuple[float, Vector]:
        """The objective's."""
        value, gradient = self._objective.value_and_gradient(self._spread(point, self._params))
        return value, np.asarray(gradient[self._places], np.float64)

    def curvature_product(self, point: Vector, direction: Vector) -> Vector:
        """The objective's."""
        curved = CurvedBatch(self._objective, "gauss_newton", None)
        direction = self._spread(direction, np.zeros_like(self._params))
        product = curved.curvature_product(self._spread(point, self._params), direction)
        return np.asarray(product[self._places], np.float64)

    def report(self, text: str) -> None:
        """Tell what a long iteration does."""
        tell = getattr(self._objective, "report", None)
        if tell is not None:
            tell(text)
