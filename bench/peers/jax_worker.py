"""JAX: a jitted training step with Adam, in NHWC. The size of its thread pool follows the affinity of the process.

In bfloat16, layers, images and copies of the weights are bfloat16; weights, optimizer and softmax stay float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from common import Peer, run
from jax_network import Network, split_state
from layers import Model, Weights


def _build(jax: Any, model: Model, precision: str) -> tuple[Any, Any]:
    """Return the jitted functions (train_step, outputs)."""
    jnp, tree = jax.numpy, jax.tree_util
    network = Network(jax, model, jnp.dtype("bfloat16" if precision == "bfloat16" else "float32"))

    def loss(weights: Any, state: Any, x: Any, y: Any, key: Any) -> Any:
        outputs, state = network(weights, state, x, key)
        if model.loss == "mse":
            return jnp.square(outputs - y).mean(), state
        return -jnp.take_along_axis(jax.nn.log_softmax(outputs), y[:, None], axis=1).mean(), state

    def train_step(weights: Any, state: Any, moments: Any, step: Any, x: Any, y: Any) -> Any:
        key = jax.random.fold_in(jax.random.key(0), step)
        gradient = jax.value_and_grad(loss, has_aux=True)
        (value, state), grads = gradient(weights, state, x, y, key)
        step = step + 1
        rate = 1e-3 * jnp.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        m = tree.tree_map(lambda a, g: 0.9 * a + 0.1 * g, moments[0], grads)
        v = tree.tree_map(lambda a, g: 0.999 * a + 0.001 * g * g, moments[1], grads)
        weights = tree.tree_map(lambda w, a, b: w - rate * a / (jnp.sqrt(b) + 1e-7), weights, m, v)
        return weights, state, (m, v), step, value

    def outputs(weights: Any, state: Any, x: Any) -> Any:
        result, _ = network(weights, state, x)
        return jax.nn.softmax(result) if model.loss == "crossentropy" else result

    return jax.jit(train_step, donate_argnums=(0, 1, 2)), jax.jit(outputs)


class JaxPeer(Peer):
    """Weights, moving statistics and Adam's moments are lists of arrays, per layer."""

    def __init__(self, model: Model, weights: Weights, threads: int, variant: str, precision: str) -> None:
        import jax

        self.jax = jax
        self.version = jax.__version__
        self.step_function, self.outputs = _build(jax, model, precision)
        arrays = jax.tree_util.tree_map(jax.numpy.asarray, split_state(model, weights))
        self.weights, self.state = arrays
        self.moments = tuple(jax.tree_util.tree_map(jax.numpy.zeros_like, self.weights) for _ in range(2))
        self.step = jax.numpy.zeros((), jax.numpy.int32)
        self.take = jax.jit(lambda x, y, index: (x[index], y[index]))
        self.rng = np.random.default_rng(0)

    def load(self, x: np.ndarray, y: np.ndarray) -> Any:
        images = self.jax.numpy.asarray(x)
        return images, images if x is y else self.jax.numpy.asarray(y.astype(np.int32))

    def train_epoch(self, data: Any, batch: int) -> float:
        x, y = data
        order = self.rng.permutation(len(x))
        losses = []
        for start in range(0, len(x), batch):
            index = order[start : start + batch]
            self.weights, self.state, self.moments, self.step, loss = self.step_function(
                self.weights, self.state, self.moments, self.step, *self.take(x, y, index)
            )
            losses.append(loss)
        return float(np.mean([float(loss) for loss in losses]))

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.outputs(self.weights, self.state, x))


if __name__ == "__main__":
    run(JaxPeer)
