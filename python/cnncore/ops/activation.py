"""Activations that are computed element by element, softmax and log_softmax over the last axis, and their gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks, _core
from cnncore._checks import Float32
from cnncore.differentiation import Traced

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
    """Apply the activation called ``kind`` to x, of any shape.

    Parameters
    ----------
    x : array_like
    kind : str
        ``"linear"``, ``"relu"``, ``"leaky_relu"``, ``"relu6"``, ``"elu"``, ``"selu"``, ``"celu"``, ``"gelu"``,
        ``"gelu_tanh"`` (gelu by its tanh approximation), ``"silu"`` or ``"swish"``, ``"mish"``, ``"sigmoid"``,
        ``"hard_sigmoid"``, ``"hard_silu"`` or ``"hard_swish"``, ``"tanh"``, ``"softplus"``, ``"softsign"``,
        ``"exponential"``, ``"log_sigmoid"``, or over the last axis ``"softmax"``, ``"log_softmax"``.
        The function of the same name in :mod:`cnncore.ops` has its formula.
    alpha : float, optional
        The slope of relu and leaky_relu below the threshold, alpha of elu and celu. Keras' defaults where None.
    max_value, threshold : float, optional
        Of relu, leaky_relu and relu6.

    Returns
    -------
    numpy.ndarray of float32, shape of x

    Raises
    ------
    ValueError
        If the name is not known or a parameter makes no sense.

    Examples
    --------
    >>> activation([-1.0, 2.0], "relu")
    array([0., 2.], dtype=float32)
    >>> activation([-1.0, 2.0], "leaky_relu", alpha=0.5)
    array([-0.5,  2. ], dtype=float32)
    """
    options: dict[str, Any] = {"alpha": alpha, "max_value": max_value, "threshold": threshold}
    if isinstance(x, Traced):
        return _traced(x, kind, options)  # type: ignore[no-any-return]
    if hasattr(x, "activated"):  # a symbolic tensor
        return x.activated(_config(kind, options))  # type: ignore[no-any-return]
    x = _checks.float32_array(x, "x", "activation")
    if x.ndim == 0:  # one number
        return np.asarray(_core.activation(x[np.newaxis], kind, *_parameters(kind, **options))[0])
    return _core.activation(x, kind, *_parameters(kind, **options))


def _config(kind: str, options: dict[str, float | None]) -> dict[str, Any]:
    """An activation as :mod:`cnncore.activations` describes it."""
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if "alpha" in given and kind in ("relu", "leaky_relu"):
        given["negative_slope"] = given.pop("alpha")
    if kind == "gelu_tanh":
        return {"class_name": "gelu", "config": {"approximate": True}}
    return {"class_name": kind, "config": given}


def _traced(x: Traced, kind: str, options: dict[str, float | None]) -> Any:
    """The activation of an array inside a function that is being differentiated."""
    y = activation(x.value, kind, **options)
    return Traced(y, [(x, lambda dy: activation_backward(y, dy, kind, x=x.value, **options))])


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
    """Gradient of :func:`activation` with respect to x, from its output y and the gradient dy of that output.

    The gradients of gelu, gelu_tanh, silu, mish, hard_silu and softsign need ``x``, and y may be None. The others need
    y, and do not read x.

    Parameters
    ----------
    y : array_like or None
    dy : array_like, shape of y
    kind, alpha, max_value, threshold
        As given to :func:`activation`.
    x : array_like, optional

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
    """The parameters of a kind, Keras' defaults for those that are not given."""
    given = {"alpha": alpha, "max_value": max_value, "threshold": threshold}
    if not isinstance(kind, str):
        raise TypeError(f"[activation] expected `kind` to be a name. Received: {type(kind).__name__}")
    defaults = dict(zip(given, _core.activation_defaults(kind), strict=True))
    allowed = _PARAMETERS.get(kind, ())
    for name, value in given.items():
        if value is None:
            continue
        if name not in allowed:
            raise ValueError(f"[{kind}] expected no `{name}`, which it does not have. Received: {name}={value!r}")
        defaults[name] = math.inf if value == math.inf else _checks.number(value, name, kind)
    return defaults["alpha"], defaults["max_value"], defaults["threshold"]


_PARAMETERS = {
    "relu": ("alpha", "max_value", "threshold"),
    "leaky_relu": ("alpha", "max_value", "threshold"),
    "relu6": ("alpha", "max_value", "threshold"),
    "elu": ("alpha",),
    "celu": ("alpha",),
}


