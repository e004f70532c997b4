"""Callback: the hooks into ``fit``, ``evaluate`` and ``predict``."""

from __future__ import annotations

from typing import Any

__all__ = ["HOOKS", "Callback", "Logs", "overrides"]

Logs = dict[str, Any]


class Callback:
    """Base class of callbacks: override the hooks you need. A hook that no callback overrides costs nothing.

    Every hook has an argument ``logs``, a dict of values by their names. At the end of an epoch or a batch, it contains
    the loss and the metrics. All callbacks get the same dict, so that each one sees what those before it have added.
    Keras' older names ``on_batch_begin`` and ``on_batch_end`` are called for batches of training unless
    ``on_train_batch_begin`` or ``on_train_batch_end`` is overridden.

    Attributes
    ----------
    model : Model
        The model in training; set ``model.stop_training = True`` to end it after the current batch.
    params : dict
        "verbose", "epochs", "steps" (batches in an epoch, None where that is not known), "samples" and "batch_size"
        (None for generators), and "do_validation".
    batch_interval : float, default 0
        The smallest number of seconds between two calls of ``on_train_batch_end``; 0 means every batch.

    Examples
    --------
    >>> class StopAt(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         if logs["loss"] < 0.1:
    ...             self.model.stop_training = True
    """

    batch_interval = 0.0

    def __init__(self) -> None:
        self._model: Any = None
        self.params: dict[str, Any] = {}

    @property
    def model(self) -> Any:
        """The model that the callback was given to."""
        return getattr(self, "_model", None)  # also for a subclass that does not call this class's __init__

    def set_model(self, model: Any) -> None:
        """Called with the model before anything else happens."""
        self._model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Called with the parameters of the call before anything else happens."""
        self.params = params

    # --- training -------------------------------------------------------------------------------------------------
    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called at the start of ``fit``."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called at the end of ``fit``, but not after an exception."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called before an epoch; epochs are counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Called after an epoch. ``logs`` has its loss and metrics, and those of validation with ``val_`` in front."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch of training; batches are counted from 0 in each epoch."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_progress(self, batch: int, text: str) -> None:
        """Called during a batch that takes long. ``text`` says what is being done: "CG 12, residual 3.1e-04"."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch of training. ``logs`` has the means of the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Older name of ``on_train_batch_begin``."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Older name of ``on_train_batch_end``."""

    # --- evaluation -----------------------------------------------------------------------------------------------
    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called at the start of ``evaluate``, and of each validation in ``fit``."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called at the end of an evaluation. ``logs`` has its loss and metrics."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch of an evaluation. ``logs`` has the means so far."""

    # --- prediction -----------------------------------------------------------------------------------------------
    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Called at the start of ``predict``."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Called at the end of ``predict``."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch of a prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch of a prediction. ``logs["outputs"]`` has the predictions of the batch."""

    # --- beyond Keras ---------------------------------------------------------------------------------------------
    def close(self) -> None:
        """Called when ``fit``, ``evaluate`` or ``predict`` ends, also by an exception, to close files and the like."""

    def get_state(self) -> dict[str, Any]:
        """The state that the callback needs if training continues in another process.

        :class:`BackupAndRestore` saves it. The values are numbers, strings, None, lists and dicts of them, or arrays.
        """
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a result of :meth:`get_state`. Called after ``on_train_begin``."""


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))
_OLDER_NAMES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


def overrides(callback: Callback, hook: str) -> bool:
    """Whether a callback does anything in a hook, by its class or by a function that was assigned to it."""
    names = {hook, _OLDER_NAMES.get(hook, hook)}
    return any(getattr(getattr(callback, name), "__func__", None) is not getattr(Callback, name) for name in names)
