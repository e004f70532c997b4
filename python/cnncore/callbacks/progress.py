"""The displays of ``verbose``: a progress bar in a terminal or notebook, or a line for each epoch."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Any, Protocol

from cnncore._logging import is_interactive_logging_enabled
from cnncore.callbacks.base import Callback, Logs

__all__ = [
    "EpochLines",
    "NotebookLine",
    "ProgbarLogger",
    "ProgressBar",
    "TerminalLine",
    "final_text",
    "format_logs",
    "format_number",
    "format_seconds",
    "in_notebook",
    "make_line",
    "make_progress",
    "progress_text",
]

_MAX_BAR, _MIN_BAR = 25, 5  # width of the bar in characters


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
        self._line: _Line | None = None
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


class _Line(Protocol):
    """A place where one line of text is shown and replaced."""

    def columns(self) -> int: ...
    def show(self, text: str) -> None: ...
    def end(self, text: str | None) -> None: ...


class TerminalLine:
    """A line of a terminal."""

    def __init__(self) -> None:
        self._shown = ""

    def columns(self) -> int:
        """The width to fill, one less than the terminal's, so that no terminal moves on to the next line."""
        return max(shutil.get_terminal_size((80, 24)).columns - 1, 20)

    def show(self, text: str) -> None:
        """Replace the line."""
        if sys.stderr is not None:
            sys.stderr.write("\r" + text.ljust(len(self._shown)))
            sys.stderr.flush()
            self._shown = text

    def end(self, text: str | None) -> None:
        """Replace the line by its last text, which may have several lines, or leave it if that is None; begin a new
        line.
        """
        if sys.stderr is not None and (text is not None or self._shown):
            first, *rest = (self._shown if text is None else text).split("\n")
            sys.stderr.write("\n".join(["\r" + first.ljust(len(self._shown)), *rest]) + "\n")
            sys.stderr.flush()
        self._shown = ""


class NotebookLine:
    """An output of a notebook's cell; its last text is what stays when the notebook is saved."""

    def __init__(self, display: Any) -> None:
        self._handle = display({"text/plain": ""}, raw=True, display_id=True)

    def columns(self) -> int:
        """A width that every cell of a notebook has."""
        return 100

    def show(self, text: str) -> None:
        """Replace the text."""
        self._handle.update({"text/plain": text}, raw=True)

    def end(self, text: str | None) -> None:
        """Replace the text by the last one."""
        if text is not None:
            self.show(text)


def make_line() -> TerminalLine | NotebookLine:
    """Where a progress bar is drawn."""
    if in_notebook():
        from IPython.display import display

        return NotebookLine(display)
    return TerminalLine()


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    return "ipykernel" in sys.modules


def progress_text(title: str, done: int, steps: int | None, seconds: float, logs: Logs | None, columns: int) -> str:
    """One line of at most ``columns`` characters: title, bar, batches, time left, and as many metrics as fit.

    >>> progress_text("Epoch 1/2", 50, 200, 4.0, {"loss": 0.5}, 60)
    'Epoch 1/2 ━━━━━━─────────────────── 50/200 12s loss=0.5000'
    """
    left = "" if not steps or not done else f" {format_seconds(seconds * (steps - done) / done)}"
    count = f" {done}/{steps}{left}" if steps else f" {done} {format_seconds(seconds)}"
    entries = [f" {name}={format_number(value)}" for name, value in (logs or {}).items()]
    room = columns - len(title) - len(count)
    while entries and sum(map(len, entries)) > room:
        entries.pop()
    metrics = "".join(entries)
    width = min(_MAX_BAR, room - len(metrics) - 1)
    bar = "" if width < _MIN_BAR or not steps else " " + _bar(done / steps, width)
    return (title + bar + count + metrics)[:columns]


def final_text(title: str, seconds: float, logs: Logs | None, columns: int) -> str:
    """The title, the time and all metrics, cut into lines of at most ``columns`` characters where they do not fit.

    >>> print(final_text("Epoch 1/2", 12.3, {"loss": 0.5, "accuracy": 0.75}, 30))
    Epoch 1/2 12s loss=0.5000
      accuracy=0.7500
    """
    lines = [f"{title} {format_seconds(seconds)}"]
    for name, value in (logs or {}).items():
        entry = f" {name}={format_number(value)}"
        if len(lines[-1]) + len(entry) > columns:
            lines.append(" ")
        lines[-1] += entry
    return "\n".join(lines)


def format_logs(logs: Logs | None, separator: str, equals: str) -> str:
    """All entries of the logs: ``loss: 0.1234 - accuracy: 0.9876``."""
    return separator.join(f"{name}{equals}{format_number(value)}" for name, value in (logs or {}).items())


def format_number(value: Any) -> str:
    """Four places after the point; small numbers in exponential form; arrays as they are.

    >>> format_number(0.5), format_number(0.00012)
    ('0.5000', '1.2000e-04')
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        return " ".join(str(value).split())
    return f"{number:.4f}" if abs(number) > 1e-3 or number == 0 else f"{number:.4e}"


def format_seconds(seconds: float) -> str:
    """A time of at most a few characters.

    >>> format_seconds(3.2), format_seconds(185), format_seconds(7500), format_seconds(0.04)
    ('3s', '3:05', '2:05:00', '40ms')
    """
    if seconds < 0.95:
        return f"{1000 * seconds:.0f}ms"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


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


def _bar(share: float, width: int) -> str:
    full = min(int(share * width), width)
    return "━" * full + "─" * (width - full)
