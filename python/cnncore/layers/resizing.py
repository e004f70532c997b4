"""Layers that change the size of images and sequences: zero padding, cropping and upsampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._checks import Size
from cnncore._images import resize, resize_backward
from cnncore.graph.protocols import Graph
from cnncore.layers.base import Shape, registry
from cnncore.layers.base.weighted import Windowed, pair_of

__all__ = ["Cropping1D", "Cropping2D", "UpSampling1D", "UpSampling2D", "ZeroPadding1D", "ZeroPadding2D"]


_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


class _Sided(Windowed):
    """A layer with two numbers for each axis: one for the side before the image, and one for the side after it."""

    def _two_sides(self, value: Any, name: str) -> tuple[_checks.Pair, ...]:
        """Return (before, after) for each axis, from such pairs, from an int for each axis, or from one int for all."""
        owner = type(self).__name__
        if self.rank == 1:
            before, after = _checks.pair(value, name, owner, 0)
            return ((before, after),)
        if isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(v, (list, tuple)) for v in value):
            return _checks.pair(value[0], name, owner, 0), _checks.pair(value[1], name, owner, 0)
        rows, columns = _checks.pair(value, name, owner, 0)
        return (rows, rows), (columns, columns)

    def _config_of(self, sides: tuple[_checks.Pair, ...]) -> Any:
        return sides if self.rank == 2 else sides[0]


class _ZeroPadding(_Sided):
    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._sides_of_padding = self._two_sides(padding, "padding")
        self.data_format = _checks.data_format(data_format, type(self).__name__)

    @property
    def padding(self) -> Any:
        """((top, bottom), (left, right)), or (before, after) for sequences."""
        return self._config_of(self._sides_of_padding)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check_input(input_shape)
        batch, *size, channels = input_shape
        return (batch, *(n + sum(side) for n, side in zip(size, self._sides_of_padding, strict=True)), channels)

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        image = self._to_image(graph, inputs[0])
        sides = ((0, 0), *self._sides_of_padding)[-2:]
        return self._from_image(graph, graph.add("zero_padding2d", [image], self.name, padding=sides))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "padding": self.padding, "data_format": self.data_format}


@registry.register()
class ZeroPadding2D(_ZeroPadding):
    """Add rows and columns of zeros around an image (batch, height, width, channels).

    Parameters
    ----------
    padding : int, two ints, or ((top, bottom), (left, right)), default 1
        How many are added. One int is for all sides. Of two ints, the first is for the top and the bottom, the second
        for the left and the right.
    data_format : {"channels_last"}, optional
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> ZeroPadding2D(((1, 0), (2, 2))).compute_output_shape((None, 8, 8, 3))
    (None, 9, 12, 3)
    """


@registry.register()
class ZeroPadding1D(_ZeroPadding):
    """Add zeros before and after a sequence (batch, steps, channels).

    Parameters
    ----------
    padding : int or (before, after), default 1
        How many steps are added: one int for both ends, or an int for each.
    data_format : {"channels_last"}, optional
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> ZeroPadding1D((2, 0)).compute_output_shape((None, 8, 3))
    (None, 10, 3)
    """

    rank = 1


class _Cropping(_Sided):
    def __init__(self, cropping: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._sides_of_cropping = self._two_sides(cropping, "cropping")
        self.data_format = _checks.data_format(data_format, type(self).__name__)

    @property
    def cropping(self) -> Any:
        """((top, bottom), (left, right)), or (before, after) for sequences."""
        return self._config_of(self._sides_of_cropping)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check_input(input_shape)
        batch, *size, channels = input_shape
        out = [n - sum(side) for n, side in zip(size, self._sides_of_cropping, strict=True)]
        if min(out) < 1:
            raise ValueError(
                f'Layer "{self.name}": expected `cropping` to leave at least one row and column, or one step. '
                f"Received: input shape {input_shape}, cropping={self.cropping}"
            )
        return (batch, *out, channels)

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        image = self._to_image(graph, inputs[0])
        sides = ((0, 0), *self._sides_of_cropping)[-2:]
        return self._from_image(graph, graph.add("cropping2d", [image], self.name, cropping=sides))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cropping": self.cropping}


@registry.register()
class Cropping2D(_Cropping):
    """Cut off the outer rows and columns of an image (batch, height, width, channels).

    Parameters
    ----------
    cropping : int, two ints, or ((top, bottom), (left, right)), default ((0, 0), (0, 0))
        How many are cut off. One int is for all sides. Of two ints, the first is for the top and the bottom, the second
        for the left and the right.
    data_format : {"channels_last"}, optional
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> Cropping2D(((1, 0), (2, 2))).compute_output_shape((None, 8, 8, 3))
    (None, 7, 4, 3)
    """

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(cropping, data_format, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


@registry.register()
class Cropping1D(_Cropping):
    """Cut off the ends of a sequence (batch, steps, channels).

    Parameters
    ----------
    cropping : int or (before, after), default (1, 1)
        How many steps are cut off: one int for both ends, or an int for each.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> Cropping1D((2, 1)).compute_output_shape((None, 8, 3))
    (None, 5, 3)
    """

    rank = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__(cropping, **kwargs)


class _UpSampling(Windowed):
    interpolation = "nearest"

    def __init__(self, size: Size, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._factors = self._sizes(size, "size")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check_input(input_shape)
        batch, *size, channels = input_shape
        return (batch, *(n * factor for n, factor in zip(size, self._factors, strict=True)), channels)

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        image = self._to_image(graph, inputs[0])
        factors = pair_of(self._factors)
        y = graph.add("upsampling2d", [image], self.name, size=factors, interpolation=self.interpolation)
        return self._from_image(graph, y)


@registry.register()
class UpSampling2D(_UpSampling):
    """Make an image larger by repeating each pixel, or by interpolating between pixels.

    Parameters
    ----------
    size : int or two ints, default 2
        The factors by which height and width grow. One int is for both.
    data_format : {"channels_last"}, optional
    interpolation : {"nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"}, default "nearest"
        "nearest" repeats each pixel. "bilinear" interpolates between the centres of neighbouring pixels. Outside of the
        outermost centres, the values of the outermost pixels are used. The others are computed in Python, see
        :func:`cnncore.ops.image.resize`.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> UpSampling2D(2).compute_output_shape((None, 7, 7, 16))
    (None, 14, 14, 16)
    """

    def __init__(
        self, size: Size = (2, 2), data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any
    ) -> None:
        super().__init__(size, **kwargs)
        self.data_format = _checks.data_format(data_format, "UpSampling2D")
        self.interpolation = _checks.choice(interpolation, "interpolation", "UpSampling2D", _INTERPOLATIONS)

    @property
    def size(self) -> tuple[int, ...]:
        """The factors by which height and width grow."""
        return self._factors

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        if self.interpolation in ("nearest", "bilinear"):
            return super().lower(graph, inputs)
        height, width, channels = graph.output_shape(inputs[0])
        size = (height * self.size[0], width * self.size[1])

        def forward(arrays: Sequence[np.ndarray], training: bool) -> np.ndarray:
            return resize(arrays[0], *size, self.interpolation)

        def backward(arrays: Sequence[np.ndarray], dy: np.ndarray) -> list[np.ndarray]:
            return [resize_backward(dy, (height, width), self.interpolation)]

        return graph.add("host", inputs, self.name, forward=forward, backward=backward, shape=(*size, channels))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "data_format": self.data_format,
            "interpolation": self.interpolation,
        }


@registry.register()
class UpSampling1D(_UpSampling):
    """Make a sequence (batch, steps, channels) longer by repeating each step.

    Parameters
    ----------
    size : int, default 2
        How often each step is repeated.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> UpSampling1D(2).compute_output_shape((None, 7, 16))
    (None, 14, 16)
    """

    rank = 1

    def __init__(self, size: Size = 2, **kwargs: Any) -> None:
        super().__init__(size, **kwargs)

    @property
    def size(self) -> int:
        """How often each step is repeated."""
        return self._factors[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}
