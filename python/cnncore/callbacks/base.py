"""Callback: hooks into ``fit``; and the list of them that ``fit`` drives."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnncore.models import Model

Logs = dict[str, float]


class Callback:
    """Base class: override the hooks you need. Batch hooks cost nothing where no callback overrides them.

    Attributes
    ----------
    model : Model
        The model in training; set ``model.stop_training = True`` to end it.
    params : dict
        "epochs", "steps" (batches in an epoch), "samples", "batch_size", "verbose".
    batch_interval : float
        Least number of seconds between two calls of ``on_train_batch_end``; 0, the default, means every batch.

    Examples
    --------
    >>> class StopAt(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.model.stop_training = logs["loss"] < 0.1
    """

    batch_interval = 0.0

    def __init__(self) -> None:
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def set_model(self, model: Model) -> None:
        """Told the model before training."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Told the parameters before training."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """At the start of ``fit``."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """At the end of ``fit``, not after an exception."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch; ``logs`` has its loss and metrics, and those of validation with ``val_`` in front."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch, counted from 0 in each epoch."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch; ``logs`` has the means of the epoch so far."""

    def close(self) -> None:
        """When ``fit`` ends in any way, an exception included: release what is held."""


class History(Callback):
    """Records the logs of every epoch. ``fit`` returns one.

    Attributes
    ----------
    epoch : list of int
        Epochs, counted from 0.
    history : dict of str to list of float
        One value an epoch for each name in the logs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class LambdaCallback(Callback):
    """A callback made of functions.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end, on_train_begin, on_train_end, on_train_batch_begin, on_train_batch_end : callable
        Any of the hooks, with the arguments of :class:`Callback`'s.

    Examples
    --------
    >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    >>> callback.on_epoch_end(0, {"loss": 0.5})
    0 0.5
    """

    def __init__(self, **hooks: Callable[..., Any]) -> None:
        super().__init__()
        for name, hook in hooks.items():
            if name not in _HOOKS or not callable(hook):
                known = ", ".join(_HOOKS)
                raise ValueError(f"[LambdaCallback] expected functions for {known}. Received: {name}={hook!r}")
            setattr(self, name, hook)


_HOOKS = (
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)


class CallbackList:
    """Drives the callbacks of one ``fit``: the progress display, the user's, then the history."""

    def __init__(
        self, callbacks: Iterable[Callback] | None, model: Model, verbose: Any, params: dict[str, Any]
    ) -> None:
        from cnncore.callbacks.progress import make_progress

        users = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or [])
        for callback in users:
            if not isinstance(callback, Callback):
                raise TypeError(f"[fit] expected `callbacks` to be a list of Callback objects. Received: {callback!r}")
        progress = make_progress(verbose)
        self.history = History()
        self.callbacks = [*progress, *users, self.history]
        params = {**params, "verbose": verbose}
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)
        self._batch_begin = [c.on_train_batch_begin for c in self.callbacks if _overrides(c, "on_train_batch_begin")]
        self._batch_end = [c for c in self.callbacks if _overrides(c, "on_train_batch_end")]
        self._due = [0.0] * len(self._batch_end)

    def __enter__(self) -> CallbackList:
        return self

    def __exit__(self, *exception: object) -> None:
        for callback in self.callbacks:
            callback.close()

    def on_train_begin(self) -> None:
        for callback in self.callbacks:
            callback.on_train_begin({})

    def on_train_end(self, logs: Logs) -> None:
        for callback in self.callbacks:
            callback.on_train_end(logs)

    def on_epoch_begin(self, epoch: int) -> None:
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, {})

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)

    def on_train_batch_begin(self, batch: int) -> None:
        for hook in self._batch_begin:
            hook(batch, {})

    def on_train_batch_end(self, batch: int, make_logs: Callable[[], Logs]) -> None:
        """``make_logs`` is called only if a callback is due: it brings the metrics up to date."""
        if not self._batch_end:
            return
        now, logs = time.monotonic(), None
        for index, callback in enumerate(self._batch_end):
            if now >= self._due[index]:
                logs = make_logs() if logs is None else logs
                callback.on_train_batch_end(batch, logs)
                self._due[index] = now + callback.batch_interval


def _overrides(callback: Callback, hook: str) -> bool:
    return getattr(getattr(callback, hook), "__func__", None) is not getattr(Callback, hook)
