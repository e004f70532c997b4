"""Ftrl."""

from __future__ import annotations

from typing import Any

from cnncore import _checks, _core
from cnncore.optimizers.base import Optimizer, Rate, registry

__all__ = ["Ftrl"]


@registry.register()
class Ftrl(Optimizer):
    r""""Follow the regularized leader": sparse weights under an L1 penalty.

    Here p is minus ``learning_rate_power``; :math:`\lambda_1` and :math:`\lambda_2` are the strengths of the L1 and the
    L2 penalty, :math:`\lambda_s` is the shrinkage, and :math:`\ell = \lambda_2 + \beta / (2 \eta)`:

    .. math::
        n' &= n + g^2 \\
        z &\leftarrow z + g + 2 \lambda_s w - (n'^p - n^p) w / \eta, \quad n \leftarrow n' \\
        w &= \frac{\operatorname{clip}(z, -\lambda_1, \lambda_1) - z}{n^p / \eta + 2 \ell}

    Parameters
    ----------
    learning_rate : float or callable, default 0.001
        A number, or a schedule (see :mod:`cnncore.optimizers.schedules`).
    learning_rate_power : float, default -0.5
        At most 0. With 0 the rate does not depend on the gradients.
    initial_accumulator_value : float, default 0.1
        The initial value of n.
    l1_regularization_strength, l2_regularization_strength : float, default 0
        :math:`\lambda_1` and :math:`\lambda_2`; at least 0.
    l2_shrinkage_regularization_strength, beta : float, default 0
        :math:`\lambda_s` and :math:`\beta`; at least 0.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, \
    loss_scale_factor, gradient_accumulation_steps, name
        As in :class:`Optimizer`.

    Notes
    -----
    McMahan et al., "Ad click prediction: a view from the trenches", 2013. As in Keras, z is 0 at first, and so the
    first step replaces the initial values of the weights by values that depend almost only on the gradient.

    Examples
    --------
    >>> Ftrl(l1_regularization_strength=0.01).learning_rate_power
    -0.5
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
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
        self.learning_rate_power = _checks.number(learning_rate_power, "learning_rate_power", "Ftrl")
        if self.learning_rate_power > 0.0:
            raise ValueError(
                f"[Ftrl] expected `learning_rate_power` <= 0. Received: learning_rate_power={learning_rate_power!r}"
            )
        self.initial_accumulator_value = _checks.number(
            initial_accumulator_value, "initial_accumulator_value", "Ftrl", minimum=0.0
        )
        self.l1_regularization_strength = _checks.number(
            l1_regularization_strength, "l1_regularization_strength", "Ftrl", minimum=0.0
        )
        self.l2_regularization_strength = _checks.number(
            l2_regularization_strength, "l2_regularization_strength", "Ftrl", minimum=0.0
        )
        self.l2_shrinkage_regularization_strength = _checks.number(
            l2_shrinkage_regularization_strength, "l2_shrinkage_regularization_strength", "Ftrl", minimum=0.0
        )
        self.beta = _checks.number(beta, "beta", "Ftrl", minimum=0.0)

    def make_rule(self, size: int) -> _core.Optimizer:
        return _core.Optimizer(
            "ftrl",
            size,
            learning_rate_power=self.learning_rate_power,
            initial_accumulator_value=self.initial_accumulator_value,
            l1=self.l1_regularization_strength,
            l2=self.l2_regularization_strength,
            l2_shrinkage=self.l2_shrinkage_regularization_strength,
            beta=self.beta,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "learning_rate_power": self.learning_rate_power,
            "initial_accumulator_value": self.initial_accumulator_value,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
            "l2_shrinkage_regularization_strength": self.l2_shrinkage_regularization_strength,
            "beta": self.beta,
        }
