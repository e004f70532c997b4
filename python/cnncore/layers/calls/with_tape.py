"""Calls of layers and models while a tape is open, or inside of a function that is being differentiated.

Such a call is usually computed by one network. The core does not know gradients of gradients of layers that compute in
Python, and of batch normalization in training. So where they may be wanted, which is inside of two tapes of which one
watches an array, each layer of a model with such layers is called by itself, and what they do with NumPy is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnncore._structure import map_structure, pack_like
from cnncore.differentiation import (
    NotDifferentiableError,
    Traced,
    current_recording,
    is_bound,
    is_pulled_back,
    value_of,
)
from cnncore.graph.function import Function
from cnncore.graph.loss_terms import collect_values, values_are_collected
from cnncore.graph.tensor import KerasTensor, Node
from cnncore.layers import custom
from cnncore.layers.calls.recorded_call import prepared_call
from cnncore.layers.custom.host_call import has_backward

__all__ = ["is_recorded", "record"]


def is_recorded(layer: Any, values: Sequence[Any]) -> bool:
    """Whether a call of a layer or model on ``values`` is part of something that is being differentiated: it happens
    while a tape is open, or inside of a function that is differentiated with respect to one of the values or weights.
    """
    if current_recording() is not None:
        return True
    return is_pulled_back() and (
        any(isinstance(value, Traced) for value in values) or any(is_bound(weight) for weight in layer.variables)
    )


def record(
    owner: Any,
    key: Any,
    function: Callable[[], Function],
    values: Sequence[Any],
    arrays: list[np.ndarray],
    training: bool,
    losses: list[Any],
) -> Any:
    """Compute the results of a call while a tape is open. They are nested like the outputs of the function.

    Parameters
    ----------
    owner, key, function, values, training
        As for :func:`cnncore.layers.calls.recorded_call.prepared_call`.
    arrays : list of numpy.ndarray
        The values of the inputs, in a type that the core takes.
    losses : list
        What the layers add to the loss is appended to it.

    Raises
    ------
    NotDifferentiableError
        If layers add to the loss inside of something that is differentiated as a whole, or twice.
    """
    call, idle = prepared_call(owner, key, function, values, training)
    recording = current_recording()
    lost = recording is None and not values_are_collected()
    if call.losses and (lost or (recording is not None and recording.may_record_gradients)):
        raise NotDifferentiableError(
            f'[GradientTape] expected layers that do not add to the loss here. Received: a call of "{owner.name}", '
            "which does so by add_loss or by a regularizer of an output. Compute this penalty from the output of the "
            "layer, where you compute the loss."
        )
    if not call.is_twice_differentiable and recording is not None and recording.may_record_gradients:
        idle.append(call)
        results = _layer_by_layer(call.function, values, training)
    else:
        results = call.run(values, arrays, idle, losses)
        collect_values(losses)
    return pack_like(call.function.outputs, results)


def _layer_by_layer(function: Function, values: Sequence[Any], training: bool) -> list[Any]:
    """Call each layer by itself."""
    known = {id(tensor): value for tensor, value in zip(function.input_list, values, strict=True)}
    for node in function.nodes:
        inputs = [known[id(tensor)] for tensor in node.inputs]
        behaves = training if node.training is None else node.training
        for tensor, result in zip(node.output_list, _results(node, inputs, behaves), strict=True):
            known[id(tensor)] = result
    return [known[id(tensor)] for tensor in function.output_list]


def _results(node: Node, inputs: list[Any], training: bool) -> list[Any]:
    """The results of one call, by the parts of which it consists, and by a network where there are none."""
    layer: Any = node.layer
    result = layer.recorded_with_numpy(inputs, training) if hasattr(layer, "recorded_with_numpy") else None
    if result is not None:
        return [result]
    if layer.is_custom and not node.direct and (layer.records_call or not has_backward(layer)):
        plan = _plan(node, inputs)
        if plan.host is not None:
            return [plan.host.call(inputs, training)]
        assert plan.function is not None
        return _layer_by_layer(plan.function, inputs, training)
    if not layer.is_custom and hasattr(layer, "function_without_augmentation"):  # a model
        return _layer_by_layer(layer.function_without_augmentation, inputs, training)
    return _of_network(node, inputs, training)


def _plan(node: Node, inputs: list[Any]) -> custom.Plan:
    """What the call of a custom layer consists of. The layer keeps it, so that networks for its parts are kept, too."""
    shapes = [tuple(value.shape[1:]) for value in inputs]
    kept = node.layer.eager_networks
    key = ("plan", id(node), *shapes)
    if key not in kept:
        rest = iter(shapes)
        args, kwargs = map_structure(
            lambda leaf: KerasTensor((None, *next(rest))) if isinstance(leaf, KerasTensor) else leaf,
            [list(node.args), node.kwargs],
        )
        kept[key] = node, custom.plan(node.layer, args, kwargs)  # the node is kept, so that its id stays its own
    plan: custom.Plan = kept[key][1]
    return plan


def _of_network(node: Node, inputs: list[Any], training: bool) -> list[Any]:
    """Compute a call of one layer by a network."""
    different = {id(tensor): (tensor, value) for tensor, value in zip(node.inputs, inputs, strict=True)}
    tensors, values = ([pair[place] for pair in different.values()] for place in (0, 1))
    call, idle = prepared_call(
        node.layer, ("node", id(node)), lambda: Function(tensors, node.output_list, node.layer.name), values, training
    )
    arrays = [np.require(value_of(value), np.float32, ["C", "A"]) for value in values]
    return call.run(values, arrays, idle, [])
