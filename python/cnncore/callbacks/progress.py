"""The displays of ``verbose``: a progress bar in a terminal or notebook, or a line for each epoch."""

from __future__ import annotations

import sys
import time
from typing import Any

from cnncore._logging import is_interactive_logging_enabled
from cnncore.callbacks.base import Callback, Logs
from cnncore.callbacks.progress_line import Line, in_notebook, make_line
from cnncore.callbacks.progress_text import final_text, format_logs, progress_text

__all__ = [
    "EpochLines",
    "ProgbarLogger",
    "ProgressBar",
    "make_progress",
]


class ProgressBar(Callback):
    """A line for each epoch that is drawn again and again: batches done, time left, loss and metrics.

    It goes to stderr and fits the width of the terminal. In a notebook, its last text stays in the saved cell. Calls of
    ``evaluate`` and ``predict`` have such a line, too, but not the validation in ``fit``.

    Examples
    --------
    >>> ProgressBar().batch_interval
    0.1
    """

    batch_interval = 0.1

    def __init__(self) -> None:
        super().__init__()
        self._line: Line | None = None
        self._training = False
        self._title, self._start, self._next = "", 0.0, 0.0
        self._logs: Logs | None = None

    # --- training -------------------------------------------------------------------------------------------------
    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._training = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._logs = None
        self._begin(f"Epoch {epoch + 1}/{self.params['epochs']}")

    def on_train_batch_progress(self, batch: int, text: str) -> None:
        if self._due():
            self._draw(batch, self._logs, text)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._logs = logs
        self._draw(batch + 1, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._finish(logs)

    # --- evaluation and prediction ----------------------------------------------------------------------------------
    def on_test_begin(self, logs: Logs | None = None) -> None:
        if not self._training:
            self._begin("Evaluation")

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if not self._training and self._due():
            self._draw(batch + 1, logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._training:
            self._finish(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._begin("Prediction")

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._due():
            self._draw(batch + 1, None)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._finish(None)

    def close(self) -> None:
        if self._line is not None:
            self._line.end(None)
            self._line = None
        self._training = False

    # --- drawing --------------------------------------------------------------------------------------------------
    def _due(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self.batch_interval
        return True

    def _begin(self, title: str) -> None:
        self._title, self._start = title, time.monotonic()
        self._line = make_line()

    def _draw(self, done: int, logs: Logs | None, activity: str = "") -> None:
        if self._line is not None:
            steps, columns = self.params.get("steps"), self._line.columns()
            seconds, activity = time.monotonic() - self._start, f" ({activity})"[: columns // 2] if activity else ""
            text = progress_text(self._title, done, steps, seconds, logs, columns - len(activity))
            self._line.show(text + activity)

    def _finish(self, logs: Logs | None) -> None:
        if self._line is not None:
            self._line.end(final_text(self._title, time.monotonic() - self._start, logs, self._line.columns()))
            self._line = None


ProgbarLogger = ProgressBar  # Keras' name


class EpochLines(Callback):
    """A line after each epoch, and after an evaluation.

    Parameters
    ----------
    stream : {"stdout", "stderr"}, default "stdout"
        Where the line goes.

    Examples
    --------
    >>> lines = EpochLines("stderr")
    """

    def __init__(self, stream: str = "stdout") -> None:
        super().__init__()
        self.stream = stream
        self._training = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._training = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._start = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._print(f"Epoch {epoch + 1}/{self.params['epochs']}", logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if not self._training:
            self._start = time.monotonic()

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._training:
            self._print("Evaluation", logs)

    def close(self) -> None:
        self._training = False

    def _print(self, title: str, logs: Logs | None) -> None:
        stream = getattr(sys, self.stream)
        if stream is not None:
            seconds = time.monotonic() - self._start
            print(f"{title} - {seconds:.1f}s - {format_logs(logs, ' - ', ': ')}", file=stream, flush=True)


def make_progress(verbose: Any, owner: str = "fit") -> list[Callback]:
    """The display for a value of ``verbose``.

    "auto" shows a bar in a terminal or notebook. Where stderr is a file or a pipe, ``fit`` prints a line there after
    each epoch, and the others print nothing.

    Raises
    ------
    ValueError
        If ``verbose`` is another value.
    """
    if isinstance(verbose, bool):
        verbose = int(verbose)
    if not isinstance(verbose, (str, int)) or verbose not in ("auto", 0, 1, 2):
        raise ValueError(f'[{owner}] expected `verbose` to be "auto", 0, 1 or 2. Received: verbose={verbose!r}')
    if verbose == "auto":
        if not is_interactive_logging_enabled():
            return []
        if in_notebook() or (sys.stderr is not None and sys.stderr.isatty()):
            return [ProgressBar()] if owner == "fit" else []
        return [EpochLines("stderr")] if owner == "fit" else []
    if verbose == 2:
        return [EpochLines()]
    return [ProgressBar()] if verbose else []
