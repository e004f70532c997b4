"""Layers that only say how data is laid out: InputLayer and Flatten."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cnncore import _checks
from cnncore.layers._chain_base import Layer, Shape, registry

if TYPE_CHECKING:
    from cnncore import _core


@registry.register()
class InputLayer(Layer):
    """Declares the shape of a sample, as first element of a model; see :func:`Input`."""

    def __init__(self, shape: Iterable[int], *, name: str | None = None) -> None:
        super().__init__(name=name, input_shape=_checks.shape(shape, "shape", "Input"))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "shape": self.declared_input_shape}


def Input(shape: Iterable[int], *, name: str | None = None) -> InputLayer:  # noqa: N802 (Keras' name)
    """Shape of one sample, as first element of a :class:`cnncore.Sequential`.

    Parameters
    ----------
    shape : tuple of int
        Without the batch axis: (height, width, channels) or (features,).
    name : str, optional

    Examples
    --------
    >>> from cnncore import Sequential
    >>> from cnncore.layers import Conv2D
    >>> Sequential([Input((28, 28, 1)), Conv2D(32, 3)]).output_shape
    (None, 26, 26, 32)
    """
    return InputLayer(shape, name=name)


@registry.register()
class Flatten(Layer):
    """(batch, height, width, channels) as (batch, height * width * channels), at no cost.

    Parameters
    ----------
    input_shape : tuple of int, optional
        Shape of one sample, on the first layer of a model.
    name : str, optional

    Examples
    --------
    >>> Flatten().compute_output_shape((None, 5, 5, 64))
    (None, 1600)
    """

    def __init__(self, *, input_shape: Iterable[int] | None = None, name: str | None = None) -> None:
        super().__init__(name=name, input_shape=input_shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *sample = input_shape
        return (batch, math.prod(sample))

    def lower(self, graph: _core.GraphBuilder, x: int) -> int:
        return graph.flatten(x, self.name)
