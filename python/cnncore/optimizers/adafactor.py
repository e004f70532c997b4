"""Adafactor."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._checks import Float32
from cnncore.optimizers.base import Optimizer, Rate, registry
from cnncore.optimizers.options import VariableRange

__all__ = ["Adafactor"]


@registry.register()
class Adafactor(Optimizer):
    r"""Steps whose size is that of the variable times the learning rate, scaled by mean squares of the gradient.

    In step t, with :math:`\beta = 1 - t^d` (d is ``beta_2_decay``) and the mean rms(x) of squares under a root:

    .. math::
        v &\leftarrow \beta v + (1 - \beta)(g^2 + \epsilon_1), \quad u = g / \sqrt{v} \\
        w &\leftarrow w - \min(\eta, t^{-1/2}) \max(\epsilon_2, \text{rms}(w))\, u / \max(1, \text{rms}(u) / d_{clip})

    For a variable of two or more axes, means of :math:`g^2 + \epsilon_1` over the last axis (r) and over the axis
    before it (c) take the place of v: :math:`v = r c / \text{mean}(r)`. A step is computed with NumPy.

    Parameters
    ----------
    learning_rate : float or callable, default 0.001
        A number, or a schedule (see :mod:`cnncore.optimizers.schedules`).
    beta_2_decay : float, default -0.8
        The exponent d of the decay.
    epsilon_1, epsilon_2 : float, default 1e-30 and 1e-3
        Added to the squares of the gradient, and the least size of a variable.
    clip_threshold : float, default 1
        The largest root mean square of u; larger ones are scaled down to it.
    relative_step : bool, default True
        Accepted for compatibility with Keras, whose steps are limited by :math:`t^{-1/2}` in any case.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, \
    loss_scale_factor, gradient_accumulation_steps, name
        As in :class:`Optimizer`.

    Notes
    -----
    Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory cost", 2018. Here the means are kept in
    vectors of the size of the variable, so that it takes no less memory than Adam.

    Examples
    --------
    >>> optimizer = Adafactor(learning_rate=0.1)
    >>> optimizer.build(2)
    >>> params = np.float32([3.0, 4.0])
    >>> optimizer.update(params, np.float32([1.0, 2.0]), step=1)
    >>> params
    array([2.6464467, 3.6464467], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **kwargs,
        )
        self.beta_2_decay = _checks.number(beta_2_decay, "beta_2_decay", "Adafactor", below=0.0)
        self.epsilon_1 = _checks.number(epsilon_1, "epsilon_1", "Adafactor", minimum=0.0)
        self.epsilon_2 = _checks.number(epsilon_2, "epsilon_2", "Adafactor", minimum=0.0)
        self.clip_threshold = _checks.number(clip_threshold, "clip_threshold", "Adafactor", minimum=1e-30)
        self.relative_step = _checks.boolean(relative_step, "relative_step", "Adafactor")

    def update(self, params: Float32, grads: Float32, step: int) -> None:
        means = {name: self.state.setdefault(name, np.zeros_like(params)) for name in ("rows", "columns")}
        kept, rate = 1 - step**self.beta_2_decay, min(float(self.learning_rate), step**-0.5)
        for variable in self.trained_variables:
            part = variable.slice
            squares = np.square(grads[part]) + np.float32(self.epsilon_1)
            velocity = _velocity(variable, squares, {name: mean[part] for name, mean in means.items()}, kept)
            moves = np.asarray(grads[part] / np.sqrt(velocity), np.float32)
            moves /= max(1.0, _rms(moves) / self.clip_threshold)
            params[part] -= np.float32(rate * max(self.epsilon_2, _rms(params[part]))) * moves

    def get_config(self) -> dict[str, Any]:
        names = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _velocity(variable: VariableRange, squares: Float32, means: dict[str, Float32], kept: float) -> Float32:
    """Update the running means, which are views of the state, and return the mean squares that they stand for."""
    if len(variable.shape) < 2:
        means["rows"] += np.float32(1 - kept) * (squares - means["rows"])
        return means["rows"]
    shaped = squares.reshape(variable.shape)
    rows, columns = (means[name].reshape(variable.shape) for name in ("rows", "columns"))
    rows += np.float32(1 - kept) * (np.mean(shaped, axis=-1, keepdims=True) - rows)
    columns += np.float32(1 - kept) * (np.mean(shaped, axis=-2, keepdims=True) - columns)
    return np.asarray(rows / np.mean(rows, axis=-2, keepdims=True) * columns, np.float32).ravel()


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
