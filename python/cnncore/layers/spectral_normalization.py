"""SpectralNormalization, which divides the kernel of another layer by its largest singular value."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks, initializers
from cnncore.layers.base import registry
from cnncore.layers.wrappers import Wrapper

__all__ = ["SpectralNormalization"]


@registry.register()
class SpectralNormalization(Wrapper):
    """Divide the kernel of a layer by an estimate of its largest singular value, before each call in training.

    The kernel is taken as a matrix W whose columns belong to the output channels. The power method estimates the
    singular value: v = W u / |W u|, u = W' v / |W' v|, sigma = v' W u. The vector u is a weight that is not trained, so
    that the estimate becomes better from step to step. The kernel itself is replaced by W / sigma.

    Parameters
    ----------
    layer : Layer
        A layer with a weight ``kernel`` or ``embeddings``.
    power_iterations : int, default 1
        How many steps of the power method each call does.
    **kwargs
        ``name`` and ``trainable``, see :class:`Layer`.

    Raises
    ------
    ValueError
        If ``power_iterations`` is below 1, or the layer has no kernel.

    Notes
    -----
    Miyato et al., "Spectral normalization for generative adversarial networks", 2018. The layer runs in Python.

    Examples
    --------
    >>> from cnncore.layers import Dense
    >>> layer = SpectralNormalization(Dense(3), power_iterations=20)
    >>> _ = layer(np.ones((2, 4), np.float32), training=True)
    >>> round(float(np.linalg.svd(layer.layer.kernel)[1][0]), 3)
    1.0
    """

    runs_as_a_whole = True

    def __init__(self, layer: Any, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.power_iterations = _checks.integer(power_iterations, "power_iterations", type(self).__name__)

    def build(self, input_shape: Any) -> None:
        """Build the layer inside, and make the vector u."""
        self.layer.ensure_built(input_shape)
        self.vector_u = self.add_weight(
            shape=(1, self._kernel.shape[-1]),
            initializer=initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            name="vector_u",
        )
        self.built = True

    @property
    def _kernel(self) -> Any:
        name = next((name for name in ("kernel", "embeddings") if hasattr(self.layer, name)), None)
        if name is None:
            raise ValueError(
                f"[{type(self).__name__}] expected a layer with a kernel or embeddings. Received: {self.layer!r:.80}"
            )
        return getattr(self.layer, name)

    def weights_taken_over(self) -> list[Any]:
        """Return the kernel, which Keras lists first."""
        return [self._kernel] if self.built else []

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.layer.compute_output_shape(input_shape)

    def call(self, inputs: Any, training: bool = False) -> Any:
        if training:
            self._normalize()
        return self.layer(inputs)

    def _normalize(self) -> None:
        kernel = self._kernel.constant()
        if not kernel.any():
            return
        matrix, u = kernel.reshape(-1, kernel.shape[-1]), self.vector_u.constant()
        for _ in range(self.power_iterations):
            v = _unit(u @ matrix.T)
            u = _unit(v @ matrix)
        self.vector_u.assign(u)
        self._kernel.assign(kernel / (v @ matrix @ u.T)[0, 0])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "power_iterations": self.power_iterations}


def _unit(vector: np.ndarray) -> np.ndarray:
    """Divide a vector by its length, as in Keras at least 1e-6."""
    return np.asarray(vector / np.sqrt(np.maximum(np.sum(np.square(vector)), 1e-12)))
