"""Masks: which steps of sequences are used. Layers such as ``Masking`` make them, and others pass them on or use them.

A mask is an array of bool, (batch, steps). Symbolic tensors have none: masks appear when the ops of layers are added to
a graph, and belong to the ids of tensors. So neither the configuration nor the summary of a model contains them. As
results of calls on arrays, they are the attribute ``_keras_mask``.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cnncore._structure import flatten, flatten_like, map_structure
from cnncore.graph.protocols import Graph
from cnncore.graph.tensor import KerasTensor, Node

__all__ = [
    "PassesMasks",
    "check_masks",
    "given_masks",
    "has_mask",
    "implied_masks",
    "mask_of_arrays",
    "pass_on_mask",
    "with_masks",
]


def implied_masks(layer: Any, args: Sequence[Any], kwargs: dict[str, Any], found: Mapping[int, Any]) -> dict[str, Any]:
    """Return the masks that ``call`` takes, by the names of its arguments: ``mask``, or ``<name>_mask`` for the tensor
    of that name. Masks that the caller gives are left out.

    Parameters
    ----------
    layer : Layer
    args, kwargs
        The arguments of the call.
    found : dict of int to mask
        The masks of tensors, by their ids.
    """
    signature = inspect.signature(layer.call)
    try:
        given = signature.bind_partial(*args, **kwargs).arguments
    except TypeError:  # the call fails by itself, with an error that says more
        return {}
    masks: dict[str, Any] = {}
    for place, (name, value) in enumerate(given.items()):
        target = "mask" if place == 0 and "mask" in signature.parameters else f"{name}_mask"
        if target not in signature.parameters or given.get(target) is not None:
            continue
        of_value = [found.get(id(leaf)) for leaf in flatten(value)]
        if any(mask is not None for mask in of_value):
            masks[target] = of_value if isinstance(value, (list, tuple)) else of_value[0]
    return masks


def with_masks(
    graph: Graph, layer: Any, args: list[Any], kwargs: dict[str, Any], inputs: Sequence[int]
) -> tuple[dict[str, Any], list[int]]:
    """Add the masks of tensors to the keyword arguments and the inputs of a call, if ``call`` takes them."""
    tensors = [leaf for leaf in flatten([args, kwargs]) if isinstance(leaf, KerasTensor)]
    pairs = zip(tensors, inputs, strict=True)
    found = {id(tensor): graph.masks[number] for tensor, number in pairs if number in graph.masks}
    if not found:
        return kwargs, list(inputs)
    masks = implied_masks(layer, args, kwargs, found)
    ids = [mask for mask in flatten(masks) if mask is not None]
    tensors_of_masks = map_structure(
        lambda mask: None if mask is None else KerasTensor((None, *graph.output_shape(mask)), "bool"), masks
    )
    return {**kwargs, **tensors_of_masks}, [*inputs, *ids]


def check_masks(owner: str, inputs: Any, masks: Any) -> None:
    """Raise an error unless the masks that a call gives have the structure of its inputs, and the shape (batch, steps).

    Parameters
    ----------
    owner : str
        The name of the layer, for the message.
    inputs, masks : structure of tensors
        A mask may be None.
    """
    expected = f'Layer "{owner}": expected `mask` to be a tensor or an array of shape (batch, steps) for each input'
    try:
        pairs = list(zip(flatten(inputs), flatten_like(inputs, masks), strict=True))
    except (TypeError, ValueError, KeyError, IndexError):
        raise TypeError(f"{expected}. Received: {masks!r:.80}") from None
    for tensor, mask in pairs:
        if mask is None:
            continue
        if not isinstance(mask, KerasTensor):
            raise TypeError(f"{expected}. Received: {mask!r:.80}")
        if len(mask.shape) != 2 or (None not in (mask.shape[1], tensor.shape[1]) and mask.shape[1] != tensor.shape[1]):
            raise ValueError(f"{expected}. Received: a mask of shape {mask.shape} for an input of shape {tensor.shape}")


def given_masks(node: Node, inputs: Sequence[int]) -> dict[int, int]:
    """Return the masks that the caller gave as the argument ``mask``, by the ids of the tensors to which they belong.

    Parameters
    ----------
    node : Node
        A call of a layer that ``takes_mask``.
    inputs : list of int
        The ids of the tensors among the arguments, and after them those of the masks.
    """
    given = flatten_like(node.args[0], node.kwargs["mask"])
    masks = iter(inputs[len(given) :])
    return {number: next(masks) for number, mask in zip(inputs, given, strict=False) if isinstance(mask, KerasTensor)}


def pass_on_mask(graph: Graph, layer: Any, inputs: Sequence[int], results: Sequence[int]) -> None:
    """Note the mask of the result of a call in the graph, if it has one."""
    if makes_mask(layer):
        _add_computed(graph, layer, inputs, results[0])
    elif layer.supports_masking:
        passed = layer.merge_masks(graph, [graph.masks.get(number) for number in inputs])
        if passed is not None:
            shape = graph.output_shape(passed)
            if graph.output_shape(results[0])[: len(shape)] == shape:
                graph.masks[results[0]] = passed


class PassesMasks:
    """The part of a layer that says what becomes of masks."""

    supports_masking = False  # whether the mask of the input is that of the result
    takes_mask = False  # whether a call may give a mask, if the layer has ops of the core instead of a method ``call``

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the result, (batch, steps), for a mask of the input: the same mask.

        A layer of one's own may make a mask by a method of this name, of arrays, and has ``supports_masking = True`` if
        it passes on that of its input. Its ``call`` gets the mask of its input as an argument ``mask``.
        """
        return previous_mask

    def merge_masks(self, graph: Graph, masks: Sequence[int | None]) -> int | None:
        """Return the mask of the result, as an id of the graph, for those of the inputs: the only one that there is."""
        found = set(masks) - {None}
        return found.pop() if len(found) == 1 else None


