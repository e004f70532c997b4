"""Newton-CG inside ``fit``."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._random import generator
from cnncore.optimizers.base import Rate, registry
from cnncore.optimizers.newton.newton_cg import NewtonCGMethod
from cnncore.optimizers.newton.objective import Counted, Objective, Step, Vector
from cnncore.optimizers.searching import KINDS, NOISE, CurvedBatch, Searching

__all__ = ["NewtonCG"]


@registry.register()
class NewtonCG(Searching):
    r"""Newton's method without its matrix, also called Hessian-free: conjugate gradients solve
    :math:`(B + \lambda I) p = -g`.

    g is the gradient and B the curvature of the loss. Only products of B with vectors are computed, and each takes as
    long as a few gradients. A step along p is shortened until the loss falls. The quadratic model predicts how much the
    loss falls. If it falls by less than a quarter of that, the damping :math:`\lambda` is multiplied by 3/2, and if it
    falls by more than three quarters, by 2/3. Use the whole data as one batch, or large batches.

    Parameters
    ----------
    learning_rate : float or callable, default 1
        The factor of p in the first step that is tried. Leave it at 1.
    damping : float, default 0.1
        The :math:`\lambda` to begin with.
    max_products : int, default 250
        The largest number of products with B in a step.
    progress : float, default 5e-4
        Conjugate gradients stop when an iteration lowers the quadratic model by less than this part of its value.
    residual : float, default 0.1
        Conjugate gradients also stop when the residual, divided by the length of the gradient, is this small. The limit
        becomes smaller as the gradient does. 0 switches it off.
    warm_start : float, default 0.95
        Conjugate gradients begin at the solution of the last step multiplied by this number.
    curvature : {"gauss_newton", "hessian", "fisher"}, default "gauss_newton"
        Which matrix B is. The Hessian may have directions of negative curvature, where conjugate gradients stop.
    curvature_samples : int, optional
        The number of samples of the batch on which B is computed, by default all. A quarter of them saves much time.
    diagonal_products : int, default 0
        The number of products with vectors of random signs by which the diagonal d of B is estimated at the beginning
        of a step. Then :math:`(d + \lambda)^{3/4}` is the preconditioner of conjugate gradients. 0 means that there is
        no preconditioner.
    iterations_per_batch : int, default 1
        The number of iterations on each batch.
    name : str, optional
        Weight decay, clipping and averages are not available. Regularizers of layers are part of the loss.

    See Also
    --------
    cnncore.optimizers.newton.NewtonCGMethod : The formula for any function, and its sources.

    Notes
    -----
    Martens, "Deep learning via Hessian-free optimization", 2010; the estimate of the diagonal is that of Bekas,
    Kokiopoulou and Saad, "An estimator for the diagonal of a matrix", 2007. Products are computed without dropout, and
    BatchNormalization uses its moving statistics in them.

    Examples
    --------
    >>> import numpy as np
    >>> from cnncore.optimizers import NewtonCG
    >>> class Bowl:
    ...     def value_and_gradient(self, point):
    ...         return float(point @ point), 2 * point
    ...
    ...     def curvature_product(self, point, direction):
    ...         return 2 * direction
    >>> optimizer = NewtonCG(damping=0.0)
    >>> optimizer.build(2)
    >>> optimizer.iterate(Bowl(), np.array([3, 4], np.float32)).round(5)
    array([0., 0.], dtype=float32)
    """

    method: NewtonCGMethod

    def __init__(
        self,
        learning_rate: Rate = 1.0,
        damping: float = 0.1,
        max_products: int = 250,
        progress: float = 5e-4,
        residual: float = 0.1,
        warm_start: float = 0.95,
        curvature: str = "gauss_newton",
        curvature_samples: int | None = None,
        diagonal_products: int = 0,
        iterations_per_batch: int = 1,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, iterations_per_batch, name, kwargs)
        self.damping = _checks.number(damping, "damping", "NewtonCG", minimum=0.0)
        self.max_products = _checks.integer(max_products, "max_products", "NewtonCG")
        self.progress = _checks.number(progress, "progress", "NewtonCG", minimum=0.0)
        self.residual = _checks.number(residual, "residual", "NewtonCG", minimum=0.0)
        self.warm_start = _checks.number(warm_start, "warm_start", "NewtonCG", minimum=0.0)
        self.curvature = _checks.choice(curvature, "curvature", "NewtonCG", KINDS)
        self.curvature_samples = (
            None if curvature_samples is None else _checks.integer(curvature_samples, "curvature_samples", "NewtonCG")
        )
        self.diagonal_products = _checks.integer(diagonal_products, "diagonal_products", "NewtonCG", minimum=0)
        self.method = NewtonCGMethod(
            self.damping, self.max_products, self.progress, self.warm_start, residual=self.residual, noise=NOISE
        )

    def _counted(self, objective: Objective) -> Counted:
        return Counted(CurvedBatch(objective, self.curvature, self.curvature_samples))

    def _iteration(self, objective: Counted, point: Vector) -> Step:
        if self.diagonal_products:
            self.method.preconditioner = lambda at: self._diagonal(objective, at)
        try:
            return self.method.step(objective, point)
        finally:
            self.method.preconditioner = None

    def _diagonal(self, objective: Counted, point: Vector) -> Vector:
        """Estimate B's diagonal by the mean of s * B s over vectors s of random signs. Negative values become zero."""
        draw, total = generator(self.step), np.zeros_like(point)
        for i in range(self.diagonal_products):
            objective.report(f"diagonal {i + 1}/{self.diagonal_products}")
            signs: Vector = draw.integers(0, 2, point.size).astype(np.float64) * 2 - 1
            total += signs * objective.curvature_product(point, signs)
        return np.maximum(total / self.diagonal_products, 0.0)

    def _recall(self) -> None:
        self.method.learning_rate = float(self.learning_rate)
        damping, first_norm = self.memory.get("damping", np.array([self.damping, 0.0], np.float32))
        last = self.state.get("last", np.empty(0))
        self.method.load_state_dict({"damping": damping, "first_norm": first_norm, "last": last})

    def _remember(self) -> None:
        kept = self.method.state_dict()
        self._memory = {"damping": np.array([kept["damping"], kept["first_norm"]], np.float32)}
        self._state = {"last": kept["last"].astype(np.float32)} if kept["last"].size else {}

    def get_config(self) -> dict[str, Any]:
        names = "damping max_products progress residual warm_start curvature curvature_samples diagonal_products"
        return {**super().get_config(), **{name: getattr(self, name) for name in names.split()}}
