"""Layers of several inputs: sums, products, extremes, concatenation and dot products; and the same as functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncore import _checks
from cnncore.layers.axes import sample_axis
from cnncore.layers.base import Layer, Shape, registry
from cnncore.layers.protocols import Graph

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]


class _Merge(Layer):
    """A layer that is called on a list of tensors."""

    one_input = False

    fewest, most = 2, 10**6

    def _shapes(self, input_shape: Any) -> list[tuple[int, ...]]:
        """Shapes of the samples; ValueError if there are too few or too many."""
        is_list = isinstance(input_shape, (list, tuple)) and all(isinstance(s, (list, tuple)) for s in input_shape)
        if not is_list or not self.fewest <= len(input_shape) <= self.most:
            number = f"{self.fewest} tensors" if self.fewest == self.most else f"at least {self.fewest} tensors"
            raise ValueError(
                f'Layer "{self.name}": expected a list of {number}. '
                f"Received: {len(input_shape) if is_list else 1} of shape {input_shape}"
            )
        return [tuple(shape[1:]) for shape in input_shape]


class _Elementwise(_Merge):
    """A layer that combines the values at the same place of each input. Inputs with fewer axes get axes of length 1 in
    front.
    """

    kind: str  # the name of the op

    def compute_output_shape(self, input_shape: Any) -> Shape:
        shapes = self._shapes(input_shape)
        result: list[int] = []
        for sizes in zip(*_with_equal_rank(shapes), strict=True):
            different = set(sizes) - {1}
            if len(different) > 1:
                raise ValueError(
                    f'Layer "{self.name}": expected inputs of one shape, or of length 1 along some axes. '
                    f"Received: shapes {input_shape}"
                )
            result.append(max(sizes))
        return (None, *result)

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        wanted = _with_equal_rank([graph.output_shape(x) for x in inputs])
        ids = [
            x if graph.output_shape(x) == shape else graph.add("reshape", [x], self.name, shape=shape)
            for x, shape in zip(inputs, wanted, strict=True)
        ]
        return graph.add(self.kind, ids, self.name)


def _with_equal_rank(shapes: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    rank = max(len(shape) for shape in shapes)
    return [(*[1] * (rank - len(shape)), *shape) for shape in shapes]


@registry.register()
class Add(_Elementwise):
    """The sum of a list of tensors.

    Axes of length 1 are repeated where another input is longer.

    Examples
    --------
    >>> import numpy as np
    >>> Add()([np.float32([[1.0, 2.0]]), np.float32([[3.0, 4.0]])]).numpy()
    array([[4., 6.]], dtype=float32)
    """

    kind = "add"


@registry.register()
class Subtract(_Elementwise):
    """The first of two tensors less the second.

    Examples
    --------
    >>> import numpy as np
    >>> Subtract()([np.float32([[1.0, 2.0]]), np.float32([[3.0, 3.0]])]).numpy()
    array([[-2., -1.]], dtype=float32)
    """

    kind, most = "subtract", 2


@registry.register()
class Multiply(_Elementwise):
    """The product of a list of tensors, value by value.

    A gate of shape (batch, 1, 1, channels) scales the channels of an image.

    Examples
    --------
    >>> Multiply().compute_output_shape([(None, 8, 8, 4), (None, 1, 1, 4)])
    (None, 8, 8, 4)
    """

    kind = "multiply"


@registry.register()
class Average(_Elementwise):
    """The mean of a list of tensors, value by value.

    Examples
    --------
    >>> Average().compute_output_shape([(None, 10), (None, 10), (None, 10)])
    (None, 10)
    """

    kind = "average"


@registry.register()
class Maximum(_Elementwise):
    """The largest of a list of tensors, value by value; the gradient goes to the first of equal ones.

    Examples
    --------
    >>> Maximum().compute_output_shape([(None, 10), (None, 10)])
    (None, 10)
    """

    kind = "maximum"


@registry.register()
class Minimum(_Elementwise):
    """The smallest of a list of tensors, value by value; the gradient goes to the first of equal ones.

    Examples
    --------
    >>> Minimum().compute_output_shape([(None, 10), (None, 10)])
    (None, 10)
    """

    kind = "minimum"


@registry.register()
class Concatenate(_Merge):
    """A list of tensors one after the other along an axis.

    Parameters
    ----------
    axis : int, default -1
        The axis, counted with the batch axis, which is 0 and cannot be chosen.
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
        others = {(*shape[:axis], *shape[axis + 1 :]) if len(shape) == len(shapes[0]) else shape for shape in shapes}
        if len(others) != 1 or len({len(shape) for shape in shapes}) != 1:
            raise ValueError(
                f'Layer "{self.name}": expected inputs whose shapes differ along axis {self.axis} alone. '
                f"Received: shapes {input_shape}"
            )
        return (None, *shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        if len(inputs) == 1:
            return inputs[0]
        axis = sample_axis(self.axis, len(graph.output_shape(inputs[0])) + 1, self.name)
        return graph.add("concatenate", inputs, self.name, axis=axis)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


@registry.register()
class Dot(_Merge):
    """Sums of products of two tensors along an axis of each.

    The result has the other axes of the first tensor, then those of the second: vectors (batch, n) and (batch, n) give
    (batch, 1), matrices (batch, a, n) and (batch, n, b) along axes (2, 1) give (batch, a, b).

    Parameters
    ----------
    axes : int or two ints
        One axis for both inputs, or one for each. The batch axis, which is 0, cannot be chosen.
    normalize : bool, default False
        Divide each vector by its length first: the result is the cosine of the angle between them.
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
        if a[i] != b[j]:
            raise ValueError(
                f'Layer "{self.name}": expected inputs of one length along axes={self.axes}. '
                f"Received: shapes {input_shape}"
            )
        return (None, *((*a[:i], *a[i + 1 :], *b[:j], *b[j + 1 :]) or (1,)))

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        axes = self._sample_axes([graph.output_shape(x) for x in inputs])
        return graph.add("dot", inputs, self.name, axes=axes, normalize=self.normalize)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The sum of ``inputs``, a list of tensors. See :class:`Add`, whose arguments it takes."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The first of the two tensors in ``inputs`` minus the second. See :class:`Subtract`, whose arguments it takes."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The product of ``inputs``, a list of tensors. See :class:`Multiply`, whose arguments it takes."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The mean of ``inputs``, a list of tensors. See :class:`Average`, whose arguments it takes."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The largest of ``inputs``, a list of tensors. See :class:`Maximum`, whose arguments it takes."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The smallest of ``inputs``, a list of tensors. See :class:`Minimum`, whose arguments it takes."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """``inputs``, a list of tensors, one after the other along ``axis``. See :class:`Concatenate`.

    Examples
    --------
    >>> import numpy as np
    >>> concatenate([np.float32([[1.0]]), np.float32([[2.0, 3.0]])]).numpy()
    array([[1., 2., 3.]], dtype=float32)
    """
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Sequence[Any], axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """Sums of products of the two tensors in ``inputs`` along ``axes``. See :class:`Dot`."""
    return Dot(axes=axes, **kwargs)(inputs)
