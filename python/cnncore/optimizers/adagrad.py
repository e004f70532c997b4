"""Adagrad and Adadelta."""

from __future__ import annotations

from typing import Any

from cnncore import _checks, _core
from cnncore.optimizers.base import Optimizer, Rate, registry
from cnncore.optimizers.old_spellings import epsilon_of

__all__ = ["Adadelta", "Adagrad"]


@registry.register()
class Adagrad(Optimizer):
    r"""Each weight's step is divided by the root of the sum of its squared gradients so far, so that weights of rare
    features move further.

    .. math::
        a &\leftarrow a + g^2 \\
        w &\leftarrow w - \eta g / \sqrt{a + \epsilon}

    Parameters
    ----------
    learning_rate : float or callable, default 0.001
        A number, or a schedule (see :mod:`cnncore.optimizers.schedules`). The paper uses 0.01.
    initial_accumulator_value : float, default 0.1
        The initial value of a.
    epsilon : float, default 1e-7
        Added below the root.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, \
    loss_scale_factor, gradient_accumulation_steps, name
        As in :class:`Optimizer`.

    Notes
    -----
    Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic optimization", 2011.

    Examples
    --------
    >>> Adagrad(0.01).initial_accumulator_value
    0.1
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        initial_accumulator_value: float = 0.1,
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
        self.initial_accumulator_value = _checks.number(
            initial_accumulator_value, "initial_accumulator_value", "Adagrad", minimum=0.0
        )
        self.epsilon = epsilon_of(epsilon, "Adagrad")

    def make_rule(self, size: int) -> _core.Optimizer:
        return _core.Optimizer(
            "adagrad", size, initial_accumulator_value=self.initial_accumulator_value, epsilon=self.epsilon
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }


@registry.register()
class Adadelta(Optimizer):
    r"""The size of a step follows from the sizes of earlier steps, and does not depend on the scale of the gradient.

    .. math::
        a &\leftarrow \rho a + (1 - \rho) g^2 \\
        d &= g \sqrt{b + \epsilon} / \sqrt{a + \epsilon} \\
        b &\leftarrow \rho b + (1 - \rho) d^2 \\
        w &\leftarrow w - \eta d

    Parameters
    ----------
    learning_rate : float or callable, default 0.001
        A number, or a schedule (see :mod:`cnncore.optimizers.schedules`). The paper uses 1.
    rho : float, default 0.95
        Decay of the running means, in [0, 1).
    epsilon : float, default 1e-7
        Added below the roots.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, \
    loss_scale_factor, gradient_accumulation_steps, name
        As in :class:`Optimizer`.

    Notes
    -----
    Zeiler, "ADADELTA: an adaptive learning rate method", 2012.

    Examples
    --------
    >>> Adadelta(1.0).rho
    0.95
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        rho: float = 0.95,
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
        self.rho = _checks.number(rho, "rho", "Adadelta", minimum=0.0, below=1.0)
        self.epsilon = epsilon_of(epsilon, "Adadelta")

    def make_rule(self, size: int) -> _core.Optimizer:
        return _core.Optimizer("adadelta", size, rho=self.rho, epsilon=self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rho": self.rho, "epsilon": self.epsilon}
