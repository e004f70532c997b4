"""The calls of layers by which output tensors are computed from input tensors, in an order that computes them."""

from __future__ import annotations

import collections
import functools
from collections.abc import Sequence
from typing import Any

from cnncore._structure import flatten, flatten_by_key, map_structure, pack_like
from cnncore.graph.protocols import Graph
from cnncore.graph.tensor import KerasTensor, Node

__all__ = ["Function"]


class Function:
    """All calls of layers that are needed to compute ``outputs`` from ``inputs``.

    Parameters
    ----------
    inputs, outputs : KerasTensor, or structure of them
    owner : str
        The name in front of error messages.

    Attributes
    ----------
    nodes : list of Node
        The calls. Each comes after those whose results it needs. The ``InputLayer`` objects of the inputs are left out.
    layers : list of Layer
        The layers that are called, each once, in the order of their first call.

    Raises
    ------
    ValueError
        If an output needs a tensor that is neither an input nor computed from the inputs.
    """

    def __init__(self, inputs: Any, outputs: Any, owner: str = "Model") -> None:
        self.inputs, self.outputs = inputs, outputs
        self.input_list: list[KerasTensor] = _tensors(inputs, "inputs", owner)
        self.output_list: list[KerasTensor] = _tensors(outputs, "outputs", owner)
        if len({id(tensor) for tensor in self.input_list}) != len(self.input_list):
            raise ValueError(f"[{owner}] expected every input once. Received: inputs={inputs!r}")
        found, self._seen = _sorted_nodes(self.input_list, flatten_by_key(outputs), owner)
        self._depths, self._far = _depths(found)
        self.nodes = self._in_order_of_updates(found)
        self.layers: list[Any] = list({id(node.layer): node.layer for node in self.nodes}.values())

    @property
    def all_layers(self) -> list[Any]:
        """A list of :attr:`layers` and those of the inputs, in the order in which Keras lists them."""
        return list(self._ordered_layers)

    @functools.cached_property
    def _ordered_layers(self) -> tuple[Any, ...]:
        # Layers with more calls between them and the outputs come first. Layers with equally many come in the order in
        # which a search backwards from the outputs finds them. Tensors in dicts are found in the order of sorted keys.
        far = dict(self._far)
        layers = {id(layer): layer for layer in self.layers}
        for tensor in self.input_list:
            if tensor.source is not None:
                node = tensor.source[0]
                layers.setdefault(id(node.layer), node.layer)
                far.setdefault(id(node.layer), self._depths.get(id(node), 0))
        return tuple(sorted(layers.values(), key=lambda layer: (-far[id(layer)], self._seen.get(id(layer), -1))))

    def _in_order_of_updates(self, nodes: list[Node]) -> list[Node]:
        """Return the calls in the order of Keras, if it has an effect.

        A layer that is called several times and has state, such as batch normalization, changes it by each call, and
        the last one has the largest weight in a moving mean. Keras makes calls that are farther from the outputs first.
        """
        layers = {id(node.layer): node.layer for node in nodes}
        calls = collections.Counter(id(node.layer) for node in nodes)
        if not any(count > 1 and _has_state(layers[key]) for key, count in calls.items()):
            return nodes
        places = {key: place for place, key in enumerate(self._depths)}
        return sorted(nodes, key=lambda node: (-self._depths[id(node)], places[id(node)]))

    def compute_output_shape(self, input_shapes: Sequence[tuple[Any, ...]]) -> Any:
        """Compute the shapes of the outputs, nested like them, from shapes of the inputs in order of ``input_list``."""
        known = {id(tensor): tuple(shape) for tensor, shape in zip(self.input_list, input_shapes, strict=True)}
        if all(tensor.shape == known[id(tensor)] for tensor in self.input_list):
            return map_structure(lambda tensor: tensor.shape, self.outputs)
        for node in self.nodes:
            args, kwargs = map_structure(
                lambda leaf: KerasTensor(known[id(leaf)]) if isinstance(leaf, KerasTensor) else leaf,
                [list(node.args), node.kwargs],
            )
            result = node.layer.output_shape_of_call(args, kwargs)
            for tensor, shape in zip(node.output_list, _shape_list(result, len(node.output_list)), strict=True):
                known[id(tensor)] = tuple(shape)
        return map_structure(lambda tensor: known[id(tensor)], self.outputs)

    def listed_shapes(self, shapes: Any) -> list[Any]:
        """Return shapes that are nested like the outputs as a list, in the order of ``output_list``."""
        return _shape_list(shapes, len(self.output_list))

    def lower(self, graph: Graph, inputs: Sequence[int]) -> list[int]:
        """Add the calls to ``graph``, given the ids of the input tensors, and return the ids of the outputs."""
        ids = {id(tensor): number for tensor, number in zip(self.input_list, inputs, strict=True)}
        for node in self.nodes:
            results = graph.call(node, [ids[id(tensor)] for tensor in node.inputs])
            for tensor, number in zip(node.output_list, results, strict=True):
                ids[id(tensor)] = number
        return [ids[id(tensor)] for tensor in self.output_list]

    def apply(self, tensors: Sequence[KerasTensor]) -> Any:
        """Call the same layers again on other inputs, and return tensors that are nested like the outputs."""
        known = {id(old): new for old, new in zip(self.input_list, tensors, strict=True)}
        for node in self.nodes:
            args, kwargs = map_structure(lambda leaf: known.get(id(leaf), leaf), [node.args, node.kwargs])
            if node.training is not None:
                kwargs["training"] = node.training
            for old, new in zip(node.output_list, flatten(node.layer(*args, **kwargs)), strict=True):
                known[id(old)] = new
        return pack_like(self.outputs, [known[id(tensor)] for tensor in self.output_list])


