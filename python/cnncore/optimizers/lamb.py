"""Lamb."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._checks import Float32
from cnncore.optimizers.base import Optimizer, Rate, registry

__all__ = ["Lamb"]


@registry.register()
class Lamb(Optimizer):
    r"""Adam whose step for each variable has a length in proportion to the length of the variable.

    .. math::
        m &\leftarrow \beta_1 m + (1 - \beta_1) g, \quad v \leftarrow \beta_2 v + (1 - \beta_2) g^2 \\
        u &= \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}, \quad
        w \leftarrow w - \eta \frac{|w|}{|u|} u

    The factor is 1 if one of the lengths is 0. A step is computed with NumPy.

    Parameters
    ----------
    learning_rate : float or callable, default 0.001
        A number, or a schedule (see :mod:`cnncore.optimizers.schedules`).
    beta_1, beta_2 : float, default 0.9 and 0.999
        Decay of the running means of the gradient and of its square, in [0, 1).
    epsilon : float, default 1e-7
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, \
    loss_scale_factor, gradient_accumulation_steps, name
        As in :class:`Optimizer`.

    Notes
    -----
    You et al., "Large batch optimization for deep learning: training BERT in 76 minutes", 2020.

    Examples
    --------
    >>> optimizer = Lamb(learning_rate=0.1)
    >>> optimizer.build(2)
    >>> params = np.float32([3.0, 4.0])
    >>> optimizer.update(params, np.float32([1.0, 1.0]), step=1)
    >>> params
    array([2.6464467, 3.6464467], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
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
        self.beta_1 = _checks.number(beta_1, "beta_1", "Lamb", minimum=0.0, below=1.0)
        self.beta_2 = _checks.number(beta_2, "beta_2", "Lamb", minimum=0.0, below=1.0)
        self.epsilon = _checks.number(epsilon, "epsilon", "Lamb", minimum=0.0)

    def update(self, params: Float32, grads: Float32, step: int) -> None:
        momentum, velocity = (self.state.setdefault(name, np.zeros_like(params)) for name in ("momentum", "velocity"))
        momentum += np.float32(1 - self.beta_1) * (grads - momentum)
        velocity += np.float32(1 - self.beta_2) * (np.square(grads) - velocity)
        unbiased = [np.float32(1 - beta**step) for beta in (self.beta_1, self.beta_2)]
        moves = momentum / unbiased[0] / (np.sqrt(velocity / unbiased[1]) + np.float32(self.epsilon))
        for variable in self.trained_variables:
            part = variable.slice
            lengths = [float(np.sqrt(np.sum(np.square(vector[part])))) for vector in (params, moves)]
            ratio = lengths[0] / lengths[1] if min(lengths) > 0 else 1.0
            params[part] -= np.float32(float(self.learning_rate) * ratio) * moves[part]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
