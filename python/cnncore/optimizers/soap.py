"""SOAP: Adam in a basis in which the factors of Shampoo, another optimizer, are diagonal."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._checks import Float32
from cnncore.optimizers.base import Optimizer, Rate, registry
from cnncore.optimizers.options import VariableRange

__all__ = ["SOAP"]

_SIDES = ("rows", "columns")


@registry.register()
class SOAP(Optimizer):
    r"""Adam in the basis of the eigenvectors of two matrices, which are running means of products of the gradient.

    Each kernel is a matrix with a row for each input, and a column for each unit or filter. G is its gradient. The two
    matrices are the factors of the optimizer Shampoo:

    .. math::
        L \leftarrow \beta_2 L + (1 - \beta_2) G G^T, \quad R \leftarrow \beta_2 R + (1 - \beta_2) G^T G

    :math:`Q_L` and :math:`Q_R` are matrices of their eigenvectors. A step is one of Adam, computed in this basis:

    .. math::
        M &\leftarrow \beta_1 M + (1 - \beta_1) G, \quad
        V \leftarrow \beta_2 V + (1 - \beta_2) (Q_L^T G Q_R)^2, \\
        w &\leftarrow w - \eta\, Q_L \frac{Q_L^T M Q_R / (1 - \beta_1^t)}{\sqrt{V / (1 - \beta_2^t)} + \epsilon} Q_R^T.

    The first step only computes the eigenvectors and moves nothing: in the basis of its own eigenvectors, a gradient is
    a matrix of little but zeros and rounding errors. Every ``refresh_steps`` steps the eigenvectors are adapted to the
    new factors by one iteration of :math:`Q \leftarrow \mathrm{qr}(L Q)`. Biases and other vectors are moved by Adam.

    Parameters
    ----------
    learning_rate : float or callable, default 0.003
        :math:`\eta`: a number, or a schedule (see :mod:`cnncore.optimizers.schedules`).
    beta_1, beta_2 : float, default 0.95
        Decay of the running means, in [0, 1).
    epsilon : float, default 1e-8
        Added to the root, so that the divisor is never zero.
    refresh_steps : int, default 10
        The number of steps after which the eigenvectors are adapted to the factors again.
    largest_factor : int, default 512
        If a matrix has more rows than this, L and its eigenvectors are left out, and if it has more columns, R.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, \
    loss_scale_factor, gradient_accumulation_steps, name
        As in :class:`Optimizer`.

    Notes
    -----
    Vyas, Morwani, Zhao, Shapira, Brandfonbrener, Janson and Kakade, "SOAP: improving and stabilizing Shampoo using
    Adam", 2024; Gupta, Koren and Singer, "Shampoo: preconditioned stochastic tensor optimization", 2018. NumPy computes
    the products of matrices.

    Examples
    --------
    >>> import numpy as np
    >>> weights, optimizer = np.eye(2, dtype=np.float32), SOAP(0.5)
    >>> for _ in range(2):
    ...     steps = optimizer.apply_gradients([(2 * weights, weights)])  # the gradient of the sum of squares
    >>> weights.round(3)
    array([[0.5, 0. ],
           [0. , 0.5]], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: Rate = 0.003,
        beta_1: float = 0.95,
        beta_2: float = 0.95,
        epsilon: float = 1e-8,
        refresh_steps: int = 10,
        largest_factor: int = 512,
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
        self.beta_1 = _checks.number(beta_1, "beta_1", "SOAP", minimum=0.0, below=1.0)
        self.beta_2 = _checks.number(beta_2, "beta_2", "SOAP", minimum=0.0, below=1.0)
        self.epsilon = _checks.number(epsilon, "epsilon", "SOAP", minimum=0.0)
        self.refresh_steps = _checks.integer(refresh_steps, "refresh_steps", "SOAP")
        self.largest_factor = _checks.integer(largest_factor, "largest_factor", "SOAP")

    def update(self, params: Float32, grads: Float32, step: int) -> None:
        if not np.isfinite(grads).all():
            params[...] = np.nan  # as after a step of Adam; the gradient has no eigenvectors
            return
        means, squares = (self.state.setdefault(name, np.zeros_like(params)) for name in ("mean", "square"))
        moves = step - 1  # the number of steps that move weights, this one included
        unbiased = [np.float32(1.0 - beta**moves if moves else 1.0) for beta in (self.beta_1, self.beta_2)]
        rate = np.float32(float(self.learning_rate)) / unbiased[0]
        for number, variable in enumerate(self.trained_variables):
            part, shape = variable.slice, _matrix_shape(variable)
            gradient, mean, square = (vector[part].reshape(shape) for vector in (grads, means, squares))
            bases = self._follow(number, gradient)
            if not moves:
                continue
            mean += np.float32(1.0 - self.beta_1) * (gradient - mean)
            square += np.float32(1.0 - self.beta_2) * (_turned(gradient, bases) ** 2 - square)
            move = _turned(mean, bases) / (np.sqrt(square / unbiased[1]) + np.float32(self.epsilon))
            params[part] -= (rate * _turned_back(move, bases)).ravel()
            if step % self.refresh_steps == 0:
                self._refresh(number, square)

    def _follow(self, number: int, gradient: Float32) -> dict[str, Float32]:
        """Add a gradient to the factors of a variable, and return the eigenvectors of each factor."""
        bases = {}
        for axis, side in enumerate(_SIDES):
            size = gradient.shape[axis]
            if min(gradient.shape) == 1 or size > self.largest_factor:
                continue
            factor = self.memory.setdefault(f"variable_{number}/{side}", np.zeros((size, size), np.float32))
            product = gradient @ gradient.T if axis == 0 else gradient.T @ gradient
            factor += np.float32(1.0 - self.beta_2) * (product - factor)
            name = f"variable_{number}/{side}_basis"
            if name not in self.memory:
                self.memory[name] = np.linalg.eigh(factor.astype(np.float64))[1].astype(np.float32)
            bases[side] = self.memory[name]
        return bases

    def _refresh(self, number: int, square: Float32) -> None:
        """Make one iteration for the eigenvectors, and sort them by eigenvalue, the largest first. V, ``square``, is
        sorted in the same order.
        """
        for axis, side in enumerate(_SIDES):
            basis = self.memory.get(f"variable_{number}/{side}_basis")
            if basis is None:
                continue
            moved = self.memory[f"variable_{number}/{side}"] @ basis
            order = np.argsort(-(basis * moved).sum(axis=0), kind="stable")
            square[...] = np.take(square, order, axis=axis)
            basis[...] = np.linalg.qr(moved[:, order])[0]

    def get_config(self) -> dict[str, Any]:
        names = "beta_1 beta_2 epsilon refresh_steps largest_factor"
        return {**super().get_config(), **{name: getattr(self, name) for name in names.split()}}


def _matrix_shape(variable: VariableRange) -> tuple[int, int]:
    """The numbers of rows and columns. All axes but the last form the rows. A vector is a matrix of one row."""
    *rest, last = variable.shape or (1,)
    return int(np.prod(rest, dtype=np.int64)), last


def _turned(matrix: Float32, bases: dict[str, Float32]) -> Float32:
    """The matrix in the basis of the eigenvectors: Q_L^T matrix Q_R."""
    matrix = bases["rows"].T @ matrix if "rows" in bases else matrix
    return matrix @ bases["columns"] if "columns" in bases else matrix


def _turned_back(matrix: Float32, bases: dict[str, Float32]) -> Float32:
    """Inverse of :func:`_turned`: Q_L matrix Q_R^T."""
    matrix = bases["rows"] @ matrix if "rows" in bases else matrix
    return matrix @ bases["columns"].T if "columns" in bases else matrix
