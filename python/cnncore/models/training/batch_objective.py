"""The loss of one batch as a function of the weights, for optimizers that evaluate it at several points."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnncore._checks import Float32
from cnncore.models.data.sources import Batch
from cnncore.models.training.factors import FactorProbe
from cnncore.optimizers.newton.objective import Vector

__all__ = ["BatchObjective", "require_second_derivatives"]


class BatchObjective:
    """The loss of one batch as a function of the flat parameters. Dropout drops the same values at each point.

    Attributes
    ----------
    values : list of float
        The total loss and the loss of each output, at the first point that was evaluated.
    step : int
        The network's step, which chooses what dropout drops.
    """

    def __init__(
        self,
        network: Any,
        batch: Batch,
        losses: Sequence[Any],
        loss_weights: Sequence[float],
        room: list[Float32] | None,
        make_probe: Callable[[str, int], FactorProbe] | None = None,
        report: Callable[[str], None] | None = None,
    ) -> None:
        self._report = report
        self._make_probe = make_probe
        self._point: Float32 | None = None
        self._network, self._batch, self._losses, self._loss_weights = network, batch, losses, loss_weights
        self._room, self.step = room, network.step
        self.values: list[float] = []

    def value_and_gradient(self, point: Vector) -> tuple[float, Vector]:
        """The total loss and its gradient. The gradient is NaN if the loss is not finite."""
        network, batch = self._network, self._batch
        self._go_to(point)
        network.step = self.step
        # Predictions and moving statistics are those of the first point.
        room, keep_state = (None, True) if self.values else (self._room, False)
        values: list[float] = network.train_step(
            batch.x, batch.y, self._losses, self._loss_weights, batch.weight, batch.indices, None, room, keep_state
        )
        self.values = self.values or values
        gradient = network.gradients.astype(np.float64)
        return values[0], gradient if math.isfinite(values[0]) else np.full_like(gradient, np.nan)

    def report(self, text: str) -> None:
        """Pass on a text about what the optimizer is doing, if anybody listens."""
        if self._report is not None:
            self._report(text)

    def product(self, kind: str, samples: int | None, point: Vector, direction: Vector) -> Vector:
        """The curvature at ``point`` on the first ``samples`` of the batch, all by default, times ``direction``.

        Layers behave as in inference: nothing is dropped, and BatchNormalization uses its moving statistics.
        """
        require_second_derivatives(self._losses, kind)
        batch, result = self._batch, np.zeros(direction.size, np.float32)
        rows = batch.rows if samples is None else min(samples, batch.rows)
        indices = np.arange(rows, dtype=np.int64) if batch.indices is None else batch.indices[:rows]
        self._go_to(point)
        self._network.curvature_product(
            kind,
            batch.x,
            batch.y,
            self._losses,
            self._loss_weights,
            batch.weight,
            indices,
            v=direction.astype(np.float32),
            out=result,
        )
        return result.astype(np.float64)

    def _go_to(self, point: Vector) -> None:
        wanted = point.astype(np.float32)
        if self._point is None or not np.array_equal(wanted, self._point):
            self._network.set_parameters(wanted)
            self._point = wanted

    def probe(self, fisher: str, most_rows: int) -> FactorProbe:
        """The object that estimates the Kronecker factors of the model's curvature."""
        if self._make_probe is None:
            raise ValueError("[KFAC] expected the batch of a model, inside fit. Received: a batch without a model")
        return self._make_probe(fisher, most_rows)

    def factors(self, probe: FactorProbe, most_samples: int | None) -> list[tuple[Float32, Float32]]:
        """The Kronecker factors on this batch, at the point that was evaluated last."""
        return probe.factors(self._batch, self.step, most_samples)


def require_second_derivatives(losses: Sequence[Any], owner: str) -> None:
    """Raise a ValueError that names a loss which is written in Python, since its second derivatives are not known.

    Parameters
    ----------
    losses : sequence of _core.Loss, callable or None
        As the core takes them.
    owner : str
        The function that the message names.
    """
    for loss in losses:
        if hasattr(loss, "__func__"):
            raise ValueError(
                f"[{owner}] expected losses that are built in, whose second derivatives are known. "
                f"Received: the loss {loss.__self__.name!r}, which is written in Python"
            )
