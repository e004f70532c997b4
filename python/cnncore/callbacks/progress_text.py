"""The text of a progress bar: how far, how long, and the logs."""

from __future__ import annotations

from typing import Any

from cnncore.callbacks.base import Logs

__all__ = ["final_text", "format_logs", "format_number", "format_seconds", "in_shown_order", "progress_text"]
_MAX_BAR, _MIN_BAR = 25, 5  # width of the bar in characters


def progress_text(title: str, done: int, steps: int | None, seconds: float, logs: Logs | None, columns: int) -> str:
    """One line of at most ``columns`` characters: title, bar, batches, time left, and as many metrics as fit.

    >>> progress_text("Epoch 1/2", 50, 200, 4.0, {"loss": 0.5}, 60)
    'Epoch 1/2 ━━━━━━─────────────────── 50/200 12s loss=0.5000'
    """
    left = "" if not steps or not done else f" {format_seconds(seconds * (steps - done) / done)}"
    count = f" {done}/{steps}{left}" if steps else f" {done} {format_seconds(seconds)}"
    entries = [f" {name}={format_number(value)}" for name, value in in_shown_order(logs)]
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
    for name, value in in_shown_order(logs):
        entry = f" {name}={format_number(value)}"
        if len(lines[-1]) + len(entry) > columns:
            lines.append(" ")
        lines[-1] += entry
    return "\n".join(lines)


def format_logs(logs: Logs | None, separator: str, equals: str) -> str:
    """All entries of the logs: ``loss: 0.1234 - accuracy: 0.9876``."""
    return separator.join(f"{name}{equals}{format_number(value)}" for name, value in in_shown_order(logs))


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


def in_shown_order(logs: Logs | None) -> list[tuple[str, Any]]:
    """The logs in the order in which they are shown: the loss, the other values, and the same of validation."""

    def place(item: tuple[str, Any]) -> tuple[bool, bool]:
        return item[0].startswith("val_"), item[0].removeprefix("val_") != "loss"

    return sorted((logs or {}).items(), key=place)


def _bar(share: float, width: int) -> str:
    full = min(int(share * width), width)
    return "━" * full + "─" * (width - full)
