"""Numbers of axes: in Keras the batch is axis 0, while the core counts the axes of a sample from 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cnncore.layers.protocols import Graph

__all__ = ["on_last_axes", "on_last_axis", "sample_axis"]


def sample_axis(axis: int, rank: int, layer: str) -> int:
    """The number of an axis within a sample, given its number in an array of ``rank`` axes. The batch axis is a
    ValueError.

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
    """Apply the op that ``add`` appends, which works on the last axis, to another axis, by exchanging the two axes
    before and after it.
    """
    rank = len(graph.output_shape(x))
    moved = sample_axis(axis, rank + 1, layer)
    if moved == rank - 1:
        return add(x)
    dims = list(range(1, rank + 1))
    dims[moved], dims[-1] = dims[-1], dims[moved]  # exchanging twice gives the original order
    y = add(graph.add("permute", [x], layer, dims=tuple(dims)))
    return graph.add("permute", [y], layer, dims=tuple(dims))


def on_last_axes(graph: Graph, x: int, axes: Sequence[int], layer: str, add: Callable[[int], int]) -> int:
    """Apply the op that ``add`` appends, which works on the last axes together, to these axes of a sample, in order."""
    rank = len(graph.output_shape(x))
    order = [axis for axis in range(rank) if axis not in axes] + list(axes)
    if order == list(range(rank)):
        return add(x)
    y = add(graph.add("permute", [x], layer, dims=tuple(axis + 1 for axis in order)))
    return graph.add("permute", [y], layer, dims=tuple(order.index(axis) + 1 for axis in range(rank)))
