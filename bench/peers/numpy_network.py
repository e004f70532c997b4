"""The networks of ``models.py`` in NumPy, in float64. The outputs of every library are compared with these."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from layers import (
    BATCH_NORM_EPSILON,
    Activate,
    Add,
    BatchNorm,
    Conv,
    Dense,
    DepthwiseConv,
    GlobalAveragePool,
    Layer,
    Model,
    Pool,
    Weights,
    padding_of,
)

Rounding = Callable[[np.ndarray], np.ndarray]


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


_ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "softmax": _softmax,
}


def _convolution(layer: Conv | DepthwiseConv, x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """A convolution, as a sum over the elements of the kernel, so that no array of windows is made."""
    padded = np.pad(x, ((0, 0), *padding_of(layer, x.shape[1:]), (0, 0)))
    s = layer.stride
    height, width = ((padded.shape[1 + i] - layer.kernel[i]) // s + 1 for i in range(2))
    total: np.ndarray | float = 0.0
    for i in range(layer.kernel[0]):
        for j in range(layer.kernel[1]):
            tap = padded[:, i : i + (height - 1) * s + 1 : s, j : j + (width - 1) * s + 1 : s]
            total = total + (tap @ kernel[i, j] if isinstance(layer, Conv) else tap * kernel[i, j, :, 0])
    return np.asarray(total)


def _batch_norm(x: np.ndarray, weights: list[np.ndarray], training: bool) -> np.ndarray:
    gamma, beta, mean, variance = weights
    if training:
        axes = tuple(range(x.ndim - 1))
        mean, variance = x.mean(axis=axes), x.var(axis=axes)
    return np.asarray((x - mean) / np.sqrt(variance + BATCH_NORM_EPSILON) * gamma + beta)


def _apply(layer: Layer, inputs: list[np.ndarray], weights: list[np.ndarray], training: bool, rounded: Rounding):
    x = inputs[0]
    if isinstance(layer, Conv | DepthwiseConv | Dense):
        x, kernel = rounded(x), rounded(weights[0])
        y = x.reshape(len(x), -1) @ kernel if isinstance(layer, Dense) else _convolution(layer, x, kernel)
        y = y + weights[1] if len(weights) > 1 else y
        return y if isinstance(layer, DepthwiseConv) else _ACTIVATIONS[layer.activation](y)
    if isinstance(layer, BatchNorm):
        return _batch_norm(x, weights, training)
    if isinstance(layer, Activate):
        return _ACTIVATIONS[layer.activation](x)
    if isinstance(layer, Pool):
        (n, h, w, c), (i, j) = x.shape, layer.size
        windows = x[:, : h // i * i, : w // j * j].reshape(n, h // i, i, w // j, j, c)
        return windows.max(axis=(2, 4)) if layer.kind == "max" else windows.mean(axis=(2, 4))
    if isinstance(layer, GlobalAveragePool):
        return x.mean(axis=(1, 2))
    return x + inputs[1] if isinstance(layer, Add) else x  # a dropout leaves x alone


def forward_values(
    model: Model, weights: Weights, x: np.ndarray, training: bool = False, rounded: Rounding = np.float64
) -> list[np.ndarray]:
    """Return the network's input and the output of each node. In training, the statistics are those of this batch.

    `rounded` is applied to the operands of products, which are inputs and kernels; by default it rounds nothing.
    Dropout does nothing, not even in training.
    """
    values = [x.astype(np.float64)]
    for node, own in zip(model.nodes, weights, strict=True):
        inputs = [values[i] for i in node.inputs]
        values.append(_apply(node.layer, inputs, [array.astype(np.float64) for array in own], training, rounded))
    return values


def reference_outputs(model: Model, weights: Weights, x: np.ndarray, rounded: Rounding = np.float64) -> np.ndarray:
    """Return the output of the network in inference."""
    return forward_values(model, weights, x, rounded=rounded)[-1]


def set_moving_statistics(model: Model, weights: Weights, x: np.ndarray) -> None:
    """Set the statistics of each batch normalization to those of its input for `x`, as if it had been trained."""
    values = [x.astype(np.float64)]
    for node, own in zip(model.nodes, weights, strict=True):
        inputs = [values[i] for i in node.inputs]
        if isinstance(node.layer, BatchNorm):
            axes = tuple(range(inputs[0].ndim - 1))
            own[2:] = [moment(axis=axes).astype(np.float32) for moment in (inputs[0].mean, inputs[0].var)]
        values.append(_apply(node.layer, inputs, [array.astype(np.float64) for array in own], False, np.float64))


def loss_of(model: Model, outputs: np.ndarray, y: np.ndarray) -> float:
    """The mean loss of outputs: of probabilities and the right classes, or of values and the right values."""
    if model.loss == "mse":
        return float(np.square(outputs - y).mean())
    return float(-np.log(outputs[np.arange(len(y)), y] + 1e-12).mean())
