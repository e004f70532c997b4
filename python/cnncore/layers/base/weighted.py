"""Base classes of layers whose arguments describe their weights, and of layers that move a window over an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncore import _checks, activations, constraints, initializers, regularizers
from cnncore.graph.protocols import Graph
from cnncore.layers.base.activation_op import lower_activation
from cnncore.layers.base.layer import Layer, Shape, WeightSpec

__all__ = ["Weighted", "Windowed", "pair_of", "with_precision"]

_MODULES: dict[str, Any] = {
    "initializer": initializers,
    "regularizer": regularizers,
    "constraint": constraints,
}


class Weighted(Layer):
    """A layer whose constructor has arguments such as ``kernel_initializer`` and ``bias_constraint``."""

    _weight_options: tuple[str, ...] = ()

    def _keep_weight_options(self, **options: Any) -> None:
        """Turn the arguments for initializers, regularizers and constraints into objects.

        Each object becomes an attribute with the name of its argument.
        """
        for name, value in options.items():
            setattr(self, name, _MODULES[name.rpartition("_")[2]].get(value))
        self._weight_options += tuple(options)

    def _spec(self, weight: str, shape: Sequence[int], trainable: bool = True, stem: str = "") -> WeightSpec:
        """Describe a weight by the arguments for it, such as ``kernel_initializer`` for the weight "kernel".

        ``stem`` is the first part of the names of these arguments if it is not the name of the weight.
        """
        options: list[Any] = [getattr(self, f"{stem or weight}_{kind}", None) for kind in _MODULES]
        return WeightSpec(weight, tuple(shape), options[0], trainable, options[1], options[2])

    def get_config(self) -> dict[str, Any]:
        options = {
            name: _MODULES[name.rpartition("_")[2]].serialize(getattr(self, name)) for name in self._weight_options
        }
        return {**super().get_config(), **options}


class Windowed(Weighted):
    """A layer that moves a window over an image or a sequence. A sequence is treated as an image of one row.

    ``rank`` is the number of axes along which the window moves: 2 for images, 1 for sequences. Sizes such as
    ``kernel_size`` are kept as tuples of ``rank`` numbers.
    """

    rank = 2

    def _sizes(self, value: Any, name: str, minimum: int = 1) -> tuple[int, ...]:
        """Return an argument that is one int or ``rank`` ints as a tuple of ``rank`` ints."""
        owner = type(self).__name__
        if self.rank == 2:
            return _checks.pair(value, name, owner, minimum)
        if isinstance(value, (list, tuple)):
            if len(value) != 1:
                raise ValueError(f"[{owner}] expected `{name}` to be one integer. Received: {name}={value!r}")
            (value,) = value
        return (_checks.integer(value, name, owner, minimum),)

    def _padding(self, value: Any, causal: bool = False) -> Any:
        owner = type(self).__name__
        if self.rank == 2:
            return _checks.padding(value, owner)
        return _checks.choice(value, "padding", owner, ("valid", "same", "causal")[: 2 + causal])

    def _check_input(self, input_shape: Shape) -> None:
        self._expect_rank(input_shape, "batch, height, width, channels" if self.rank == 2 else "batch, steps, channels")

    def _sides(
        self, size: Sequence[int], window: Sequence[int], strides: Sequence[int], padding: Any, dilation: Sequence[int]
    ) -> tuple[_checks.Pair, ...]:
        """Compute the padding before and after each axis of an input of ``size``."""
        if padding == "causal":
            return (((window[0] - 1) * dilation[0], 0),)
        if self.rank == 1:
            image = _checks.explicit_padding(padding, (1, *size), pair_of(window), pair_of(strides), pair_of(dilation))
            return (image[1],)
        return _checks.explicit_padding(padding, size, pair_of(window), pair_of(strides), pair_of(dilation))

    def _window_output(
        self,
        size: Sequence[int],
        window: Sequence[int],
        strides: Sequence[int],
        padding: Any,
        dilation: Sequence[int] = (1, 1),
    ) -> list[int]:
        """Compute the size of the output along each axis. A ValueError says if the window is larger than the input."""
        sides = self._sides(size, window, strides, padding, dilation)
        axes = range(self.rank)
        out = [_checks.output_size(size[i], window[i], strides[i], sides[i], dilation[i]) for i in axes]
        if min(out) < 1:
            names = "(height, width)" if self.rank == 2 else "(steps,)"
            raise ValueError(
                f'Layer "{self.name}": expected a window that is not larger than the input. Received: '
                f"input {names}={tuple(size)}, window={tuple(window)}, {padding=}, dilation_rate={tuple(dilation)}"
            )
        return out

    def _to_image(self, graph: Graph, x: int) -> int:
        """Turn a sequence (steps, channels) into an image of one row. An image is returned as it is."""
        shape = graph.output_shape(x)
        return x if len(shape) == 3 else graph.add("reshape", [x], self.name, shape=(1, *shape))

    def _from_image(self, graph: Graph, y: int) -> int:
        """Turn an image of one row back into a sequence, if the layer is one for sequences."""
        if self.rank == 2:
            return y
        return graph.add("reshape", [y], self.name, shape=graph.output_shape(y)[1:])

    def _window_attributes(
        self, graph: Graph, image: int, window: Sequence[int], strides: Sequence[int], padding: Any, dilation: Any
    ) -> dict[str, Any]:
        """Return the attributes ``strides`` and ``padding`` for an op on ``image``."""
        size = graph.output_shape(image)[2 - self.rank : 2]
        sides = self._sides(size, window, strides, padding, dilation)
        return {"strides": pair_of(strides), "padding": ((0, 0), *sides)[-2:]}

    def _activate(self, graph: Graph, y: int, activation: Any) -> int:
        """Add an op for the activation, unless the op before applies it."""
        if activations.fused_kind(activation) is not None:
            return y
        return lower_activation(activation, graph, y, self.name)


def pair_of(sizes: Sequence[int]) -> _checks.Pair:
    """Return sizes along one or two axes as (height, width). The height of a sequence is 1."""
    height, width = (1, *sizes)[-2:]
    return height, width


def with_precision(precision: str | None) -> dict[str, Any]:
    """Return the attribute ``precision`` of an op as a dict, which is empty if the layer has that of the model."""
    return {} if precision is None else {"precision": precision}
