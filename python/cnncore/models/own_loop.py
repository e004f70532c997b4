"""The loops of ``fit`` and ``evaluate`` for classes that have a ``train_step`` or ``test_step`` of their own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._random import generator
from cnncore._structure import flatten, map_structure
from cnncore.callbacks import CallbackList
from cnncore.callbacks.old_names import NamedValues
from cnncore.differentiation import Array
from cnncore.models.class_weights import weights_of_classes
from cnncore.models.own_steps import plain_logs
from cnncore.models.sources import is_stream, unpack
from cnncore.models.streams import StreamSource

__all__ = ["RawData", "evaluate_by_steps", "fit_by_steps", "one_step"]


class RawData:
    """Batches as a ``train_step`` gets them: as the user gave them, but as arrays, and floats as float32.

    Parameters
    ----------
    data : (x, y, sample_weight)
        Arrays, or nested structures of them; or a source of batches, and twice None.
    batch_size : int, optional
        Of arrays; 32 by default.
    owner : str
        Who asks, for messages.
    steps : int, optional
        Batches in an epoch.
    class_weight : dict, optional
        As for ``fit``.
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
        if is_stream(data[0]):
            self._stream = StreamSource(data[0], _never, owner, limit)
            self.steps = self._stream.steps
            return
        if isinstance(data[0], (list, tuple)) and not flatten(data[0]):
            raise ValueError(f"[{owner}] expected samples. Received: x={data[0]!r}")
        self._data = [None if part is None else map_structure(_array, part) for part in data]
        self._data[2] = self._weighted(self._data[1], self._data[2])
        lengths = {len(leaf) for leaf in flatten(self._data) if leaf is not None}
        if len(lengths) != 1 or lengths == {0}:
            raise ValueError(f"[{owner}] expected as many samples everywhere. Received: lengths {sorted(lengths)}")
        self.batch_size = 32 if batch_size is None else _checks.integer(batch_size, "batch_size", owner)
        self.samples = lengths.pop()
        rounds = -(-self.samples // self.batch_size)
        self.steps = rounds if limit is None else limit

    def epoch(self, number: int, seed: int | None) -> Iterator[Any]:
        """The batches of an epoch, each as x, (x, y) or (x, y, sample_weight); in random order where there is a
        seed.
        """

        def order(count: int, offset: int) -> np.ndarray:
            return np.arange(count) if seed is None else generator(seed, number, offset).permutation(count)

        if self._stream is not None:
            for batch in self._stream.raw_epoch(order, number):
                x, y, weight = (map_structure(_array_or_none, part) for part in unpack(batch, self._owner))
                yield _packed(x, y, self._weighted(y, weight))
            return
        assert self.samples is not None
        assert self.batch_size is not None
        assert self.steps is not None
        done = 0
        while done < self.steps:
            indices = order(self.samples, done)
            for start in range(0, self.samples, self.batch_size):
                if done < self.steps:
                    rows = indices[start : start + self.batch_size]
                    yield _packed(*(_rows(part, rows) for part in self._data))
                    done += 1

    def whole(self) -> Iterator[Any]:
        """All samples as one batch."""
        yield _packed(*self._data)

    def split(self, fraction: float) -> tuple[RawData, RawData]:
        """All but the last ``fraction`` of the samples, and the rest."""
        if self._stream is not None or self.samples is None:
            raise ValueError(f"[{self._owner}] expected `validation_split` only with arrays. Received: {fraction}")
        at = math.floor(self.samples * (1 - fraction))
        if not 0 < at < self.samples:
            raise ValueError(f"[{self._owner}] expected samples in both parts. Received: validation_split={fraction}")
        parts = [tuple(_rows(part, rows) for part in self._data) for rows in (slice(at), slice(at, None))]
        first, last = (RawData(part, self.batch_size, self._owner, None) for part in parts)
        return first, last

    def _weighted(self, y: Any, weight: Any) -> Any:
        if self._class_weight is None:
            return weight
        if not isinstance(y, np.ndarray):
            raise ValueError(f"[{self._owner}] expected one array of targets where there is a class_weight.")
        classes = y.shape[-1] if y.ndim > 1 and y.shape[-1] > 1 else max(int(y.max()) + 1, *self._class_weight, 1) + 1
        factors = weights_of_classes(self._class_weight, np.asarray(y), (int(classes),), self._owner)
        return (factors if weight is None else weight * factors).view(Array)


def fit_by_steps(model: Any, data: RawData, validation: Any, epochs: range, shuffle: bool, hooks: CallbackList) -> None:
    """Train ``model`` by its ``train_step``.

    Parameters
    ----------
    model : Model
    data : RawData
    validation : (callable, callable) or None
        Whether an epoch, counted from 0, is followed by an evaluation; and the evaluation, which returns logs.
    epochs : range
    shuffle : bool
    hooks : CallbackList
    """
    owner = f"{type(model).__name__}.train_step"
    model.prepare_optimizer()
    hooks.on_train_begin()
    logs: dict[str, Any] = {}
    for epoch in epochs:
        _reset(model)
        hooks.on_epoch_begin(epoch)
        for index, batch in enumerate(data.epoch(epoch, model.seed if shuffle else None)):
            hooks.on_train_batch_begin(index)
            logs = plain_logs(model.train_step(batch), owner)
            hooks.on_train_batch_end(index, dict(logs))
            if model.stop_training:
                break
        logs = NamedValues(logs)
        if validation is not None and validation[0](epoch):
            logs.update({f"val_{name}": value for name, value in validation[1]().items()})
        hooks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    hooks.on_train_end(logs)


def evaluate_by_steps(model: Any, data: RawData, hooks: CallbackList) -> dict[str, Any]:
    """What ``model.test_step`` says of ``data``."""
    _reset(model)
    hooks.on_test_begin()
    logs: dict[str, Any] = {}
    for index, batch in enumerate(data.epoch(0, None)):
        hooks.on_test_batch_begin(index)
        logs = plain_logs(model.test_step(batch), f"{type(model).__name__}.test_step")
        hooks.on_test_batch_end(index, dict(logs))
    hooks.on_test_end(logs)
    return logs


def one_step(model: Any, step: str, data: tuple[Any, Any, Any], class_weight: Any = None) -> dict[str, Any]:
    """What a step of ``model`` says of one batch alone."""
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
