"""Layers that take the maximum or the mean of each channel over a whole image or sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.graph.protocols import Graph
from cnncore.layers.base import Shape, registry
from cnncore.layers.base.weighted import Windowed

__all__ = [
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
]


class _GlobalPooling(Windowed):
    kind: str  # the name of the op

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = _checks.data_format(data_format, type(self).__name__)
        self.keepdims = _checks.boolean(keepdims, "keepdims", type(self).__name__)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check_input(input_shape)
        return (input_shape[0], *[1] * self.rank * self.keepdims, input_shape[-1])

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        image = self._to_image(graph, inputs[0])
        height, width, channels = graph.output_shape(image)
        window = (height, width)
        y = graph.add(self.kind, [image], self.name, pool_size=window, strides=window, padding=((0, 0), (0, 0)))
        return graph.add("reshape", [y], self.name, shape=(*[1] * self.rank * self.keepdims, channels))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format, "keepdims": self.keepdims}


@registry.register("global_avg_pool2d", "globalavgpool2d")
class GlobalAveragePooling2D(_GlobalPooling):
    """Take the mean of each channel of an image (batch, height, width, channels); also named ``GlobalAvgPool2D``.

    Parameters
    ----------
    data_format : {"channels_last"}, optional
    keepdims : bool, default False
        Whether the output keeps the axes of height and width, with length 1.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> GlobalAveragePooling2D().compute_output_shape((None, 7, 7, 64))
    (None, 64)
    >>> GlobalAveragePooling2D(keepdims=True).compute_output_shape((None, 7, 7, 64))
    (None, 1, 1, 64)
    """

    kind = "avg_pool2d"


@registry.register("global_max_pool2d", "globalmaxpool2d")
class GlobalMaxPooling2D(_GlobalPooling):
    """Take the largest value of each channel of an image; also named ``GlobalMaxPool2D``.

    The parameters are those of :class:`GlobalAveragePooling2D`.

    Examples
    --------
    >>> GlobalMaxPooling2D().compute_output_shape((None, 7, 7, 64))
    (None, 64)
    """

    kind = "max_pool2d"


@registry.register("global_avg_pool1d", "globalavgpool1d")
class GlobalAveragePooling1D(_GlobalPooling):
    """Take the mean of each channel of a sequence (batch, steps, channels); also named ``GlobalAvgPool1D``.

    The parameters are those of :class:`GlobalAveragePooling2D`.

    Examples
    --------
    >>> GlobalAveragePooling1D().compute_output_shape((None, 100, 64))
    (None, 64)
    """

    kind, rank = "avg_pool2d", 1
    takes_mask = True

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        mask = graph.masks.get(inputs[0])
        return super().lower(graph, inputs) if mask is None else self._lower_masked(graph, [inputs[0], mask])

    def _lower_masked(self, graph: Graph, inputs: Sequence[int]) -> int:
        """Take the mean of the steps that are used."""

        def shares(mask: np.ndarray) -> np.ndarray:
            return np.expand_dims(mask / np.sum(mask, axis=1, keepdims=True), -1)

        def forward(arrays: Sequence[np.ndarray], training: bool) -> np.ndarray:
            x, mask = arrays
            return np.require(np.sum(x * shares(mask), axis=1, keepdims=self.keepdims), np.float32, ["C", "A"])

        def backward(arrays: Sequence[np.ndarray], dy: np.ndarray) -> list[np.ndarray]:
            mask = arrays[1]
            wide = dy if self.keepdims else np.expand_dims(dy, 1)
            return [np.require(wide * shares(mask), np.float32, ["C", "A"]), np.zeros_like(mask)]

        shape = (*[1] * self.keepdims, graph.output_shape(inputs[0])[-1])
        return graph.add("host", inputs, self.name, forward=forward, backward=backward, shape=shape)


@registry.register("global_max_pool1d", "globalmaxpool1d")
class GlobalMaxPooling1D(_GlobalPooling):
    """Take the largest value of each channel of a sequence (batch, steps, channels); also named ``GlobalMaxPool1D``.

    The parameters are those of :class:`GlobalAveragePooling2D`.

    Examples
    --------
    >>> GlobalMaxPooling1D().compute_output_shape((None, 100, 64))
    (None, 64)
    """

    kind, rank = "max_pool2d", 1


GlobalAvgPool2D, GlobalMaxPool2D = GlobalAveragePooling2D, GlobalMaxPooling2D
GlobalAvgPool1D, GlobalMaxPool1D = GlobalAveragePooling1D, GlobalMaxPooling1D
