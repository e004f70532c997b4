"""The networks that ``bench/compare.py`` runs, described once for all libraries, with a NumPy reference.

Every network ends in a dense layer and softmax; images are float32 in [0, 1], NHWC; convolution kernels are HWIO and
dense ones (in, out), with the images flattened in the order y, x, c.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Weights = list[np.ndarray]  # kernel, bias of each layer that has them, in order


class Conv(NamedTuple):
    filters: int
    kernel: int
    padding: str = "valid"
    activation: str = "relu"


class Pool(NamedTuple):
    """2x2 windows, stride 2."""

    kind: str  # "max" or "average"


class Dense(NamedTuple):
    """The first one flattens its input; the last one's activation is softmax, which some libraries put in the loss."""

    units: int
    activation: str = "relu"


class Model(NamedTuple):
    input_shape: tuple[int, int, int]
    layers: tuple[Conv | Pool | Dense, ...]

    def weight_shapes(self) -> list[tuple[int, ...]]:
        """Kernel, bias, kernel, bias, ..."""
        return [shape for layer, x in self.with_inputs() for shape in _weight_shapes(layer, x)]

    def with_inputs(self) -> list[tuple[Conv | Pool | Dense, tuple[int, ...]]]:
        """Every layer with the shape of one sample of its input; not yet flattened where a dense layer does that."""
        result = []
        x: tuple[int, ...] = self.input_shape
        for layer in self.layers:
            result.append((layer, x))
            x = _output_shape(layer, x)
        return result


def _weight_shapes(layer: Conv | Pool | Dense, x: tuple[int, ...]) -> list[tuple[int, ...]]:
    if isinstance(layer, Conv):
        return [(layer.kernel, layer.kernel, x[-1], layer.filters), (layer.filters,)]
    return [(int(np.prod(x)), layer.units), (layer.units,)] if isinstance(layer, Dense) else []


def _output_shape(layer: Conv | Pool | Dense, x: tuple[int, ...]) -> tuple[int, ...]:
    if isinstance(layer, Conv):
        lost = layer.kernel - 1 if layer.padding == "valid" else 0
        return x[0] - lost, x[1] - lost, layer.filters
    return (x[0] // 2, x[1] // 2, x[2]) if isinstance(layer, Pool) else (layer.units,)


MODELS = {
    "mnist_cnn": Model(
        (28, 28, 1), (Conv(32, 3), Pool("max"), Conv(64, 3), Pool("max"), Dense(128), Dense(10, "softmax"))
    ),
    "lenet5": Model(
        (28, 28, 1),
        (
            *(Conv(6, 5, "same", "tanh"), Pool("average"), Conv(16, 5, "valid", "tanh"), Pool("average")),
            *(Dense(120, "tanh"), Dense(84, "tanh"), Dense(10, "softmax")),
        ),
    ),
    "cifar10_cnn": Model(
        (32, 32, 3),
        (
            *(Conv(32, 3, "same"), Conv(32, 3, "same"), Pool("max")),
            *(Conv(64, 3, "same"), Conv(64, 3, "same"), Pool("max")),
            *(Conv(128, 3, "same"), Conv(128, 3, "same"), Pool("max")),
            *(Dense(128), Dense(10, "softmax")),
        ),
    ),
}


def initial_weights(model: Model) -> Weights:
    """Glorot-uniform kernels and zero biases from a fixed seed."""
    rng = np.random.default_rng(0)
    weights = []
    for shape in model.weight_shapes():
        field = int(np.prod(shape[:-2]))
        limit = np.sqrt(6.0 / (field * (shape[-2] + shape[-1]))) if len(shape) > 1 else 0.0
        weights.append(rng.uniform(-limit, limit, shape).astype(np.float32))
    return weights


def reference_probabilities(
    model: Model, weights: Weights, x: np.ndarray, rounded: Callable[[np.ndarray], np.ndarray] = np.float64
) -> np.ndarray:
    """Compute the network's output in float64: what every library is checked against.

    `rounded` is what happens to the operands of products, inputs and kernels; nothing at first.
    """
    left = iter(weight.astype(np.float64) for weight in weights)
    x = x.astype(np.float64)
    for layer in model.layers:
        if isinstance(layer, Pool):
            n, h, w, c = x.shape
            windows = x[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c)
            x = windows.max(axis=(2, 4)) if layer.kind == "max" else windows.mean(axis=(2, 4))
            continue
        kernel, bias = rounded(next(left)), next(left)
        x = rounded(x)
        if isinstance(layer, Conv):
            around = layer.kernel // 2 if layer.padding == "same" else 0
            padded = np.pad(x, ((0, 0), (around, around), (around, around), (0, 0)))
            patches = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:2], axis=(1, 2))  # n y x c i j
            x = np.einsum("nyxcij,ijcf->nyxf", patches, kernel, optimize=True) + bias
        else:
            x = x.reshape(len(x), -1) @ kernel + bias
        x = _ACTIVATIONS[layer.activation](x)
    return x


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


_ACTIVATIONS = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh, "softmax": _softmax}


def to_channels_first(model: Model, weights: Weights) -> Weights:
    """Rearrange for libraries that keep channels first: kernels OIHW and (out, in), flattened in the order c, y, x."""
    result = []
    left = iter(weights)
    for layer, x in model.with_inputs():
        if isinstance(layer, Pool):
            continue
        kernel, bias = next(left), next(left)
        if isinstance(layer, Conv):
            kernel = kernel.transpose(3, 2, 0, 1)
        elif len(x) == 3:
            kernel = kernel.reshape(*x, layer.units).transpose(3, 2, 0, 1).reshape(layer.units, -1)
        else:
            kernel = kernel.T
        result += [np.ascontiguousarray(kernel), bias]
    return result
