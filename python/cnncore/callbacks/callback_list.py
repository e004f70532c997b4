"""CallbackList: calls the hooks of several callbacks, and knows which of them do anything."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import Any

from cnncore import _checks
from cnncore.callbacks.base import Callback, Logs, overrides
from cnncore.callbacks.history import History
from cnncore.callbacks.progress import ProgbarLogger

__all__ = ["CallbackList", "get_states", "set_states"]


class CallbackList:
    """Calls the hooks of several callbacks in order: the user's, then the history, then the progress display.

    Parameters
    ----------
    callbacks : Callback, list of Callback or CallbackList, optional
        The user's callbacks.
    add_history : bool, default False
        Whether to add a :class:`History` after them if they contain none.
    add_progbar : bool, default False
        Whether to add a :class:`ProgbarLogger` at the end if they contain none.
    model : Model, optional
        The model that all callbacks get.
    progress : list of Callback, optional
        Displays that the caller has chosen. They come last.
    owner : str, default "fit"
        The function that messages name.
    **params
        Passed to all callbacks as their ``params``.

    Raises
    ------
    TypeError
        If one of the callbacks is not a Callback.

    Examples
    --------
    >>> callbacks = CallbackList(add_history=True, epochs=1)
    >>> callbacks.on_epoch_end(0, {"loss": 0.5})
    >>> callbacks.history.history
    {'loss': [0.5]}
    """

    def __init__(
        self,
        callbacks: Callback | CallbackList | Iterable[Callback] | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        *,
        progress: Iterable[Callback] = (),
        owner: str = "fit",
        **params: Any,
    ) -> None:
        self.callbacks = _checked(callbacks, owner)
        displays = _checked(progress, owner)
        histories = [callback for callback in self.callbacks if isinstance(callback, History)]
        self.history = histories[0] if histories else History()
        if _checks.boolean(add_history, "add_history", owner) and not histories:
            self.callbacks.append(self.history)
        if not any(isinstance(callback, ProgbarLogger) for callback in self.callbacks):
            self.callbacks += [*displays, *([ProgbarLogger()] if add_progbar else [])]
        self.callbacks.sort(
            key=lambda callback: bool(getattr(callback, "runs_last", False))
        )  # a stable sort, which keeps the order of the others
        for callback in self.callbacks:
            if hasattr(callback, "companions"):
                callback.companions = self.callbacks
        if model is not None:
            self.set_model(model)
        self.set_params(params)
        self._hooks: dict[str, list[Any]] = {}
        self._train_batch_end = [c for c in self.callbacks if overrides(c, "on_train_batch_end")]
        self._due = [0.0] * len(self._train_batch_end)
        self._next_due = 0.0

    def set_model(self, model: Any) -> None:
        """Pass the model to all callbacks."""
        for callback in self.callbacks:
            callback.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Pass the parameters of the call to all callbacks."""
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def listens(self, hook: str) -> bool:
        """Whether any callback does something in ``hook``."""
        return bool(self._active(hook))

    def sees_batches(self, kind: str) -> bool:
        """Whether any callback does something in the hooks before and after a batch of "train", "test" or "predict"."""
        return any(self.listens(f"on_{kind}_batch_{when}") for when in ("begin", "end"))

    def __enter__(self) -> CallbackList:
        return self

    def __exit__(self, *exception: object) -> None:
        for callback in self.callbacks:
            callback.close()

    # --- the hooks ------------------------------------------------------------------------------------------------
    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Call all ``on_train_begin``."""
        self._call("on_train_begin", logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Call all ``on_train_end``."""
        self._call("on_train_end", logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Call all ``on_epoch_begin``."""
        self._call_numbered("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Call all ``on_epoch_end``."""
        self._call_numbered("on_epoch_end", epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call all ``on_train_batch_begin``."""
        self._call_numbered("on_train_batch_begin", batch, logs)

    def on_train_batch_progress(self, batch: int, text: str) -> None:
        """Call all ``on_train_batch_progress``."""
        for function in self._active("on_train_batch_progress"):
            function(batch, text)

    def on_train_batch_end(self, batch: int, logs: Logs | Callable[[], Logs] | None = None) -> None:
        """Call the ``on_train_batch_end`` that are due by their ``batch_interval``.

        ``logs`` may be a function that makes them, which is called only if a callback is due.
        """
        now = time.monotonic()
        if now < self._next_due:  # this takes less time than to look at each callback after each batch
            return
        for index, callback in enumerate(self._train_batch_end):
            if now >= self._due[index]:
                logs = logs() if callable(logs) else {} if logs is None else logs
                callback.on_train_batch_end(batch, logs)
                self._due[index] = now + getattr(callback, "batch_interval", 0.0)
        self._next_due = min(self._due, default=math.inf)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Older name of :meth:`on_train_batch_begin`."""
        self.on_train_batch_begin(batch, logs)

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Older name of :meth:`on_train_batch_end`."""
        self.on_train_batch_end(batch, logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Call all ``on_test_begin``."""
        self._call("on_test_begin", logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Call all ``on_test_end``."""
        self._call("on_test_end", logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call all ``on_test_batch_begin``."""
        self._call_numbered("on_test_batch_begin", batch, logs)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call all ``on_test_batch_end``."""
        self._call_numbered("on_test_batch_end", batch, logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Call all ``on_predict_begin``."""
        self._call("on_predict_begin", logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Call all ``on_predict_end``."""
        self._call("on_predict_end", logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call all ``on_predict_batch_begin``."""
        self._call_numbered("on_predict_batch_begin", batch, logs)

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call all ``on_predict_batch_end``."""
        self._call_numbered("on_predict_batch_end", batch, logs)

    # --- details --------------------------------------------------------------------------------------------------
    def _active(self, hook: str) -> list[Any]:
        hooks = self._hooks.get(hook)
        if hooks is None:
            hooks = self._hooks[hook] = [getattr(c, hook) for c in self.callbacks if overrides(c, hook)]
        return hooks

    def _call(self, hook: str, logs: Logs | None) -> None:
        logs = {} if logs is None else logs
        for function in self._active(hook):
            function(logs)

    def _call_numbered(self, hook: str, number: int, logs: Logs | None) -> None:
        hooks = self._active(hook)
        if hooks:
            logs = {} if logs is None else logs
            for function in hooks:
                function(number, logs)


def get_states(callbacks: Iterable[Callback]) -> list[dict[str, Any]]:
    """The states of callbacks, with the names of their classes."""
    return [{"class_name": type(callback).__name__, "state": callback.get_state()} for callback in callbacks]


def set_states(callbacks: Iterable[Callback], states: list[dict[str, Any]]) -> None:
    """Inverse of :func:`get_states`: each callback gets the first state of its class that no other has got."""
    waiting = list(states)
    for callback in callbacks:
        for entry in waiting:
            if entry["class_name"] == type(callback).__name__:
                callback.set_state(entry["state"])
                waiting.remove(entry)
                break


def _checked(callbacks: Any, owner: str) -> list[Any]:
    if callbacks is None:
        return []
    if isinstance(callbacks, CallbackList):
        return list(callbacks.callbacks)
    users = [callbacks] if isinstance(callbacks, Callback) else _checks.listed(callbacks, "callbacks", owner)
    for callback in users:
        if not isinstance(callback, Callback):
            hint = " Make an object of the class by calling it." if isinstance(callback, type) else ""
            raise TypeError(
                f"[{owner}] expected `callbacks` to be a list of Callback objects.{hint} Received: {callback!r}"
            )
    return users
