"""Nadam and Adamax."""

from __future__ import annotations

from typing import Any

from cnncore import _checks, _core
from cnncore.optimizers.base import Optimizer, Rate, registry
from cnncore.optimizers.old_spellings import epsilon_of

__all__ = ["Adamax", "Nadam"]


@registry.register()
class Nadam(Optimizer):
    r"""Adam with Nesterov's momentum.

    With :math:`u_t = \beta_1 (1 - 0.96^t / 2)`, :math:`U_t = u_1 u_2 \ldots u_t`, and m and v as in :class:`Adam`:

    .. math::
        w \leftarrow w - \eta \left(\frac{u_{t+1} m}{1 - U_{t+1}} + \frac{(1 - u_t) g}{1 - U_t}\right)
            / \left(\sqrt{v / (1 - \beta_2^t)} + \epsilon\right)

    Parameters
    ----------
    learning_rate : float or callable, default 0.001
        A number, or a schedule (see :mod:`cnncore.optimizers.schedules`).
    beta_1, beta_2 : float, default 0.9 and 0.999
        Decay of the running moments, in [0, 1).
    epsilon : float, default 1e-7
        Added to the root of the second moment.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, \
    loss_scale_factor, gradient_accumulation_steps, name
        As in :class:`Optimizer`.

    Notes
    -----
    Dozat, "Incorporating Nesterov momentum into Adam", 2016.

    Examples
    --------
    >>> Nadam(0.002).beta_2
    0.999
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
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
        self.beta_1 = _checks.number(beta_1, "beta_1", "Nadam", minimum=0.0, below=1.0)
        self.beta_2 = _checks.number(beta_2, "beta_2", "Nadam", minimum=0.0, below=1.0)
        self.epsilon = epsilon_of(epsilon, "Nadam")

    def make_rule(self, size: int) -> _core.Optimizer:
        return _core.Optimizer("nadam", size, beta_1=self.beta_1, beta_2=self.beta_2, epsilon=self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


@registry.register()
class Adamax(Optimizer):
    r"""Adam with the infinity norm: steps are divided by the largest recent gradient.

    .. math::
        m &\leftarrow \beta_1 m + (1 - \beta_1) g \\
        u &\leftarrow \max(\beta_2 u, |g|) \\
        w &\leftarrow w - \frac{\eta}{1 - \beta_1^t} \frac{m}{u + \epsilon}

    Parameters
    ----------
    learning_rate : float or callable, default 0.001
        A number, or a schedule (see :mod:`cnncore.optimizers.schedules`).
    beta_1, beta_2 : float, default 0.9 and 0.999
        Decay of the running moments, in [0, 1).
    epsilon : float, default 1e-7
        Added to u.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, \
    loss_scale_factor, gradient_accumulation_steps, name
        As in :class:`Optimizer`.

    Notes
    -----
    Kingma and Ba, "Adam: a method for stochastic optimization", 2015, section 7.

    Examples
    --------
    >>> Adamax(0.002).beta_1
    0.9
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
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
        self.beta_1 = _checks.number(beta_1, "beta_1", "Adamax", minimum=0.0, below=1.0)
        self.beta_2 = _checks.number(beta_2, "beta_2", "Adamax", minimum=0.0, below=1.0)
        self.epsilon = epsilon_of(epsilon, "Adamax")

    def make_rule(self, size: int) -> _core.Optimizer:
        return _core.Optimizer("adamax", size, beta_1=self.beta_1, beta_2=self.beta_2, epsilon=self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
