"""Masking, which says that steps of a sequence are not used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.graph.protocols import Graph
from cnncore.layers.base import Layer, Shape, registry

__all__ = ["Masking"]


@registry.register()
class Masking(Layer):
    """Say that steps all of whose features have a certain value are not used, and replace their features by 0.

    Layers that follow and pass the mask on, such as ``Dense`` and ``Dropout``, compute with these steps as with any
    others. ``SimpleRNN``, ``LSTM``, ``GRU``, ``RNN`` and ``GlobalAveragePooling1D`` leave them out.

    Parameters
    ----------
    mask_value : float, default 0
    **kwargs
        ``name``, ``trainable``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> layer = Masking(mask_value=-1.0)
    >>> layer.compute_mask(np.float32([[[1, -1], [-1, -1]]]))
    array([[ True, False]])
    """

    supports_masking = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = _checks.number(mask_value, "mask_value", "Masking")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) < 3:
            raise ValueError(
                f'Layer "{self.name}": expected sequences (batch, steps, features). Received: shape {input_shape}'
            )
        return input_shape

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return which steps are used, (batch, steps)."""
        return np.any(np.asarray(inputs) != np.float32(self.mask_value), axis=-1)

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        def factors(x: np.ndarray) -> np.ndarray:
            return np.expand_dims(self.compute_mask(x), -1).astype(np.float32)

        return graph.add(
            "host",
            inputs,
            self.name,
            forward=lambda arrays, training: np.require(arrays[0] * factors(arrays[0]), np.float32, ["C", "A"]),
            backward=lambda arrays, dy: [np.require(dy * factors(arrays[0]), np.float32, ["C", "A"])],
            shape=graph.output_shape(inputs[0]),
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mask_value": self.mask_value}
