"""Axes of samples: from Keras' counting, where the batch is axis 0, to that of the core, and to the last one and
back.
"""

from __future__ import annotations

from collections.abc import Callable

from cnncore.layers.protocols import Graph

__all__ = ["on_last_axis", "sample_axis"]


def sample_axis(axis: int, rank: int, layer: str) -> int:
    """An axis of an array of ``rank`` axes as an axis of its samples, from 0; ValueError for the batch axis or none.

    Examples
    --------
    >>> sample_axis(-1, 4, "softmax"), sample_axis(1, 4, "softmax")
    (2, 0)
    """
    positive = axis + rank if axis < 0 else axis
    if not 0 < positive < rank:
        raise ValueError(
            f'Layer "{layer}": expected `axis` to be one of 1 to {rank - 1} or of -1 to {1 - rank} for an input of '
            f"rank "
            f"{rank}; axis 0 is that of the batch. Received: axis={axis}"
        )
    return positive - 1


def on_last_axis(graph: Graph, x: int, axis: int, layer: str, add: Callable[[int], int]) -> int:
    """The op that ``add`` appends, along an axis in Keras' counting: by exchanging that axis with the last one."""
    rank = len(graph.output_shape(x))
    moved = sample_axis(axis, rank + 1, layer)
    if moved == rank - 1:
        return add(x)
    dims = list(range(1, rank + 1))
    dims[moved], dims[-1] = dims[-1], dims[moved]  # an exchange is its own inverse
    y = add(graph.add("permute", [x], layer, dims=tuple(dims)))
    return graph.add("permute", [y], layer, dims=tuple(dims))
