"""Layers that treat every value by itself: Activation, ReLU, Softmax, Dropout, Rescaling."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cnncore import _checks, activations
from cnncore.layers._chain_base import Layer, Shape, registry

if TYPE_CHECKING:
    from cnncore import _core


class _SameShape(Layer):
    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@registry.register()
class Activation(_SameShape):
    """An activation function as a layer of its own.

    Parameters
    ----------
    activation : str
        "relu", "sigmoid", "tanh", "softmax" (over the last axis) or "linear".
    input_shape : tuple of int, optional
        Shape of one sample, on the first layer of a model.
    name : str, optional

    Examples
    --------
    >>> Activation("tanh").compute_output_shape((None, 10))
    (None, 10)
    """

    def __init__(self, activation: Any, *, input_shape: Iterable[int] | None = None, name: str | None = None) -> None:
        super().__init__(name=name, input_shape=input_shape)
        self.activation = str(activations.serialize(activations.get(activation, "Activation")))

    def lower(self, graph: _core.GraphBuilder, x: int) -> int:
        return graph.activation(x, self.activation, self.name)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": self.activation}


@registry.register()
class ReLU(_SameShape):
    """max(x, 0)."""

    def lower(self, graph: _core.GraphBuilder, x: int) -> int:
        return graph.activation(x, "relu", self.name)


@registry.register()
class Softmax(_SameShape):
    """exp(x) / sum(exp(x)) over the last axis."""

    def lower(self, graph: _core.GraphBuilder, x: int) -> int:
        return graph.activation(x, "softmax", self.name)


@registry.register()
class Dropout(_SameShape):
    """In training, set a random share of the values to zero and scale up the others; in inference, do nothing.

    Parameters
    ----------
    rate : float
        Share of the values that are dropped, 0 <= rate < 1.
    seed : int, optional
        Of the masks; derived from the model's seed by default.
    input_shape : tuple of int, optional
        Shape of one sample, on the first layer of a model.
    name : str, optional

    Notes
    -----
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.

    Examples
    --------
    >>> Dropout(0.5).compute_output_shape((None, 128))
    (None, 128)
    """

    def __init__(
        self,
        rate: float,
        seed: int | None = None,
        *,
        input_shape: Iterable[int] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, input_shape=input_shape)
        self.rate = _checks.number(rate, "rate", "Dropout", minimum=0.0, below=1.0)
        self.seed = None if seed is None else _checks.integer(seed, "seed", "Dropout", minimum=0)

    def lower(self, graph: _core.GraphBuilder, x: int) -> int:
        return graph.dropout(x, self.rate, self.derived_seed if self.seed is None else self.seed, self.name)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


@registry.register()
class Rescaling(_SameShape):
    """x * scale + offset. As first layer it costs nothing: uint8 images are scaled while they are read.

    Parameters
    ----------
    scale : float
        ``1 / 255`` maps uint8 images to [0, 1].
    offset : float, default 0
    input_shape : tuple of int, optional
        Shape of one sample, on the first layer of a model.
    name : str, optional

    Examples
    --------
    >>> Rescaling(1 / 255).compute_output_shape((None, 28, 28, 1))
    (None, 28, 28, 1)
    """

    def __init__(
        self,
        scale: float,
        offset: float = 0.0,
        *,
        input_shape: Iterable[int] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, input_shape=input_shape)
        self.scale = _checks.number(scale, "scale", "Rescaling")
        self.offset = _checks.number(offset, "offset", "Rescaling")

    def lower(self, graph: _core.GraphBuilder, x: int) -> int:
        return graph.rescaling(x, self.scale, self.offset, self.name)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale, "offset": self.offset}
