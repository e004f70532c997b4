"""The update rules of two optimizers: one pass over flat vectors, which are changed in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks, _core
from cnncore._checks import Float32

__all__ = ["adam_update", "sgd_update"]


def sgd_update(
    params: Float32,
    grads: Float32,
    *,
    learning_rate: float = 0.01,
    momentum: float = 0.0,
    nesterov: bool = False,
    velocity: Float32 | None = None,
) -> None:
    """One step of gradient descent, in place.

    Without momentum params -= learning_rate * grads. With it velocity = momentum * velocity - learning_rate * grads
    and params += velocity (Nesterov: params += momentum * velocity - learning_rate * grads).

    Parameters
    ----------
    params, grads, velocity : numpy.ndarray of float32, shape (size,)
        params and velocity are changed in place, so they must be C-contiguous float32. velocity is needed if momentum >
        0.
    learning_rate, momentum : float, default 0.01 and 0
    nesterov : bool, default False

    Examples
    --------
    >>> import numpy as np
    >>> params = np.ones(2, np.float32)
    >>> sgd_update(params, np.ones(2, np.float32), learning_rate=0.5)
    >>> params
    array([0.5, 0.5], dtype=float32)
    """
    _check_vectors("sgd_update", params=params, grads=grads, velocity=velocity)
    _core.sgd_update(params, grads, velocity, learning_rate, momentum, nesterov)


def adam_update(
    params: Float32,
    grads: Float32,
    m: Float32,
    v: Float32,
    *,
    step: int,
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    weight_decay: float = 0.0,
) -> None:
    """One step of Adam in place, or of AdamW where weight_decay > 0.

    Parameters
    ----------
    params, grads, m, v : numpy.ndarray of float32, shape (size,)
        All except grads are changed in place, so they must be C-contiguous float32. m and v, the running moments, begin
        with zeros.
    step : int
        Number of this step, counted from 1.
    learning_rate, beta_1, beta_2, epsilon : float, default 0.001, 0.9, 0.999 and 1e-7
    weight_decay : float, default 0

    Notes
    -----
    Kingma and Ba, "Adam: a method for stochastic optimization", 2015; Loshchilov and Hutter, "Decoupled weight decay
    regularization", 2019.

    Examples
    --------
    >>> import numpy as np
    >>> params, m, v = np.ones(1, np.float32), np.zeros(1, np.float32), np.zeros(1, np.float32)
    >>> adam_update(params, np.ones(1, np.float32), m, v, step=1, learning_rate=0.5)
    >>> params.round(4)
    array([0.5], dtype=float32)
    """
    _check_vectors("adam_update", params=params, grads=grads, m=m, v=v)
    step = _checks.integer(step, "step", "adam_update")
    _core.adam_update(params, grads, m, v, step, learning_rate, beta_1, beta_2, epsilon, weight_decay)


def _check_vectors(owner: str, **vectors: Any) -> None:
    """What is updated where it is has to be an array already; the core says which."""
    for name, vector in vectors.items():
        if vector is not None and not isinstance(vector, np.ndarray):
            raise TypeError(f"[{owner}] expected `{name}` to be an array of float32. Received: {type(vector).__name__}")
