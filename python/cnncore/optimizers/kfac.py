"""K-FAC inside ``fit``."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._checks import Float32
from cnncore.optimizers.base import Optimizer, Rate, registry
from cnncore.optimizers.newton.factors import Curvature
from cnncore.optimizers.newton.objective import Objective, dot
from cnncore.optimizers.options import momentum_of

__all__ = ["KFAC"]

_FISHERS = ("model", "empirical")
_REST_BETAS = (0.9, 0.999)
_REST_EPSILON = 1e-7


@registry.register()
class KFAC(Optimizer):
    r"""Natural gradients from Kronecker factors: each kernel moves along :math:`A^{-1} V G^{-1}`.

    V is the gradient of the kernel of a dense layer or convolution, with the gradient of the bias as its last row. A is
    the second moment of the inputs of the layer, and G that of the gradients before its activation. Their product
    :math:`A \otimes G` is close to the block of the Fisher matrix that belongs to the layer, and the natural gradient
    is the gradient multiplied by the inverse of that block. Every ``refresh_steps`` steps

    .. math::
        A &\leftarrow \epsilon A + (1 - \epsilon) E[\textstyle\sum_t a_t a_t^T], \quad
        G \leftarrow \epsilon G + (1 - \epsilon) \tfrac{1}{T} E[\textstyle\sum_t g_t g_t^T]

    where t runs over the T windows of a convolution, and then :math:`(A + \pi \sqrt\lambda I)^{-1}` and
    :math:`(G + \sqrt\lambda / \pi I)^{-1}` are computed again. With U the product of these inverses with the gradients
    of all kernels, each step is

    .. math::
        \nu = \min\Bigl(1, \sqrt{\kappa / (\eta^2 \textstyle\sum V \cdot U)}\Bigr), \quad
        m \leftarrow \mu m + \nu U, \quad w \leftarrow w - \eta m.

    All other weights (gamma and beta of BatchNormalization, and the weights of depthwise and transposed convolutions
    and of convolutions with groups) are moved by Adam with ``rest_rate``.

    Parameters
    ----------
    learning_rate : float or callable, default 0.3
        :math:`\eta`: a number, or a schedule (see :mod:`cnncore.optimizers.schedules`).
    damping : float, default 0.003
        :math:`\lambda`. Larger values make steps shorter, and their direction closer to that of the gradient.
    momentum : float, default 0
        :math:`\mu`. If you use momentum, multiply ``norm_limit`` by (1 - momentum) squared.
    factor_decay : float, default 0.95
        :math:`\epsilon`. The first few estimates are averaged with equal weights instead.
    refresh_steps : int, default 10
        After how many steps the factors are estimated and inverted again. At first this is done more often: after 1, 2,
        4, ... steps.
    norm_limit : float, default 0.01
        :math:`\kappa`, the largest squared length of a step in the norm of the Fisher matrix. 0 means no limit.
    fisher : {"model", "empirical"}, default "model"
        For which targets the gradients g are computed. "model" draws targets at random, with the probabilities that the
        model predicts, which gives the Fisher matrix; it is possible for crossentropies and the mean squared error.
        "empirical" takes the targets of the batch, and is possible for every loss.
    factor_samples : int, default 32
        The number of samples of a batch on which the factors are estimated. None means all.
    most_rows : int, default 256
        A dense layer with more inputs than this does not store A. It keeps the inputs of that many samples, the latest
        ones: A is the weighted mean of their outer products, and products with its inverse are computed from them.
        That takes a fraction of the time and memory.
    rest_rate : float, default 0.001
        The learning rate of Adam for all other weights.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, \
    loss_scale_factor, gradient_accumulation_steps, name
        As in :class:`Optimizer`.

    Notes
    -----
    Martens and Grosse, "Optimizing neural networks with Kronecker-factored approximate curvature", 2015; Grosse and
    Martens, "A Kronecker-factored approximate Fisher matrix for convolution layers", 2016; the limit of the norm is
    that of Ba, Grosse and Martens, "Distributed second-order optimization using Kronecker-factored approximations",
    2017. Inverses are computed in float64.

    This optimizer only works inside ``fit``, because it needs the model to estimate the factors.

    Examples
    --------
    >>> import numpy as np
    >>> from cnncore import Sequential
    >>> from cnncore.layers import Dense
    >>> x = np.random.default_rng(0).standard_normal((64, 3)).astype("float32")
    >>> model = Sequential([Dense(1, input_shape=(3,))], seed=0)
    >>> model.compile(KFAC(learning_rate=1.0, norm_limit=0.0, damping=1e-6, factor_samples=None), "mse")
    >>> history = model.fit(x, x @ [[1.0], [2.0], [3.0]] + 1, batch_size=64, epochs=2, verbose=0)
    >>> model.get_weights()[0].ravel().round(1)  # the model is linear: the first step nearly reaches the solution
    array([1., 2., 3.], dtype=float32)
    """

    evaluates = True

    def __init__(
        self,
        learning_rate: Rate = 0.3,
        damping: float = 0.003,
        momentum: float = 0.0,
        factor_decay: float = 0.95,
        refresh_steps: int = 10,
        norm_limit: float = 0.01,
        fisher: str = "model",
        factor_samples: int | None = 32,
        most_rows: int = 256,
        rest_rate: float = 0.001,
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
        self.damping = _checks.number(damping, "damping", "KFAC", minimum=0.0)
        self.momentum = momentum_of(momentum, "KFAC")
        self.factor_decay = _checks.number(factor_decay, "factor_decay", "KFAC", minimum=0.0, below=1.0)
        self.refresh_steps = _checks.integer(refresh_steps, "refresh_steps", "KFAC")
        self.norm_limit = _checks.number(norm_limit, "norm_limit", "KFAC", minimum=0.0)
        self.fisher = _checks.choice(fisher, "fisher", "KFAC", _FISHERS)
        self.factor_samples = (
            None if factor_samples is None else _checks.integer(factor_samples, "factor_samples", "KFAC")
        )
        self.most_rows = _checks.integer(most_rows, "most_rows", "KFAC")
        self.rest_rate = _checks.number(rest_rate, "rest_rate", "KFAC", minimum=0.0)
        self._objective: Any = None
        self._probe: Any = None
        self._curvature: list[Curvature] = []

    def iterate(self, objective: Objective, params: Float32) -> Float32:
        value, gradient = objective.value_and_gradient(params.astype(np.float64))
        moved: Float32 = params.copy()
        if not np.isfinite(value):
            return moved
        self._objective = objective
        self._probe = self._objective.probe(self.fisher, self.most_rows)
        self._curvature = [Curvature(block, self.memory, f"block_{i}") for i, block in enumerate(self._probe.blocks)]
        try:
            self.apply_flat(moved, gradient.astype(np.float32))
        finally:
            self._objective, self._probe, self._curvature = None, None, []
        return moved

    def update(self, params: Float32, grads: Float32, step: int) -> None:
        early = step < self.refresh_steps and step & (step - 1) == 0
        if early or (step - 1) % self.refresh_steps == 0 or not all(item.begun for item in self._curvature):
            self._refresh()
        natural, norm = self._natural(grads)
        rate = float(self.learning_rate)
        if self.norm_limit > 0 and rate * rate * norm > self.norm_limit:
            natural *= np.float32(np.sqrt(self.norm_limit / (rate * rate * norm)))
        if self.momentum > 0:
            velocity = self.state.setdefault("velocity", np.zeros_like(params))
            velocity *= np.float32(self.momentum)
            velocity += natural
            natural = velocity
        params -= np.float32(rate) * natural
        self._move_rest(params, grads, step)

    def _refresh(self) -> None:
        """Estimate the factors on the batch, and invert their means."""
        count = self.memory.setdefault("estimates", np.zeros(1, np.float32))
        count += 1
        keep = min(1.0 - 1.0 / float(count[0]), self.factor_decay)
        pairs = self._objective.factors(self._probe, self.factor_samples)
        for item, (inputs, gradients) in zip(self._curvature, pairs, strict=True):
            item.refresh(inputs, gradients, keep, self.most_rows)
            item.invert(self.damping)

    def _natural(self, grads: Float32) -> tuple[Float32, float]:
        """U, the inverse of the curvature times the gradient, and its squared length in the norm of the curvature. U is
        zero for weights that have no factors.
        """
        natural, norm = np.zeros_like(grads), 0.0
        for item in self._curvature:
            gradient = item.block.gather(grads)
            moved = item.solve(gradient)
            norm += dot(gradient.ravel(), moved.ravel())
            item.block.scatter(moved, natural)
        return natural, norm

    def _move_rest(self, params: Float32, grads: Float32, step: int) -> None:
        """Move the variables that belong to no block, by Adam."""
        kept = {place for item in self._curvature for place in (item.block.kernel, item.block.bias)}
        rest = [variable.slice for variable in self.trained_variables if variable.offset not in kept]
        if not rest:
            return
        (first, second), one = _REST_BETAS, np.float32(1.0)
        rate = self.rest_rate * np.sqrt(1.0 - second**step) / (1.0 - first**step)
        means, squares = (self.state.setdefault(name, np.zeros_like(params)) for name in ("mean", "square"))
        for part in rest:
            means[part] += (one - np.float32(first)) * (grads[part] - means[part])
            squares[part] += (one - np.float32(second)) * (grads[part] ** 2 - squares[part])
            params[part] -= np.float32(rate) * means[part] / (np.sqrt(squares[part]) + np.float32(_REST_EPSILON))

    def get_config(self) -> dict[str, Any]:
        names = "damping momentum factor_decay refresh_steps norm_limit fisher factor_samples most_rows rest_rate"
        return {**super().get_config(), **{name: getattr(self, name) for name in names.split()}}
