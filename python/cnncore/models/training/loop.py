"""The loops of ``fit``, ``evaluate`` and ``predict`` over epochs and batches, which call the callbacks."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore._checks import Float32
from cnncore._random import generator
from cnncore.callbacks import CallbackList
from cnncore.callbacks.old_names import NamedValues
from cnncore.models.data.signature import Output
from cnncore.models.data.sources import ArraySource, Batch
from cnncore.models.data.streams import StreamSource
from cnncore.models.training.meter import Meter, by_name
from cnncore.models.training.steps import EvaluationStep, TrainingStep
from cnncore.models.training.training_error import raise_training_error
from cnncore.optimizers.stateful import copied

__all__ = ["TrainingLoop", "Validation", "evaluate", "predict"]


class Validation:
    """The data that ``fit`` evaluates on, and after which epochs.

    Parameters
    ----------
    source : ArraySource or StreamSource
        The data.
    frequency : int or collection of int
        Evaluate after every ``frequency`` epochs; or after the epochs in this collection, counted from 1.
    """

    def __init__(self, source: Any, frequency: Any) -> None:
        self.source, self._frequency = source, frequency

    def is_due(self, epoch: int) -> bool:
        """Whether to evaluate after an epoch, counted from 0."""
        if isinstance(self._frequency, int):
            return (epoch + 1) % self._frequency == 0
        return epoch + 1 in self._frequency


class TrainingLoop:
    """Runs the epochs of one ``fit``.

    Parameters
    ----------
    model : Trainer
        A compiled model.
    network : _core.Network
        Its network.
    outputs : list of Output
        Its outputs.
    source : ArraySource or StreamSource
        The training data.
    validation : Validation, optional
        What to evaluate.
    shuffle : bool
        Whether each epoch has a random order.
    """

    def __init__(
        self,
        model: Any,
        network: Any,
        outputs: Sequence[Output],
        source: ArraySource | StreamSource,
        validation: Validation | None,
        shuffle: bool,
    ) -> None:
        self._model, self._network, self._outputs = model, network, outputs
        self._source, self._validation, self._shuffle = source, validation, shuffle
        self._step = TrainingStep(model, network, outputs)
        self._call_metrics = model.call_metrics()
        self._meter = Meter(outputs, source.batch_size or 0, source.samples, network, self._call_metrics)
        self._snapshot = _Snapshot(model, network)
        self._start: dict[str, Any] = {}
        self._epoch_number = self._batch = self._steps_before = 0

    def run(self, epochs: range, callbacks: CallbackList) -> None:
        """Train for these epochs. If a callback has restored a position, only the rest is trained."""
        model, first = self._model, epochs.start
        callbacks.on_train_begin()
        logs: dict[str, Any] = {}
        for epoch in range(max(self._start.get("epoch", first), first), epochs.stop):
            callbacks.on_epoch_begin(epoch)
            self._run_epoch(epoch, callbacks)
            logs = self._meter.logs()
            if self._validation is not None and self._validation.is_due(epoch):
                results = self._evaluate(self._validation.source, callbacks)
                logs.update({f"val_{name}": value for name, value in results.items()})
            logs = NamedValues(by_name(logs))
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        with model._lock:
            model.optimizer.finalize_variable_values(self._network)
        callbacks.on_train_end(logs)

    # --- the position in the data, which BackupAndRestore saves and restores --------------------------------------
    @property
    def position(self) -> dict[str, Any]:
        """Which batches are done, as data that can be written as JSON."""
        return {
            "epoch": self._epoch_number,
            "batch": self._batch,
            "steps_before": self._steps_before,
            "sums": list(self._meter.sums),
            "done": self._meter.done,
        }

    @position.setter
    def position(self, position: dict[str, Any]) -> None:
        self._start = dict(position)

    # --- details --------------------------------------------------------------------------------------------------
    def _run_epoch(self, epoch: int, callbacks: CallbackList) -> None:
        """Run the steps of an epoch, or the rest of one that was interrupted."""
        model, step, meter = self._model, self._step, self._meter
        start, self._start = self._start, {}
        skip = start.get("batch", 0)
        self._epoch_number, self._batch = epoch, skip
        self._steps_before = start["steps_before"] if skip else int(model.optimizer.step)
        first_step = int(self._network.step) - skip
        self._snapshot.take()
        meter.reset()
        if skip:
            meter.sums, meter.done = list(start["sums"]), start["done"]
        begin = callbacks.on_train_batch_begin if callbacks.listens("on_train_batch_begin") else None
        end = callbacks.on_train_batch_end if callbacks.listens("on_train_batch_end") else None
        tell = callbacks.on_train_batch_progress if callbacks.listens("on_train_batch_progress") else None
        isfinite = math.isfinite
        for index, batch in enumerate(self._source.epoch(self._order, epoch, skip, first_step), skip):
            if begin is not None:
                begin(index)
            if tell is not None:
                step.report = functools.partial(tell, index)
            values = step(batch, meter.room(batch))
            if not isfinite(values[0]) or not step.finite:
                self._stop_at(batch, index, values[0], callbacks)
                break
            meter.add(values, batch)
            self._batch = index + 1
            if end is not None:
                end(index, lambda: by_name(meter.logs()))
            if model.stop_training:
                break

    def _order(self, count: int, before: int) -> np.ndarray:
        """The order of the samples in a pass through the data that began ``before`` steps before this epoch.

        It depends on the model's seed and on how many steps were done, so that training resumed from a file goes on
        exactly as it would have without the interruption, and every epoch has an order of its own.
        """
        if not self._shuffle:
            return np.arange(count, dtype=np.int64)
        return generator(self._model.used_seed, (self._steps_before - before) % 2**63).permutation(count)

    def _stop_at(self, batch: Batch, index: int, loss: float, callbacks: CallbackList) -> None:
        """End training because the loss or a weight is not finite: with an error, unless a callback ends it without
        one.
        """
        if not self._snapshot.is_still_finite():
            self._snapshot.restore()
            raise_training_error(self._model, batch, self._epoch_number, index, loss, "at the beginning of this epoch")
        logs = by_name({**self._meter.logs(), "loss": loss})
        callbacks.on_train_batch_end(index, logs)
        if not self._model.stop_training:
            raise_training_error(self._model, batch, self._epoch_number, index, loss)
        self._meter.sums[0] += loss

    def _evaluate(self, source: ArraySource | StreamSource, callbacks: CallbackList) -> dict[str, Any]:
        model = self._model
        extras = (model._penalty(), model._added_losses(), self._call_metrics)
        return evaluate(self._network, self._outputs, source, callbacks, *extras)


class _Snapshot:
    """Weights and optimizer state at the beginning of an epoch. All epochs share its memory."""

    def __init__(self, model: Any, network: Any) -> None:
        self._model, self._network = model, network
        self._variables = model.weights
        self._weights: list[Float32] = []
        self._state: dict[str, np.ndarray] = {}
        self._step = 0

    def take(self) -> None:
        """Remember weights and state as they are now."""
        now = [variable.numpy() for variable in self._variables]
        if self._weights:
            now = [copied(array, old) for array, old in zip(now, self._weights, strict=True)]
        self._weights = now
        self._state = self._model.optimizer.state_dict(self._state)
        self._step = self._network.step

    def is_still_finite(self) -> bool:
        """Whether the weights and the optimizer's state are finite now."""
        optimizer = self._model.optimizer
        arrays = [self._network.get_parameters(), *optimizer.state.values(), *optimizer.memory.values()]
        return all(np.isfinite(array).all() for array in arrays)

    def restore(self) -> None:
        """Give the model back its weights and its optimizer state."""
        with self._model._lock:
            self._model.set_weights(self._weights)
            self._model.optimizer.load_state_dict(self._state)
            self._network.step = self._step


