"""Muon."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from cnncore import _checks, _core
from cnncore.optimizers.base import Optimizer, Rate, registry
from cnncore.optimizers.options import VariableRange, momentum_of

__all__ = ["Muon"]


@registry.register()
class Muon(Optimizer):
    r"""Matrices move along their momentum, with all its singular values brought near 1. Other variables move by AdamW.

    The momentum of a matrix with gradient G is :math:`M \leftarrow \mu M + G`, and with ``nesterov`` the matrix moves
    along :math:`\mu M + G` instead of M. From :math:`X = M / \|M\|` on, this is repeated ``ns_steps`` times:

    .. math::
        A = X X^T, \quad X \leftarrow a X + (b A + c A^2) X

    Then the matrix moves by :math:`-\eta\, \rho \sqrt{\max(\text{rows}, \text{columns})}\, X`, where :math:`\rho` is
    ``rms_rate``. The kernels of convolutions are matrices of (height * width * channels) rows and (filters) columns.

    Parameters
    ----------
    learning_rate : float or callable, default 0.001
        A number, or a schedule (see :mod:`cnncore.optimizers.schedules`).
    adam_beta_1, adam_beta_2, epsilon : float, default 0.9, 0.999 and 1e-7
        The parameters of AdamW, which moves biases, scales and excluded variables.
    adam_weight_decay, weight_decay : float, default 0.004
        The weight decay of the variables that AdamW moves, and of the matrices. With None they do not decay.
    clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, loss_scale_factor, \
    gradient_accumulation_steps, name
        As in :class:`Optimizer`.
    exclude_layers : list of str, optional
        Regular expressions. If one of them matches the path of a variable, AdamW moves it. The last layer is often
        excluded.
    exclude_embeddings : bool, default True
        AdamW moves variables with "embedding" in their path.
    muon_a, muon_b, muon_c : float, default 3.4445, -4.7750 and 2.0315
        The coefficients a, b and c of the formula.
    adam_lr_ratio : float, default 1
        The learning rate of AdamW divided by that of Muon.
    momentum : float, default 0.95
        :math:`\mu`, in [0, 1].
    ns_steps : int, default 5
        The number of repetitions. With more of them, the singular values come closer to 1.
    nesterov : bool, default True
        Whether the gradient is added to the momentum once more, as the formula says.
    rms_rate : float or None, default 0.2
        :math:`\rho`. With None, the step is not scaled by the shape.
    flatten_convolutions : bool, default True
        Whether Muon also moves the kernels of convolutions. Keras does not have this argument, and moves them by AdamW.

    Notes
    -----
    Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; Liu et al., "Muon is scalable for
    LLM training", 2025.

    Examples
    --------
    >>> Muon(0.02, exclude_layers=["classifier"]).ns_steps
    5
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        *,
        flatten_convolutions: bool = True,
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

        def number(value: Any, argument: str, minimum: float = 0.0, below: float = float("inf")) -> float:
            return _checks.number(value, argument, "Muon", minimum=minimum, below=below)

        self.adam_beta_1 = number(adam_beta_1, "adam_beta_1", below=1.0)
        self.adam_beta_2 = number(adam_beta_2, "adam_beta_2", below=1.0)
        self.adam_weight_decay = None if adam_weight_decay is None else number(adam_weight_decay, "adam_weight_decay")
        self.epsilon = number(epsilon, "epsilon")
        self.muon_a, self.muon_b, self.muon_c = (
            number(value, argument, minimum=float("-inf"))
            for value, argument in ((muon_a, "muon_a"), (muon_b, "muon_b"), (muon_c, "muon_c"))
        )
        self.adam_lr_ratio = number(adam_lr_ratio, "adam_lr_ratio")
        self.momentum = momentum_of(momentum, "Muon")
        self.ns_steps = _checks.integer(ns_steps, "ns_steps", "Muon")
        self.nesterov = _checks.boolean(nesterov, "nesterov", "Muon")
        excluded = () if exclude_layers is None else _checks.listed(exclude_layers, "exclude_layers", "Muon")
        self.exclude_layers = [str(pattern) for pattern in excluded]
        self.exclude_embeddings = _checks.boolean(exclude_embeddings, "exclude_embeddings", "Muon")
        self.rms_rate = None if rms_rate is None else number(rms_rate, "rms_rate")
        self.flatten_convolutions = _checks.boolean(flatten_convolutions, "flatten_convolutions", "Muon")

    def matrix_shape(self, variable: VariableRange) -> tuple[int, int]:
        """(rows, columns) of a variable that Muon moves; (0, 0) for one that AdamW moves."""
        rank, path = len(variable.shape), variable.name
        if rank < 2 or (rank > 2 and not self.flatten_convolutions):
            return 0, 0
        if self.exclude_embeddings and "embedding" in path.lower():
            return 0, 0
        if any(re.search(pattern, path) for pattern in self.exclude_layers):
            return 0, 0
        rows = 1
        for size in variable.shape[:-1]:
            rows *= size
        return rows, variable.shape[-1]

    def make_rule(self, size: int) -> _core.Optimizer:
        return _core.Optimizer(
            "muon",
            size,
            adam_beta_1=self.adam_beta_1,
            adam_beta_2=self.adam_beta_2,
            epsilon=self.epsilon,
            adam_weight_decay=self.adam_weight_decay or 0.0,
            a=self.muon_a,
            b=self.muon_b,
            c=self.muon_c,
            adam_lr_ratio=self.adam_lr_ratio,
            momentum=self.momentum,
            ns_steps=self.ns_steps,
            nesterov=self.nesterov,
            rms_rate=self.rms_rate or 0.0,
        )

    def build_for(self, size: int, variables: list[VariableRange]) -> None:
        super().build_for(size, variables)
        assert self.rule is not None
        self.rule.set_matrices([self.matrix_shape(variable) for variable in variables])

    def get_config(self) -> dict[str, Any]:
        names = (
            "adam_beta_1 adam_beta_2 epsilon exclude_layers muon_a muon_b muon_c adam_lr_ratio momentum ns_steps "
            "nesterov exclude_embeddings adam_weight_decay rms_rate flatten_convolutions"
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names.split()}}
