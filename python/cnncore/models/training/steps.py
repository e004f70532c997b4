"""One step of training and one step of evaluation."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnncore._checks import Float32
from cnncore.models.data.signature import Output
from cnncore.models.data.sources import Batch
from cnncore.models.structure.other_sizes import CurrentNetwork
from cnncore.models.training.batch_objective import BatchObjective
from cnncore.models.training.factors import FactorProbe
from cnncore.models.training.own_loss import losses_with_inputs

__all__ = [
    "EvaluationStep",
    "TrainingStep",
]

_MOST_PROBES = 8  # the largest number of sizes of samples for which a step keeps a probe


class TrainingStep:
    """One step of training. What a step needs is looked up once for all steps of a call.

    Parameters
    ----------
    model : Trainer
        A compiled model.
    network : _core.Network
        Its network.
    outputs : list of Output
        Its outputs with their losses.

    Attributes
    ----------
    report : callable, optional
        Called as ``report(text)`` to say what the optimizer is doing, if a step takes long.
    finite : bool
        False if the last update left NaN or infinity in the weights or the state of the optimizer.
    """

    def __init__(self, model: Any, network: Any, outputs: Sequence[Output]) -> None:
        model.build_optimizer()  # this may replace model.optimizer, so it comes first
        self._model, self._network, self._optimizer, self._lock = model, network, model.optimizer, model._lock
        self._losses = [None if output.loss is None else output.loss.core(output.shape) for output in outputs]
        self._losses_with_inputs = losses_with_inputs(self._losses)
        self._loss_weights = [output.loss_weight for output in outputs]
        self._may_change = isinstance(network, CurrentNetwork)
        self._constraints = list(model._constraints())
        self._outputs = outputs
        self._has_weights = network.parameter_count > 0
        self._probes: dict[tuple[tuple[int, ...], ...], FactorProbe] = {}
        self.finite = True
        self.report: Callable[[str], None] | None = None

    def __call__(self, batch: Batch, room: list[Float32] | None) -> list[float]:
        """Update the weights once.

        Returns
        -------
        list of float
            The total loss before the update, then that of each output. Nothing is updated if the total is not finite.
        """
        for loss in self._losses_with_inputs:
            loss.show(batch)
        if not self._has_weights:
            return self._measure(batch, room)
        if self._optimizer.evaluates:
            return self._iterate(batch, room)
        with self._lock:
            # a network that is new gets the optimizer's state, which is done before the step is prepared
            network = self._network.now() if self._may_change else self._network
            rule = self._optimizer.prepare_step()
            values: list[float] = network.train_step(
                batch.x, batch.y, self._losses, self._loss_weights, batch.weight, batch.indices, rule, room
            )
            if rule is None and math.isfinite(values[0]):
                parameters = network.get_parameters()
                self._optimizer.apply_flat(parameters, network.gradients)
                network.set_parameters(parameters)
            for variable, constraint in self._constraints:
                variable.assign(constraint(variable.numpy()))
            self.finite = (self._optimizer if rule is None else rule).finite
        return values

    def _measure(self, batch: Batch, room: list[Float32] | None) -> list[float]:
        """Compute the losses of a model without weights."""
        with self._lock:
            values: list[float] = self._network.train_step(
                batch.x, batch.y, self._losses, self._loss_weights, batch.weight, batch.indices, None, room
            )
        return values

    def _iterate(self, batch: Batch, room: list[Float32] | None) -> list[float]:
        """A step of an optimizer that evaluates the loss at several points."""
        with self._lock:
            network = self._network.now() if self._may_change else self._network
            make_probe = functools.partial(self._make_probe, tuple(array.shape[1:] for array in batch.x))
            objective = BatchObjective(network, batch, self._losses, self._loss_weights, room, make_probe, self.report)
            params = network.get_parameters()
            try:
                params = self._optimizer.iterate(objective, params)
            finally:
                network.set_parameters(params)
            network.step = objective.step + 1
            for variable, constraint in self._constraints:
                variable.assign(constraint(variable.numpy()))
            self.finite = self._optimizer.finite
        return objective.values

    def _make_probe(self, shapes: tuple[tuple[int, ...], ...], fisher: str, most_rows: int) -> FactorProbe:
        """The object that estimates Kronecker factors from samples of these shapes. It is made when it is needed for
        the first time. Of many sizes, the ones that were seen first are forgotten.
        """
        probe = self._probes.get(shapes)
        if probe is None:
            probe = FactorProbe(self._model, self._network, self._outputs, fisher, most_rows, shapes)
            while len(self._probes) >= _MOST_PROBES:
                self._probes.pop(next(iter(self._probes)))
            self._probes[shapes] = probe
        return probe

    def gradients(self, batch: Batch) -> Float32:
        """A copy of the gradient of the total loss as one flat vector. The model does not change."""
        for loss in self._losses_with_inputs:
            loss.show(batch)
        with self._lock:
            network = self._network
            # these include the moving statistics, which the step below changes
            step, weights = network.step, self._model.get_weights()
            network.train_step(
                batch.x, batch.y, self._losses, self._loss_weights, batch.weight, batch.indices, None, None
            )
            network.step = step
            self._model.set_weights(weights)
            return np.array(network.gradients)


class EvaluationStep:
    """Losses of a batch, without changing anything.

    Parameters
    ----------
    network : _core.Network
        The model's network.
    outputs : list of Output
        The model's outputs with their losses.
    penalty : float
        What the regularizers of the weights add to the total.
    added : callable, optional
        Computes from the inputs of a batch what layers add to the total.
    """

    def __init__(self, network: Any, outputs: Sequence[Output], penalty: float, added: Any = None) -> None:
        self._network, self._outputs, self._penalty, self._added = network, outputs, penalty, added
        cores = [None if output.loss is None else output.loss.core(output.shape) for output in outputs]
        # Training needs the value and the gradient of a loss that is written in Python; here its value is enough.
        self._losses: list[Any] = [
            output.loss if hasattr(core, "__func__") else core for core, output in zip(cores, outputs, strict=True)
        ]
        self._losses_with_inputs = losses_with_inputs(self._losses)

    def __call__(self, batch: Batch) -> tuple[list[float], list[Float32]]:
        """The losses, first the total and then that of each output; and the predictions."""
        predictions = self._network.forward(batch.x)
        for shown in self._losses_with_inputs:
            shown.show(batch)
        losses = [
            0.0 if loss is None else float(loss(y, y_pred, weight))
            for loss, y, y_pred, weight in zip(self._losses, batch.y, predictions, batch.weight, strict=True)
        ]
        weighted = (output.loss_weight * loss for output, loss in zip(self._outputs, losses, strict=True))
        more = self._penalty + (0.0 if self._added is None else self._added(batch.x))
        return [sum(weighted) + more, *losses], predictions
