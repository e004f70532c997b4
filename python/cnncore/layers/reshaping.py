"""Layers that arrange values in another shape or order: Flatten, Reshape, Permute, RepeatVector, Identity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from cnncore import _checks
from cnncore.graph.protocols import Graph
from cnncore.layers.base import Layer, Shape, registry

__all__ = ["Flatten", "Identity", "Permute", "RepeatVector", "Reshape"]


@registry.register()
class Identity(Layer):
    """Return the input unchanged.

    Examples
    --------
    >>> Identity().compute_output_shape((None, 5, 5, 64))
    (None, 5, 5, 64)
    """

    takes_single_values = True

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        return inputs[0]


@registry.register()
class Flatten(Layer):
    """Arrange the values of each sample along one axis: (batch, 7, 7, 64) becomes (batch, 3136).

    No values are moved in memory.

    Parameters
    ----------
    data_format : {"channels_last"}, optional
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> Flatten().compute_output_shape((None, 5, 5, 64))
    (None, 1600)
    """

    takes_single_values = True

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = _checks.data_format(data_format, "Flatten")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *sample = input_shape
        return (batch, math.prod(sample))

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        shape = graph.output_shape(inputs[0])
        return inputs[0] if len(shape) == 1 else graph.add("reshape", inputs, self.name, shape=(math.prod(shape),))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


@registry.register()
class Reshape(Layer):
    """Give each sample another shape, and keep its values in their order. No values are moved in memory.

    Parameters
    ----------
    target_shape : int or tuple of int
        The new shape without the batch axis; () for samples of one value. One size may be -1; then it is computed from
        the others.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Raises
    ------
    ValueError
        When the layer is called, if the input has another number of values.

    Examples
    --------
    >>> Reshape((28, 28, 1)).compute_output_shape((None, 784))
    (None, 28, 28, 1)
    >>> Reshape((-1, 4)).compute_output_shape((None, 6, 6))
    (None, 9, 4)
    """

    takes_unknown_sizes = takes_single_values = True

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = _checks.integers(target_shape, "target_shape", "Reshape", minimum=-1)
        if 0 in self.target_shape or self.target_shape.count(-1) > 1:
            raise ValueError(
                "[Reshape] expected the sizes of `target_shape` to be positive except for at most one -1. "
                f"Received: target_shape={target_shape!r}"
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *sample = input_shape
        if None in sample:
            return (batch, *(None if size == -1 else size for size in self.target_shape))
        count, known = math.prod(sample), math.prod(size for size in self.target_shape if size != -1)
        rest = count // known
        shape = tuple(rest if size == -1 else size for size in self.target_shape)
        if math.prod(shape) != count:
            raise ValueError(
                f'Layer "{self.name}": expected an input whose {count} values fill the shape {self.target_shape}. '
                f"Received: input shape {input_shape}"
            )
        return (batch, *shape)

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        shape = self.compute_output_shape((None, *graph.output_shape(inputs[0])))[1:]
        return graph.add("reshape", inputs, self.name, shape=shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "target_shape": self.target_shape}


@registry.register()
class Permute(Layer):
    """Bring the axes of each sample into another order.

    Parameters
    ----------
    dims : tuple of int
        The numbers of the input's axes in the order that they have in the output. The first axis after that of the
        batch has the number 1: (2, 1) exchanges the two axes of a sample.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> Permute((3, 1, 2)).compute_output_shape((None, 10, 20, 3))
    (None, 3, 10, 20)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = _checks.integers(dims, "dims", "Permute", minimum=0)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"[Permute] expected `dims` to be the numbers 1, 2, ... of axes in some order. Received: dims={dims!r}"
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != len(self.dims) + 1:
            raise ValueError(
                f'Layer "{self.name}": expected an input of rank {len(self.dims) + 1} for dims={self.dims}. '
                f"Received: shape={input_shape}"
            )
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        return graph.add("permute", inputs, self.name, dims=self.dims)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dims": self.dims}


@registry.register()
class RepeatVector(Layer):
    """Repeat each vector ``n`` times: (batch, features) becomes (batch, n, features).

    Parameters
    ----------
    n : int
        How often each vector is repeated.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> RepeatVector(3).compute_output_shape((None, 32))
    (None, 3, 32)
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = _checks.integer(n, "n", "RepeatVector")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._expect_rank(input_shape, "batch, features")
        return (input_shape[0], self.n, input_shape[1])

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        row = graph.add("reshape", inputs, self.name, shape=(1, *graph.output_shape(inputs[0])))
        return row if self.n == 1 else graph.add("concatenate", [row] * self.n, self.name, axis=0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "n": self.n}
