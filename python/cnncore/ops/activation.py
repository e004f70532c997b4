"""Activation functions and their gradients, computed by the core."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks, _core
from cnncore._checks import Float32
from cnncore.differentiation import Array, Traced, is_recording_backward, seen
from cnncore.ops.activation_slopes import gradient_of

__all__ = [
    "activation",
    "activation_backward",
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
        x = x[np.newaxis]
        return np.asarray(_core.activation(x, kind, *_parameters(kind, **options))[0]).view(Array)
    return _core.activation(x, kind, *_parameters(kind, **options)).view(Array)


def _config(kind: str, options: dict[str, float | None]) -> dict[str, Any]:
    """Describe an activation as :func:`cnncore.activations.serialize` does."""
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if "alpha" in given and kind in _WORDS_FOR_ALPHA:
        given[_WORDS_FOR_ALPHA[kind]] = given.pop("alpha")
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
        infinite = not hasattr(value, "__len__") and value == math.inf
        defaults[name] = math.inf if infinite else _checks.number(value, name, kind)
    return defaults["alpha"], defaults["max_value"], defaults["threshold"]


# What the activation functions call their argument that is called alpha here.
_WORDS_FOR_ALPHA = {
    "relu": "negative_slope",
    "leaky_relu": "negative_slope",
    "squareplus": "b",
    "threshold": "default_value",
}
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
