"""SGD, Adam and AdamW. Their arithmetic is in the core: one pass over parameters, gradients and state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnncore import _checks, _core
from cnncore.optimizers.base import Optimizer, registry


@registry.register()
class SGD(Optimizer):
    """Gradient descent, with momentum if wanted.

    Parameters
    ----------
    learning_rate : float or callable, default 0.01
        A number, or a schedule (see :mod:`cnncore.optimizers.schedules`).
    momentum : float, default 0
        0 <= momentum < 1.
    nesterov : bool, default False
        Nesterov's form of momentum.

    Examples
    --------
    >>> SGD(0.1, momentum=0.9).get_config()
    {'learning_rate': 0.1, 'momentum': 0.9, 'nesterov': False}
    """

    def __init__(
        self, learning_rate: float | Callable[[int], float] = 0.01, momentum: float = 0.0, nesterov: bool = False
    ) -> None:
        super().__init__(learning_rate)
        self.momentum = _checks.number(momentum, "momentum", "SGD", minimum=0.0, below=1.0)
        self.nesterov = _checks.boolean(nesterov, "nesterov", "SGD")

    def make_rule(self, size: int) -> _core.Sgd:
        return _core.Sgd(size, self.momentum, self.nesterov)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}


@registry.register()
class Adam(Optimizer):
    """Adam, in Keras' form.

    Parameters
    ----------
    learning_rate : float or callable, default 0.001
        A number, or a schedule (see :mod:`cnncore.optimizers.schedules`).
    beta_1, beta_2 : float, default 0.9 and 0.999
        Decay of the running moments, in [0, 1).
    epsilon : float, default 1e-7
        Added to the root of the second moment.

    Notes
    -----
    Kingma and Ba, "Adam: a method for stochastic optimization", 2015.

    Examples
    --------
    >>> Adam().learning_rate
    0.001
    """

    weight_decay = 0.0

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
    ) -> None:
        super().__init__(learning_rate)
        owner = type(self).__name__
        self.beta_1 = _checks.number(beta_1, "beta_1", owner, minimum=0.0, below=1.0)
        self.beta_2 = _checks.number(beta_2, "beta_2", owner, minimum=0.0, below=1.0)
        self.epsilon = _checks.number(epsilon, "epsilon", owner, minimum=0.0)

    def make_rule(self, size: int) -> _core.Adam:
        return _core.Adam(size, self.beta_1, self.beta_2, self.epsilon, self.weight_decay)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }


@registry.register()
class AdamW(Adam):
    """Adam with decoupled weight decay: each step also takes learning_rate * weight_decay * params away.

    Parameters
    ----------
    learning_rate : float or callable, default 0.001
    weight_decay : float, default 0.004
    beta_1, beta_2, epsilon : float
        As in :class:`Adam`.

    Notes
    -----
    Loshchilov and Hutter, "Decoupled weight decay regularization", 2019. Every parameter decays, biases included.

    Examples
    --------
    >>> AdamW(weight_decay=0.01).weight_decay
    0.01
    """

    def __init__(
        self,
        learning_rate: float | Callable[[int], float] = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon)
        self.weight_decay = _checks.number(weight_decay, "weight_decay", "AdamW", minimum=0.0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weight_decay": self.weight_decay}
