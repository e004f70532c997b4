"""Layers that combine several inputs, such as Add and Concatenate, and functions that make and call these layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncore import _checks
from cnncore.graph.axes import sample_axis
from cnncore.graph.protocols import Graph
from cnncore.graph.unknown_sizes import broadcast
from cnncore.layers.base import Layer, Shape, registry

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
]


class _Merge(Layer):
    """A layer that is called on a list of tensors."""

    one_input = False
    takes_unknown_sizes = True

    fewest, most = 2, 10**6  # how many inputs the layer takes

    def _shapes(self, input_shape: Any) -> list[Shape]:
        """Return the shapes of the samples of each input. A ValueError says if there are too few or too many inputs."""
        is_list = isinstance(input_shape, (list, tuple)) and all(isinstance(s, (list, tuple)) for s in input_shape)
        if not is_list or not self.fewest <= len(input_shape) <= self.most:
            number = f"{self.fewest} tensors" if self.fewest == self.most else f"at least {self.fewest} tensors"
            raise ValueError(
                f'Layer "{self.name}": expected a list of {number}. '
                f"Received: {len(input_shape) if is_list else 1}, with shape {input_shape}"
            )
        return [tuple(shape[1:]) for shape in input_shape]

    def merge_masks(self, graph: Graph, masks: Sequence[int | None]) -> int | None:
        """Add the mask of the result: a step is used if one of the masks uses it, or an input has no mask."""
        different = [mask for mask in dict.fromkeys(masks) if mask is not None]
        if None in masks or len({graph.output_shape(mask) for mask in different}) != 1:
            return None
        return different[0] if len(different) == 1 else graph.add("maximum", different, self.name)


class _Elementwise(_Merge):
    """A layer that combines the values at the same place of each input.

    Samples with fewer axes than others get axes of length 1 in front. Values are repeated along axes of length 1.
    """

    takes_single_values = True

    kind: str  # the name of the op

    def compute_output_shape(self, input_shape: Any) -> Shape:
        result = broadcast(_with_equal_rank(self._shapes(input_shape)))
        if result is None:
            raise ValueError(
                f'Layer "{self.name}": expected inputs of one shape, or of length 1 along some axes. '
                f"Received: shapes {input_shape}"
            )
        return (None, *result)

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        wanted = _with_equal_rank([graph.output_shape(x) for x in inputs])
        ids = [
            x if graph.output_shape(x) == shape else graph.add("reshape", [x], self.name, shape=shape)
            for x, shape in zip(inputs, wanted, strict=True)
        ]
        return graph.add(self.kind, ids, self.name)


def _with_equal_rank(shapes: list[Shape]) -> list[Shape]:
    rank = max(len(shape) for shape in shapes)
    return [(*[1] * (rank - len(shape)), *shape) for shape in shapes]


@registry.register()
class Add(_Elementwise):
    """Add a list of tensors, value by value.

    Along axes where an input has length 1 and another is longer, its values are repeated.

    Examples
    --------
    >>> import numpy as np
    >>> Add()([np.float32([[1.0, 2.0]]), np.float32([[3.0, 4.0]])]).numpy()
    array([[4., 6.]], dtype=float32)
    """

    kind = "add"


@registry.register()
class Subtract(_Elementwise):
    """Subtract the second of two tensors from the first, value by value.

    Examples
    --------
    >>> import numpy as np
    >>> Subtract()([np.float32([[1.0, 2.0]]), np.float32([[3.0, 3.0]])]).numpy()
    array([[-2., -1.]], dtype=float32)
    """

    kind, most = "subtract", 2


@registry.register()
class Multiply(_Elementwise):
    """Multiply a list of tensors, value by value.

    Values are repeated as by :class:`Add`: a tensor of shape (batch, 1, 1, channels) scales the channels of an image.

    Examples
    --------
    >>> Multiply().compute_output_shape([(None, 8, 8, 4), (None, 1, 1, 4)])
    (None, 8, 8, 4)
    """

    kind = "multiply"

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        """Steps that a mask leaves out count as 1. Where no input has a step that is used, the result is 0."""
        masks = [graph.masks.get(x) for x in inputs]
        factors = [
            x if mask is None else self._with_ones(graph, x, mask) for x, mask in zip(inputs, masks, strict=True)
        ]
        product = super().lower(graph, factors)
        merged = self.merge_masks(graph, masks)
        if merged is None:
            return product
        return graph.add("multiply", [product, self._column(graph, merged, product)], self.name)

    def _with_ones(self, graph: Graph, x: int, mask: int) -> int:
        used = self._column(graph, mask, x)
        left_out = graph.add("rescaling", [used], self.name, scale=-1.0, offset=1.0)
        return graph.add("add", [graph.add("multiply", [x, used], self.name), left_out], self.name)

    def _column(self, graph: Graph, mask: int, of: int) -> int:
        steps, rank = graph.output_shape(mask), len(graph.output_shape(of))
        return graph.add("reshape", [mask], self.name, shape=(*steps, *[1] * (rank - len(steps))))


@registry.register()
class Average(_Elementwise):
    """Take the mean of a list of tensors, value by value.

    Examples
    --------
    >>> Average().compute_output_shape([(None, 10), (None, 10), (None, 10)])
    (None, 10)
    """

    kind = "average"


@registry.register()
class Maximum(_Elementwise):
    """Take the largest of a list of tensors, value by value.

    Where several inputs have the largest value, the first of them gets the gradient.

    Examples
    --------
    >>> Maximum().compute_output_shape([(None, 10), (None, 10)])
    (None, 10)
    """

    kind = "maximum"


@registry.register()
class Minimum(_Elementwise):
    """Take the smallest of a list of tensors, value by value.

    Where several inputs have the smallest value, the first of them gets the gradient.

    Examples
    --------
    >>> Minimum().compute_output_shape([(None, 10), (None, 10)])
    (None, 10)
    """

    kind = "minimum"


@registry.register()
class Concatenate(_Merge):
    """Join a list of tensors along an axis.

    Parameters
    ----------
    axis : int, default -1
        The axis along which the tensors are put one after the other. Axis 0, that of the batch, cannot be chosen.
    **kwargs
        ``name`` and ``dtype``, see :class:`Layer`.

    Examples
    --------
    >>> Concatenate().compute_output_shape([(None, 8, 8, 3), (None, 8, 8, 5)])
    (None, 8, 8, 8)
    """

    fewest = 1

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = _checks.integer(axis, "axis", "Concatenate", minimum=-8, maximum=8)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        shapes = self._shapes(input_shape)
        axis = sample_axis(self.axis, len(shapes[0]) + 1, self.name)
        same_rank = len({len(shape) for shape in shapes}) == 1
        sizes = [{shape[i] for shape in shapes} for i in range(len(shapes[0]))] if same_rank else []
        if not same_rank or any(len(found - {None}) > 1 for i, found in enumerate(sizes) if i != axis):
            raise ValueError(
                f'Layer "{self.name}": expected inputs whose shapes differ only along axis {self.axis}. '
                f"Received: shapes {input_shape}"
            )
        result = [None if None in found else max(found) for found in sizes]
        if result[axis] is not None:
            result[axis] = sum(shape[axis] for shape in shapes)
        return (None, *result)

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        if len(inputs) == 1:
            return inputs[0]
        axis = sample_axis(self.axis, len(graph.output_shape(inputs[0])) + 1, self.name)
        return graph.add("concatenate", inputs, self.name, axis=axis)

    def merge_masks(self, graph: Graph, masks: Sequence[int | None]) -> int | None:
        present = [mask for mask in masks if mask is not None]
        if self.axis == 1 and len(present) == len(masks) > 1:
            return graph.add("concatenate", present, self.name, axis=0)
        return super().merge_masks(graph, masks)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


@registry.register()
class Dot(_Merge):
    """Compute the dot products of two tensors along one axis of each.

    The result has the remaining axes of the first tensor, then those of the second. Vectors (batch, n) and (batch, n)
    give (batch, 1); matrices (batch, a, n) and (batch, n, b) with ``axes=(2, 1)`` give (batch, a, b).

    Parameters
    ----------
    axes : int or two ints
        One axis for both inputs, or one for each. Axis 0, that of the batch, cannot be chosen.
    normalize : bool, default False
        Whether each vector is divided by its length first. The results are then cosines of angles between vectors.
    **kwargs
        ``name`` and ``dtype``, see :class:`Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> Dot(axes=1)([np.float32([[1.0, 2.0]]), np.float32([[3.0, 4.0]])]).numpy()
    array([[11.]], dtype=float32)
    """

    fewest = most = 2

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(axes, (list, tuple)):
            if len(axes) != 2:
                raise ValueError(f"[Dot] expected `axes` to be an integer or two of them. Received: axes={axes!r}")
            self.axes: Any = tuple(_checks.integer(axis, "axes", "Dot", minimum=-8, maximum=8) for axis in axes)
        else:
            self.axes = _checks.integer(axes, "axes", "Dot", minimum=-8, maximum=8)
        self.normalize = _checks.boolean(normalize, "normalize", "Dot")

    def _sample_axes(self, shapes: Sequence[Sequence[int]]) -> tuple[int, int]:
        axes = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        first, second = (sample_axis(axis, len(shape) + 1, self.name) for axis, shape in zip(axes, shapes, strict=True))
        return first, second

    def compute_output_shape(self, input_shape: Any) -> Shape:
        a, b = self._shapes(input_shape)
        i, j = self._sample_axes((a, b))
        if a[i] != b[j] and None not in (a[i], b[j]):
            raise ValueError(
                f'Layer "{self.name}": expected both inputs to have the same length along axes={self.axes}. '
                f"Received: shapes {input_shape}"
            )
        return (None, *((*a[:i], *a[i + 1 :], *b[:j], *b[j + 1 :]) or (1,)))

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        axes = self._sample_axes([graph.output_shape(x) for x in inputs])
        return graph.add("dot", inputs, self.name, axes=axes, normalize=self.normalize)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}
