"""Gradients of losses with respect to the targets, for targets that are computed from something that is trained.

Each function takes the targets t, the predictions y and the loss, and returns the derivative of the sum of the losses
with respect to t, for losses along the last axis. It is the derivative of the formula in the loss's docstring.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["OF_TARGETS"]

_EPSILON = 1e-7  # as in the losses: probabilities are clipped to [1e-7, 1 - 1e-7]


def _kl_divergence(t: Any, y: Any, loss: Any) -> Any:
    clipped, y = np.clip(t, _EPSILON, 1), np.clip(y, _EPSILON, 1)
    return np.where(clipped == t, np.log(clipped / y) + 1, 0)


def _poisson(t: Any, y: Any, loss: Any) -> Any:
    return -np.log(y + _EPSILON) / y.shape[-1]


def _categorical(t: Any, y: Any, loss: Any) -> Any:
    if loss.from_logits:
        logs = y - y.max(axis=-1, keepdims=True)
        logs = logs - np.log(np.exp(logs).sum(axis=-1, keepdims=True))
    else:
        logs = np.log(np.clip(y / y.sum(axis=-1, keepdims=True), _EPSILON, 1 - _EPSILON))
    return -logs * (1 - loss.label_smoothing)


def _binary(t: Any, y: Any, loss: Any) -> Any:
    if loss.from_logits:
        logits = y
    else:
        clipped = np.clip(y, _EPSILON, 1 - _EPSILON)
        logits = np.log(clipped / (1 - clipped))
    return -logits * (1 - loss.label_smoothing) / y.shape[-1]


OF_TARGETS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "kl_divergence": _kl_divergence,
    "poisson": _poisson,
    "categorical_crossentropy": _categorical,
    "binary_crossentropy": _binary,
}
