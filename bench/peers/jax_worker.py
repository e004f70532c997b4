"""JAX: a jitted training step with Adam, NHWC; its thread pool follows the process' affinity.

bfloat16 is the type of layers, images and copies of the weights; weights, optimizer and softmax stay float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from common import Peer, run
from models import Conv, Model, Pool, Weights


def _build(jax: Any, model: Model, precision: str) -> tuple[Any, Any]:
    """Return the jitted functions (train_step, probabilities)."""
    jnp, lax = jax.numpy, jax.lax
    dtype = jnp.dtype("bfloat16" if precision == "bfloat16" else "float32")

    activations = {"relu": jax.nn.relu, "tanh": jnp.tanh, "softmax": lambda x: x}  # the softmax is in the loss

    def logits(weights: Any, x: Any) -> Any:
        left = iter(weight.astype(dtype) for weight in weights)
        x = x.astype(dtype)
        for layer in model.layers:
            if isinstance(layer, Pool):
                start, function = (-jnp.inf, lax.max) if layer.kind == "max" else (0.0, lax.add)
                x = lax.reduce_window(x, np.array(start, dtype), function, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
                x = x if layer.kind == "max" else x * 0.25
                continue
            kernel, bias = next(left), next(left)
            if isinstance(layer, Conv):
                axes = ("NHWC", "HWIO", "NHWC")
                x = lax.conv_general_dilated(x, kernel, (1, 1), layer.padding.upper(), dimension_numbers=axes) + bias
            else:
                x = x.reshape(x.shape[0], -1) @ kernel + bias
            x = activations[layer.activation](x)
        return x.astype(jnp.float32)

    def loss(weights: Any, x: Any, y: Any) -> Any:
        log_p = jax.nn.log_softmax(logits(weights, x))
        return -jnp.take_along_axis(log_p, y[:, None], axis=1).mean()

    def train_step(weights: Any, moments: Any, step: Any, x: Any, y: Any, index: Any) -> Any:
        value, grads = jax.value_and_grad(loss)(weights, x[index], y[index])
        step = step + 1
        rate = 1e-3 * jnp.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        m = [0.9 * a + 0.1 * g for a, g in zip(moments[0], grads, strict=True)]
        v = [0.999 * a + 0.001 * g * g for a, g in zip(moments[1], grads, strict=True)]
        weights = [w - rate * a / (jnp.sqrt(b) + 1e-7) for w, a, b in zip(weights, m, v, strict=True)]
        return weights, (m, v), step, value

    return jax.jit(train_step, donate_argnums=(0, 1)), jax.jit(lambda w, x: jax.nn.softmax(logits(w, x)))


class JaxPeer(Peer):
    """Weights and Adam's moments are lists of arrays."""

    def __init__(self, model: Model, weights: Weights, threads: int, variant: str, precision: str) -> None:
        import jax

        self.jax = jax
        self.version = jax.__version__
        self.step_function, self.probabilities = _build(jax, model, precision)
        self.weights = [jax.numpy.asarray(w) for w in weights]
        self.moments = tuple([jax.numpy.zeros_like(w) for w in self.weights] for _ in range(2))
        self.step = jax.numpy.zeros((), jax.numpy.float32)
        self.rng = np.random.default_rng(0)

    def load(self, x: np.ndarray, y: np.ndarray) -> Any:
        return self.jax.numpy.asarray(x), self.jax.numpy.asarray(y.astype(np.int32))

    def train_epoch(self, data: Any, batch: int) -> float:
        x, y = data
        order = self.rng.permutation(len(x))
        losses = []
        for start in range(0, len(x), batch):
            index = order[start : start + batch]
            self.weights, self.moments, self.step, loss = self.step_function(
                self.weights, self.moments, self.step, x, y, index
            )
            losses.append(loss)
        return float(np.mean([float(loss) for loss in losses]))

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.probabilities(self.weights, x))


if __name__ == "__main__":
    run(JaxPeer)
