"""The training loop. Per batch it makes one call into the core; metrics look at thousands of predictions at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from cnncore import _core
from cnncore._checks import Float32
from cnncore._random import generator
from cnncore.errors import TrainingError
from cnncore.metrics import Metric
from cnncore.models.data import Samples

if TYPE_CHECKING:
    from cnncore.callbacks import CallbackList
    from cnncore.models._chain_model import Model

EVALUATION_BATCH = 1024  # samples between two looks at Ctrl-C
_METRIC_BYTES = 1 << 20  # predictions kept until the metrics see them


class EpochMeter:
    """Running means of one epoch: the loss, and metrics of predictions that pile up in one buffer."""

    def __init__(
        self, y: np.ndarray, output_shape: tuple[int, ...], batch_size: int, metrics: Sequence[Metric]
    ) -> None:
        row_bytes = 4 * math.prod(output_shape)
        rows = max(batch_size, min(len(y), _METRIC_BYTES // row_bytes)) if metrics else batch_size
        self._buffer = np.empty((rows, *output_shape), dtype=np.float32)
        self._y, self._metrics = y, metrics

    def start(self, indices: np.ndarray) -> None:
        """Begin an epoch that visits the samples in the order of ``indices``."""
        self._indices = indices
        self._loss_sum, self._done, self._seen = 0.0, 0, 0  # _seen: samples that the metrics know of
        for metric in self._metrics:
            metric.reset_state()

    def outputs(self, rows: int) -> Float32:
        """Where the predictions of the next ``rows`` samples go."""
        start = self._done - self._seen
        if start + rows > len(self._buffer):
            self._update_metrics()
            start = 0
        return self._buffer[start : start + rows]

    def add(self, loss: float, rows: int) -> None:
        """Count a batch whose predictions are in place."""
        self._loss_sum += loss * rows
        self._done += rows

    def logs(self) -> dict[str, float]:
        """Means so far."""
        self._update_metrics()
        logs = {"loss": self._loss_sum / max(self._done, 1)}
        return logs | {metric.name: metric.result() for metric in self._metrics}

    def _update_metrics(self) -> None:
        if self._metrics and self._done > self._seen:
            y_true = self._y[self._indices[self._seen : self._done]]
            for metric in self._metrics:
                metric.update_state(y_true, self._buffer[: self._done - self._seen])
        self._seen = self._done


def epoch_order(model: Model, count: int, shuffle: bool) -> np.ndarray:
    """The order of the samples in the next epoch.

    It depends on the model's seed and on how many steps were done, so that training resumed from a file goes on exactly
    as it would have without the interruption, and every epoch has an order of its own.
    """
    if not shuffle:
        return np.arange(count, dtype=np.int64)
    return generator(model.seed, model.optimizer.iterations).permutation(count)


def train(
    model: Model,
    samples: Samples,
    validation: Samples | None,
    batch_size: int,
    epochs: range,
    shuffle: bool,
    callbacks: CallbackList,
) -> None:
    """Run ``epochs`` of training with all hooks."""
    network = model.network
    meter = EpochMeter(samples.y, network.output_shape, batch_size, model.metrics)
    model.stop_training = False
    callbacks.on_train_begin()
    logs: dict[str, float] = {}
    for epoch in epochs:
        callbacks.on_epoch_begin(epoch)
        train_epoch(model, samples, batch_size, epoch_order(model, len(samples.x), shuffle), epoch, meter, callbacks)
        logs = meter.logs()
        if validation is not None:
            logs |= {f"val_{name}": value for name, value in evaluate(model, validation, callbacks=callbacks).items()}
        callbacks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    callbacks.on_train_end(logs)


def train_epoch(
    model: Model,
    samples: Samples,
    batch_size: int,
    order: np.ndarray,
    epoch: int,
    meter: EpochMeter,
    callbacks: CallbackList,
) -> None:
    """One pass over the samples in ``order``."""
    meter.start(order)
    for step, start in enumerate(range(0, len(order), batch_size)):
        batch = order[start : start + batch_size]
        callbacks.on_train_batch_begin(step)
        loss = train_step(model, samples, batch, meter.outputs(len(batch)))
        if not math.isfinite(loss):
            raise_training_error(model, samples, batch, epoch, step, loss)
        check_update(model, epoch, step, loss)
        meter.add(loss, len(batch))
        callbacks.on_train_batch_end(step, meter.logs)
        if model.stop_training:
            break


def train_step(model: Model, samples: Samples, batch: np.ndarray | None, outputs: Float32) -> float:
    """One update of the weights; the loss before it. Nothing is updated if that loss is not finite."""
    network, loss, optimizer = model.network, model.loss, model.optimizer
    rule = optimizer.prepare_step()
    core = loss.core(network.output_shape)
    assert isinstance(core, _core.Loss)
    value = network.train_step(samples.x, samples.y, batch, core, False, rule, samples.weight, outputs)
    if rule is None and math.isfinite(value):
        optimizer.apply_flat(network.parameters, network.gradients)
    return value


def evaluate(
    model: Model, samples: Samples, batch_size: int = EVALUATION_BATCH, callbacks: CallbackList | None = None
) -> dict[str, float]:
    """Loss and metrics of the model as it is, by name."""
    if callbacks is not None:
        callbacks.on_test_begin()
    network, loss = model.network, model.loss
    total = 0.0
    for metric in model.metrics:
        metric.reset_state()
    for start in range(0, len(samples.x), batch_size):
        x, y, weight = samples.slice(start, start + batch_size)
        y_pred = network.forward(x)
        total += loss(y, y_pred, weight) * len(x)
        for metric in model.metrics:
            metric.update_state(y, y_pred)
    logs = {"loss": total / len(samples.x)} | {metric.name: metric.result() for metric in model.metrics}
    if callbacks is not None:
        callbacks.on_test_end(logs)
    return logs


def check_update(model: Model, epoch: int, step: int, loss: float) -> None:
    """Stop with an error if the step after this loss left weights or optimizer state that are not finite."""
    if model.optimizer.finite:
        return
    raise TrainingError(
        f"The update in epoch {epoch + 1}, step {step + 1} left weights or optimizer state that are not finite; the "
        f"loss before it was {loss}. The model's weights are lost: load or make others. Common causes: a learning rate "
        "that is too high, inputs that are not scaled.",
        epoch=epoch + 1,
        step=step + 1,
        loss=loss,
    )


def raise_training_error(
    model: Model, samples: Samples, batch: np.ndarray, epoch: int, step: int, loss: float
) -> NoReturn:
    """Stop with an error that says where, and which layer is the first to give something that is not finite."""
    cause = model.first_non_finite_layer(samples.x[batch])
    where = f"the output of layer {cause!r} is not finite" if cause else "all predictions are finite, the loss is not"
    raise TrainingError(
        f"The loss became {loss} in epoch {epoch + 1}, step {step + 1}: {where}. The model keeps the weights it had "
        "before this step. Common causes: NaN or infinite values in x, inputs that are not scaled, a learning rate "
        "that is too high.",
        epoch=epoch + 1,
        step=step + 1,
        loss=loss,
    )
