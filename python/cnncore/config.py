"""Settings, under the names of ``keras.config``. They are those of :mod:`cnncore.backend`."""

from __future__ import annotations

from cnncore._keras_names.errors import explain_missing
from cnncore._logging import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from cnncore.backend import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from cnncore.mixed_precision import dtype_policy, set_dtype_policy

__all__ = [
    "backend",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_interactive_logging_enabled",
    "is_traceback_filtering_enabled",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
]


def enable_traceback_filtering() -> None:
    """Accepted for compatibility with Keras: errors show all of their calls."""


def disable_traceback_filtering() -> None:
    """Accepted for compatibility with Keras: errors show all of their calls."""


def is_traceback_filtering_enabled() -> bool:
    """Whether errors leave out calls inside of this package: always False."""
    return False


__getattr__ = explain_missing("config", __all__)
