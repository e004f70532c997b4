"""Layers for max pooling and average pooling of images and of sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncore import _checks
from cnncore._checks import PaddingArgument, Size
from cnncore.graph.protocols import Graph
from cnncore.layers.base import Shape, registry
from cnncore.layers.base.weighted import Windowed, pair_of

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "AvgPool1D",
    "AvgPool2D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPooling1D",
    "MaxPooling2D",
]


class _Pooling(Windowed):
    kind: str  # the name of the op

    def __init__(
        self,
        pool_size: Size = 2,
        strides: Size | None = None,
        padding: PaddingArgument = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.pool_size = self._sizes(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else self._sizes(strides, "strides")
        self.padding = self._padding(padding)
        self.data_format = _checks.data_format(data_format, type(self).__name__)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check_input(input_shape)
        batch, *size, channels = input_shape
        return (batch, *self._window_output(size, self.pool_size, self.strides, self.padding), channels)

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        image = self._to_image(graph, inputs[0])
        attributes = self._window_attributes(graph, image, self.pool_size, self.strides, self.padding, (1, 1))
        y = graph.add(self.kind, [image], self.name, pool_size=pair_of(self.pool_size), **attributes)
        return self._from_image(graph, y)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
        }


@registry.register("max_pool2d", "maxpool2d")
class MaxPooling2D(_Pooling):
    """Take the largest value of each channel in each window of an image; also named ``MaxPool2D``.

    Parameters
    ----------
    pool_size : int or two ints, default 2
        Height and width of the window.
    strides : int or two ints, optional
        How many pixels the window moves from one output pixel to the next. By default, its size.
    padding : {"valid", "same"}, int, or ((top, bottom), (left, right)), default "valid"
        As for :class:`Conv2D`. Padding is never the largest value of a window.
    data_format : {"channels_last"}, optional
    name : str, optional
    **kwargs
        ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> MaxPooling2D(pool_size=(2, 2)).compute_output_shape((None, 26, 26, 32))
    (None, 13, 13, 32)
    """

    kind = "max_pool2d"


@registry.register("avg_pool2d", "avgpool2d")
class AveragePooling2D(_Pooling):
    """Take the mean of each channel in each window of an image; also named ``AvgPool2D``.

    Pixels of the padding do not count. The parameters are those of :class:`MaxPooling2D`.

    Examples
    --------
    >>> AveragePooling2D(3, strides=2, padding="same").compute_output_shape((None, 13, 13, 8))
    (None, 7, 7, 8)
    """

    kind = "avg_pool2d"


@registry.register("max_pool1d", "maxpool1d")
class MaxPooling1D(_Pooling):
    """Take the largest value of each channel in each window of a sequence (batch, steps, channels).

    Also named ``MaxPool1D``. The parameters are those of :class:`MaxPooling2D`, with one int where it takes two.

    Examples
    --------
    >>> MaxPooling1D(3, strides=2).compute_output_shape((None, 9, 4))
    (None, 4, 4)
    """

    kind, rank = "max_pool2d", 1


@registry.register("avg_pool1d", "avgpool1d")
class AveragePooling1D(_Pooling):
    """Take the mean of each channel in each window of a sequence (batch, steps, channels).

    Also named ``AvgPool1D``. The parameters are those of :class:`MaxPooling1D`. Steps of the padding do not count.

    Examples
    --------
    >>> AveragePooling1D(3).compute_output_shape((None, 9, 4))
    (None, 3, 4)
    """

    kind, rank = "avg_pool2d", 1


MaxPool2D, AvgPool2D, MaxPool1D, AvgPool1D = MaxPooling2D, AveragePooling2D, MaxPooling1D, AveragePooling1D
