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
    r"""Steps :math:`p = -(B + \lambda D)^{-1} g`, where g is the gradient and B the whole Gauss-Newton matrix.

    It is meant for small networks and squared losses, for which B is close to the Hessian when the residuals are small.
    Other losses are possible too. D is a diagonal matrix with the largest values that the diagonal of B has had so far.
    If a step does not lower the loss, it is tried again with a larger :math:`\lambda`. If the loss falls as much as the
    quadratic model predicts, :math:`\lambda` is divided by three. Use the whole data as one batch.

    Parameters
    ----------
    learning_rate : float, default 1
        Must be 1, because the damping determines how long a step is.
    damping : float, default 1e-3
        The :math:`\lambda` to begin with.
    max_parameters : int, default 5000
        A network with more trained weights than this is refused. With n weights, B has n * n float64 values and takes
        n products to compute.
    iterations_per_batch : int, default 1
        The number of iterations on each batch.
    name : str, optional
        Weight decay, clipping and averages are not available. Regularizers of layers are part of the loss.

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
    """The objective as a function of a vector that holds only the trained weights, without gaps between them.

    Parameters
    ----------
    objective : Objective
        A function of all weights.
    params : numpy.ndarray, shape (size,)
        All weights. Those that are not trained keep these values.
    places : numpy.ndarray of int
        The indices of the trained weights.
    """

    def __init__(self, objective: Any, params: np.ndarray, places: np.ndarray) -> None:
        self._objective, self._params, self._places = objective, params.astype(np.float64), places

    def _spread(self, values: Vector, rest: Vector) -> Vector:
        whole = rest.copy()
        whole[self._places] = values
        return np.asarray(whole, np.float64)

    def value_and_gradient(self, point: Vector) -> tuple[float, Vector]:
        """Value and gradient of the objective with respect to the trained weights."""
        value, gradient = self._objective.value_and_gradient(self._spread(point, self._params))
        return value, np.asarray(gradient[self._places], np.float64)

    def curvature_product(self, point: Vector, direction: Vector) -> Vector:
        """The product with the objective's Gauss-Newton matrix of the trained weights."""
        curved = CurvedBatch(self._objective, "gauss_newton", None)
        direction = self._spread(direction, np.zeros_like(self._params))
        product = curved.curvature_product(self._spread(point, self._params), direction)
        return np.asarray(product[self._places], np.float64)

    def report(self, text: str) -> None:
        """Report what a long iteration is doing."""
        tell = getattr(self._objective, "report", None)
        if tell is not None:
            tell(text)
