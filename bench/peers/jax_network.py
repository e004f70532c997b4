"""A network of ``models.py`` as a function of JAX arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from layers import (
    BATCH_NORM_EPSILON,
    BATCH_NORM_MOMENTUM,
    Activate,
    Add,
    BatchNorm,
    Conv,
    Dense,
    DepthwiseConv,
    Dropout,
    GlobalAveragePool,
    Layer,
    Model,
    Pool,
    Weights,
    padding_of,
)


def split_state(model: Model, weights: Weights) -> tuple[Weights, Weights]:
    """The trained weights of each layer, and its moving statistics."""
    moving = [isinstance(node.layer, BatchNorm) for node in model.nodes]
    trained = [own[:2] if m else own for own, m in zip(weights, moving, strict=True)]
    return trained, [own[2:] if m else [] for own, m in zip(weights, moving, strict=True)]


class Network:
    """A network. Calling it returns the logits and the new moving statistics."""

    def __init__(self, jax: Any, model: Model, dtype: Any) -> None:
        self.jax, self.jnp, self.lax = jax, jax.numpy, jax.lax
        self.model, self.dtype = model, dtype
        # the softmax is in the loss
        self.activations = {"relu": jax.nn.relu, "tanh": self.jnp.tanh, "softmax": _same, "linear": _same}

    def __call__(self, weights: Any, state: Any, x: Any, key: Any = None) -> tuple[Any, Any]:
        """Run the network. With a `key`, which dropout needs, it behaves as in training."""
        values, moved = [x.astype(self.dtype)], []
        for i, node in enumerate(self.model.nodes):
            inputs = [values[j] for j in node.inputs]
            if isinstance(node.layer, BatchNorm):
                y, statistics = self._batch_norm(inputs[0], weights[i], state[i], key is not None)
            else:
                own = [w.astype(self.dtype) for w in weights[i]]
                y, statistics = self._apply(node.layer, inputs, own, key if key is None else (key, i)), []
            values.append(y)
            moved.append(statistics)
        return values[-1].astype(self.jnp.float32), moved

    def _batch_norm(self, x: Any, weights: Any, state: Any, training: bool) -> tuple[Any, Any]:
        jnp, (gamma, beta), (mean, variance), moved = self.jnp, weights, state, state
        x = x.astype(jnp.float32)
        if training:
            axes = tuple(range(x.ndim - 1))
            mean, variance = x.mean(axis=axes), x.var(axis=axes)
            keep = BATCH_NORM_MOMENTUM
            moved = [keep * old + (1 - keep) * new for old, new in zip(state, (mean, variance), strict=True)]
        scale = gamma / jnp.sqrt(variance + BATCH_NORM_EPSILON)
        return (x * scale + (beta - mean * scale)).astype(self.dtype), moved

    def _convolution(self, layer: Conv | DepthwiseConv, x: Any, kernel: Any) -> Any:
        channels = x.shape[-1]
        groups = 1
        if isinstance(layer, DepthwiseConv):
            kernel, groups = kernel.reshape(*layer.kernel, 1, channels), channels
        return self.lax.conv_general_dilated(
            x,
            kernel,
            (layer.stride, layer.stride),
            padding_of(layer, x.shape[1:]),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=groups,
        )

    def _pool(self, layer: Pool, x: Any) -> Any:
        start, function = (-self.jnp.inf, self.lax.max) if layer.kind == "max" else (0.0, self.lax.add)
        window = (1, *layer.size, 1)
        y = self.lax.reduce_window(x, np.array(start, self.dtype), function, window, window, "VALID")
        return y if layer.kind == "max" else y * (1 / (layer.size[0] * layer.size[1]))

    def _apply(self, layer: Layer, inputs: Any, weights: Any, key: Any) -> Any:
        x = inputs[0]
        if isinstance(layer, Conv | DepthwiseConv | Dense):
            dense = isinstance(layer, Dense)
            y = x.reshape(x.shape[0], -1) @ weights[0] if dense else self._convolution(layer, x, weights[0])
            y = y + weights[1] if len(weights) > 1 else y
            return y if isinstance(layer, DepthwiseConv) else self.activations[layer.activation](y)
        if isinstance(layer, Activate):
            return self.activations[layer.activation](x)
        if isinstance(layer, Pool):
            return self._pool(layer, x)
        if isinstance(layer, GlobalAveragePool):
            return x.mean(axis=(1, 2))
        if isinstance(layer, Dropout) and key is not None:
            kept = self.jax.random.bernoulli(self.jax.random.fold_in(*key), 1 - layer.rate, x.shape)
            return self.jnp.where(kept, x / (1 - layer.rate), 0).astype(self.dtype)
        return x + inputs[1] if isinstance(layer, Add) else x


def _same(x: Any) -> Any:
    return x
