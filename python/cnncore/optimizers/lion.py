"""Lion."""

from __future__ import annotations

from typing import Any

from cnncore import _checks, _core
from cnncore.optimizers.base import Optimizer, Rate, registry

__all__ = ["Lion"]


@registry.register()
class Lion(Optimizer):
    r"""All weights move by the same amount, along the sign of a running mean of the gradient.

    .. math::
        w &\leftarrow w - \eta \operatorname{sign}(\beta_1 m + (1 - \beta_1) g) \\
        m &\leftarrow \beta_2 m + (1 - \beta_2) g

    Parameters
    ----------
    learning_rate : float or callable, default 0.001
        A number, or a schedule (see :mod:`cnncore.optimizers.schedules`). A third to a tenth of Adam's is usual.
    beta_1 : float, default 0.9
        The weight of the running mean in the direction of a step, in (0, 1].
    beta_2 : float, default 0.99
        Decay of the running mean, in [0, 1).
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, \
    loss_scale_factor, gradient_accumulation_steps, name
        As in :class:`Optimizer`.

    Notes
    -----
    Chen et al., "Symbolic discovery of optimization algorithms", 2023.

    Examples
    --------
    >>> Lion(1e-4, weight_decay=0.01).beta_2
    0.99
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
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
        self.beta_1 = _checks.number(beta_1, "beta_1", "Lion", minimum=0.0)
        if not 0.0 < self.beta_1 <= 1.0:
            raise ValueError(f"[Lion] expected `beta_1` in (0, 1]. Received: beta_1={beta_1!r}")
        self.beta_2 = _checks.number(beta_2, "beta_2", "Lion", minimum=0.0, below=1.0)

    def make_rule(self, size: int) -> _core.Optimizer:
        return _core.Optimizer("lion", size, beta_1=self.beta_1, beta_2=self.beta_2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}
