"""Activation functions and their gradients, computed by the core."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks, _core
from cnncore._checks import Float32
from cnncore.differentiation import Traced, is_recording_backward, seen
from cnncore.ops.activation_slopes import gradient_of

__all__ = [
    "activation",
    "activation_backward",
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_sigmoid",
    "hard_silu",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
]


def activation(
    x: ArrayLike,
    kind: str,
    *,
    alpha: float | None = None,
    max_value: float | None = None,
    threshold: float | None = None,
) -> Float32:
    """Apply the activation function called ``kind``.

    Parameters
    ----------
    x : array_like
        An array of any shape.
    kind : str
        ``"linear"``, ``"relu"``, ``"leaky_relu"``, ``"relu6"``, ``"elu"``, ``"selu"``, ``"celu"``, ``"gelu"``,
        ``"gelu_tanh"`` (gelu with ``approximate=True``), ``"silu"`` or ``"swish"``, ``"mish"``, ``"sigmoid"``,
        ``"hard_sigmoid"``, ``"hard_silu"`` or ``"hard_swish"``, ``"tanh"``, ``"softplus"``, ``"softsign"``,
        ``"exponential"``, ``"log_sigmoid"``, ``"hard_shrink"``, ``"soft_shrink"``, ``"tanh_shrink"``,
        ``"hard_tanh"``, ``"threshold"``, ``"squareplus"``, ``"sparse_plus"``, ``"sparse_sigmoid"``, or one of
        ``"softmax"`` and ``"log_softmax"``, which sum over the last axis. The formulas are those of the functions of
        the same names in :mod:`cnncore.ops`.
    alpha : float, optional
        The slope of relu and leaky_relu below the threshold, ``alpha`` of elu and celu, the default value of threshold,
        or ``b`` of squareplus. The defaults are Keras'.
    max_value, threshold : float, optional
        Arguments of relu, leaky_relu and relu6, see :func:`relu`. The shrinking functions and threshold have a
        threshold, too.

    Returns
    -------
    numpy.ndarray of float32, shape of x

    Raises
    ------
    ValueError
        If the name is not known, or if the function does not have a parameter that is given.

    Examples
    --------
    >>> activation([-1.0, 2.0], "relu")
    array([0., 2.], dtype=float32)
    >>> activation([-1.0, 2.0], "leaky_relu", alpha=0.5)
    array([-0.5,  2. ], dtype=float32)
    """
    options: dict[str, Any] = {"alpha": alpha, "max_value": max_value, "threshold": threshold}
    x = seen(x)  # an array that a tape watches
    if isinstance(x, Traced):
        return _traced(x, kind, options)  # type: ignore[no-any-return]
    if hasattr(x, "activated"):  # a symbolic tensor
        return x.activated(_config(kind, options))  # type: ignore[no-any-return]
    x = _checks.float32_array(x, "x", "activation")
    if x.ndim == 0:  # one number
        return np.asarray(_core.activation(x[np.newaxis], kind, *_parameters(kind, **options))[0])
    return _core.activation(x, kind, *_parameters(kind, **options))


def _config(kind: str, options: dict[str, float | None]) -> dict[str, Any]:
    """Describe an activation as :func:`cnncore.activations.serialize` does."""
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if "alpha" in given and kind in ("relu", "leaky_relu"):
        given["negative_slope"] = given.pop("alpha")
    if kind == "gelu_tanh":
        return {"class_name": "gelu", "config": {"approximate": True}}
    return {"class_name": kind, "config": given}


def _traced(x: Traced, kind: str, options: dict[str, float | None]) -> Any:
    """Apply an activation to an array inside a function that is being differentiated."""
    y = activation(x.value, kind, **options)

    def back(dy: Any) -> Any:
        if not is_recording_backward():
            return activation_backward(y, dy, kind, x=x.value, **options)

        def applied(x: Any, other: str) -> Any:
            return activation(x, other, **(options if other == kind else {}))

        def slope() -> Any:
            return activation_backward(y, np.ones_like(y), kind, x=x.value, **options)

        return gradient_of(kind, x, dy, options["alpha"], applied, slope)

    return Traced(y, [(x, back)])


def activation_backward(
    y: ArrayLike | None,
    dy: ArrayLike,
    kind: str,
    *,
    x: ArrayLike | None = None,
    alpha: float | None = None,
    max_value: float | None = None,
    threshold: float | None = None,
) -> Float32:
    """Compute the gradient of :func:`activation` with respect to x.

    For gelu, gelu_tanh, silu, mish, hard_silu, softsign, tanh_shrink, threshold, squareplus and sparse_plus it is
    computed from ``x``, and ``y`` may be None. For all other functions it is computed from ``y``, and ``x`` is not
    used.

    Parameters
    ----------
    y : array_like or None
        The output of :func:`activation`.
    dy : array_like, shape of y
        The gradient of the loss with respect to the output.
    kind, alpha, max_value, threshold
        As given to :func:`activation`.
    x : array_like, optional
        The input of :func:`activation`.

    Returns
    -------
    numpy.ndarray of float32, shape of dy

    Examples
    --------
    >>> activation_backward([0.0, 2.0], [5.0, 5.0], "relu")
    array([0., 5.], dtype=float32)
    >>> activation_backward(None, [4.0], "silu", x=[0.0])
    array([2.], dtype=float32)
    """
    owner = "activation_backward"
    saved_x = None if x is None else _checks.float32_array(x, "x", owner)
    saved_y = None if y is None else _checks.float32_array(y, "y", owner)
    dy = _checks.float32_array(dy, "dy", owner)
    return _core.activation_backward(saved_x, saved_y, dy, kind, *_parameters(kind, alpha, max_value, threshold))


def _parameters(
    kind: str, alpha: float | None, max_value: float | None, threshold: float | None
) -> tuple[float, float, float]:
    """Return the parameters of an activation. Those that are not given have Keras' defaults."""
    given = {"alpha": alpha, "max_value": max_value, "threshold": threshold}
    if not isinstance(kind, str):
        raise TypeError(f"[activation] expected `kind` to be a name. Received: {type(kind).__name__}")
    defaults = dict(zip(given, _core.activation_defaults(kind), strict=True))
    allowed = _PARAMETERS.get(kind, ())
    for name, value in given.items():
        if value is None:
            continue
        if name not in allowed:
            raise ValueError(f"[{kind}] expected no `{name}`: {kind} does not have it. Received: {name}={value!r}")
        defaults[name] = math.inf if value == math.inf else _checks.number(value, name, kind)
    return defaults["alpha"], defaults["max_value"], defaults["threshold"]


