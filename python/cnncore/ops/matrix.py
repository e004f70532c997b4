"""The product of a dense layer, two losses, and their gradients."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks, _core
from cnncore._checks import Float32

__all__ = ["dense", "dense_backward", "mean_squared_error", "softmax_cross_entropy"]


def dense(x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None = None, *, precision: str = "float32") -> Float32:
    """Compute x @ kernel + bias.

    Parameters
    ----------
    x : array_like, shape (batch, features)
    kernel : array_like, shape (features, units)
    bias : array_like, shape (units,), optional
    precision : {"float32", "bfloat16_3x", "bfloat16"}, default "float32"
        How x and kernel are rounded in products; see :mod:`cnncore.ops`.

    Returns
    -------
    numpy.ndarray of float32, shape (batch, units)

    Raises
    ------
    ValueError
        If the shapes of the arrays do not fit together.

    Examples
    --------
    A single neuron with the input 2, the weight 3 and the bias 1:

    >>> dense([[2.0]], [[3.0]], [1.0])
    array([[7.]], dtype=float32)
    """
    x = _checks.float32_array(x, "x", "dense", 2, "batch, features")
    kernel = _checks.float32_array(kernel, "kernel", "dense", 2, "features, units")
    if bias is not None:
        bias = _checks.float32_array(bias, "bias", "dense", 1, "units")
    return _core.dense(x, kernel, bias, _checks.precision(precision, "dense"))


def dense_backward(
    x: ArrayLike, kernel: ArrayLike, dy: ArrayLike, *, precision: str = "float32"
) -> tuple[Float32, Float32, Float32]:
    """Compute the gradients of :func:`dense` with respect to x, kernel and bias.

    Parameters
    ----------
    x, kernel : array_like
        As given to :func:`dense`.
    dy : array_like, shape (batch, units)
        The gradient of the loss with respect to the output.
    precision : {"float32", "bfloat16_3x", "bfloat16"}, default "float32"
        How x, kernel and dy are rounded in products; see :mod:`cnncore.ops`.

    Returns
    -------
    dx, dkernel, dbias : numpy.ndarray of float32
        Arrays of the shapes of x and of kernel, and of shape (units,).

    Examples
    --------
    >>> dense_backward([[2.0]], [[3.0]], [[1.0]])
    (array([[3.]], dtype=float32), array([[2.]], dtype=float32), array([1.], dtype=float32))
    """
    x = _checks.float32_array(x, "x", "dense_backward", 2, "batch, features")
    kernel = _checks.float32_array(kernel, "kernel", "dense_backward", 2, "features, units")
    dy = _checks.float32_array(dy, "dy", "dense_backward", 2, "batch, units")
    return _core.dense_backward(x, kernel, dy, _checks.precision(precision, "dense_backward"))


def softmax_cross_entropy(logits: ArrayLike, labels: ArrayLike) -> tuple[float, Float32]:
    """Compute the mean cross-entropy between labels and softmax(logits), and its gradient.

    Parameters
    ----------
    logits : array_like, shape (batch, classes)
    labels : array_like of int, shape (batch,), or of float, shape (batch, classes)
        The number of the class of each sample, or the probabilities of all classes for each sample.

    Returns
    -------
    loss : float
        The mean over the samples.
    dlogits : numpy.ndarray of float32, shape (batch, classes)
        The gradient of the loss with respect to the logits.

    Raises
    ------
    ValueError
        If the shapes do not fit together, or a class number is not from 0 to classes - 1.

    Examples
    --------
    >>> loss, dlogits = softmax_cross_entropy([[0.0, 0.0]], [1])
    >>> round(loss, 4), dlogits
    (0.6931, array([[ 0.5, -0.5]], dtype=float32))
    """
    owner = "softmax_cross_entropy"
    logits = _checks.float32_array(logits, "logits", owner, 2, "batch, classes")
    targets = _checks.numeric_array(labels, "labels", owner)
    dtype = np.int64 if targets.dtype.kind in "iu" and targets.ndim == 1 else np.float32
    return _core.softmax_cross_entropy(logits, np.ascontiguousarray(targets, dtype=dtype))


def mean_squared_error(y_pred: ArrayLike, y_true: ArrayLike) -> tuple[float, Float32]:
    """Compute the mean of (y_pred - y_true)^2 over all values, and its gradient with respect to ``y_pred``.

    ``y_pred`` and ``y_true`` are arrays of the same shape.

    Examples
    --------
    >>> mean_squared_error([[1.0, 3.0]], [[1.0, 1.0]])
    (2.0, array([[0., 2.]], dtype=float32))
    """
    y_pred = _checks.float32_array(y_pred, "y_pred", "mean_squared_error")
    y_true = _checks.float32_array(y_true, "y_true", "mean_squared_error")
    return _core.mean_squared_error(y_pred, y_true)
