"""CSVLogger and LearningRateScheduler."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnncore.callbacks.base import Callback, Logs


class CSVLogger(Callback):
    """Write the logs of each epoch as a line of a CSV file, which is complete after every epoch.

    Parameters
    ----------
    filename : str or path
    separator : str, default ","
    append : bool, default False
        Whether to go on with a file that exists, instead of replacing it.

    Raises
    ------
    OSError
        At the start of training, if the file cannot be written.
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename, self.separator, self.append = Path(filename), separator, append
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

        row: dict[str, Any] = {"epoch": epoch, **(logs or {})}
        with self.filename.open("a", newline="", encoding="utf-8") as file:
            header = self._keys is None
            self._keys = self._keys or ["epoch", *sorted(logs or {})]
            writer = csv.DictWriter(file, self._keys, restval="NA", extrasaction="ignore", delimiter=self.separator)
            if header:
                writer.writeheader()
            writer.writerow(row)


class LearningRateScheduler(Callback):
    """Set the learning rate before each epoch.

    Parameters
    ----------
    schedule : callable
        ``schedule(epoch, learning_rate) -> learning_rate``, with epochs counted from 0.
    verbose : {0, 1}, default 0
        Whether to print the new rate.

    Examples
    --------
    >>> halve = LearningRateScheduler(lambda epoch, rate: rate * 0.5 if epoch else rate)
    """

    def __init__(self, schedule: Callable[[int, float], float], verbose: int = 0) -> None:
        super().__init__()
        if not callable(schedule):
            raise TypeError(f"[LearningRateScheduler] expected `schedule` to be a function. Received: {schedule!r}")
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        optimizer.learning_rate = self.schedule(epoch, optimizer.learning_rate)
        if self.verbose:
            print(f"Epoch {epoch + 1}: learning rate {optimizer.learning_rate:g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = self.model.optimizer.learning_rate
