"""Pools of volumes and videos (batch, depth, height, width, channels), which are made of pools of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncore import _checks
from cnncore.graph.protocols import Graph
from cnncore.layers.base import Shape, registry
from cnncore.layers.base.weighted import Weighted
from cnncore.layers.volumes import VOLUME_AXES, VolumeLayer

__all__ = [
    "AveragePooling3D",
    "AvgPool3D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool3D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling3D",
    "MaxPool3D",
    "MaxPooling3D",
]

_ONES = (1, 1, 1)


class _Pooling3D(VolumeLayer):
    kind: str  # the name of the op for images

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        owner = type(self).__name__
        self.pool_size = self._sizes(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else self._sizes(strides, "strides")
        self.padding = _checks.choice(padding, "padding", owner, ("valid", "same"))
        self.data_format = _checks.data_format(data_format, owner)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self._output(input_shape, self.pool_size, self.strides), input_shape[-1])

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        """Pool images whose channels are those of all depths, then along the depth."""
        name, (depth, height, width, channels) = self.name, graph.output_shape(inputs[0])
        deep, high, wide = self.compute_output_shape((None, depth, height, width, channels))[1:4]
        sides = [
            self._sides(axis, size, self.pool_size, self.strides, _ONES)
            for axis, size in enumerate((depth, height, width))
        ]
        y = graph.add("permute", inputs, name, dims=(2, 3, 1, 4))
        y = graph.add("reshape", [y], name, shape=(height, width, depth * channels))
        options: dict[str, Any] = {"strides": self.strides[1:], "padding": tuple(sides[1:])}
        y = graph.add(self.kind, [y], name, pool_size=self.pool_size[1:], **options)
        y = graph.add("reshape", [y], name, shape=(high * wide, depth, channels))
        options = {"strides": (1, self.strides[0]), "padding": ((0, 0), sides[0])}
        y = graph.add(self.kind, [y], name, pool_size=(1, self.pool_size[0]), **options)
        y = graph.add("reshape", [y], name, shape=(high, wide, deep, channels))
        return graph.add("permute", [y], name, dims=(3, 1, 2, 4))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
        }


@registry.register("max_pool3d", "maxpool3d")
class MaxPooling3D(_Pooling3D):
    """Take the largest value of each channel in each window of a volume; also named ``MaxPool3D``.

    Parameters
    ----------
    pool_size : int or three ints, default 2
        Depth, height and width of the window.
    strides : int or three ints, optional
        By default, the size of the window.
    padding : {"valid", "same"}, default "valid"
        Padding is never the largest value of a window.
    data_format : {"channels_last"}, optional
    name : str, optional
    **kwargs
        ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> MaxPooling3D().compute_output_shape((None, 16, 16, 16, 8))
    (None, 8, 8, 8, 8)
    """

    kind = "max_pool2d"


@registry.register("avg_pool3d", "avgpool3d")
class AveragePooling3D(_Pooling3D):
    """Take the mean of each channel in each window of a volume; also named ``AvgPool3D``.

    Padding does not count. The parameters are those of :class:`MaxPooling3D`.

    Examples
    --------
    >>> AveragePooling3D(2).compute_output_shape((None, 16, 16, 16, 8))
    (None, 8, 8, 8, 8)
    """

    kind = "avg_pool2d"


class _GlobalPooling3D(Weighted):
    kind: str  # the name of the op for images

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = _checks.data_format(data_format, type(self).__name__)
        self.keepdims = _checks.boolean(keepdims, "keepdims", type(self).__name__)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._expect_rank(input_shape, VOLUME_AXES)
        return (input_shape[0], *(_ONES if self.keepdims else ()), input_shape[-1])

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        depth, height, width, channels = graph.output_shape(inputs[0])
        window = (depth * height, width)
        y = graph.add("reshape", inputs, self.name, shape=(*window, channels))
        y = graph.add(self.kind, [y], self.name, pool_size=window, strides=window, padding=((0, 0), (0, 0)))
        return graph.add("reshape", [y], self.name, shape=(*(_ONES if self.keepdims else ()), channels))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format, "keepdims": self.keepdims}


@registry.register("global_avg_pool3d", "globalavgpool3d")
class GlobalAveragePooling3D(_GlobalPooling3D):
    """Take the mean of each channel of a volume; also named ``GlobalAvgPool3D``.

    Parameters
    ----------
    data_format : {"channels_last"}, optional
    keepdims : bool, default False
        Whether the output keeps the axes of depth, height and width, with length 1.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> GlobalAveragePooling3D().compute_output_shape((None, 4, 4, 4, 8))
    (None, 8)
    """

    kind = "avg_pool2d"


@registry.register("global_max_pool3d", "globalmaxpool3d")
class GlobalMaxPooling3D(_GlobalPooling3D):
    """Take the largest value of each channel of a volume; also named ``GlobalMaxPool3D``.

    The parameters are those of :class:`GlobalAveragePooling3D`.

    Examples
    --------
    >>> GlobalMaxPooling3D().compute_output_shape((None, 4, 4, 4, 8))
    (None, 8)
    """

    kind = "max_pool2d"


MaxPool3D, AvgPool3D = MaxPooling3D, AveragePooling3D
GlobalAvgPool3D, GlobalMaxPool3D = GlobalAveragePooling3D, GlobalMaxPooling3D
