"""Every op of the library in plain float64 NumPy, forward and backward, written as it is defined.

The code is simple on purpose: a convolution or a pooling is a loop over the positions of its window, and the
backward pass sends each gradient back through the same positions. ``test_reference.py`` checks the forward
passes against plain loops and the backward passes against numerical gradients; the compiled ops are then compared to
these functions.

Layouts: images (n, h, w, c), kernels (kh, kw, c / groups, filters), padding ((top, bottom), (left, right)).
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]

NO_PADDING: Padding = ((0, 0), (0, 0))
UNIT_ROUNDOFF = 2.0**-24  # of float32, round to nearest
SMALLEST_NORMAL = 2.0**-126


def tolerance(length: int, magnitude: ArrayLike) -> Array:
    """Return how far a float32 sum of ``length`` products may lie from the exact sum.

    ``magnitude`` is the same sum over absolute values, u = 2**-24. In any order of summation, with or without
    fused multiply-add, the error is at most ``length * u * magnitude`` to first order (Higham, Accuracy and
    Stability of Numerical Algorithms, section 3.1). For long sums this bound is so wide that a missing term would
    pass, so there the probabilistic bound ``c * sqrt(length) * u * magnitude`` is used (Higham and Mary, A New
    Approach to Probabilistic Rounding Error Analysis, 2019): independent rounding errors exceed it with probability
    2 exp(-c**2 / 2), which is 3e-14 per element for c = 8. ``length`` is increased by two operations for the bias and
    a division, and each term may be off by the smallest normal number, for results that underflow.
    """
    operations = length + 2
    growth = min(float(operations), 8.0 * np.sqrt(operations))
    return growth * UNIT_ROUNDOFF * np.asarray(magnitude, np.float64) + operations * SMALLEST_NORMAL


def numerical_gradient(function: Callable[[Array], float], x: Array, step: float = 1e-5) -> Array:
    """Central differences (f(x + h) - f(x - h)) / 2h, one element of ``x`` at a time."""
    gradient = np.empty_like(x)
    for index in np.ndindex(*x.shape):
        moved = x.copy()
        moved[index] = x[index] + step
        above = function(moved)
        moved[index] = x[index] - step
        gradient[index] = (above - function(moved)) / (2 * step)
    return gradient


# --- windows -------------------------------------------------------------------------------------------------


def output_size(size: int, kernel: int, stride: int, padding: Pair = (0, 0), dilation: int = 1) -> int:
    """Return (W - F + 2P) / S + 1, where F is the extent of the dilated kernel and 2P the sum of the padding."""
    return (size - ((kernel - 1) * dilation + 1) + sum(padding)) // stride + 1


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> Pair:
    """Keras' rule: ceil(size / stride) outputs; if the padding is odd, the larger part goes behind the image."""
    extent = (kernel - 1) * dilation + 1
    total = max((-(-size // stride) - 1) * stride + extent - size, 0)
    return total // 2, total - total // 2


def _pad(x: Array, padding: Padding, value: float = 0.0) -> Array:
    return np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=value)


def _crop(x: Array, padding: Padding) -> Array:
    (top, bottom), (left, right) = padding
    return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]


def _taps(
    padded: Array, kernel: Pair, out: Pair, strides: Pair, dilation: Pair = (1, 1)
) -> Iterator[tuple[Pair, Array]]:
    """For each position in the window, row by row: a view of its pixels in ``padded``, one for each output pixel."""
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            rows = slice(i * dilation[0], i * dilation[0] + (out[0] - 1) * strides[0] + 1, strides[0])
            columns = slice(j * dilation[1], j * dilation[1] + (out[1] - 1) * strides[1] + 1, strides[1])
            yield (i, j), padded[:, rows, columns]


def _out_shape(x: Array, kernel: Pair, strides: Pair, padding: Padding, dilation: Pair = (1, 1)) -> Pair:
    height = output_size(x.shape[1], kernel[0], strides[0], padding[0], dilation[0])
    width = output_size(x.shape[2], kernel[1], strides[1], padding[1], dilation[1])
    return height, width


# --- convolution and dense -----------------------------------------------------------------------------------


def _groups(x: Array, kernel: Array, groups: int) -> list[tuple[slice, slice]]:
    """The input and output channels of each group."""
    cin, cout = x.shape[-1] // groups, kernel.shape[-1] // groups
    return [(slice(g * cin, (g + 1) * cin), slice(g * cout, (g + 1) * cout)) for g in range(groups)]


def conv2d(
    x: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    strides: Pair = (1, 1),
    padding: Padding = NO_PADDING,
    dilation_rate: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    """Each y[n, p, q, k] = bias[k] + sum over i, j, c of x[n, p*s + i*d, q*s + j*d, c] kernel[i, j, c, k]."""
    x, kernel = np.asarray(x, np.float64), np.asarray(kernel, np.float64)
    out = _out_shape(x, kernel.shape[:2], strides, padding, dilation_rate)
    y = np.zeros((len(x), *out, kernel.shape[3]))
    for (i, j), seen in _taps(_pad(x, padding), kernel.shape[:2], out, strides, dilation_rate):
        for c, k in _groups(x, kernel, groups):
            y[..., k] += seen[..., c] @ kernel[i, j, :, k]
    return y if bias is None else y + np.asarray(bias, np.float64)


def conv2d_backward(
    x: ArrayLike,
    kernel: ArrayLike,
    dy: ArrayLike,
    strides: Pair = (1, 1),
    padding: Padding = NO_PADDING,
    dilation_rate: Pair = (1, 1),
    groups: int = 1,
) -> tuple[Array, Array, Array]:
    """(dx, dkernel, dbias) for the gradient ``dy`` of the output."""
    x, kernel, dy = (np.asarray(a, np.float64) for a in (x, kernel, dy))
    padded = _pad(x, padding)
    dpadded, dkernel = np.zeros_like(padded), np.zeros_like(kernel)
    window = (kernel.shape[:2], dy.shape[1:3], strides, dilation_rate)
    for ((i, j), seen), (_, dseen) in zip(_taps(padded, *window), _taps(dpadded, *window), strict=True):
        for c, k in _groups(x, kernel, groups):
            dkernel[i, j, :, k] = np.tensordot(seen[..., c], dy[..., k], axes=((0, 1, 2), (0, 1, 2)))
            dseen[..., c] += dy[..., k] @ kernel[i, j, :, k].T
    return _crop(dpadded, padding), dkernel, dy.sum(axis=(0, 1, 2))


def dense(x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None = None) -> Array:
    """The affine map x kernel + bias: x (n, features), kernel (features, units)."""
    y = np.asarray(x, np.float64) @ np.asarray(kernel, np.float64)
    return y if bias is None else y + np.asarray(bias, np.float64)


def dense_backward(x: ArrayLike, kernel: ArrayLike, dy: ArrayLike) -> tuple[Array, Array, Array]:
    """(dx, dkernel, dbias) for the gradient ``dy`` of the output."""
    x, kernel, dy = (np.asarray(a, np.float64) for a in (x, kernel, dy))
    return dy @ kernel.T, x.T @ dy, dy.sum(axis=0)


# --- pooling -------------------------------------------------------------------------------------------------


def _winners(x: Array, pool_size: Pair, strides: Pair, padding: Padding) -> tuple[Array, NDArray[np.intp]]:
    """The maximum of each window and its first position in row-major order; padding is never the maximum."""
    out = _out_shape(x, pool_size, strides, padding)
    windows = np.stack([seen for _, seen in _taps(_pad(x, padding, -np.inf), pool_size, out, strides)])
    return windows.max(axis=0), windows.argmax(axis=0)


def max_pool2d(x: ArrayLike, pool_size: Pair, strides: Pair, padding: Padding = NO_PADDING) -> Array:
    """The largest pixel of each window, per channel."""
    return _winners(np.asarray(x, np.float64), pool_size, strides, padding)[0]


def max_pool2d_backward(
    x: ArrayLike, dy: ArrayLike, pool_size: Pair, strides: Pair, padding: Padding = NO_PADDING
) -> Array:
    """Each gradient goes to the largest pixel of its window; of several equal ones, to the first."""
    x, dy = np.asarray(x, np.float64), np.asarray(dy, np.float64)
    _, winner = _winners(x, pool_size, strides, padding)
    dpadded = np.zeros_like(_pad(x, padding))
    for (i, j), dseen in _taps(dpadded, pool_size, dy.shape[1:3], strides):
        dseen += np.where(winner == i * pool_size[1] + j, dy, 0.0)
    return _crop(dpadded, padding)


def _counts(shape: tuple[int, ...], pool_size: Pair, strides: Pair, padding: Padding) -> Array:
    """How many pixels of each window lie in the image: (1, p, q, 1)."""
    image = np.ones((1, *shape[1:3], 1))
    out = _out_shape(image, pool_size, strides, padding)
    return sum(seen for _, seen in _taps(_pad(image, padding), pool_size, out, strides))


def avg_pool2d(x: ArrayLike, pool_size: Pair, strides: Pair, padding: Padding = NO_PADDING) -> Array:
    """The mean of each window's pixels, per channel; padding is not counted (Keras' rule)."""
    x = np.asarray(x, np.float64)
    out = _out_shape(x, pool_size, strides, padding)
    total = sum(seen for _, seen in _taps(_pad(x, padding), pool_size, out, strides))
    return total / _counts(x.shape, pool_size, strides, padding)


def avg_pool2d_backward(
    x_shape: tuple[int, ...], dy: ArrayLike, pool_size: Pair, strides: Pair, padding: Padding = NO_PADDING
) -> Array:
    """Each gradient is shared equally by the pixels that were counted."""
    dpadded = _pad(np.zeros(x_shape), padding)
    share = np.asarray(dy, np.float64) / _counts(x_shape, pool_size, strides, padding)
    for _, dseen in _taps(dpadded, pool_size, share.shape[1:3], strides):
        dseen += share
    return _crop(dpadded, padding)


# --- activations and losses ----------------------------------------------------------------------------------


def activation(x: ArrayLike, kind: str) -> Array:
    """relu, sigmoid, tanh, softmax over the last axis, or linear."""
    x = np.asarray(x, np.float64)
    if kind == "relu":
        return np.maximum(x, 0.0)
    if kind == "sigmoid":
        return np.exp(-np.logaddexp(0.0, -x))  # 1 / (1 + exp(-x)) without overflow
    if kind == "tanh":
        return np.tanh(x)
    if kind == "softmax":
        powers = np.exp(x - x.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)
    assert kind == "linear", kind
    return x.copy()


def activation_backward(y: ArrayLike, dy: ArrayLike, kind: str) -> Array:
    """The gradient of the input, from the output ``y``."""
    y, dy = np.asarray(y, np.float64), np.asarray(dy, np.float64)
    if kind == "relu":
        return np.where(y > 0, dy, 0.0)
    if kind == "sigmoid":
        return dy * y * (1 - y)
    if kind == "tanh":
        return dy * (1 - y * y)
    if kind == "softmax":
        return y * (dy - (y * dy).sum(axis=-1, keepdims=True))
    assert kind == "linear", kind
    return dy.copy()


def one_hot(labels: ArrayLike, classes: int) -> Array:
    return np.eye(classes)[np.asarray(labels)]


def softmax_cross_entropy(
    logits: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None
) -> tuple[float, Array]:
    """(loss, dlogits): the mean over the batch of -sum(t log softmax(logits)); labels (n,) or one-hot (n, classes)."""
    logits, labels = np.asarray(logits, np.float64), np.asarray(labels)
    targets = one_hot(labels, logits.shape[1]) if labels.ndim == 1 else labels.astype(np.float64)
    scale = (np.ones(len(logits)) if weights is None else np.asarray(weights, np.float64)) / len(logits)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -(scale * (targets * log_p).sum(axis=1)).sum()
    dlogits = scale[:, None] * (np.exp(log_p) * targets.sum(axis=1, keepdims=True) - targets)
    return float(loss), dlogits


def mean_squared_error(y_pred: ArrayLike, y_true: ArrayLike, weights: ArrayLike | None = None) -> tuple[float, Array]:
    """(loss, dy_pred): the mean over all elements of (y_pred - y_true)**2."""
    error = np.asarray(y_pred, np.float64) - np.asarray(y_true, np.float64)
    weights = np.ones(len(error)) if weights is None else np.asarray(weights, np.float64)
    weighted = weights.reshape(-1, *[1] * (error.ndim - 1)) * error / error.size
    return float((weighted * error).sum()), 2 * weighted


# --- optimizers: each returns the new parameters and the new state ---------------------------------------------


def sgd_update(
    params: Array, grads: Array, velocity: Array, learning_rate: float, momentum: float = 0.0, nesterov: bool = False
) -> tuple[Array, Array]:
    """Keras' SGD: v = m v - lr g; then w += v, or with Nesterov momentum w += m v - lr g."""
    velocity = momentum * velocity - learning_rate * grads
    return params + (momentum * velocity - learning_rate * grads if nesterov else velocity), velocity


def adam_update(
    params: Array,
    grads: Array,
    m: Array,
    v: Array,
    step: int,
    learning_rate: float,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    weight_decay: float = 0.0,
) -> tuple[Array, Array, Array]:
    """Keras' Adam, and AdamW where ``weight_decay`` is not 0; ``step`` counts from 1."""
    params = params - learning_rate * weight_decay * params
    m = beta_1 * m + (1 - beta_1) * grads
    v = beta_2 * v + (1 - beta_2) * grads * grads
    alpha = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return params - alpha * m / (np.sqrt(v) + epsilon), m, v
