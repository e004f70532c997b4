"""The base class of optimizers that run a method of :mod:`cnncore.optimizers.newton` on each batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._checks import Float32
from cnncore.optimizers.base import Optimizer, Rate
from cnncore.optimizers.newton.objective import Counted, CurvedObjective, Method, Objective, Step, Vector

__all__ = ["KINDS", "NOISE", "CurvedBatch", "Searching"]

NOISE = 2e-7  # the relative error of a loss that is summed from float32 values
KINDS = ("gauss_newton", "hessian", "fisher")
_NOT_HERE = (
    *("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_overwrite_frequency"),
    *("loss_scale_factor", "gradient_accumulation_steps"),
)


class Searching(Optimizer):
    """Base class of optimizers whose step consists of one or more iterations of a method on one batch.

    A subclass makes ``self.method``. Between steps it keeps the method's memory with ``_remember``, and gives it back
    with ``_recall``.
    """

    evaluates = True
    large_batches = True
    method: Method

    def __init__(
        self, learning_rate: Rate, iterations_per_batch: int, name: str | None, kwargs: dict[str, Any]
    ) -> None:
        owner = type(self).__name__
        given = [option for option in _NOT_HERE if kwargs.get(option)]
        if given:
            raise ValueError(
                f"[{owner}] expected no `{given[0]}`: a step is accepted if it lowers the loss, so nothing but the "
                "loss may move the weights. Use regularizers of layers, which are part of the loss. "
                f"Received: {given[0]}={kwargs[given[0]]!r}"
            )
        super().__init__(learning_rate, name=name, **kwargs)
        self.iterations_per_batch = _checks.integer(iterations_per_batch, "iterations_per_batch", owner)

    def iterate(self, objective: Objective, params: Float32) -> Float32:
        counted, point = self._counted(objective), params.astype(np.float64)
        self._recall()
        for _ in range(self.iterations_per_batch):
            result = self._iteration(counted, point)
            point = result.point
            if result.length == 0.0:
                break
        self._remember()
        self.step += 1
        moved: Float32 = point.astype(np.float32)
        self._finite = bool(np.isfinite(moved).all())
        return moved

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "learning_rate": super().get_config()["learning_rate"],
            "iterations_per_batch": self.iterations_per_batch,
        }

    # --- details ------------------------------------------------------------------------------------------------------
    def _counted(self, objective: Objective) -> Counted:
        return Counted(objective)

    def _iteration(self, objective: Counted, point: Vector) -> Step:
        return self.method.step(objective, point)

    def _recall(self) -> None:
        """Load the method's memory from :attr:`state` and :attr:`memory`."""
        raise NotImplementedError

    def _remember(self) -> None:
        """Store the method's memory in :attr:`state` and :attr:`memory`, in float32."""
        raise NotImplementedError


class CurvedBatch:
    """The objective of a batch, with products of one kind of curvature.

    Parameters
    ----------
    objective : CurvedObjective or BatchObjective
    kind : {"gauss_newton", "hessian", "fisher"}
    samples : int, optional
        The number of samples of the batch on which products are computed. All by default.
    """

    def __init__(self, objective: Any, kind: str, samples: int | None) -> None:
        self._objective, self._kind, self._samples = objective, kind, samples

    def value_and_gradient(self, point: Vector) -> tuple[float, Vector]:
        """Value and gradient of the objective."""
        result: tuple[float, Vector] = self._objective.value_and_gradient(point)
        return result

    def curvature_product(self, point: Vector, direction: Vector) -> Vector:
        """The curvature at ``point`` times ``direction``."""
        product = getattr(self._objective, "product", None)
        if product is None:
            curved: CurvedObjective = self._objective
            return curved.curvature_product(point, direction)
        result: Vector = product(self._kind, self._samples, point, direction)
        return result

    def report(self, text: str) -> None:
        """Tell the objective what a long iteration is doing, if it has a method ``report``."""
        tell = getattr(self._objective, "report", None)
        if tell is not None:
            tell(text)
