"""StackedRNNCells, which is several cells as one, and how any cell is called, also those that users write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore.layers.base import Layer, registry

__all__ = ["StackedRNNCells", "called_cell", "initial_states", "output_size_of"]


@registry.register()
class StackedRNNCells(Layer):
    """Several cells as one: the output of each is the input of the next one, and there is a list of states for each.

    Parameters
    ----------
    cells : list of Layer
    **kwargs
        ``name`` and ``trainable``, see :class:`Layer`.

    Examples
    --------
    >>> from cnncore.layers import GRUCell, LSTMCell
    >>> StackedRNNCells([LSTMCell(4), GRUCell(3)]).state_size
    [[4, 4], 3]
    """

    runs_as_a_whole = True
    one_input = False

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(cells, (list, tuple)) or not cells:
            raise ValueError(f"[{type(self).__name__}] expected a list of at least one cell. Received: {cells!r:.80}")
        for cell in cells:
            if not hasattr(cell, "call") or not hasattr(cell, "state_size"):
                raise ValueError(
                    f"[{type(self).__name__}] expected cells with a method `call` and a `state_size`. "
                    f"Received: {cell!r:.80}"
                )
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states of each cell."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> Any:
        """The size of the output."""
        return output_size_of(self.cells[-1])

    def build(self, input_shape: Any) -> None:
        """Build each cell."""
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
            input_shape = (input_shape[0], output_size_of(cell))

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """Return states of zeros for each cell."""
        return [initial_states(cell, batch_size or 1) for cell in self.cells]

    def call(self, inputs: Any, states: Any, training: bool = False, **kwargs: Any) -> Any:
        new = []
        for cell, of_cell in zip(self.cells, states, strict=True):
            inputs, after = called_cell(cell, inputs, of_cell, training)
            new.append(after)
        return inputs, new

    def reset_dropout_mask(self) -> None:
        """Let the next step in training draw new features that are dropped."""
        for cell in self.cells:
            getattr(cell, "reset_dropout_mask", lambda: None)()

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cells": [registry.serialize(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> StackedRNNCells:
        """Make a layer from a dict that :meth:`get_config` returned."""
        cells = [registry.deserialize(item) if isinstance(item, dict) else item for item in config["cells"]]
        return cls(**{**config, "cells": cells})


def output_size_of(cell: Any) -> Any:
    """Return the size of the output of a cell: that of its first state, if it does not say."""
    size = getattr(cell, "output_size", None)
    if size is None:
        size = cell.state_size
    return size[0] if isinstance(size, (list, tuple)) else size


def initial_states(cell: Any, samples: int) -> list[Any]:
    """Return the states of a cell before the first step, as a list."""
    if hasattr(cell, "get_initial_state"):
        states = cell.get_initial_state(batch_size=samples)
        return list(states) if isinstance(states, (list, tuple)) else [states]
    sizes = cell.state_size if isinstance(cell.state_size, (list, tuple)) else [cell.state_size]
    return [np.zeros((samples, *(size if isinstance(size, (list, tuple)) else [size])), np.float32) for size in sizes]


def called_cell(cell: Any, inputs: Any, states: Any, training: bool) -> tuple[Any, list[Any]]:
    """Call a cell for one step. Return its output and its new states, as a list."""
    takes_training = "training" in getattr(getattr(cell.call, "__code__", None), "co_varnames", ())
    output, new = cell.call(inputs, states, **({"training": training} if takes_training else {}))
    return output, list(new) if isinstance(new, (list, tuple)) else [new]
