"""MaxPooling2D and AveragePooling2D."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cnncore import _checks
from cnncore._checks import PaddingArgument, Size
from cnncore.layers._chain_base import Layer, Shape, registry
from cnncore.layers._chain_convolution import window_output_size

if TYPE_CHECKING:
    from cnncore import _core


class _Pooling2D(Layer):
    def __init__(
        self,
        pool_size: Size = (2, 2),
        strides: Size | None = None,
        padding: PaddingArgument = "valid",
        *,
        input_shape: Iterable[int] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, input_shape=input_shape)
        self.pool_size = _checks.pair(pool_size, "pool_size", self._class)
        self.strides = self.pool_size if strides is None else _checks.pair(strides, "strides", self._class)
        self.padding = _checks.padding(padding, self._class)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._expect_rank(input_shape, "batch, height, width, channels")
        batch, *size, channels = input_shape
        return (batch, *window_output_size(self, size, self.pool_size, self.strides, self.padding), channels)

    def _sides(self, graph: _core.GraphBuilder, x: int) -> _checks.Padding:
        return _checks.explicit_padding(self.padding, graph.output_shape(x)[:2], self.pool_size, self.strides, (1, 1))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
        }


@registry.register()
class MaxPooling2D(_Pooling2D):
    """Largest value of each window of an image, per channel.

    Parameters
    ----------
    pool_size : int or two ints, default (2, 2)
    strides : int or two ints, optional
        Steps of the window; its size by default.
    padding : {"valid", "same"}, default "valid"
        An int or ((top, bottom), (left, right)) too. Padding never wins.
    input_shape : tuple of int, optional
        (height, width, channels), on the first layer of a model.
    name : str, optional

    Examples
    --------
    >>> MaxPooling2D(pool_size=(2, 2)).compute_output_shape((None, 26, 26, 32))
    (None, 13, 13, 32)
    """

    def lower(self, graph: _core.GraphBuilder, x: int) -> int:
        return graph.max_pool2d(x, self.pool_size, self.strides, self._sides(graph, x), self.name)


@registry.register()
class AveragePooling2D(_Pooling2D):
    """Mean of each window of an image, per channel, padding left out of the count; see :class:`MaxPooling2D`.

    Examples
    --------
    >>> AveragePooling2D(3, strides=2, padding="same").compute_output_shape((None, 13, 13, 8))
    (None, 7, 7, 8)
    """

    def lower(self, graph: _core.GraphBuilder, x: int) -> int:
        return graph.avg_pool2d(x, self.pool_size, self.strides, self._sides(graph, x), self.name)
