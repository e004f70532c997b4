"""Activation functions that are linear for large x: relu and its relatives."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnncore import ops
from cnncore._checks import Float32
from cnncore.activations.definition import activation

__all__ = ["celu", "elu", "hard_sigmoid", "hard_silu", "leaky_relu", "linear", "relu", "relu6", "selu"]


@activation()
def linear(x: ArrayLike) -> Float32:
    """Return ``x`` unchanged.

    Examples
    --------
    >>> linear([-1.0, 2.0])
    array([-1.,  2.], dtype=float32)
    """
    return ops.activation(x, "linear")


@activation("negative_slope", "max_value", "threshold")
def relu(x: ArrayLike, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Float32:
    """Compute y = max(x, 0) by default.

    In general, y = min(x, ``max_value``) where x is greater than ``threshold``, and
    y = ``negative_slope * (x - threshold)`` elsewhere.

    Parameters
    ----------
    x : array_like
        An array of any shape.
    negative_slope : float, default 0
    max_value : float, optional
        The largest value of the result. There is no limit by default.
    threshold : float, default 0

    Returns
    -------
    numpy.ndarray of float32, of the shape of x

    Examples
    --------
    >>> relu([-2.0, 0.5, 8.0])
    array([0. , 0.5, 8. ], dtype=float32)
    >>> relu([-2.0, 0.5, 8.0], negative_slope=0.5, max_value=6)
    array([-1. ,  0.5,  6. ], dtype=float32)
    """
    return ops.relu(x, negative_slope, max_value, threshold)


@activation()
def relu6(x: ArrayLike) -> Float32:
    """Compute y = min(max(x, 0), 6), value by value.

    Examples
    --------
    >>> relu6([-2.0, 0.5, 8.0])
    array([0. , 0.5, 6. ], dtype=float32)
    """
    return ops.relu6(x)


@activation("negative_slope")
def leaky_relu(x: ArrayLike, negative_slope: float = 0.2) -> Float32:
    """Compute y = x where x is positive, and y = ``negative_slope * x`` elsewhere.

    Examples
    --------
    >>> leaky_relu([-2.0, 2.0])
    array([-0.4,  2. ], dtype=float32)
    """
    return ops.leaky_relu(x, negative_slope)


@activation("alpha")
def elu(x: ArrayLike, alpha: float = 1.0) -> Float32:
    """Compute y = x where x is positive, and y = ``alpha * (exp(x) - 1)`` elsewhere (Clevert et al., 2015).

    Examples
    --------
    >>> elu([-1.0, 2.0])
    array([-0.632,  2.   ], dtype=float32)
    """
    return ops.elu(x, alpha)


@activation("alpha")
def celu(x: ArrayLike, alpha: float = 1.0) -> Float32:
    """Compute y = x where x is positive, and y = ``alpha * (exp(x / alpha) - 1)`` elsewhere (Barron, 2017).

    This is :func:`elu` changed so that its slope at 0 is 1 for every ``alpha``.

    Examples
    --------
    >>> celu([-1.0, 2.0], alpha=0.5)
    array([-0.432,  2.   ], dtype=float32)
    """
    return ops.celu(x, alpha)


@activation()
def selu(x: ArrayLike) -> Float32:
    """Compute y = 1.0507 * elu(x, alpha=1.6733) (Klambauer et al., "Self-normalizing neural networks", 2017).

    Examples
    --------
    >>> selu([-1.0, 1.0]).round(3)
    array([-1.111,  1.051], dtype=float32)
    """
    return ops.selu(x)


@activation()
def hard_sigmoid(x: ArrayLike) -> Float32:
    """Compute y = relu6(x + 3) / 6, a piecewise linear function that is close to the sigmoid.

    Examples
    --------
    >>> hard_sigmoid([-4.0, 0.0, 1.5])
    array([0.  , 0.5 , 0.75], dtype=float32)
    """
    return ops.hard_sigmoid(x)


@activation(aliases=("hard_swish",))
def hard_silu(x: ArrayLike) -> Float32:
    """Compute y = x * relu6(x + 3) / 6 (Howard et al., "Searching for MobileNetV3", 2019); also named ``hard_swish``.

    Examples
    --------
    >>> hard_silu([-4.0, 1.5])
    array([-0.   ,  1.125], dtype=float32)
    """
    return ops.hard_silu(x)
