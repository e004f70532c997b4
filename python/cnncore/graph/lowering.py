"""Conversion of layers into a network of the core. Each op gets the name, the weights and the flags of its layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cnncore import _core
from cnncore._structure import flatten
from cnncore.graph.function import Function
from cnncore.graph.masks import given_masks, pass_on_mask
from cnncore.graph.protocols import AnyLayer
from cnncore.graph.tensor import Node

__all__ = ["Lowering", "lower", "takes_array"]

_MASK_STREAM = 1  # a part of the seeds of dropout, which makes them different from the seeds of initial weights
_RANDOM = ("dropout", "gaussian_noise")


class GraphLoss(NamedTuple):
    """A loss that a layer adds: a tensor with one value for each sample, a factor, and whether the values are summed.

    If they are not summed, their mean is taken.
    """

    tensor: int
    weight: float
    summed: bool


class Lowering:
    """The graph to which layers add their ops: a ``_core.GraphBuilder``, and the layers that the ops belong to.

    Attributes
    ----------
    builder : _core.GraphBuilder
        The graph in the core.
    parameters : dict of str to _core.Parameters
        The weights of the layers so far. The keys are the names that the layers have in the network.
    layers : dict of str to Layer
        The layers so far, by the same names.
    losses : list of GraphLoss
        The losses that the layers added so far.
    floats : int
        How many values the outputs of all ops so far have for one sample.
    depends_on_batches : bool
        Whether a layer so far runs code of users, which may compute a sample with the others of its batch, or count
        batches, or adds a sum over the batch to the loss.
    """

    def __init__(self, seed: int = 0, trainable: Mapping[int, bool] | None = None) -> None:
        self.builder = _core.GraphBuilder()
        self._seed = seed
        self._names: dict[int, str] = {}
        self._places: dict[str, int] = {}
        self._calls: dict[str, int] = {}
        self._current: list[str] = []
        self._flags = trainable or {}
        self._trainable = [True]
        self._training: list[bool | None] = [None]
        self.parameters: dict[str, _core.Parameters] = {}
        self.layers: dict[str, AnyLayer] = {}
        self.losses: list[GraphLoss] = []
        self.masks: dict[int, int] = {}  # the ids of the masks of tensors, by the ids of the tensors
        self.floats = 0
        self.depends_on_batches = False

    def input(self, shape: Sequence[int]) -> int:
        """Add an input for samples of ``shape``, and return its id."""
        return self.builder.input(tuple(shape))

    def output_shape(self, tensor: int) -> tuple[int, ...]:
        """Return the shape of the tensor with this id, without the batch axis."""
        return tuple(self.builder.output_shape(tensor))

    def add(self, kind: str, inputs: Sequence[int], layer: str = "", /, **attributes: Any) -> int:
        """Add an op of the layer that is being lowered, and return the id of its output.

        ``layer``, the name of the layer, is not used. Names of layers may repeat, so the network gives them others.
        """
        if self._training[-1] is False:
            if kind in _RANDOM:
                return inputs[0]
            if kind == "batch_normalization":
                attributes["moving"] = True
        if self.is_always_training and kind in _RANDOM:
            attributes["always"] = True
        if not self._trainable[-1]:
            attributes["trainable"] = False
        result = int(self.builder.add(kind, list(inputs), self._current[-1], **attributes))
        self.floats += math.prod(self.builder.output_shape(result))
        return result

    def call(self, node: Node, inputs: Sequence[int]) -> list[int]:
        """Add the ops of one call of a layer, and return the ids of its outputs."""
        layer = node.layer
        name = self._name(layer)
        self._calls[name] = self._calls.get(name, 0) + 1
        self._current.append(name)
        self._trainable.append(self._trainable[-1] and self._flags.get(id(layer), layer.trainable))
        self._training.append(self._training[-1] if node.training is None else node.training)
        before, given = self.masks, {}
        if layer.takes_mask and not layer.is_custom and node.kwargs.get("mask") is not None:
            given = given_masks(node, inputs)
            inputs = inputs[: len(flatten(node.args))]
            self.masks = {**before, **given}
        try:
            result = flatten(layer.lower_call(self, node, inputs))
            pass_on_mask(self, layer, inputs, result)
        finally:
            for stack in (self._current, self._trainable, self._training):
                stack.pop()
            if given:  # they belong to this call only
                found, self.masks = self.masks, before
        if given:
            self.masks |= {number: mask for number, mask in found.items() if number not in given or number in result}
        return result

    def add_for(self, layer: AnyLayer, inputs: Sequence[int], *, op: str = "host", **attributes: Any) -> int:
        """Add an op with weights of ``layer``, which may differ from the layer being lowered. By default it calls
        Python.
        """
        self._current.append(self._name(layer))
        self._trainable.append(self._trainable[-1] and self._flags.get(id(layer), layer.trainable))
        try:
            return self.add(op, inputs, **attributes)
        finally:
            self._current.pop()
            self._trainable.pop()

    def add_loss(self, inputs: Sequence[int], weight: float, summed: bool) -> int:
        """Add the second input to the loss. Return an id that stands for the first input."""
        self.losses.append(GraphLoss(inputs[1], weight, summed))
        self.depends_on_batches |= summed
        return self.add("added_loss", inputs, weight=weight, summed=summed)

    adds_penalties_of_weights = True  # to the loss of training, where the user wrote the penalty

    def note_loss(self, tensor: int) -> None:
        """Let evaluations add the mean of a tensor to the loss. Training does not."""
        self.losses.append(GraphLoss(tensor, 1.0, False))

    @property
    def is_first_call(self) -> bool:
        """Whether this is the first call in the graph of the layer that is being lowered."""
        return self._calls[self._current[-1]] == 1

    @property
    def is_inference(self) -> bool:
        """Whether the layer that is being lowered behaves as in inference, also in training."""
        return self._training[-1] is False

    @property
    def is_always_training(self) -> bool:
        """Whether the layer that is being lowered behaves as in training, also in inference."""
        return bool(self._training[-1])

    @property
    def is_trained(self) -> bool:
        """Whether the layer that is being lowered behaves as in training, and its weights are trained."""
        return not self.is_inference and self._trainable[-1]

    @property
    def seed(self) -> int:
        """The seed for a layer that draws random numbers in training.

        It depends on the model's seed, on the place of the layer, and on how often the layer was called before.
        """
        name = self._current[-1]
        key = (self._seed, self._places[name], _MASK_STREAM)
        call = self._calls[name] - 1
        return int(np.random.SeedSequence((*key, call) if call else key).generate_state(1)[0])

    def _name(self, layer: AnyLayer) -> str:
        """The name of a layer in the network. The second layer of a name gets a number behind it."""
        name = self._names.get(id(layer))
        if name is None:
            name, number = layer.name, 0
            while name in self.layers:
                number += 1
                name = f"{layer.name}_{number}"
            self._names[id(layer)] = name
            self._places[name] = len(self.layers)
            self.layers[name] = layer
            if layer.specs:
                self.parameters[name] = layer.parameters
        return name


class Lowered:
    """A network, the layers in it, and the losses that they add.

    Attributes
    ----------
    network : _core.Network
    layers : dict of str to Layer
        By the name under which the network knows them.
    losses : list of GraphLoss
    floats : int
        How many values the outputs of all ops have for one sample.
    takes_array : bool
        Whether ``network.forward_array`` computes what the network is for (:func:`takes_array`).
    depends_on_batches : bool
        Whether results may depend on how samples are divided into batches.
    """

    def __init__(self, graph: Lowering, outputs: list[int], takes_array: bool = False) -> None:
        self._graph, self.takes_array = graph, takes_array
        self.network = _core.Network(graph.builder, outputs, graph.parameters)
        self.layers, self.losses, self.floats = graph.layers, graph.losses, graph.floats
        self.depends_on_batches = graph.depends_on_batches
        self._losses_network: _core.Network | None = None

    def added_losses(self, x: Sequence[Any]) -> float:
        """Compute the sum of the losses that the layers add for a batch, with the layers as in inference."""
        return sum(self.each_added_loss(x))

    def each_added_loss(self, x: Sequence[Any]) -> list[float]:
        """Compute what each call of ``add_loss`` adds for a batch, with the layers as in inference."""
        if not self.losses:
            return []
        if self._losses_network is None:
            tensors = [loss.tensor for loss in self.losses]
            self._losses_network = _core.Network(self._graph.builder, tensors, self._graph.parameters)
        self._losses_network.precision = self.network.precision
        values = self._losses_network.forward(list(x))
        return [
            loss.weight * float(value.sum(dtype=np.float64) if loss.summed else value.mean(dtype=np.float64))
            for loss, value in zip(self.losses, values, strict=True)
        ]


def lower(
    function: Function,
    seed: int = 0,
    shapes: Sequence[Sequence[int]] | None = None,
    trainable: Mapping[int, bool] | None = None,
) -> Lowered:
    """Make the network that computes the outputs of ``function`` from its inputs.

    Parameters
    ----------
    function : Function
    seed : int, default 0
        The seed from which the seeds of random numbers in training are derived.
    shapes : list of tuple of int, optional
        The shapes of the samples of each input. By default those of the symbolic tensors.
    trainable : dict of int to bool, optional
        The values that are used instead of the attribute ``trainable`` of layers. The keys are the ids of the layers.
    """
    graph = Lowering(seed, trainable)
    shapes = [tensor.shape[1:] for tensor in function.input_list] if shapes is None else shapes
    inputs = [graph.input(shape) for shape in shapes]
    return Lowered(graph, function.lower(graph, inputs), takes_array(function))


def takes_array(function: Function) -> bool:
    """Whether a function has one input, and its output is a single tensor, and not a list, tuple or dict."""
    return len(function.input_list) == 1 and not isinstance(function.outputs, (list, tuple, dict))
