"""MonitorCallback: the base class of callbacks that watch one value of the logs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._suggestions import nearest
from cnncore.callbacks.base import Callback, Logs

__all__ = ["MonitorCallback", "emit"]

_UP = ("acc", "accuracy", "auc")  # values whose names end like this are better when they are larger
_DOWN = ("loss", "error", "mse", "mae", "mape", "msle", "rmse", "crossentropy")


class MonitorCallback(Callback):
    """Watches one value of the logs and knows which of two values is better.

    Parameters
    ----------
    monitor : str, default "val_loss"
        A name in the logs.
    mode : {"auto", "min", "max"}, default "auto"
        Whether lower or higher values are better. "auto" means lower for losses. For metrics it asks the metric, and
        otherwise follows the name: higher if it ends in "accuracy", "acc" or "auc", lower if it ends in "loss",
        "error" and the like.
    baseline : float, optional
        The value with which the first one is compared. By default, any first value counts as better.
    min_delta : float, default 0
        A value counts as better only if it is better by more than this.

    Attributes
    ----------
    best : float or None
        The best value so far.

    Raises
    ------
    ValueError
        If ``mode`` is another word; and during training, if ``mode`` is "auto" and the name does not decide it.

    Examples
    --------
    >>> watch = MonitorCallback("val_accuracy")
    >>> watch.improves(0.8, 0.7), watch.improves(0.7, 0.7), watch.improves(0.7, None)
    (True, False, True)
    """

    def __init__(
        self, monitor: str = "val_loss", mode: str = "auto", baseline: float | None = None, min_delta: float = 0.0
    ) -> None:
        super().__init__()
        owner = type(self).__name__
        if not isinstance(monitor, str):
            raise TypeError(f"[{owner}] expected `monitor` to be a name in the logs. Received: {monitor=}")
        self.monitor, self.mode = monitor, _checks.choice(mode, "mode", owner, ("auto", "min", "max"))
        self.best = None if baseline is None else _checks.number(baseline, "baseline", owner)
        self.min_delta = abs(_checks.number(min_delta, "min_delta", owner))

    def improves(self, value: float, reference: float | None) -> bool:
        """Whether ``value`` is better than ``reference``. Any value is better than None."""
        if reference is None:
            return True
        if self._goes_up():
            return bool(value - self.min_delta > reference)
        return bool(value + self.min_delta < reference)

    def value(self, logs: Logs | None) -> float | None:
        """The watched value. If the logs do not have it, there is a warning, and the result is None."""
        logs = logs or {}
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}, which is not in the logs: {', '.join(logs)}."
                f"{nearest(self.monitor, logs)}",
                stacklevel=2,
            )
            return None
        return float(np.asarray(value))

    def get_state(self) -> dict[str, Any]:
        return {"best": self.best}

    def set_state(self, state: dict[str, Any]) -> None:
        self.best = state["best"]

    def _goes_up(self) -> bool:
        if self.mode == "auto":
            self.mode = self._direction()
        return self.mode == "max"

    def _direction(self) -> str:
        name = self.monitor.removeprefix("val_")
        if name == "loss" or name.endswith("_loss"):
            return "min"
        for metric in getattr(self.model, "metrics", None) or []:
            if getattr(metric, "name", None) in (name, name.split("_", 1)[-1]):
                direction = getattr(metric, "direction", None) or getattr(metric, "_direction", None)
                if direction in ("up", "max", "down", "min"):
                    return "max" if direction in ("up", "max") else "min"
        if name.endswith(_UP):
            return "max"
        if name.endswith(_DOWN):
            return "min"
        raise ValueError(
            f'[{type(self).__name__}] expected mode="min" or mode="max", since it cannot be told whether larger '
            f"values of {self.monitor!r} are better. Received: mode='auto'"
        )


def emit(text: str) -> None:
    """Print a message of a callback on a line of its own, below a progress bar that is still shown."""
    print(f"\n{text}", flush=True)