def relu(x: ArrayLike, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Float32:
    """min(x, max_value) where x > threshold, else negative_slope * (x - threshold); max(x, 0) by default."""
    return activation(x, "relu", alpha=negative_slope, max_value=max_value, threshold=threshold)


def leaky_relu(x: ArrayLike, negative_slope: float = 0.2) -> Float32:
    """X where x > 0, else negative_slope * x."""
    return activation(x, "leaky_relu", alpha=negative_slope)


def relu6(x: ArrayLike) -> Float32:
    """min(max(x, 0), 6)."""
    return activation(x, "relu6")


def elu(x: ArrayLike, alpha: float = 1.0) -> Float32:
    """X where x > 0, else alpha * (exp(x) - 1) (Clevert et al., 2016)."""
    return activation(x, "elu", alpha=alpha)


def selu(x: ArrayLike) -> Float32:
    """1.0507 * elu(x, alpha=1.67326), which keeps mean 0 and variance 1 (Klambauer et al., 2017)."""
    return activation(x, "selu")


def celu(x: ArrayLike, alpha: float = 1.0) -> Float32:
    """X where x > 0, else alpha * (exp(x / alpha) - 1) (Barron, 2017)."""
    return activation(x, "celu", alpha=alpha)


def gelu(x: ArrayLike, approximate: bool = False) -> Float32:
    """X times the normal distribution function of x (Hendrycks and Gimpel, 2016).

    ``approximate=True`` computes 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))).
    """
    return activation(x, "gelu_tanh" if _checks.boolean(approximate, "approximate", "gelu") else "gelu")


def silu(x: ArrayLike) -> Float32:
    """X * sigmoid(x), also called swish (Ramachandran et al., 2017)."""
    return activation(x, "silu")


def mish(x: ArrayLike) -> Float32:
    """X * tanh(softplus(x)) (Misra, 2019)."""
    return activation(x, "mish")


def sigmoid(x: ArrayLike) -> Float32:
    """1 / (1 + exp(-x))."""
    return activation(x, "sigmoid")


def hard_sigmoid(x: ArrayLike) -> Float32:
    """min(max(x / 6 + 0.5, 0), 1)."""
    return activation(x, "hard_sigmoid")


def hard_silu(x: ArrayLike) -> Float32:
    """X * hard_sigmoid(x), also called hard swish (Howard et al., 2019)."""
    return activation(x, "hard_silu")


def tanh(x: ArrayLike) -> Float32:
    """Hyperbolic tangent of x."""
    return activation(x, "tanh")


def softplus(x: ArrayLike) -> Float32:
    """log(1 + exp(x))."""
    return activation(x, "softplus")


def softsign(x: ArrayLike) -> Float32:
    """X / (1 + |x|)."""
    return activation(x, "softsign")


def exponential(x: ArrayLike) -> Float32:
    """exp(x)."""
    return activation(x, "exponential")


def log_sigmoid(x: ArrayLike) -> Float32:
    """log(1 / (1 + exp(-x)))."""
    return activation(x, "log_sigmoid")


def softmax(x: ArrayLike, axis: int = -1) -> Float32:
    """exp(x) / sum(exp(x)) over ``axis``."""
    return _along(axis, x, "softmax")


def log_softmax(x: ArrayLike, axis: int = -1) -> Float32:
    """X - log(sum(exp(x))) over ``axis``."""
    return _along(axis, x, "log_softmax")


def _along(axis: int, x: Any, kind: str) -> Float32:
    rank = max(len(x.shape) if hasattr(x, "shape") else np.ndim(x), 1)
    axis = _checks.integer(axis, "axis", kind, -rank, rank - 1)
    if axis in (-1, rank - 1):
        return activation(x, kind)
    return np.moveaxis(activation(np.moveaxis(x, axis, -1), kind), -1, axis)


def prelu(x: ArrayLike, alpha: ArrayLike) -> Float32:
    """X where x > 0, else alpha * x, with an alpha per element or shared along axes (He et al., 2015).

    Parameters
    ----------
    x : array_like, shape (batch, ...)
    alpha : array_like
        The shape of a sample, with 1 along axes that share a value.

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
    """Gradients of :func:`prelu`: (dx, dalpha).

    Parameters
    ----------
    x, alpha : array_like
        The arguments of :func:`prelu`.
    dy : array_like
        The gradient of its output.


    Examples
    --------
    >>> prelu_backward([[-2.0, 3.0]], [0.5, 0.5], [[1.0, 1.0]])
    (array([[0.5, 1. ]], dtype=float32), array([-2.,  0.], dtype=float32))
    """
    owner = "prelu_backward"
    x, alpha = _checks.float32_array(x, "x", owner), _checks.float32_array(alpha, "alpha", owner)
    return _core.prelu_backward(x, alpha, _checks.float32_array(dy, "dy", owner))