_PARAMETERS = {
    "relu": ("alpha", "max_value", "threshold"),
    "leaky_relu": ("alpha", "max_value", "threshold"),
    "relu6": ("alpha", "max_value", "threshold"),
    "elu": ("alpha",),
    "celu": ("alpha",),
    "hard_shrink": ("threshold",),
    "soft_shrink": ("threshold",),
    "threshold": ("alpha", "threshold"),
    "squareplus": ("alpha",),
}


def relu(x: ArrayLike, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Float32:
    """Compute min(x, max_value) where x > threshold, and negative_slope * (x - threshold) elsewhere.

    By default this is max(x, 0).
    """
    return activation(x, "relu", alpha=negative_slope, max_value=max_value, threshold=threshold)


def leaky_relu(x: ArrayLike, negative_slope: float = 0.2) -> Float32:
    """Compute x where x > 0, and negative_slope * x elsewhere."""
    return activation(x, "leaky_relu", alpha=negative_slope)


def relu6(x: ArrayLike) -> Float32:
    """Compute min(max(x, 0), 6)."""
    return activation(x, "relu6")


def elu(x: ArrayLike, alpha: float = 1.0) -> Float32:
    """Compute x where x > 0, and alpha * (exp(x) - 1) elsewhere (Clevert et al., 2015)."""
    return activation(x, "elu", alpha=alpha)


def selu(x: ArrayLike) -> Float32:
    """Compute 1.0507 * elu(x, alpha=1.67326) (Klambauer et al., 2017)."""
    return activation(x, "selu")


def celu(x: ArrayLike, alpha: float = 1.0) -> Float32:
    """Compute x where x > 0, and alpha * (exp(x / alpha) - 1) elsewhere (Barron, 2017)."""
    return activation(x, "celu", alpha=alpha)


def gelu(x: ArrayLike, approximate: bool = False) -> Float32:
    """Compute x times the probability that a standard normal number is less than x (Hendrycks and Gimpel, 2016).

    ``approximate=True`` computes 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))).
    """
    return activation(x, "gelu_tanh" if _checks.boolean(approximate, "approximate", "gelu") else "gelu")


def silu(x: ArrayLike) -> Float32:
    """Compute x * sigmoid(x), which is also called swish (Elfwing et al., 2017)."""
    return activation(x, "silu")


def mish(x: ArrayLike) -> Float32:
    """Compute x * tanh(softplus(x)) (Misra, 2019)."""
    return activation(x, "mish")


def sigmoid(x: ArrayLike) -> Float32:
    """Compute 1 / (1 + exp(-x))."""
    return activation(x, "sigmoid")


def hard_sigmoid(x: ArrayLike) -> Float32:
    """Compute min(max(x / 6 + 0.5, 0), 1)."""
    return activation(x, "hard_sigmoid")


def hard_silu(x: ArrayLike) -> Float32:
    """Compute x * hard_sigmoid(x), which is also called hard swish (Howard et al., 2019)."""
    return activation(x, "hard_silu")


def tanh(x: ArrayLike) -> Float32:
    """Compute the hyperbolic tangent of x."""
    return activation(x, "tanh")


def softplus(x: ArrayLike) -> Float32:
    """Compute log(1 + exp(x))."""
    return activation(x, "softplus")


def softsign(x: ArrayLike) -> Float32:
    """Compute x / (1 + |x|)."""
    return activation(x, "softsign")


def exponential(x: ArrayLike) -> Float32:
    """Compute exp(x)."""
    return activation(x, "exponential")


def log_sigmoid(x: ArrayLike) -> Float32:
    """Compute log(1 / (1 + exp(-x)))."""
    return activation(x, "log_sigmoid")


def softmax(x: ArrayLike, axis: int = -1) -> Float32:
    """Compute exp(x) / sum(exp(x)), where the sum is along ``axis``."""
    return _along(axis, x, "softmax")


def log_softmax(x: ArrayLike, axis: int = -1) -> Float32:
    """Compute x - log(sum(exp(x))), where the sum is along ``axis``."""
    return _along(axis, x, "log_softmax")


def _along(axis: int, x: Any, kind: str) -> Float32:
    rank = max(len(x.shape) if hasattr(x, "shape") else np.ndim(x), 1)
    axis = _checks.integer(axis, "axis", kind, -rank, rank - 1)
    if axis in (-1, rank - 1):
        return activation(x, kind)
    return np.moveaxis(activation(np.moveaxis(x, axis, -1), kind), -1, axis)


def prelu(x: ArrayLike, alpha: ArrayLike) -> Float32:
    """Compute x where x > 0, and alpha * x elsewhere (He et al., 2015).

    Parameters
    ----------
    x : array_like, shape (batch, ...)
    alpha : array_like
        An array of the shape of a sample, or of length 1 along axes where all values have the same alpha.

    Returns
    -------
    numpy.ndarray of float32, shape of x

    Raises
    ------
    ValueError
        If the shapes do not fit together.

    Examples
    --------
    >>> prelu([[-2.0, 3.0]], [0.5, 0.5])
    array([[-1.,  3.]], dtype=float32)
    """
    return _core.prelu(_checks.float32_array(x, "x", "prelu"), _checks.float32_array(alpha, "alpha", "prelu"))


def prelu_backward(x: ArrayLike, alpha: ArrayLike, dy: ArrayLike) -> tuple[Float32, Float32]:
    """Compute the gradients of :func:`prelu` with respect to x and alpha.

    Parameters
    ----------
    x, alpha : array_like
        The arguments of :func:`prelu`.
    dy : array_like, shape of x
        The gradient of the loss with respect to the output.

    Returns
    -------
    dx, dalpha : numpy.ndarray of float32
        Arrays of the shapes of x and alpha.

    Examples
    --------
    >>> prelu_backward([[-2.0, 3.0]], [0.5, 0.5], [[1.0, 1.0]])
    (array([[0.5, 1. ]], dtype=float32), array([-2.,  0.], dtype=float32))
    """
    owner = "prelu_backward"
    x, alpha = _checks.float32_array(x, "x", owner), _checks.float32_array(alpha, "alpha", owner)
    return _core.prelu_backward(x, alpha, _checks.float32_array(dy, "dy", owner))
