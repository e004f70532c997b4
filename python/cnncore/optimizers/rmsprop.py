"""RMSprop."""

from __future__ import annotations

from typing import Any

from cnncore import _checks, _core
from cnncore.optimizers.base import Optimizer, Rate, registry
from cnncore.optimizers.old_spellings import epsilon_of
from cnncore.optimizers.options import momentum_of

__all__ = ["RMSprop"]


@registry.register()
class RMSprop(Optimizer):
    r"""Steps are divided by the root of a running mean of squared gradients.

    .. math::
        v &\leftarrow \rho v + (1 - \rho) g^2 \\
        w &\leftarrow w - \eta g / \sqrt{v + \epsilon}

    ``centered`` subtracts the square of a running mean of g from v. With ``momentum`` :math:`\mu` the steps s are
    summed: :math:`u \leftarrow \mu u + s,\ w \leftarrow w - u`.

    Parameters
    ----------
    learning_rate : float or callable, default 0.001
        A number, or a schedule (see :mod:`cnncore.optimizers.schedules`).
    rho : float, default 0.9
        Decay of the running mean, in [0, 1).
    momentum : float, default 0
        :math:`\mu`, in [0, 1].
    epsilon : float, default 1e-7
        Added below the root.
    centered : bool, default False
        Divide by an estimate of the standard deviation of the gradient instead.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, \
    loss_scale_factor, gradient_accumulation_steps, name
        As in :class:`Optimizer`.

    Notes
    -----
    Tieleman and Hinton, "Lecture 6.5: rmsprop", Coursera, 2012; centered: Graves, "Generating sequences with recurrent
    neural networks", 2013.

    Examples
    --------
    >>> RMSprop().learning_rate
    0.001
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float | None = 1e-7,
        centered: bool = False,
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
        self.rho = _checks.number(rho, "rho", "RMSprop", minimum=0.0, below=1.0)
        self.momentum = momentum_of(momentum, "RMSprop")
        self.epsilon = epsilon_of(epsilon, "RMSprop")
        self.centered = _checks.boolean(centered, "centered", "RMSprop")

    def make_rule(self, size: int) -> _core.Optimizer:
        return _core.Optimizer(
            "rmsprop", size, rho=self.rho, momentum=self.momentum, epsilon=self.epsilon, centered=self.centered
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }
