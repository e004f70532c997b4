"""Settings, most of which have only one possible value, and names."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

from cnncore import _checks
from cnncore._registry import snake_case
from cnncore._unique_names import reset_names

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "image_dim_ordering",
    "is_keras_tensor",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_image_dim_ordering",
]


class _Settings:
    epsilon = 1e-7


_uids: dict[str, Iterator[int]] = {}  # for each prefix, its next numbers


def backend() -> str:
    """The name of the backend: "cnncore"."""
    return "cnncore"


def image_data_format() -> str:
    """The layout of images: always "channels_last", (batch, height, width, channels)."""
    return "channels_last"


def set_image_data_format(data_format: str) -> None:
    """Accepts "channels_last" as ``data_format``, which is always used. Anything else is a ValueError."""
    _checks.data_format(data_format, "set_image_data_format")


def floatx() -> str:
    """The type of weights and activations: always "float32"."""
    return "float32"


def set_floatx(value: str) -> None:
    """Accepts the ``value`` "float32", which is always used. Anything else is a ValueError."""
    _checks.dtype(value, "set_floatx")


def epsilon() -> float:
    """A small number to add to denominators, 1e-7 unless :func:`set_epsilon` changed it."""
    return _Settings.epsilon


def set_epsilon(value: float) -> None:
    """Change the ``value`` that :func:`epsilon` returns. The layers and losses of this package always use 1e-7."""
    _Settings.epsilon = _checks.number(value, "value", "set_epsilon", minimum=0.0)


def clear_session(free_memory: bool = True) -> None:
    """Start the names of layers at "conv2d", "dense", ... again. There is no other global state.

    ``free_memory`` has no effect.
    """
    reset_names()
    _uids.clear()


def get_uid(prefix: str = "") -> int:
    """The next number for a name that begins with ``prefix``, from 1.

    Examples
    --------
    >>> clear_session()
    >>> get_uid("dense"), get_uid("dense"), get_uid("conv2d")
    (1, 2, 1)
    """
    stem = snake_case(prefix)
    return next(_uids.setdefault(stem, itertools.count(1)))


def is_keras_tensor(x: Any) -> bool:
    """Whether ``x`` is a symbolic tensor, the result of ``Input`` or of a layer called on one."""
    from cnncore.graph.tensor import KerasTensor

    return isinstance(x, KerasTensor)


def image_dim_ordering() -> str:
    """The name of :func:`image_data_format` in Keras 1: returns "tf", which means "channels_last"."""
    _warn("image_dim_ordering", "image_data_format")
    return "tf"


def set_image_dim_ordering(dim_ordering: str) -> None:
    """The name of :func:`set_image_data_format` in Keras 1: accepts "tf" as ``dim_ordering`` and refuses "th"."""
    _warn("set_image_dim_ordering", "set_image_data_format")
    set_image_data_format({"tf": "channels_last", "th": "channels_first"}.get(dim_ordering, dim_ordering))


def _warn(old: str, new: str) -> None:
    warnings.warn(f"backend.{old} is called backend.{new} today.", DeprecationWarning, stacklevel=3)
