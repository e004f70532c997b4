"""Callbacks that watch a value of the logs: EarlyStopping and ModelCheckpoint."""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.callbacks.base import Callback, Logs


class _Monitor(Callback):
    """Knows which of two values of ``monitor`` is better."""

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        super().__init__()
        owner = type(self).__name__
        if not isinstance(monitor, str):
            raise TypeError(f"[{owner}] expected `monitor` to be a name in the logs. Received: {monitor=}")
        if mode not in ("auto", "min", "max"):
            raise ValueError(f'[{owner}] expected `mode` to be "auto", "min" or "max". Received: {mode=}')
        if mode == "auto":
            mode = "max" if monitor.endswith(("acc", "accuracy")) else "min"
        self.monitor, self.mode = monitor, mode
        self.min_delta = _checks.number(min_delta, "min_delta", owner, minimum=0.0)
        self.best = self._worst()

    def _worst(self) -> float:
        return math.inf if self.mode == "min" else -math.inf

    def _improves(self, value: float) -> bool:
        if self.mode == "min":
            return value < self.best - self.min_delta
        return value > self.best + self.min_delta

    def _value(self, logs: Logs | None) -> float | None:
        logs = logs or {}
        if self.monitor not in logs:
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}, which is not in the logs: {', '.join(logs)}",
                stacklevel=2,
            )
            return None
        return logs[self.monitor]


class EarlyStopping(_Monitor):
    """Stop when a value has not become better for some epochs.

    Parameters
    ----------
    monitor : str, default "val_loss"
        A name in the logs.
    min_delta : float, default 0
        A smaller change is no improvement.
    patience : int, default 0
        Epochs without improvement that are borne.
    verbose : {0, 1}, default 0
        Whether to print a line on stopping.
    mode : {"auto", "min", "max"}, default "auto"
        Which direction is better; "auto" means up for accuracies and down for the rest.
    baseline : float, optional
        A value to be better than, to count as an improvement.
    restore_best_weights : bool, default False
        Whether to end with the weights of the best epoch instead of the last ones.
    start_from_epoch : int, default 0
        Epochs to wait before watching.

    Examples
    --------
    >>> EarlyStopping(monitor="val_accuracy", patience=3).mode
    'max'
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
        super().__init__(monitor, mode, min_delta)
        self.patience = _checks.integer(patience, "patience", "EarlyStopping", minimum=0)
        self.verbose = verbose
        self.baseline = None if baseline is None else _checks.number(baseline, "baseline", "EarlyStopping")
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = _checks.integer(start_from_epoch, "start_from_epoch", "EarlyStopping", minimum=0)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.best = self._worst()
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        value = self._value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self._improves(value):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or (value < self.baseline if self.mode == "min" else value > self.baseline):
                self.wait = 0
        if self.wait >= max(self.patience, 1) and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.verbose and self.stopped_epoch:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)


class ModelCheckpoint(_Monitor):
    """Save the model after each epoch, or after those that are the best so far.

    Parameters
    ----------
    filepath : str or path
        May name values: ``"model-{epoch:02d}-{val_loss:.3f}.safetensors"`` (epochs counted from 1). Its directory is
        made if it does not exist.
    monitor : str, default "val_loss"
        A name in the logs, for ``save_best_only``.
    verbose : {0, 1}, default 0
        Whether to print a line on saving.
    save_best_only : bool, default False
    save_weights_only : bool, default False
        Whether to leave out layers and training state.
    mode : {"auto", "min", "max"}, default "auto"
        Which direction is better; "auto" means up for accuracies and down for the rest.
    save_freq : {"epoch"}
        When to save.

    Raises
    ------
    OSError
        At the start of training, if nothing can be written there.

    Examples
    --------
    >>> ModelCheckpoint("best.safetensors", monitor="val_accuracy", save_best_only=True).mode
    'max'
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str = "epoch",
    ) -> None:
        super().__init__(monitor, mode)
        if save_freq != "epoch":
            raise ValueError(f'[ModelCheckpoint] expected save_freq="epoch". Received: {save_freq=}')
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only

    def on_train_begin(self, logs: Logs | None = None) -> None:
        # An epoch of work should not be lost to a path that could have been checked before.
        directory = Path(self.filepath).parent
        if "{" not in str(directory):
            from cnncore.saving import check_writable

            directory.mkdir(parents=True, exist_ok=True)
            check_writable(self.filepath)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_best_only:
            value = self._value(logs)
            if value is None or not self._improves(value):
                return
            self.best = value
        path = self._path(epoch, logs or {})
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        if self.verbose:
            print(f"Epoch {epoch + 1}: saved {path}")

    def _path(self, epoch: int, logs: dict[str, Any]) -> Path:
        try:
            return Path(self.filepath.format(epoch=epoch + 1, **logs))
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"[ModelCheckpoint] expected `filepath` to name values of the logs: epoch, {', '.join(logs)}. "
                f"Received: {self.filepath!r} ({error})"
            ) from None
