"""Progbar: a progress bar for loops of your own."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.callbacks.progress_line import make_line
from cnncore.callbacks.progress_text import final_text, format_logs, progress_text

__all__ = ["Progbar"]


class Progbar:
    """A progress bar for a loop of your own, such as one over ``train_on_batch``. It looks like that of ``fit``.

    Parameters
    ----------
    target : int or None
        The number of steps, or None if it is not known.
    width : int
        Accepted for compatibility with Keras. The bar is as wide as the terminal allows.
    verbose : {0, 1, 2}, default 1
        1 shows a bar, 2 prints one line at the end, and 0 shows nothing.
    interval : float, default 0.05
        The bar is drawn at most once in this number of seconds.
    stateful_metrics : iterable of str, optional
        The names of values that are shown as they are. All others are averaged over the steps.
    unit_name : str
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> bar = Progbar(2, verbose=0)
    >>> bar.update(1, [("loss", 1.0)])
    >>> bar.add(1, [("loss", 0.5)])
    >>> bar.values()
    {'loss': 0.75}
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        self.target = None if target is None else _checks.integer(target, "target", "Progbar", minimum=0)
        if verbose not in (0, 1, 2):
            raise ValueError(f"[Progbar] expected `verbose` to be 0, 1 or 2. Received: verbose={verbose!r}")
        self.verbose, self.interval = verbose, interval
        names = [] if stateful_metrics is None else _checks.listed(stateful_metrics, "stateful_metrics", "Progbar")
        self.stateful_metrics = {str(name) for name in names}
        self._sums: dict[str, tuple[float, float]] = {}  # by name: the sum of values times steps, and of steps
        self._done, self._start, self._next = 0, time.monotonic(), 0.0
        self._line: Any = None

    def values(self) -> dict[str, float]:
        """The values that are shown, by name."""
        return {name: total / steps for name, (total, steps) in self._sums.items()}

    def update(self, current: int, values: Any = None, finalize: bool | None = None) -> None:
        """Show how far the loop is.

        Parameters
        ----------
        current : int
            The number of steps done.
        values : list of (name, value), optional
            The values of the steps since the last call.
        finalize : bool, optional
            Whether this is the last call; by default, whether ``current`` has reached the target.
        """
        current = int(current)
        for name, value in values or ():
            number, steps = float(np.mean(value)), max(current - self._done, 1)
            before = (0.0, 0.0) if name in self.stateful_metrics else self._sums.get(name, (0.0, 0.0))
            weight = 1 if name in self.stateful_metrics else steps
            self._sums[name] = before[0] + number * weight, before[1] + weight
        self._done = current
        last = (self.target is not None and current >= self.target) if finalize is None else finalize
        if self.verbose == 1:
            self._draw(last)
        elif self.verbose == 2 and last:
            seconds = time.monotonic() - self._start
            steps_done = f"{current}" if self.target is None else f"{current}/{self.target}"
            print(f"{steps_done} - {seconds:.1f}s - {format_logs(self.values(), ' - ', ': ')}", flush=True)

    def add(self, n: int, values: Any = None) -> None:
        """Show that ``n`` more steps are done, with their ``values`` as in :meth:`update`."""
        self.update(self._done + n, values)

    def _draw(self, last: bool) -> None:
        now = time.monotonic()
        if not last and now < self._next:
            return
        self._next = now + self.interval
        if self._line is None:
            self._line = make_line()
        title, seconds = "" if self.target is None else f"{self._done}/{self.target}", now - self._start
        if last:
            self._line.end(final_text(title, seconds, self.values(), self._line.columns()))
            self._line = None
        else:
            line = progress_text("Step", self._done, self.target, seconds, self.values(), self._line.columns())
            self._line.show(line)
