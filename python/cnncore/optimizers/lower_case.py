"""Keras 2's names of optimizers in lower case: ``optimizers.adam(lr=0.001)``."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

__all__ = ["lower_case"]


def lower_case(cls: type[Any]) -> Callable[..., Any]:
    """A function that makes an object of the class, with a DeprecationWarning."""

    def make(*args: Any, **kwargs: Any) -> Any:
        message = f"`optimizers.{cls.__name__.lower()}` is now called `optimizers.{cls.__name__}`."
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # `lr` is older still
            return cls(*args, **kwargs)

    make.__name__ = make.__qualname__ = cls.__name__.lower()
    make.__doc__ = f"Today's :class:`~cnncore.optimizers.{cls.__name__}`."
    return make
