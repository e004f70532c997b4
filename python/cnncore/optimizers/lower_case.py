"""Keras 2's names of optimizers in lower case: ``optimizers.adam(lr=0.001)``."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

__all__ = ["lower_case"]


def lower_case(cls: type[Any]) -> Callable[..., Any]:
    """A function that gives a DeprecationWarning and makes an object of the class ``cls``."""

    def make(*args: Any, **kwargs: Any) -> Any:
        message = f"`optimizers.{cls.__name__.lower()}` is now called `optimizers.{cls.__name__}`."
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # one warning is enough if `lr` is used, too
            return cls(*args, **kwargs)

    make.__name__ = make.__qualname__ = cls.__name__.lower()
    make.__doc__ = f"Today's :class:`~cnncore.optimizers.{cls.__name__}`."
    return make
