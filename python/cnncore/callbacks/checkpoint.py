"""ModelCheckpoint: save the model while it trains."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

from cnncore import _checks
from cnncore._suggestions import nearest
from cnncore.callbacks.base import Logs
from cnncore.callbacks.monitor import MonitorCallback, emit
from cnncore.callbacks.old_names import NamedValues

__all__ = ["ModelCheckpoint"]


class ModelCheckpoint(MonitorCallback):
    """Save the model after each epoch or every few batches, or only when it is the best so far.

    Parameters
    ----------
    filepath : str or path
        Where to save, as for ``model.save``. It may contain values of the logs:
        ``"model-{epoch:02d}-{val_loss:.3f}.safetensors"``. Epochs are counted from 1. ``{batch}`` is available if
        ``save_freq`` is a number. The directory is made if it does not exist.
    monitor : str, default "val_loss"
        A name in the logs, for ``save_best_only``.
    verbose : {0, 1}, default 0
        Whether to print a line on saving.
    save_best_only : bool, default False
        Whether to save only when the value is better than all before.
    save_weights_only : bool, default False
        Whether to leave out layers and training state (``model.save_weights``).
    mode : {"auto", "min", "max"}, default "auto"
        Whether lower or higher values are better; see :class:`cnncore.callbacks.monitor.MonitorCallback`.
    save_freq : "epoch" or int, default "epoch"
        When to save: after each epoch, or each time after this many batches.
    initial_value_threshold : float, optional
        For ``save_best_only``: the value that the first saved model must be better than.
    period : int, default 1
        An argument of Keras 2, which must be 1. ``save_freq`` says how often to save.

    Raises
    ------
    OSError
        At the start of training, if nothing can be written there.
    ValueError
        If ``save_freq`` is something else; and on saving, if ``filepath`` contains values that the logs do not have.

    Examples
    --------
    >>> checkpoint = ModelCheckpoint("best.safetensors", monitor="val_accuracy", save_best_only=True)
    >>> checkpoint.save_freq
    'epoch'
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        *,
        period: int = 1,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        if not isinstance(period, int) or period != 1:
            raise ValueError(
                "[ModelCheckpoint] period= is of Keras 2: write save_freq=period * steps_per_epoch, which counts "
                f"batches. Received: period={period!r}"
            )
        if isinstance(save_freq, str) and save_freq != "epoch":
            raise ValueError(
                f'[ModelCheckpoint] expected `save_freq` to be "epoch" or a number. Received: {save_freq=}'
            )
        self.save_freq: str | int = (
            save_freq if isinstance(save_freq, str) else _checks.integer(save_freq, "save_freq", "ModelCheckpoint")
        )
        self.filepath = _checks.path(filepath, "filepath", "ModelCheckpoint")
        self.verbose = verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self._epoch = self._batches = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        # An epoch of work should not be lost to a path that could have been checked before.
        import tempfile

        directory = Path(self.filepath).parent
        if "{" not in str(directory):
            directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=directory):
                pass

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches >= int(self.save_freq):
            self._batches = 0
            self._save(self._epoch, logs or {}, batch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, logs or {})

    def get_state(self) -> dict[str, Any]:
        return {"best": self.best, "_batches": self._batches}

    def set_state(self, state: dict[str, Any]) -> None:
        self.best, self._batches = state["best"], state["_batches"]

    def _save(self, epoch: int, logs: Logs, batch: int | None = None) -> None:
        path = self._path(epoch, logs, batch)
        if not self._should_save(epoch, logs, path):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)

    def _should_save(self, epoch: int, logs: Logs, path: Path) -> bool:
        if not self.save_best_only:
            self._say(f"Epoch {epoch + 1}: saving model to {path}")
            return True
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(
                f"ModelCheckpoint watches {self.monitor!r}, which is not in the logs: {', '.join(logs)}."
                f"{nearest(self.monitor, logs)} It saves without comparing.",
                stacklevel=2,
            )
            return True
        before = "None" if self.best is None else f"{self.best:.5f}"
        if not self.improves(value, self.best):
            self._say(f"Epoch {epoch + 1}: {self.monitor} did not improve from {before}")
            return False
        self._say(f"Epoch {epoch + 1}: {self.monitor} improved from {before} to {value:.5f}, saving model to {path}")
        self.best = float(value)
        return True

    def _say(self, text: str) -> None:
        if self.verbose:
            emit(text)

    def _path(self, epoch: int, logs: Logs, batch: int | None) -> Path:
        values = NamedValues({**logs, "epoch": epoch + 1} | ({} if batch is None else {"batch": batch + 1}))
        try:
            return Path(self.filepath.format_map(values))
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"[ModelCheckpoint] expected `filepath` to name values of the logs: {', '.join(values)}. "
                f"Received: {self.filepath!r} ({error})"
            ) from None