def makes_mask(layer: Any) -> bool:
    """Whether the layer's class has a method ``compute_mask`` of its own."""
    return type(layer).compute_mask is not PassesMasks.compute_mask


def _add_computed(graph: Graph, layer: Any, inputs: Sequence[int], result: int) -> None:
    """Add an op that calls the layer's ``compute_mask``, and note its result as the mask of ``result``."""
    mask = graph.masks.get(inputs[0])
    operands = list(inputs) if mask is None else [*inputs, mask]

    def forward(arrays: Sequence[np.ndarray], training: bool) -> np.ndarray:
        found = compute(arrays)
        return np.require(found, np.float32, ["C", "A"])

    def compute(arrays: Sequence[np.ndarray]) -> Any:
        values = arrays[: len(inputs)]
        previous = None if mask is None else arrays[-1] != 0
        return layer.compute_mask(values[0] if len(values) == 1 else list(values), previous)

    def backward(arrays: Sequence[np.ndarray], dy: np.ndarray) -> list[np.ndarray]:
        return [np.zeros(array.shape, np.float32) for array in arrays]

    example = compute([np.zeros((1, *graph.output_shape(number)), np.float32) for number in operands])
    if example is not None:
        shape = np.shape(example)[1:]
        graph.masks[result] = graph.add("host", operands, layer.name, forward=forward, backward=backward, shape=shape)


def mask_of_arrays(layer: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """The mask of the result of a call on arrays, or None."""
    arrays = [leaf for leaf in flatten([list(args), kwargs]) if isinstance(leaf, np.ndarray)]
    masks = [getattr(array, "_keras_mask", None) for array in arrays]
    if not arrays:  # what is being differentiated has no mask
        return None
    if makes_mask(layer):
        return layer.compute_mask(args[0] if args else arrays[0], masks[0])
    return masks[0] if layer.supports_masking else None


def has_mask(tensor: Any) -> bool:
    """Whether the values of a symbolic tensor have a mask."""
    todo, seen = [tensor], set[int]()
    while todo:
        tensor = todo.pop()
        if id(tensor) in seen or getattr(tensor, "source", None) is None:
            continue
        seen.add(id(tensor))
        node = tensor.node
        if makes_mask(node.layer) and getattr(node.layer, "mask_zero", True):
            return True
        if node.layer.supports_masking:
            todo += node.inputs
    return False
