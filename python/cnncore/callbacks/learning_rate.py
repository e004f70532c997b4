"""Callbacks that change the learning rate: LearningRateScheduler and ReduceLROnPlateau."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

from cnncore import _checks
from cnncore.callbacks.base import Callback, Logs
from cnncore.callbacks.monitor import MonitorCallback, emit

__all__ = ["LearningRateScheduler", "ReduceLROnPlateau"]


class LearningRateScheduler(Callback):
    """Set the learning rate before each epoch.

    Parameters
    ----------
    schedule : callable
        ``schedule(epoch, learning_rate) -> learning_rate`` or ``schedule(epoch) -> learning_rate``, with epochs counted
        from 0.
    verbose : {0, 1}, default 0
        Whether to print the new rate.

    Raises
    ------
    TypeError
        If ``schedule`` is not a function of one or two arguments, or does not return a number.

    Examples
    --------
    >>> halve = LearningRateScheduler(lambda epoch, rate: rate * 0.5 if epoch else rate)
    >>> stairs = LearningRateScheduler(lambda epoch: 0.1 if epoch < 10 else 0.01)
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        if not callable(schedule):
            raise TypeError(f"[LearningRateScheduler] expected `schedule` to be a function. Received: {schedule!r}")
        self.schedule, self.verbose = schedule, verbose
        self._takes_rate = _takes_two(schedule)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        arguments = (epoch, float(optimizer.learning_rate)) if self._takes_rate else (epoch,)
        rate = _checks.number(self.schedule(*arguments), "learning_rate", "LearningRateScheduler", minimum=0.0)
        optimizer.learning_rate = rate
        if self.verbose:
            emit(f"Epoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class ReduceLROnPlateau(MonitorCallback):
    """Lower the learning rate when a value of the logs has not become better for some epochs.

    Parameters
    ----------
    monitor : str, default "val_loss"
        A name in the logs.
    factor : float, default 0.1
        The factor by which the learning rate is multiplied; less than 1.
    patience : int, default 10
        How many epochs without an improvement lower the rate.
    verbose : {0, 1}, default 0
        Whether to print the new rate.
    mode : {"auto", "min", "max"}, default "auto"
        Whether lower or higher values are better; see :class:`cnncore.callbacks.monitor.MonitorCallback`.
    min_delta : float, default 1e-4
        A value counts as better only if it is better by more than this.
    cooldown : int, default 0
        After a change, epochs without an improvement are not counted for this many epochs.
    min_lr : float, default 0
        The rate never becomes less than this.
    epsilon : float, optional
        Keras 2's name of ``min_delta``.

    Raises
    ------
    ValueError
        If ``factor`` is not less than 1.

    Examples
    --------
    >>> plateau = ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=2)
    >>> plateau.factor
    0.5
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        *,
        epsilon: float | None = None,
    ) -> None:
        if epsilon is not None:
            message = "`epsilon=` of ReduceLROnPlateau is called `min_delta=` today."
            warnings.warn(message, DeprecationWarning, stacklevel=2)
            min_delta = epsilon
        super().__init__(monitor, mode, min_delta=min_delta)
        owner = "ReduceLROnPlateau"
        self.factor = _checks.number(factor, "factor", owner, minimum=0.0, below=1.0)
        self.patience = _checks.integer(patience, "patience", owner, minimum=0)
        self.cooldown = _checks.integer(cooldown, "cooldown", owner, minimum=0)
        self.min_lr = _checks.number(min_lr, "min_lr", owner, minimum=0.0)
        self.verbose = verbose
        self.cooldown_counter = self.wait = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.best, self.cooldown_counter, self.wait = None, 0, 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = {} if logs is None else logs
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        value = self.value(logs)
        if value is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(value, self.best):
            self.best, self.wait = value, 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        rate = float(optimizer.learning_rate)
        if rate <= self.min_lr:
            return
        optimizer.learning_rate = max(rate * self.factor, self.min_lr)
        self.cooldown_counter, self.wait = self.cooldown, 0
        if self.verbose:
            emit(f"Epoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {float(optimizer.learning_rate)}.")

    def get_state(self) -> dict[str, Any]:
        return {"best": self.best, "wait": self.wait, "cooldown_counter": self.cooldown_counter}

    def set_state(self, state: dict[str, Any]) -> None:
        self.best, self.wait = state["best"], state["wait"]
        self.cooldown_counter = state["cooldown_counter"]


def _takes_two(schedule: Callable[..., float]) -> bool:
    """Whether a function can be called with two arguments, the epoch and the rate."""
    try:
        signature = inspect.signature(schedule)
    except (TypeError, ValueError):  # a function written in C
        return False
    for arguments in ((0, 0.0), (0,)):
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return len(arguments) == 2
    raise TypeError(
        "[LearningRateScheduler] expected `schedule` to be a function of (epoch) or (epoch, learning_rate). "
        f"Received: {schedule!r}, a function of {signature}"
    )
