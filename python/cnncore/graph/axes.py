"""Conversion of axis numbers: in Keras axis 0 is that of the batch; in the core it is the first axis of a sample."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from cnncore.graph.protocols import Graph

__all__ = ["on_joined_axes", "on_last_axes", "on_last_axis", "sample_axis"]


def sample_axis(axis: int, rank: int, layer: str) -> int:
    """Return the number that an axis of an array of rank ``rank`` has within a sample.

    Raises
    ------
    ValueError
        For the batch axis, and for numbers that are out of range.

    Examples
    --------
    >>> sample_axis(-1, 4, "softmax"), sample_axis(1, 4, "softmax")
    (2, 0)
    """
    positive = axis + rank if axis < 0 else axis
    if not 0 < positive < rank:
        raise ValueError(
            f'Layer "{layer}": expected `axis` from 1 to {rank - 1} or from {1 - rank} to -1 for an input of rank '
            f"{rank}; axis 0 is that of the batch. Received: axis={axis}"
        )
    return positive - 1


def on_last_axis(graph: Graph, x: int, axis: int, layer: str, add: Callable[[int], int]) -> int:
    """Apply an op that works on the last axis to another axis: exchange the two axes before the op and after it.

    ``axis`` is counted with the batch axis. ``add`` adds the op to ``graph``.
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
    """Apply an op that works on the last axes together to other axes: move them to the end, and back after the op.

    ``axes`` are axes of a sample, in order. ``add`` adds the op to ``graph``.
    """
    rank = len(graph.output_shape(x))
    order = [axis for axis in range(rank) if axis not in axes] + list(axes)
    if order == list(range(rank)):
        return add(x)
    y = add(graph.add("permute", [x], layer, dims=tuple(axis + 1 for axis in order)))
    return graph.add("permute", [y], layer, dims=tuple(order.index(axis) + 1 for axis in range(rank)))


def on_joined_axes(graph: Graph, x: int, axis: int | Sequence[int], layer: str, add: Callable[[int], int]) -> int:
    """Apply an op that works on the last axis to all values along several axes, as if they were one axis.

    ``axis`` is counted with the batch axis, and may also be a single number. ``add`` adds the op to ``graph``.
    """
    axes = [axis] if isinstance(axis, int) else list(axis)
    if len(axes) == 1:
        return on_last_axis(graph, x, axes[0], layer, add)

    def add_to_last(y: int) -> int:
        shape = graph.output_shape(y)
        joined = (*shape[: -len(axes)], math.prod(shape[-len(axes) :]))
        z = add(graph.add("reshape", [y], layer, shape=joined))
        return graph.add("reshape", [z], layer, shape=shape)

    rank = len(graph.output_shape(x)) + 1
    return on_last_axes(graph, x, sorted(sample_axis(number, rank, layer) for number in axes), layer, add_to_last)
