"""A loss that is a function written by the user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnncore._checks import Float32
from cnncore._custom_objects import function_name, named_function
from cnncore.differentiation import NotDifferentiableError, keeping_gradients, pullback
from cnncore.losses.base import Loss, registry

__all__ = ["FunctionLoss"]

_EXAMPLE = """
    def {name}(y_true, y_pred):
        difference = y_pred - y_true
        return (difference ** 2).sum(axis=-1), 2 * difference"""


@registry.register()
class FunctionLoss(Loss):
    """A function ``(y_true, y_pred) -> losses`` as a loss. ``compile(loss=function)`` makes such a loss.

    The function returns one value for each sample, or one number for the batch; in the second case samples cannot have
    weights. If the function is written in NumPy or with :mod:`cnncore.backend`, :mod:`cnncore.differentiation` finds
    its gradient. The function may also return ``(losses, gradient)``, where ``gradient`` is the derivative of the sum
    of the losses with respect to ``y_pred``. This is faster, and necessary if the function calls others that cannot be
    differentiated.

    Parameters
    ----------
    function : callable
        Receives float32 arrays.
    reduction : str or None, default "sum_over_batch_size"
        See :class:`~cnncore.losses.Loss`.
    name : str, optional
        The function's name by default.

    Examples
    --------
    >>> def squares(y_true, y_pred):
    ...     return ((y_pred - y_true) ** 2).sum(axis=-1)
    >>> FunctionLoss(squares)([[0.0], [0.0]], [[1.0], [2.0]])
    2.5
    >>> def with_gradient(y_true, y_pred):
    ...     return squares(y_true, y_pred), 2 * (y_pred - y_true)
    >>> FunctionLoss(with_gradient)([[0.0], [0.0]], [[1.0], [2.0]])
    2.5
    """

    def __init__(
        self,
        function: Callable[[np.ndarray, np.ndarray], Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(name or getattr(function, "__name__", "loss"), reduction)
        self.function = function

    def call(self, y_true: Any, y_pred: Any) -> np.ndarray:
        """What the function returns as losses."""
        result = self.function(y_true, y_pred)
        return np.asarray(result[0] if isinstance(result, tuple) else result)

    def get_config(self) -> dict[str, Any]:
        """The name of the function and the other arguments. A function without a name, such as a lambda, is a
        ValueError.

        Reading a file with this loss needs the function: register it, or pass ``custom_objects={name: function}``.
        """
        return {"function": function_name(self.function, "loss"), "reduction": self.reduction, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FunctionLoss:
        """Inverse of :meth:`get_config`."""
        return cls(**{**config, "function": named_function(config.get("function"), "loss")})

    def __repr__(self) -> str:
        return f"FunctionLoss({self.name})"

    def _recorded(self, y_true: Any, y_pred: Any) -> Any:
        with keeping_gradients():
            result = self.function(y_true, y_pred)
        return None if isinstance(result, tuple) else result

    def _losses_and_gradient(self, y_true: np.ndarray, y_pred: Float32) -> tuple[np.ndarray, np.ndarray]:
        result = self.function(y_true, y_pred)
        if not isinstance(result, tuple):
            return self._differentiated(y_true, y_pred)
        if len(result) != 2:
            raise TypeError(
                f"[{self.name}] expected the loss function to return losses, or (losses, gradient). "
                f"Received: a tuple of {len(result)}"
            )
        return self._checked(result[0], y_pred), self._checked_gradient(result[1])

    def _differentiated(self, y_true: np.ndarray, y_pred: Float32) -> tuple[np.ndarray, np.ndarray]:
        try:
            losses, back = pullback(lambda y: self.function(y_true, y), [y_pred])
        except NotDifferentiableError as error:
            raise TypeError(
                f"[{self.name}] cannot be trained with: {error} Or return the gradient yourself, for example:"
                f"{_EXAMPLE.format(name=self.name)}"
            ) from error
        checked = self._checked(losses, y_pred)
        (gradient,) = back(np.ones(checked.shape, np.float32))
        return checked, np.asarray(gradient, np.float32)
