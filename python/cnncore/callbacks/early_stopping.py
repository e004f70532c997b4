"""EarlyStopping: end training when a value stops improving."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.callbacks.base import Logs
from cnncore.callbacks.monitor import MonitorCallback

__all__ = ["EarlyStopping"]


class EarlyStopping(MonitorCallback):
    """Stop training when a value of the logs has not become better for some epochs.

    Parameters
    ----------
    monitor : str, default "val_loss"
        A name in the logs.
    min_delta : float, default 0
        A value counts as better only if it is better by more than this.
    patience : int, default 0
        How many epochs without an improvement end the training.
    verbose : {0, 1}, default 0
        Whether to print a line on stopping and on restoring weights.
    mode : {"auto", "min", "max"}, default "auto"
        Whether lower or higher values are better; see :class:`cnncore.callbacks.monitor.MonitorCallback`.
    baseline : float, optional
        An epoch whose value is not better than this does not restart the patience, even if it is the best so far.
    restore_best_weights : bool, default False
        Whether to end with the weights of the best epoch instead of the last ones.
    start_from_epoch : int, default 0
        The first epoch to look at, counted from 0.

    Attributes
    ----------
    stopped_epoch : int
        The epoch after which training was stopped, counted from 0; 0 if it was not.
    best_epoch : int
        The epoch of the best value, counted from 0.
    best_weights : list of numpy.ndarray or None
        The weights after that epoch, if they are to be restored.

    Examples
    --------
    >>> stopping = EarlyStopping(monitor="val_accuracy", patience=3, restore_best_weights=True)
    >>> stopping.patience
    3
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = _checks.integer(patience, "patience", "EarlyStopping", minimum=0)
        self.verbose = verbose
        self.baseline = None if baseline is None else _checks.number(baseline, "baseline", "EarlyStopping")
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = _checks.integer(start_from_epoch, "start_from_epoch", "EarlyStopping", minimum=0)
        self._forget()

    def _forget(self) -> None:
        self.best = None
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights: list[np.ndarray] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._forget()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        value = self.value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.improves(value, self.best):
            self._remember(value, epoch)
            if self.baseline is None or self.improves(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.verbose and self.stopped_epoch:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def get_state(self) -> dict[str, Any]:
        return {
            "best": self.best,
            "wait": self.wait,
            "stopped_epoch": self.stopped_epoch,
            "best_epoch": self.best_epoch,
            "best_weights": self.best_weights,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)

    def _remember(self, value: float, epoch: int) -> None:
        self.best, self.best_epoch = value, epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()
