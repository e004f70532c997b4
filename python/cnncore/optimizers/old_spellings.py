"""Arguments that optimizers had in older versions of Keras, ``lr`` and ``decay``, and what replaces them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from cnncore import _checks
from cnncore.optimizers.schedules import InverseTimeDecay

__all__ = ["epsilon_of", "learning_rate_of"]

_CALLER = 4  # stack level of the call of Adam(lr=...): above this function, Optimizer.__init__ and Adam.__init__


def learning_rate_of(owner: str, learning_rate: Any, kwargs: dict[str, Any]) -> float | Callable[[int], float]:
    """The learning rate, if need be from the arguments ``lr`` and ``decay`` in ``kwargs``, with a DeprecationWarning.

    Raises
    ------
    TypeError
        If ``kwargs`` has other arguments.
    ValueError
        If ``decay`` is given together with a schedule.
    """
    if "lr" in kwargs:
        warnings.warn(
            f"`lr` is now called `learning_rate`: {owner}(learning_rate=...).",
            DeprecationWarning,
            stacklevel=_CALLER,
        )
        learning_rate = kwargs.pop("lr")
    decay = kwargs.pop("decay", None)
    if decay:
        warnings.warn(
            f"`decay` is now a schedule: {owner}(learning_rate=schedules.InverseTimeDecay(learning_rate, "
            "decay_steps=1, decay_rate=decay)).",
            DeprecationWarning,
            stacklevel=_CALLER,
        )
        if callable(learning_rate):
            raise ValueError(f"[{owner}] expected a number as `learning_rate` beside `decay`. Received: a schedule")
        learning_rate = InverseTimeDecay(learning_rate, decay_steps=1, decay_rate=decay)
    if kwargs:
        raise TypeError(f"[{owner}] unexpected arguments. Received: {', '.join(sorted(kwargs))}")
    rate: float | Callable[[int], float] = learning_rate
    return rate


def epsilon_of(epsilon: float | None, owner: str) -> float:
    """The argument ``epsilon``, checked. None stood for the default in Keras 2, and still does."""
    return 1e-7 if epsilon is None else _checks.number(epsilon, "epsilon", owner, minimum=0.0)
