"""One step of training, one step of evaluation, and the error of a step that fails."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from cnncore._checks import Float32
from cnncore.errors import TrainingError
from cnncore.layers.function import Function
from cnncore.layers.lowering import lower
from cnncore.models.factors import FactorProbe
from cnncore.models.other_sizes import CurrentNetwork
from cnncore.models.own_loss import losses_with_inputs
from cnncore.models.signature import Output
from cnncore.models.sources import Batch
from cnncore.optimizers.newton.objective import Vector

__all__ = ["EvaluationStep", "TrainingStep", "first_non_finite_layer", "raise_training_error"]

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


def raise_training_error(
    model: Any, batch: Batch, epoch: int, step: int, loss: float, kept: str = "before this step"
) -> NoReturn:
    """Raise an error that says where the loss or a weight became NaN or infinite, and the probable cause.

    Parameters
    ----------
    model : Trainer
        The model.
    batch : Batch
        The batch of the step.
    epoch, step : int
        Counted from 0.
    loss : float
        The loss of the step.
    kept : str
        The end of the sentence "The model has the weights it had ...".
    """
    x, y, weight = (
        [a if a is None or batch.indices is None else a[batch.indices] for a in arrays]
        for arrays in (batch.x, batch.y, batch.weight)
    )
    place = f"in epoch {epoch + 1}, step {step + 1}"
    if math.isfinite(loss):
        what = (
            f"The update {place} left weights or optimizer state that are not finite; the loss before it was {loss:g}"
        )
    else:
        what = f"The loss became {loss} {place}: {_cause(model, [a for a in x if a is not None], y, weight)}"
    raise TrainingError(
        f"{what}. The model has the weights it had {kept}. Common "
        "causes: NaN or infinite values in x, inputs that are not scaled, a learning rate that is too high, a last "
        "layer whose activation does not fit the loss, such as relu under a cross-entropy.",
        epoch=epoch + 1,
        step=step + 1,
        loss=loss,
    )


def _cause(model: Any, x: list[np.ndarray], y: list[Any], weight: list[Any]) -> str:
    layer = first_non_finite_layer(model._function, x, model.precision)
    if layer is not None:
        return f"the output of layer {layer!r} is not finite"
    for name, arrays in (("y", y), ("sample_weight", weight)):
        if any(a is not None and not np.isfinite(a).all() for a in arrays):
            return f"all predictions are finite, but {name} is not"
    return "all predictions are finite, but the loss is not"


def first_non_finite_layer(function: Function, x: list[np.ndarray], precision: str = "float32") -> str | None:
    """Name of the first layer whose output for ``x`` holds NaN or infinity; None if there is none."""
    if not all(np.isfinite(array).all() for array in x):
        return "input"
    tensors = [tensor for node in function.nodes for tensor in node.output_list]
    network = lower(Function(function.inputs, tensors), shapes=[array.shape[1:] for array in x]).network
    network.precision = precision
    for tensor, y in zip(tensors, network.forward(x), strict=True):
        if not np.isfinite(y).all():
            return tensor.node.layer.name
    return None
