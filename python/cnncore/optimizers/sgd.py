"""Gradient descent."""

from __future__ import annotations

from typing import Any

from cnncore import _checks, _core
from cnncore.optimizers.base import Optimizer, Rate, registry
from cnncore.optimizers.options import momentum_of

__all__ = ["SGD"]


@registry.register()
class SGD(Optimizer):
    r"""Gradient descent, optionally with momentum.

    .. math::
        w &\leftarrow w - \eta g & \text{without momentum} \\
        v &\leftarrow \mu v - \eta g, \quad w \leftarrow w + v & \text{with momentum } \mu \\
        v &\leftarrow \mu v - \eta g, \quad w \leftarrow w + \mu v - \eta g & \text{Nesterov}

    Parameters
    ----------
    learning_rate : float or callable, default 0.01
        A number, or a schedule (see :mod:`cnncore.optimizers.schedules`).
    momentum : float, default 0
        :math:`\mu`, in [0, 1].
    nesterov : bool, default False
        Whether to use Nesterov's form of momentum, the last formula.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, \
    loss_scale_factor, gradient_accumulation_steps, name
        As in :class:`Optimizer`.

    Notes
    -----
    Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep learning", 2013.

    Examples
    --------
    >>> SGD(0.1, momentum=0.9).momentum
    0.9
    """

    def __init__(
        self,
        learning_rate: Rate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
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
        self.momentum = momentum_of(momentum, "SGD")
        self.nesterov = _checks.boolean(nesterov, "nesterov", "SGD")

    def make_rule(self, size: int) -> _core.Optimizer:
        return _core.Optimizer("sgd", size, momentum=self.momentum, nesterov=self.nesterov)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
