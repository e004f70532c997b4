"""A training step of the networks of ``models.py`` in NumPy (float64): gradients, and the first step of Adam."""

from __future__ import annotations

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
from numpy_network import forward_values, loss_of

LEARNING_RATE = 1e-3  # Adam's default in every library
EPSILON = 1e-7 / np.sqrt(1e-3)  # the number that Keras adds to |gradient| in the first step; PyTorch's is smaller


def _through_activation(activation: str, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
    if activation == "relu":
        return dy * (y > 0)
    return dy * (1 - y * y) if activation == "tanh" else dy  # a softmax is part of the loss


def _through_convolution(
    layer: Conv | DepthwiseConv, x: np.ndarray, kernel: np.ndarray, dy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The gradients of the input and of the kernel, as sums over the elements of the kernel."""
    (top, bottom), (left, right) = padding_of(layer, x.shape[1:])
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    s, (height, width) = layer.stride, dy.shape[1:3]
    dx, dw = np.zeros_like(padded), np.zeros_like(kernel)
    for i in range(layer.kernel[0]):
        for j in range(layer.kernel[1]):
            tap = np.s_[:, i : i + (height - 1) * s + 1 : s, j : j + (width - 1) * s + 1 : s]
            if isinstance(layer, DepthwiseConv):
                dx[tap] += dy * kernel[i, j, :, 0]
                dw[i, j, :, 0] = (padded[tap] * dy).sum(axis=(0, 1, 2))
            else:
                dx[tap] += dy @ kernel[i, j].T
                dw[i, j] = padded[tap].reshape(-1, x.shape[-1]).T @ dy.reshape(-1, layer.filters)
    return dx[:, top : padded.shape[1] - bottom, left : padded.shape[2] - right], dw


def _through_batch_norm(x: np.ndarray, gamma: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """The gradients of a batch normalization that uses the statistics of this batch, which depend on x, too."""
    axes = tuple(range(x.ndim - 1))
    scale = 1 / np.sqrt(x.var(axis=axes) + BATCH_NORM_EPSILON)
    normal = (x - x.mean(axis=axes)) * scale
    dgamma, dbeta = (dy * normal).sum(axis=axes), dy.sum(axis=axes)
    count = x.size // x.shape[-1]
    return gamma * scale * (dy - dbeta / count - normal * dgamma / count), [dgamma, dbeta]


def _through_pool(layer: Pool, x: np.ndarray, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
    (n, height, width, c), (i, j) = y.shape, layer.size
    dx = np.zeros_like(x)
    inside = np.s_[:, : height * i, : width * j]
    windows, share = x[inside].reshape(n, height, i, width, j, c), dy[:, :, None, :, None]
    winners = windows == y[:, :, None, :, None] if layer.kind == "max" else np.full(windows.shape, 1 / (i * j))
    dx[inside] = (winners * share).reshape(n, height * i, width * j, c)
    return dx


def _backward(
    layer: Layer, x: np.ndarray, y: np.ndarray, weights: list[np.ndarray], dy: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The gradients of a layer's input and of its weights."""
    if isinstance(layer, BatchNorm):
        return _through_batch_norm(x, weights[0], dy)
    if isinstance(layer, Pool):
        return _through_pool(layer, x, y, dy), []
    if isinstance(layer, GlobalAveragePool):
        return np.broadcast_to(dy[:, None, None] / (x.shape[1] * x.shape[2]), x.shape), []
    if isinstance(layer, Activate | Conv | Dense):
        dy = _through_activation(layer.activation, y, dy)
    if isinstance(layer, Dense):
        return (dy @ weights[0].T).reshape(x.shape), [x.reshape(len(x), -1).T @ dy, dy.sum(axis=0)]
    if isinstance(layer, Conv | DepthwiseConv):
        dx, dw = _through_convolution(layer, x, weights[0], dy)
        return dx, [dw, dy.sum(axis=(0, 1, 2))][: len(weights)]
    return dy, []  # a dropout that is switched off, and the sum of two layers


def loss_and_gradients(
    model: Model, weights: Weights, x: np.ndarray, targets: np.ndarray
) -> tuple[float, list[list[np.ndarray]]]:
    """The loss of a batch in training without dropout, and its gradient with respect to each trained weight."""
    exact = [[array.astype(np.float64) for array in own] for own in weights]
    values = forward_values(model, exact, x, training=True)
    outputs = values[-1]
    wanted = targets if model.loss == "mse" else np.eye(outputs.shape[1])[targets]
    flowing = {model.last: (outputs - wanted) * (2 / outputs.size if model.loss == "mse" else 1 / len(outputs))}
    gradients: list[list[np.ndarray]] = []
    for i in reversed(range(len(model.nodes))):
        node = model.nodes[i]
        dx, own = _backward(node.layer, values[node.inputs[0]], values[i + 1], exact[i], flowing.pop(i + 1))
        gradients.insert(0, own)
        for value in node.inputs if isinstance(node.layer, Add) else node.inputs[:1]:
            flowing[value] = flowing[value] + dx if value in flowing else dx
    return loss_of(model, outputs, targets), gradients


def losses_of_two_steps(model: Model, weights: Weights, x: np.ndarray, targets: np.ndarray) -> list[float]:
    """The losses of this batch before and after Adam's first step on it, in training without dropout."""
    before, gradients = loss_and_gradients(model, weights, x, targets)
    stepped = [list(own) for own in weights]
    for own, grads in zip(stepped, gradients, strict=True):
        # Except for tiny gradients, Adam's first step is the learning rate times the sign of the gradient.
        own[: len(grads)] = [w - LEARNING_RATE * g / (np.abs(g) + EPSILON) for w, g in zip(own, grads, strict=False)]
    outputs = forward_values(model, stepped, x, training=True)[-1]
    return [before, loss_of(model, outputs, targets)]