def evaluate(
    network: Any,
    outputs: Sequence[Output],
    source: ArraySource | StreamSource,
    callbacks: CallbackList,
    penalty: float,
    added: Any = None,
    call_metrics: Sequence[Any] = (),
) -> dict[str, Any]:
    """Losses and metrics by name, without changing the model. Calls the hooks of an evaluation."""
    step = EvaluationStep(network, outputs, penalty, added)
    meter = Meter(outputs, samples=0, call_metrics=call_metrics)
    begin, end = (callbacks.listens(f"on_test_batch_{when}") for when in ("begin", "end"))
    callbacks.on_test_begin()
    for index, batch in enumerate(source.slices()):
        if begin:
            callbacks.on_test_batch_begin(index)
        losses, predictions = step(batch)
        meter.add(losses, batch)
        meter.measure(predictions, batch)
        if end:
            callbacks.on_test_batch_end(index, by_name(meter.logs()))
    logs = meter.logs()
    callbacks.on_test_end(by_name(logs))
    return logs


def predict(network: Any, source: ArraySource | StreamSource, callbacks: CallbackList) -> list[Float32]:
    """The predictions of a model, one array for each output. Calls the hooks of a prediction."""
    begin, end = (callbacks.listens(f"on_predict_batch_{when}") for when in ("begin", "end"))
    callbacks.on_predict_begin()
    results: list[Float32] = []
    parts: list[list[Float32]] = []
    place = 0
    for index, batch in enumerate(source.slices()):
        if begin:
            callbacks.on_predict_batch_begin(index)
        outputs = network.forward(batch.x)
        if source.samples is None:
            parts.append(outputs)
        else:
            results = results or [np.empty((source.samples, *y.shape[1:]), np.float32) for y in outputs]
            for result, y in zip(results, outputs, strict=True):
                result[place : place + len(y)] = y
            place += len(outputs[0])
        if end:
            callbacks.on_predict_batch_end(index, {"outputs": outputs[0] if len(outputs) == 1 else outputs})
    callbacks.on_predict_end()
    if source.samples is None:
        return [_joined(arrays) for arrays in zip(*parts, strict=True)]
    return [result[:place] for result in results]


def _joined(arrays: Sequence[Float32]) -> Float32:
    """The predictions of all batches as one array."""
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) > 1:
        raise ValueError(
            "[predict] expected batches whose predictions have one shape, since they become one array; call "
            f"predict_on_batch for each batch instead. Received: shapes {', '.join(map(str, sorted(shapes)))} of a "
            "sample"
        )
    return np.concatenate(arrays)
