"""Reference ops that move values (reshape, padding, resizing, concatenation), dot products, and Python functions."""

from collections.abc import Callable, Sequence

import numpy as np

import reference as ref
from reference_ops import Array, Image, Op, Parameter, Shape, op


@op("reshape")
class Reshape(Op):
    shape: Shape

    def infer(self, *shapes: Shape) -> Shape:
        (before,) = shapes
        self.expect(np.prod(before) == np.prod(self.shape), f"a shape of {np.prod(before)} values", self.shape)
        return tuple(self.shape)

    def forward(self, inputs, weights, context):
        (x,) = inputs
        return x.reshape(len(x), *self.shape), lambda dy: ([dy.reshape(x.shape)], [])


@op("permute")
class Permute(Op):
    """``dims`` count the axes of a sample from 1, as in Keras."""

    dims: tuple[int, ...]

    def infer(self, *shapes: Shape) -> Shape:
        axes = range(1, len(shapes[0]) + 1)
        self.expect(sorted(self.dims) == list(axes), f"dims that order {list(axes)}", self.dims)
        return tuple(shapes[0][d - 1] for d in self.dims)

    def forward(self, inputs, weights, context):
        axes = (0, *self.dims)
        return inputs[0].transpose(axes), lambda dy: ([dy.transpose(np.argsort(axes))], [])


@op("zero_padding2d")
class ZeroPadding2D(Image):
    padding: ref.Padding

    def image_shape(self, shape: Shape) -> Shape:
        return (*(size + sum(pad) for size, pad in zip(shape, self.padding, strict=False)), shape[2])

    def forward(self, inputs, weights, context):
        return ref._pad(inputs[0], self.padding), lambda dy: ([ref._crop(dy, self.padding)], [])


@op("cropping2d")
class Cropping2D(Image):
    cropping: ref.Padding

    def image_shape(self, shape: Shape) -> Shape:
        return (*(size - sum(cut) for size, cut in zip(shape, self.cropping, strict=False)), shape[2])

    def forward(self, inputs, weights, context):
        return ref._crop(inputs[0], self.cropping), lambda dy: ([ref._pad(dy, self.cropping)], [])


