"""Default names of layers and models, numbered in each process as in Keras: ``conv2d``, ``conv2d_1``, ..."""

from __future__ import annotations

from cnncore._registry import snake_case

__all__ = ["reset_names", "unique_name"]

_counts: dict[str, int] = {}


def unique_name(class_name: str) -> str:
    """The next name for an object of a class: the first ``Conv2D`` is ``conv2d``, the second ``conv2d_1``."""
    stem = snake_case(class_name)
    count = _counts.get(stem, 0)
    _counts[stem] = count + 1
    return stem if count == 0 else f"{stem}_{count}"


def reset_names() -> None:
    """Begin all counts again, as ``cnncore.backend.clear_session`` does."""
    _counts.clear()
