"""The steps of two optimizers, which change vectors of weights in place."""

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
    """Do one step of gradient descent in place.

    Without momentum: params -= learning_rate * grads. With momentum: velocity = momentum * velocity - learning_rate *
    grads, then params += velocity, or with ``nesterov`` params += momentum * velocity - learning_rate * grads.

    Parameters
    ----------
    params, grads, velocity : numpy.ndarray of float32, shape (size,)
        ``params`` and ``velocity`` are changed, so they must be C-contiguous float32 arrays. ``velocity`` is only
        needed if momentum > 0; it begins with zeros.
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
    rate = _checks.number(learning_rate, "learning_rate", "sgd_update")
    momentum = _checks.number(momentum, "momentum", "sgd_update")
    _core.sgd_update(params, grads, velocity, rate, momentum, _checks.boolean(nesterov, "nesterov", "sgd_update"))


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
    """Do one step of Adam in place, or of AdamW if weight_decay > 0.

    m = beta_1 * m + (1 - beta_1) * grads and v = beta_2 * v + (1 - beta_2) * grads^2, then params -= learning_rate *
    weight_decay * params and params -= learning_rate * sqrt(1 - beta_2^step) / (1 - beta_1^step) * m / (sqrt(v) +
    epsilon).

    Parameters
    ----------
    params, grads, m, v : numpy.ndarray of float32, shape (size,)
        All except ``grads`` are changed, so they must be C-contiguous float32 arrays. ``m`` and ``v`` begin with zeros.
    step : int
        The number of this step, counted from 1.
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
    given = {"learning_rate": learning_rate, "beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
    given["weight_decay"] = weight_decay
    options = {name: _checks.number(value, name, "adam_update") for name, value in given.items()}
    _core.adam_update(params, grads, m, v, step, **options)


def _check_vectors(owner: str, **vectors: Any) -> None:
    """Refuse anything but arrays, since a copy would be changed instead. The core checks shapes and types of arrays."""
    for name, vector in vectors.items():
        if vector is not None and not isinstance(vector, np.ndarray):
            raise TypeError(f"[{owner}] expected `{name}` to be an array of float32. Received: {type(vector).__name__}")
