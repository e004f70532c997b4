"""The layer that stands behind an input of a network whose gradient is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore.initializers import Zeros
from cnncore.layers.weights.owner import WeightOwner
from cnncore.layers.weights.spec import WeightSpec

__all__ = ["InputProbe"]


class InputProbe(WeightOwner):
    """A layer that is put behind an input of the network, and keeps the gradient of this input.

    It has a weight that it does not use. The core computes gradients only where weights are trained before an op.
    """

    def __init__(self) -> None:
        super().__init__(True)
        self.name = "input"
        self._specs = [WeightSpec("unused", (1,), Zeros())]
        self.gradient: np.ndarray | None = None

    def sublayers(self) -> list[Any]:
        return []

    def forward(self, arrays: Sequence[np.ndarray], training: bool) -> np.ndarray:
        """Return a copy of the input."""
        return np.array(arrays[0], np.float32, order="C")

    def backward(self, arrays: Sequence[np.ndarray], dy: np.ndarray) -> list[np.ndarray]:
        """Keep the gradient of the input."""
        self.gradient = np.array(dy)
        return [np.array(dy, np.float32, order="C"), np.zeros(1, np.float32)]
