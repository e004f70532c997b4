"""Default names of layers and models, numbered in each process as in Keras: ``conv2d``, ``conv2d_1``, ..."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from cnncore._registry import snake_case

__all__ = ["reset_names", "unique_name"]

# For each kind of object, its next numbers. Two threads that ask an iterator get different ones.
_counts: dict[str, Iterator[int]] = {}


def unique_name(class_name: str) -> str:
    """The next name for an object of a class: the first ``Conv2D`` is ``conv2d``, the second ``conv2d_1``."""
    stem = snake_case(class_name)
    count = next(_counts.setdefault(stem, itertools.count()))
    return stem if count == 0 else f"{stem}_{count}"


def reset_names() -> None:
    """Begin all counts again, as ``cnncore.backend.clear_session`` does."""
    _counts.clear()
