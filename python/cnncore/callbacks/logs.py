"""Callbacks that read the logs: CSVLogger and TerminateOnNaN."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.callbacks.base import Callback, Logs

__all__ = ["CSVLogger", "TerminateOnNaN"]


class CSVLogger(Callback):
    """Write the logs of each epoch as a line of a CSV file, which is complete after every epoch.

    The first column is the epoch, counted from 0; the others are in alphabetical order. A value that the logs of an
    epoch do not have is written as "NA".

    Parameters
    ----------
    filename : str or path
        Where to write.
    separator : str, default ","
        The text between two values of a line.
    append : bool, default False
        Whether to append to an existing file instead of replacing it.

    Raises
    ------
    OSError
        At the start of training, if the file cannot be written.

    Examples
    --------
    >>> logger = CSVLogger("training.csv", append=True)
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename, self.separator, self.append = (
            Path(_checks.path(filename, "filename", "CSVLogger")),
            separator,
            append,
        )
        self._keys: list[str] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._keys = None
        if self.append and self.filename.exists() and self.filename.stat().st_size:
            with self.filename.open(newline="", encoding="utf-8") as file:
                self._keys = file.readline().strip().split(self.separator)
        else:
            self.filename.write_text("", encoding="utf-8")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        import csv

        row = {"epoch": epoch, **{name: _as_text(value) for name, value in (logs or {}).items()}}
        with self.filename.open("a", newline="", encoding="utf-8") as file:
            header = self._keys is None
            if self._keys is None:
                self._keys = ["epoch", *self._columns(logs or {})]
            writer = csv.DictWriter(file, self._keys, restval="NA", extrasaction="ignore", delimiter=self.separator)
            if header:
                writer.writeheader()
            writer.writerow(row)

    def _columns(self, logs: Logs) -> list[str]:
        names = sorted(logs)
        if any(name.startswith("val_") for name in names):
            return names
        if not self.params.get("do_validation"):
            return names
        return [*names, *(f"val_{name}" for name in names if name != "learning_rate")]  # they come in a later epoch


class TerminateOnNaN(Callback):
    """End training when the loss is NaN or infinite.

    ``fit`` itself stops with a :class:`cnncore.TrainingError` on such a loss, before it changes any weight. This
    callback ends training without an error: the model keeps its weights, and ``fit`` returns the history.

    Parameters
    ----------
    raise_error : bool, default False
        Whether to end with a RuntimeError instead.

    Raises
    ------
    RuntimeError
        During training, if the loss is not finite and ``raise_error`` is true.

    Examples
    --------
    >>> callback = TerminateOnNaN()
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            if self.raise_error:
                raise RuntimeError(f"[TerminateOnNaN] the loss is not finite at batch {batch}. Received: loss={loss}")
            print(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True


def _as_text(value: Any) -> Any:
    """A value of the logs for a CSV file. Arrays have the form that Keras writes."""
    if isinstance(value, str) or np.ndim(value) == 0:
        return value
    return f'"[{", ".join(map(str, np.asarray(value).tolist()))}]"'
