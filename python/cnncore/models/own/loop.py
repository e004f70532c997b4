"""The loops of ``fit``, ``evaluate`` and ``predict`` for classes that define their own steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._random import generator
from cnncore._structure import flatten, map_structure, pack_like
from cnncore.callbacks import CallbackList
from cnncore.callbacks.old_names import NamedValues
from cnncore.differentiation import Array
from cnncore.models.data.class_weights import weights_of_classes
from cnncore.models.data.sources import is_stream, part_of_pass, unpack, warn_of_end
from cnncore.models.data.streams import StreamSource
from cnncore.models.own.steps import plain_logs
from cnncore.models.training.meter import by_name

__all__ = ["OwnLoop", "RawData", "evaluate_by_steps", "one_step", "predict_by_steps"]


class RawData:
    """Batches as a ``train_step`` gets them: what the user passed, as arrays, in which floats are float32.

    Parameters
    ----------
    data : (x, y, sample_weight)
        Arrays, or nested structures of them; or a source of batches, None and None.
    batch_size : int, optional
        Samples in a batch of arrays; 32 by default.
    owner : str
        The function that messages name.
    steps : int, optional
        The number of batches in an epoch.
    class_weight : dict, optional
        The weight of each class, as for ``fit``.
    """

    def __init__(
        self,
        data: tuple[Any, Any, Any],
        batch_size: int | None,
        owner: str,
        steps: int | None,
        class_weight: Any = None,
    ) -> None:
        self._owner, self._class_weight = owner, class_weight
        self.batch_size: int | None = None
        self.samples: int | None = None
        self._stream: StreamSource | None = None
        limit = None if steps is None else _checks.integer(steps, "steps", owner)
        if is_stream(data[0], owner):
            self._stream = StreamSource(data[0], _never, owner, limit)
            self.steps = self._stream.steps
            return
        if isinstance(data[0], (list, tuple)) and not flatten(data[0]):
            raise ValueError(f"[{owner}] expected samples. Received: x={data[0]!r}")
        self._data = [None if part is None else map_structure(_array, part) for part in data]
        self._given_weight = self._data[2]
        self._data[2] = self._weighted(self._data[1], self._given_weight)
        for leaf in flatten(self._data):
            if leaf is not None and (leaf.ndim == 0 or leaf.dtype.kind not in "fiub"):
                raise TypeError(f"[{owner}] expected arrays of numbers. Received: {leaf.dtype}, shape {leaf.shape}")
        if self._data[0] is None:
            raise ValueError(f"[{owner}] expected samples. Received: x=None")
        lengths = {len(leaf) for leaf in flatten(self._data) if leaf is not None}
        if len(lengths) != 1 or lengths == {0}:
            raise ValueError(f"[{owner}] expected arrays of the same length. Received: lengths {sorted(lengths)}")
        self.batch_size = 32 if batch_size is None else _checks.integer(batch_size, "batch_size", owner)
        self.samples = lengths.pop()
        rounds = -(-self.samples // self.batch_size)
        self.steps = rounds if limit is None else limit

    def epoch(self, number: int, seed: int | None) -> Iterator[Any]:
        """The batches of an epoch, each as x, (x, y) or (x, y, sample_weight). With a seed, their order is random."""

        def order(count: int, before: int) -> np.ndarray:
            first_step = number * (self.steps or 1) - before  # of the pass
            return np.arange(count) if seed is None else generator(seed, first_step).permutation(count)

        if self._stream is not None:
            for batch in self._stream.raw_epoch(order, number):
                x, y, weight = (map_structure(_array_or_none, part) for part in unpack(batch, self._owner))
                yield _packed(x, y, self._weighted(y, weight))
            return
        assert self.samples is not None
        assert self.batch_size is not None
        assert self.steps is not None
        part = part_of_pass(number, -(-self.samples // self.batch_size), self.steps)
        indices = order(self.samples, part.start)
        for batch in part:
            rows = indices[batch * self.batch_size : (batch + 1) * self.batch_size]
            yield _packed(*(_rows(data, rows) for data in self._data))
        if len(part) < self.steps:
            warn_of_end(self._owner, "x", len(part), self.steps, number)

    def whole(self) -> Iterator[Any]:
        """All samples as one batch."""
        yield _packed(*self._data)

    def split(self, fraction: float) -> tuple[RawData, RawData]:
        """All but the last ``fraction`` of the samples, and the rest, which class weights do not hold for."""
        if self._stream is not None or self.samples is None:
            raise ValueError(f"[{self._owner}] expected `validation_split` only with arrays. Received: {fraction}")
        at = math.floor(self.samples * (1 - fraction))
        if not 0 < at < self.samples:
            raise ValueError(f"[{self._owner}] expected samples in both parts. Received: validation_split={fraction}")
        data = (*self._data[:2], self._given_weight)
        parts = [tuple(_rows(part, rows) for part in data) for rows in (slice(at), slice(at, None))]
        first = RawData(parts[0], self.batch_size, self._owner, None, self._class_weight)
        return first, RawData(parts[1], self.batch_size, self._owner, None)

    def _weighted(self, y: Any, weight: Any) -> Any:
        if self._class_weight is None:
            return weight
        if not isinstance(y, np.ndarray):
            raise ValueError(
                f"[{self._owner}] expected one array of targets, since there is a class_weight. Received: "
                f"{type(y).__name__}"
            )
        classes = y.shape[-1] if y.ndim > 1 and y.shape[-1] > 1 else max(int(y.max()) + 1, *self._class_weight, 1) + 1
        factors = weights_of_classes(self._class_weight, np.asarray(y), (int(classes),), self._owner)
        return (factors if weight is None else weight * factors).view(Array)


class OwnLoop:
    """Trains a model by its ``train_step``.

    Parameters
    ----------
    model : Model
        A compiled model.
    data : RawData
        The training data.
    validation : (callable, callable) or None
        A function that says whether an epoch, counted from 0, is followed by an evaluation; and the evaluation, which
        returns logs.
    shuffle : bool
        Whether each epoch has a random order.
    """

    def __init__(self, model: Any, data: RawData, validation: Any, shuffle: bool) -> None:
        self._model, self._data, self._validation = model, data, validation
        self._seed = model.used_seed if shuffle else None
        self._position = {"epoch": 0, "batch": 0}
        self._start: dict[str, int] = {}

    @property
    def position(self) -> dict[str, int]:
        """Which batches are done, for BackupAndRestore. Assigning it in ``on_train_begin`` chooses where to start."""
        return dict(self._position)

    @position.setter
    def position(self, position: dict[str, int]) -> None:
        self._start = dict(position)

    def run(self, epochs: range, hooks: CallbackList) -> None:
        """Train for these epochs. If a callback has restored a position, only the rest is trained."""
        model = self._model
        model.prepare_optimizer()
        hooks.on_train_begin()
        logs: dict[str, Any] = {}
        for epoch in range(max(self._start.get("epoch", 0), epochs.start), epochs.stop):
            hooks.on_epoch_begin(epoch)
            logs = self._run_epoch(epoch, hooks)
            if self._validation is not None and self._validation[0](epoch):
                logs.update({f"val_{name}": value for name, value in self._validation[1]().items()})
            logs = NamedValues(by_name(logs))
            hooks.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        model.use_averages()
        hooks.on_train_end(logs)

    def _run_epoch(self, epoch: int, hooks: CallbackList) -> dict[str, Any]:
        """Run the steps of an epoch, or the rest of one that was interrupted. Return the last logs."""
        model, skip = self._model, self._start.get("batch", 0) if epoch == self._start.get("epoch") else 0
        _reset(model)
        logs: dict[str, Any] = {}
        for index, batch in itertools.islice(enumerate(self._data.epoch(epoch, self._seed)), skip, None):
            hooks.on_train_batch_begin(index)
            logs = plain_logs(model.train_step(batch), f"{type(model).__name__}.train_step")
            self._position = {"epoch": epoch, "batch": index + 1}
            hooks.on_train_batch_end(index, by_name(logs))
            if model.stop_training:
                break
        return logs


def evaluate_by_steps(model: Any, data: RawData, hooks: CallbackList) -> dict[str, Any]:
    """The logs of an evaluation of ``data`` by ``model.test_step``."""
    _reset(model)
    hooks.on_test_begin()
    logs: dict[str, Any] = {}
    for index, batch in enumerate(data.epoch(0, None)):
        hooks.on_test_batch_begin(index)
        logs = plain_logs(model.test_step(batch), f"{type(model).__name__}.test_step")
        hooks.on_test_batch_end(index, by_name(logs))
    hooks.on_test_end(by_name(logs))
    return logs


def predict_by_steps(model: Any, data: RawData, hooks: CallbackList) -> Any:
    """The results of ``model.predict_step`` for all batches, joined along their first axes."""
    owner = f"{type(model).__name__}.predict_step"
    hooks.on_predict_begin()
    parts: list[list[np.ndarray]] = []
    first: Any = None
    for index, batch in enumerate(data.epoch(0, None)):
        hooks.on_predict_batch_begin(index)
        result = model.predict_step(batch)
        first = result if first is None else first
        leaves = [np.asarray(leaf) for leaf in flatten(result)]
        if any(leaf.ndim == 0 or leaf.dtype.kind not in "fiub" for leaf in leaves):
            raise TypeError(f"[{owner}] expected arrays with the batch axis in front. Received: {result!r:.80}")
        parts.append(leaves)
        hooks.on_predict_batch_end(index, {"outputs": result})
    hooks.on_predict_end()
    shapes = {tuple(leaf.shape[1:] for leaf in leaves) for leaves in parts}
    if len(shapes) > 1:
        raise ValueError(
            f"[{owner}] expected results of one shape for all batches, since they become one array. Received: samples "
            f"of the shapes {sorted(shapes)}"
        )
    return pack_like(first, [np.concatenate(arrays) for arrays in zip(*parts, strict=True)])


def one_step(model: Any, step: str, data: tuple[Any, Any, Any], class_weight: Any = None) -> dict[str, Any]:
    """The logs of the method ``step`` of ``model`` for one batch alone."""
    _reset(model)
    if step == "train_step":
        model.prepare_optimizer()
    source = RawData(data, max(len(flatten(data[0])[0]), 1), step, None, class_weight)
    return plain_logs(getattr(model, step)(next(source.epoch(0, None))), f"{type(model).__name__}.{step}")


def _reset(model: Any) -> None:
    for metric in model.metrics:
        metric.reset_state()


def _never(x: Any) -> Any:
    raise AssertionError("the batches of a train_step are not compared with the inputs of a model")


def _array(value: Any) -> Any:
    array = value if isinstance(value, np.ndarray) else np.asarray(value)
    return (array.astype(np.float32) if array.dtype.kind == "f" else array).view(Array)


def _array_or_none(value: Any) -> Any:
    return None if value is None else _array(value)


def _rows(part: Any, rows: Any) -> Any:
    return None if part is None else map_structure(lambda leaf: leaf[rows], part)


def _packed(x: Any, y: Any, weight: Any) -> Any:
    if weight is not None:
        return x, y, weight
    return x if y is None else (x, y)
