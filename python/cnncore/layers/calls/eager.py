"""Calls of a layer on arrays: a network is made for the first call, and kept for later calls with the same shapes."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._random import next_seed
from cnncore._structure import flatten, map_structure, pack_like
from cnncore.differentiation import seen, value_of
from cnncore.graph.call_record import hidden_calls, note_call, training_of_call
from cnncore.graph.function import Function
from cnncore.graph.lowering import lower
from cnncore.graph.masks import implied_masks, mask_of_arrays
from cnncore.graph.protocols import AnyLayer
from cnncore.graph.tensor import Array, KerasTensor
from cnncore.layers.calls.with_tape import is_recorded, record
from cnncore.layers.custom.host_call import NoBatchAxisError, takes_training
from cnncore.layers.weights.settings import settings_version

__all__ = ["call", "prepare", "run"]

_KEPT = 8  # how many networks are kept for each layer


def call(layer: AnyLayer, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool | None) -> Any:
    """Compute the output of ``layer`` for arrays, as an :class:`Array` or a structure of them."""
    note_call(layer)
    training = training_of_call() if training is None else training
    if not args and not kwargs:
        raise TypeError(f'Layer "{layer.name}": expected an input. Received: no arguments')
    x = args[0] if args else next(iter(kwargs.values()))
    if len(args) == 1 and not kwargs and _is_plain_list(x):
        args = (np.asarray(_checks.numeric_array(x, "inputs", layer.name), np.float32),)
    result_mask = mask_of_arrays(layer, args, kwargs)
    if layer.is_custom:
        masks = {id(leaf): getattr(leaf, "_keras_mask", None) for leaf in flatten([args, kwargs]) if _is_array(leaf)}
        kwargs = {**kwargs, **implied_masks(layer, args, kwargs, masks)}
    values = [seen(leaf) for leaf in flatten([args, kwargs]) if _is_array(leaf)]
    arrays = [prepare(value_of(value), layer.name) for value in values]
    if not arrays:
        raise TypeError(f'Layer "{layer.name}": expected tensors or arrays. Received: {type(x).__name__}')
    shapes = tuple(array.shape[1:] for array in arrays)
    arguments = _call_key([args, kwargs])
    if is_recorded(layer, values):
        function = functools.partial(_function, layer, args, kwargs, None)
        losses: list[Any] = []
        results = record(layer, (shapes, arguments), function, values, arrays, bool(training), losses)
        layer.note_losses(losses)
        return results
    try:
        key = (shapes, training, layer.trainable, arguments, settings_version())
        lowered, structure = _network(layer, args, kwargs, training, key)
    except NoBatchAxisError:  # a layer that sums over the batch, for example: a model cannot have it, a call can
        if takes_training(layer):
            kwargs = {**kwargs, "training": training}
        return map_structure(lambda result: np.asarray(result).view(Array), layer.call(*args, **kwargs))
    layer.note_losses_of_call(lowered, arrays)
    result = run(lowered.network, arrays, bool(training), structure)
    if result_mask is not None:
        flatten(result)[0]._keras_mask = result_mask
    return result


def run(network: Any, arrays: list[np.ndarray], training: bool, structure: Any) -> Any:
    """Compute the outputs of a network, and nest them like ``structure``. In training, each call draws other random
    numbers, and moving statistics are updated.
    """
    results = network.forward(arrays, True, next_seed()) if training else network.forward(arrays)
    return pack_like(structure, [np.asarray(result).view(Array) for result in results])


def prepare(value: Any, owner: str) -> np.ndarray:
    """Return ``value`` as an array that the core takes: uint8 or float32, in C order."""
    array = _checks.numeric_array(value, "inputs", owner)
    if array.ndim == 0:
        raise ValueError(
            f'Input 0 of layer "{owner}" is incompatible with it: expected an array with the batch axis in front. '
            f"Received: shape={array.shape}"
        )
    return np.require(array, array.dtype if array.dtype == np.uint8 else np.float32, ["C", "A"])


def _network(layer: AnyLayer, args: Any, kwargs: Any, training: bool | None, key: Any) -> tuple[Any, Any]:
    """The network of a call and the structure of its results. The layer keeps the last few."""
    kept = layer.eager_networks
    found = kept.get(key)
    if found is None:
        function = _function(layer, args, kwargs, training)
        found = (lower(function), function.outputs)
        while len(kept) >= _KEPT:
            kept.pop(next(iter(kept)))
        kept[key] = found
    return found


def _function(layer: AnyLayer, args: Any, kwargs: Any, training: bool | None) -> Function:
    """Call the layer with symbolic tensors in the place of arrays, and return the function that this call computes."""
    inputs: list[KerasTensor] = []

    def placeholder(leaf: Any) -> Any:
        if not _is_array(leaf):
            return leaf
        tensor = KerasTensor((None, *np.shape(leaf)[1:]), name="input")
        inputs.append(tensor)
        return tensor

    symbolic_args, symbolic_kwargs = map_structure(placeholder, [args, kwargs])
    with hidden_calls():  # a call on arrays must not become part of a graph
        outputs = layer.call_on_tensors(tuple(symbolic_args), symbolic_kwargs, training)
    return Function(inputs, outputs, layer.name)


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray) or (hasattr(leaf, "__array__") and not isinstance(leaf, np.generic))


def _is_plain_list(x: Any) -> bool:
    """Whether ``x`` is a nested list of numbers, which stands for one array."""
    return isinstance(x, (list, tuple)) and not any(_is_array(leaf) for leaf in flatten(x))


def _call_key(arguments: Any) -> str:
    """A text that differs for calls that need different networks: how the arguments are nested, the order of the keys
    of dicts, and all values but those of arrays.
    """
    return repr(map_structure(lambda leaf: _Placeholder() if _is_array(leaf) else leaf, arguments))


class _Placeholder:
    """Stands for an array in the text of :func:`_call_key`."""

    def __repr__(self) -> str:
        return "<array>"
