"""The graph of a call that a tape records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnncore.graph.lowering import GraphLoss, Lowering
from cnncore.layers.calls.second_derivatives import uses_batch_statistics

__all__ = ["RecordedGraph"]


class RecordedGraph(Lowering):
    """A graph for calls that a tape records.

    The core computes the forward pass twice: in the call, and again before its backward pass. The second time, ops that
    call Python return the results of the first time, so that random numbers in them are the same.

    Attributes
    ----------
    replays : bool
        Whether ops that call Python return their last results instead of computing.
    is_twice_differentiable : bool
        Whether the core knows gradients of gradients of all ops.
    """

    def __init__(self, seed: int, training: bool) -> None:
        super().__init__(seed)
        self._training = [None if training else False]
        self.replays, self.is_twice_differentiable = False, True

    def add(self, kind: str, inputs: Sequence[int], layer: str = "", /, **attributes: Any) -> int:
        if kind == "activity_regularization":
            return self._penalized(inputs[0], **attributes)
        if uses_batch_statistics(self, kind, attributes):
            self.is_twice_differentiable = False
        if kind == "host":
            self.is_twice_differentiable = False
            attributes["forward"] = self._computing_once(attributes["forward"])
        return super().add(kind, inputs, layer, **attributes)

    def add_loss(self, inputs: Sequence[int], weight: float, summed: bool) -> int:
        self.losses.append(GraphLoss(inputs[1], weight, summed))
        return inputs[0]

    def note_loss(self, tensor: int) -> None:
        pass  # what evaluations use in the place of the ops of training

    adds_penalties_of_weights = False  # `losses` has them already

    def _penalized(self, tensor: int, l1: float, l2: float) -> int:
        """Add a penalty on a tensor to the losses."""

        def of_each(arrays: Sequence[np.ndarray], training: bool) -> np.ndarray:
            rows = arrays[0].reshape(len(arrays[0]), -1)
            return np.asarray(l1 * np.abs(rows).sum(axis=1) + l2 * np.square(rows).sum(axis=1), np.float32)[:, None]

        def backward(arrays: Sequence[np.ndarray], dy: np.ndarray) -> list[np.ndarray]:
            slopes = l1 * np.sign(arrays[0]) + 2 * l2 * arrays[0]
            return [np.asarray(slopes * dy.reshape(-1, *[1] * (arrays[0].ndim - 1)), np.float32, order="C")]

        rows = self.add("host", [tensor], forward=of_each, backward=backward, shape=(1,))
        return self.add_loss([tensor, rows], 1.0, False)

    def _computing_once(self, forward: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
        kept: list[np.ndarray] = []

        def computed(arrays: Sequence[np.ndarray], training: bool) -> np.ndarray:
            if not self.replays:
                kept[:] = [np.array(forward(arrays, training), np.float32, order="C")]
            return np.array(kept[0])

        return computed