def _tensors(structure: Any, what: str, owner: str) -> list[KerasTensor]:
    """The symbolic tensors in a structure; an error if there are none, or anything else."""
    leaves = flatten(structure)
    for leaf in leaves:
        if not isinstance(leaf, KerasTensor):
            raise TypeError(
                f"[{owner}] expected `{what}` to be tensors that Input or layers returned. Received: {leaf!r}"
            )
    if not leaves:
        raise ValueError(f"[{owner}] expected at least one tensor in `{what}`. Received: {structure!r}")
    return leaves


def _sorted_nodes(
    inputs: list[KerasTensor], outputs: list[KerasTensor], owner: str
) -> tuple[list[Node], dict[int, int]]:
    """Return the calls in order, and for each layer its rank among those that the search found, by its id."""
    # This searches backwards from the outputs, depth first. It does not recurse, since models may have thousands of
    # layers in a row.
    given = {id(tensor) for tensor in inputs}
    done: set[int] = set()
    nodes: list[Node] = []
    seen: dict[int, int] = {}
    # Keras takes tensors in dicts in the order of their keys. Files of weights depend on the order of layers.
    stack = [(tensor, False) for tensor in reversed(outputs)]
    while stack:
        tensor, children_are_done = stack.pop()
        if id(tensor) in given:
            if tensor.source is not None:
                seen.setdefault(id(tensor.node.layer), len(seen))
            continue
        node = tensor.node
        if id(node) in done:
            continue
        if children_are_done:
            done.add(id(node))
            nodes.append(node)
            continue
        if not node.inputs:
            raise ValueError(
                f"[{owner}] the outputs are also computed from the tensor {tensor.name!r} of shape {tensor.shape}, "
                f"which is not among the inputs: {', '.join(item.name for item in inputs)}. Add it to `inputs`. A "
                "function or `call` that you write must get every tensor that it computes with as an argument."
            )
        seen.setdefault(id(node.layer), len(seen))
        stack.append((tensor, True))
        arguments = flatten_by_key([node.args, node.kwargs])
        stack += [(item, False) for item in reversed(arguments) if isinstance(item, KerasTensor)]
    return nodes, seen


def _depths(nodes: list[Node]) -> tuple[dict[int, int], dict[int, int]]:
    """Return for each call how many calls there are on its longest way to an output, and for each layer the largest of
    these numbers. A call is as far away as those calls of its layer that come after it in ``nodes``.
    """
    depths: dict[int, int] = {}
    far: dict[int, int] = {}
    for node in reversed(nodes):
        depth = max(depths.setdefault(id(node), 0), far.get(id(node.layer), 0))
        depths[id(node)] = far[id(node.layer)] = depth
        for tensor in node.inputs:
            if tensor.source is not None:
                before = id(tensor.source[0])
                depths[before] = max(depths.get(before, 0), depth + 1)
    return depths, far


def _has_state(layer: Any) -> bool:
    """Whether calls of the layer may change weights of it."""
    return any(not variable.spec.trainable for variable in layer.variables)


def _shape_list(shapes: Any, count: int) -> list[Any]:
    """Return the shapes of ``count`` outputs as a list, from a shape or a structure of shapes."""
    if count == 1 and not isinstance(shapes, dict) and not any(hasattr(size, "__len__") for size in shapes):
        return [shapes]
    values = list(shapes.values()) if isinstance(shapes, dict) else list(shapes)
    return [shape for value in values for shape in _shape_list(value, 1)]
