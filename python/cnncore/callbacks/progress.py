"""What ``verbose`` shows: a progress bar on stderr, or a line for each epoch on stdout."""

from __future__ import annotations

import sys
import time
from typing import Any

from cnncore.callbacks.base import Callback, Logs


class ProgressBar(Callback):
    """A bar for each epoch on stderr: samples, time left, images/s, loss and metrics.

    Examples
    --------
    >>> ProgressBar().batch_interval
    0.1
    """

    batch_interval = 0.1

    def __init__(self) -> None:
        super().__init__()
        self._bar: Any = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._bar = _tqdm()(
            total=self.params["samples"],
            desc=f"Epoch {epoch + 1}/{self.params['epochs']}",
            unit=" images",
            file=sys.stderr,
            dynamic_ncols=True,
            mininterval=0.0,
            miniters=1,
        )

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._show(min((batch + 1) * self.params["batch_size"], self.params["samples"]), logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._show(self.params["samples"], logs)
        self.close()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _show(self, samples: int, logs: Logs | None) -> None:
        self._bar.set_postfix_str(format_logs(logs, ", ", "="), refresh=False)
        self._bar.update(samples - self._bar.n)


class EpochLines(Callback):
    """A line on stdout after each epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        seconds = time.perf_counter() - self._start
        print(
            f"Epoch {epoch + 1}/{self.params['epochs']} - {seconds:.1f}s - {format_logs(logs, ' - ', ': ')}", flush=True
        )


def format_logs(logs: Logs | None, separator: str, equals: str) -> str:
    """``loss: 0.1234 - accuracy: 0.9876``; small numbers in exponential form."""
    return separator.join(
        f"{name}{equals}{value:.4f}" if abs(value) > 1e-3 or value == 0 else f"{name}{equals}{value:.4e}"
        for name, value in (logs or {}).items()
    )


def make_progress(verbose: Any) -> list[Callback]:
    """The display for a value of ``verbose``."""
    if verbose not in ("auto", 0, 1, 2):
        raise ValueError(f'[fit] expected `verbose` to be "auto", 0, 1 or 2. Received: verbose={verbose!r}')
    if verbose == "auto":
        verbose = sys.stderr is not None and (sys.stderr.isatty() or "ipykernel" in sys.modules)
    if verbose == 2:
        return [EpochLines()]
    return [ProgressBar()] if verbose else []


def _tqdm() -> Any:
    if "ipykernel" in sys.modules:
        from tqdm.auto import tqdm
    else:
        from tqdm.std import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        monitor_interval = 0  # no watching thread: the bar is refreshed by time anyway

    return Bar
