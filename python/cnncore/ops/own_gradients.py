"""Gradients that a user writes for a function of ops: custom_gradient."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from cnncore.differentiation import Array, value_of
from cnncore.ops.definition import op, recorded, together

__all__ = ["custom_gradient"]


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function compute its gradients itself.

    Parameters
    ----------
    f : callable
        Takes arrays, and returns its result and a function ``grad(upstream)``. That returns the gradients of the
        arguments: an array, or a list of them, computed from ``upstream``, the gradient of the result.

    Examples
    --------
    This turns the gradient around, as in adversarial training:

    >>> @custom_gradient
    ... def reversed_gradient(x):
    ...     return x * 1.0, lambda upstream: -upstream
    >>> reversed_gradient(np.float32([2.0])).tolist()
    [2.0]
    """
    if not callable(f):
        raise TypeError(f"[custom_gradient] expected a function. Received: {f!r:.80}")

    @op
    @functools.wraps(f)
    def called(*args: Any) -> Any:
        y, grad = f(*(np.asarray(value_of(item)).view(Array) for item in args))

        def gradients(dy: np.ndarray) -> list[np.ndarray]:
            found = grad(dy.view(Array))
            several = list(found) if isinstance(found, (list, tuple)) else [found]
            if len(several) != len(args):
                raise ValueError(
                    f"[custom_gradient] expected a gradient for each of {len(args)} arguments. Received: {len(several)}"
                )
            return [np.asarray(item) for item in several]

        return recorded(np.asarray(y), together(args, gradients))

    return called
