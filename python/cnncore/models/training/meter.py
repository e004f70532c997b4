"""Meter: the running means of an epoch or an evaluation, computed so that a step takes almost no longer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore._checks import Float32
from cnncore.models.data.signature import Output
from cnncore.models.data.sources import Batch

__all__ = ["Meter"]

_Targets = tuple[list["np.ndarray | None"], list["Float32 | None"], "np.ndarray | None"]  # y, weight, indices
_METRIC_BYTES = 1 << 20  # bytes of predictions of one output that are collected before its metrics are called


class Meter:
    """Sums up losses, and collects predictions until there are enough of them for a call of the metrics.

    Parameters
    ----------
    outputs : list of Output
        The model's outputs with their losses and metrics.
    batch_size : int, default 0
        The largest number of samples in a batch; 0 if it is not known.
    samples : int, optional
        The number of samples in an epoch, and so the largest number of predictions to keep. With 0 none are kept, and
        :meth:`measure` must be called instead.
    network : optional
        The model's network. It knows the shapes of predictions if sizes of ``outputs`` are None.
    call_metrics : list of Metric, optional
        Metrics that the network itself updates while it computes.
    """

    def __init__(
        self,
        outputs: Sequence[Output],
        batch_size: int = 0,
        samples: int | None = None,
        network: Any = None,
        call_metrics: Sequence[Any] = (),
    ) -> None:
        self._outputs, self._network, self._call_metrics = outputs, network, call_metrics
        self._measured = samples != 0 and any(output.all_metrics for output in outputs)
        self._sized = all(None not in output.shape for output in outputs)
        if getattr(network, "may_change", False):  # a later batch may have images of another size
            self._sized &= all(len(output.shape) == 1 for output in outputs)
        self._loose: list[Float32] = []  # predictions of one batch, if batches have different sizes
        row_bytes = max(4 * math.prod(output.shape) for output in outputs) if self._sized else _METRIC_BYTES
        wanted = _METRIC_BYTES // row_bytes if samples is None else min(samples, _METRIC_BYTES // row_bytes)
        self._make_buffers(max(batch_size, wanted, 1) if self._measured else 0)
        self.reset()

    def reset(self) -> None:
        """Forget everything, at the beginning of an epoch."""
        # the total loss and the loss of each output, each multiplied by the number of samples
        self.sums = [0.0] * (len(self._outputs) + 1)
        self.done = 0
        self._filled = 0  # how many rows of the buffers the metrics have not seen
        self._pending: list[_Targets] = []
        self._ends: list[int] = []  # for each pending batch, the number of rows up to its end
        for output in self._outputs:
            for _, metric in output.all_metrics:
                metric.reset_state()
        for metric in self._call_metrics:
            metric.reset_state()

    def room(self, batch: Batch) -> list[Float32] | None:
        """For each output an array to which the predictions of the next batch are written, or None if no metric needs
        them.
        """
        if not self._measured:
            return None
        rows = batch.rows
        if not self._sized:
            shapes = self._network.output_shapes_for(batch.x)
            self._loose = [np.empty((rows, *shape), np.float32) for shape in shapes]
            return self._loose
        stop = self._filled + rows
        if stop > self._rows:
            self._update_metrics()
            if rows > self._rows:
                self._make_buffers(rows)
            stop = rows
        start = self._filled
        return [buffer[start:stop] for buffer in self._buffers]

    def add(self, losses: Sequence[float], batch: Batch) -> None:
        """Count a batch, given its total loss and then the loss of each output. Its predictions were written into
        :meth:`room`.
        """
        rows = batch.rows
        if len(self._outputs) == 1:  # the loss of a single output is the total loss
            self.sums[0] += losses[0] * rows
        else:
            for index, loss in enumerate(losses):
                self.sums[index] += loss * rows
        self.done += rows
        if self._loose:
            self.measure(self._loose, batch)
            self._loose = []
        elif self._measured:
            self._filled += rows
            self._ends.append(self._filled)
            self._pending.append((batch.y, batch.weight, batch.indices))  # not the images, which may be large

    def measure(self, predictions: Sequence[Float32], batch: Batch) -> None:
        """Call the metrics with a batch, without collecting its predictions first."""
        for output, y_pred, y, weight in zip(self._outputs, predictions, batch.y, batch.weight, strict=True):
            _update(output, _rows(y, batch), y_pred, _rows(weight, batch))

    def logs(self) -> dict[str, Any]:
        """The means so far, by name: the loss, that of each output if several have one, and the metrics."""
        self._update_metrics()
        done = max(self.done, 1)
        logs: dict[str, Any] = {"loss": self.sums[0] / done}
        if sum(output.loss is not None for output in self._outputs) > 1:  # a single one is the total loss
            for output, total in zip(self._outputs, self.sums[1:], strict=True):
                if output.loss is not None:
                    logs[f"{output.name}_loss"] = total / done
        for output in self._outputs:
            for name, metric in output.all_metrics:
                logs[name] = _plain(metric.result(), name)
        for metric in self._call_metrics:
            result = metric.result()
            named = result if isinstance(result, dict) else {metric.name: result}
            logs.update({name: _plain(value, name) for name, value in named.items()})
        return logs

    def _make_buffers(self, rows: int) -> None:
        self._rows = rows
        if not self._sized:
            return
        self._buffers = [np.empty((rows, *output.shape), np.float32) for output in self._outputs]

    def _update_metrics(self) -> None:
        """Give the predictions that were collected to the metrics."""
        if not self._filled:
            return
        for index, output in enumerate(self._outputs):
            if output.all_metrics:
                y = _gathered([(y[index], indices) for y, _, indices in self._pending])
                weight = None
                if output.weighted_metrics:
                    weight = _gathered([(weights[index], indices) for _, weights, indices in self._pending])
                _update(output, y, self._buffers[index][: self._filled], weight, self._ends)
        self._filled = 0
        self._pending.clear()
        self._ends.clear()


def by_name(logs: dict[str, Any]) -> dict[str, Any]:
    """The logs in the order of their names, in which Keras gives them to callbacks and users."""
    return dict(sorted(logs.items()))


def _update(
    output: Output, y: Any, y_pred: Float32, weight: np.ndarray | None, ends: Sequence[int] | None = None
) -> None:
    """Give samples to the metrics of an output: all at once, or batch by batch if a metric may depend on the batches.
    ``ends`` are the numbers of samples up to the end of each batch.
    """
    whole = [slice(None)]
    parts = whole if ends is None else [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
    for _, metric in output.metrics:
        for part in parts if metric.depends_on_batches else whole:
            metric.update_state(y if y is None else y[part], y_pred[part])
    for _, metric in output.weighted_metrics:
        for part in parts if metric.depends_on_batches else whole:
            weights = weight if weight is None else weight[part]
            metric.update_state(y if y is None else y[part], y_pred[part], sample_weight=weights)


def _rows(array: np.ndarray | None, batch: Batch) -> np.ndarray | None:
    return array if array is None or batch.indices is None else array[batch.indices]


def _gathered(parts: list[tuple[np.ndarray | None, np.ndarray | None]]) -> np.ndarray | None:
    """The rows of consecutive batches as one array. Of each batch these are the rows ``indices`` of its array, or all
    rows.
    """
    first = parts[0][0]
    if first is None:
        return None
    if parts[0][1] is not None:  # all batches are parts of one array
        return np.asarray(first[np.concatenate([indices for _, indices in parts if indices is not None])])
    return np.concatenate([array for array, _ in parts if array is not None])


def _plain(value: Any, name: str) -> Any:
    """The result of the metric of that name for the logs: a number as a float, an array as it is."""
    if np.ndim(value):
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"[{name}] expected the metric's result() to return a number or an array. Received: {value!r:.80}"
        ) from None
