"""Ops of activation functions, for the layer ``Activation`` and for layers with an argument ``activation``."""

from __future__ import annotations

from typing import Any

from cnncore.activations import is_layer
from cnncore.activations.definition import Definition, OwnFunction, define
from cnncore.graph.axes import on_joined_axes

__all__ = ["lower_activation", "lower_glu"]


def lower_activation(activation: Any, graph: Any, x: int, layer: str) -> int:
    """Add the op of an activation to ``graph``, under the name of its layer, and return the id of the result.

    If the activation is itself a layer, its ops become part of ``layer``. A NumPy function that the user wrote becomes
    an op that calls it; its gradient is found by recording what it does (:mod:`cnncore.differentiation`).
    """
    definition = define(activation)
    if is_layer(activation):
        if activation.weight_specs((None, *graph.output_shape(x))):
            raise ValueError(
                f'Layer "{layer}": expected an activation without weights; add {type(activation).__name__} as a layer '
                f"of its own after this one. Received: activation={activation!r}"
            )
        return activation.lower(graph, [x])  # type: ignore[no-any-return]
    if definition is None or definition.name == "sparsemax":
        return _in_python(activation, graph, x, layer, graph.output_shape(x))
    if definition.name == "glu":
        raise ValueError(
            f'Layer "{layer}": expected an activation that keeps the shape. Add Activation("glu") after this layer. '
            "Received: activation='glu', which halves an axis"
        )
    if definition.name == "linear":
        return x
    kind, attributes = _op_of(definition)

    def add(y: int) -> int:
        return graph.add("activation", [y], layer, kind=kind, **attributes)  # type: ignore[no-any-return]

    if not graph.output_shape(x):  # a single value for each sample
        return add(x)
    return on_joined_axes(graph, x, definition.arguments.get("axis", -1), layer, add)


def lower_glu(activation: Any, graph: Any, x: int, layer: str, shape: Any) -> int:
    """Add the op of glu, whose result has another shape than its operand, and return the id of the result."""
    return _in_python(activation, graph, x, layer, shape)


def _in_python(activation: Any, graph: Any, x: int, layer: str, shape: Any) -> int:
    """Add an op that calls an activation in Python; its gradient is found by recording what it does."""
    function = OwnFunction(activation)
    return graph.add(  # type: ignore[no-any-return]
        "host", [x], layer, forward=function.forward, backward=function.backward, shape=shape
    )


def _op_of(definition: Definition) -> tuple[str, dict[str, float]]:
    """Return the name that an activation has in the core, and the arguments that the core takes for it."""
    if definition.name == "threshold" and len(definition.arguments) < 2:
        raise ValueError(
            "[threshold] expected functools.partial(threshold, threshold=..., default_value=...) as the activation. "
            "Received: the activation without its arguments"
        )
    names = {"negative_slope": "alpha", "alpha": "alpha", "max_value": "max_value", "threshold": "threshold"}
    names |= {"b": "alpha", "default_value": "alpha"}
    given = {names[key]: value for key, value in definition.arguments.items() if key in names and value is not None}
    kind = "gelu_tanh" if definition.arguments.get("approximate") else definition.name
    return kind, {name: float(value) for name, value in given.items()}