def resize_matrix(size: int, factor: int, interpolation: str) -> Array:
    """Return (size * factor, size): row i holds the weights of the input pixels in output pixel i.

    A pixel is an area, and positions are those of the centres of the areas.
    """
    matrix = np.zeros((size * factor, size))
    for row in range(size * factor):
        if interpolation == "nearest":
            matrix[row, row // factor] = 1.0
            continue
        place = (row + 0.5) / factor - 0.5
        below = int(np.floor(place))
        for column, weight in ((below, 1 - (place - below)), (below + 1, place - below)):
            matrix[row, min(max(column, 0), size - 1)] += weight
    return matrix


@op("upsampling2d")
class UpSampling2D(Image):
    size: ref.Pair
    interpolation: str = "nearest"

    def image_shape(self, shape: Shape) -> Shape:
        return shape[0] * self.size[0], shape[1] * self.size[1], shape[2]

    def forward(self, inputs, weights, context):
        (x,) = inputs
        rows, columns = (resize_matrix(x.shape[a + 1], self.size[a], self.interpolation) for a in (0, 1))
        y = np.einsum("ph,nhwc,qw->npqc", rows, x, columns)
        return y, lambda dy: ([np.einsum("ph,npqc,qw->nhwc", rows, dy, columns)], [])


@op("concatenate")
class Concatenate(Op):
    """``axis`` counts the axes of a sample from 0."""

    axis: int = -1

    def infer(self, *shapes: Shape) -> Shape:
        rank = len(shapes[0])
        self.expect(-rank <= self.axis < rank, f"axis within rank {rank}", self.axis)
        rest = {tuple(size for a, size in enumerate(shape) if a != self.axis % rank) for shape in shapes}
        same_rank = len({len(shape) for shape in shapes}) == 1
        self.expect(same_rank and len(rest) == 1, "inputs that differ along the axis only", shapes)
        sizes = list(shapes[0])
        sizes[self.axis] = sum(shape[self.axis] for shape in shapes)
        return tuple(sizes)

    def forward(self, inputs, weights, context):
        axis = self.axis % (inputs[0].ndim - 1) + 1
        ends = np.cumsum([x.shape[axis] for x in inputs])[:-1]
        return np.concatenate(inputs, axis), lambda dy: (np.split(dy, ends, axis), [])


@op("dot")
class Dot(Op):
    """Sums of products along one axis of each input; axes of a sample count from 0.

    The output has the other axes of the first input, then those of the second.
    """

    axes: tuple[int, int] | int
    normalize: bool = False

    def _axes(self, shapes: tuple[Shape, ...]) -> ref.Pair:
        axes = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        return tuple(axis % len(shape) for axis, shape in zip(axes, shapes, strict=True))

    def infer(self, *shapes: Shape) -> Shape:
        self.expect(len(shapes) == 2, "two inputs", shapes)
        a, b = self._axes(shapes)
        self.expect(shapes[0][a] == shapes[1][b], "axes of one length", shapes)
        return (*shapes[0][:a], *shapes[0][a + 1 :], *shapes[1][:b], *shapes[1][b + 1 :]) or (1,)

    def forward(self, inputs, weights, context):
        a, b = self._axes(tuple(x.shape[1:] for x in inputs))
        # Both inputs as arrays (batch, all other axes as one, the axis of the sum).
        moved = [np.moveaxis(x, axis + 1, -1) for x, axis in zip(inputs, (a, b), strict=True)]
        rows = [x.reshape(len(x), -1, x.shape[-1]) for x in moved]
        units, norms = list(rows), [np.ones(1)] * 2
        if self.normalize:
            norms = [np.sqrt(np.maximum((x * x).sum(axis=-1, keepdims=True), 1e-12)) for x in rows]
            units = [x / norm for x, norm in zip(rows, norms, strict=True)]
        y = np.einsum("nid,njd->nij", *units)
        shape = self.infer(*(x.shape[1:] for x in inputs))

        def pullback(dy):
            dy = dy.reshape(y.shape)
            slopes = [np.einsum("nij,njd->nid", dy, units[1]), np.einsum("nij,nid->njd", dy, units[0])]
            if self.normalize:
                slopes = [
                    (slope - unit * (slope * unit).sum(axis=-1, keepdims=True)) / norm
                    for slope, unit, norm in zip(slopes, units, norms, strict=True)
                ]
            return [
                np.moveaxis(slope.reshape(x.shape), -1, axis + 1)
                for slope, x, axis in zip(slopes, moved, (a, b), strict=True)
            ], []

        return y.reshape(len(y), *shape), pullback


@op("host")
class Host(Op):
    """A Python function of the inputs.

    ``backward(inputs, dy)`` returns one list: the gradients of the inputs, then those of the weights. ``parameters``
    are the shapes of the weights; ``forward`` and ``backward`` do not get the weights as arguments.
    """

    def __init__(
        self, forward: Callable, shape: Shape, backward: Callable | None = None, parameters: Sequence[Shape] = ()
    ):
        self.forward_function, self.shape, self.backward_function = forward, shape, backward
        self.shapes = parameters

    def parameters(self, *shapes: Shape) -> list[Parameter]:
        return [Parameter(f"weight_{number}", tuple(shape)) for number, shape in enumerate(self.shapes)]

    def infer(self, *shapes: Shape) -> Shape:
        return tuple(self.shape)

    def forward(self, inputs, weights, context):
        y = np.asarray(self.forward_function(inputs, context.training), np.float64)

        def pullback(dy):
            if self.backward_function is None:
                raise ValueError("expected a backward function for training. Received: backward=None")
            gradients = [np.asarray(gradient, np.float64) for gradient in self.backward_function(inputs, dy)]
            return gradients[: len(inputs)], gradients[len(inputs) :]

        return y, pullback
