"""The part of a model with its layers, its inputs and outputs, and its weights by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore._suggestions import nearest
from cnncore._unique_names import unique_name
from cnncore.graph.function import Function
from cnncore.graph.tensor import KerasTensor
from cnncore.layers.base import Layer
from cnncore.layers.weights.variable import Variable

__all__ = ["Parts", "check_names", "check_nesting"]

# Functions that read, save or compute a model call themselves for each model inside it. Python stops a program in which
# about 1,000 calls are inside each other, which are those for some 140 models.
_MAX_NESTING = 64


class Parts(Layer):
    """The part of a model that lists its layers, inputs, outputs and weights."""

    _graph: Function | None

    @property
    def _follows_call(self) -> bool:
        """Whether a subclass defines ``call``."""
        raise NotImplementedError

    @property
    def _function(self) -> Function:
        self._require_built()
        assert self._graph is not None
        return self._graph

    @property
    def layer_graph(self) -> Function:
        """The calls of layers that lead from the inputs to the outputs. Raises a ValueError while the shape of the
        input is not known.
        """
        return self._function

    @property
    def _is_graph_known(self) -> bool:
        """Whether the graph of the model is known, so that :attr:`layer_graph` does not raise an error."""
        return self._graph is not None

    def _require_built(self) -> None:
        if self._graph is None:
            raise ValueError(
                f'Model "{self.name}" is not built: call it on an array or an Input, call build with the shape of its '
                "input, or fit it."
            )

    # --- layers ------------------------------------------------------------------------------------------------------
    @property
    def layers(self) -> list[Layer]:
        """The layers in the order in which they are computed. Each ``Input`` is one of them, except in Sequential
        models.
        """
        if self._graph is None or self._follows_call:
            return self.sublayers()
        return self._graph.all_layers

    def sublayers(self) -> list[Layer]:
        if self._graph is None or self._follows_call:
            return super().sublayers()
        return self._graph.all_layers

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer with a name, or at an index of :attr:`layers`.

        Raises
        ------
        ValueError
            If there is none.
        """
        layers = self.layers
        if name is not None and not isinstance(name, str):
            raise TypeError(f"[get_layer] expected a name. Received: {name!r:.80}")
        if index is not None:
            index = _checks.integer(index, "index", "get_layer", minimum=-(2**31))
            if not -len(layers) <= index < len(layers):
                raise ValueError(f"[get_layer] expected an index below {len(layers)}. Received: index={index}")
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        known = [layer.name for layer in layers]
        raise ValueError(
            f"[get_layer] no such layer.{nearest(name, known)} Known: {', '.join(known)}. Received: name={name!r}"
        )

    @property
    def input(self) -> Any:
        """The tensor, or the structure of tensors, that the model begins with."""
        return self._function.inputs

    @property
    def output(self) -> Any:
        """The tensor, or the structure of tensors, that the model ends with."""
        return self._function.outputs

    @property
    def inputs(self) -> list[KerasTensor]:
        """The tensors that the model begins with, as a list."""
        return list(self._function.input_list)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The tensors that the model ends with, as a list."""
        return list(self._function.output_list)

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, as given to ``Input``."""
        return [tensor.node.layer.name for tensor in self._function.input_list]

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs: the keys of a dict of outputs, otherwise the names of the layers that compute them."""
        if isinstance(self.output, dict) and len(self.output) == len(self.outputs):
            return list(self.output)
        names: list[str] = []
        for tensor in self._function.output_list:
            stem, name, number = tensor.node.layer.name, tensor.node.layer.name, 0
            while name in names:
                number += 1
                name = f"{stem}_{number}"
            names.append(name)
        return names

    # --- weights ----------------------------------------------------------------------------------------------------
    @property
    def variables(self) -> list[Variable]:
        """All weights, layer by layer; writing to them changes the model."""
        found = super().variables
        if not found:  # otherwise the layers were built in another model
            self._require_built()
        return found

    def named_weights(self) -> dict[str, Variable]:
        """All weights by name, such as "conv2d/kernel", layer by layer. Layers of different models inside this one may
        have equal names; the later ones then get a number, as in "conv2d_1/kernel".
        """
        named: dict[str, Variable] = {}
        owners: dict[str, Layer] = {}
        names: dict[int, str] = {}
        for variable in self.variables:
            layer = variable.layer
            name = names.get(id(layer))
            if name is None:
                name, number = layer.name, 0
                while name in owners:
                    number += 1
                    name = f"{layer.name}_{number}"
                owners[name] = layer
                names[id(layer)] = name
            named[f"{name}/{variable.name}"] = variable
        return named

    def set_named_weights(self, weights: Mapping[str, ArrayLike]) -> None:
        """Replace all weights by name. Nothing is written if a name or a shape is wrong."""
        named = self.named_weights()
        if set(weights) != set(named):
            missing, unknown = sorted(set(named) - set(weights)), sorted(set(weights) - set(named))
            raise ValueError(f'[model "{self.name}"] expected other weights. Received: {missing=}, {unknown=}')
        self.set_weights([weights[name] for name in named])

    def count_params(self) -> int:
        """Number of weights."""
        self._require_built()
        return super().count_params()


def check_names(layers: list[Layer], owner: str) -> None:
    """Raise an error if two layers were given the same name. A layer that was given none gets another one."""
    taken: set[str] = set()
    for layer in layers:
        while layer.name in taken:
            if layer.has_own_name:
                raise ValueError(f"[{owner}] expected layers with different names. Received: {layer.name!r} twice")
            layer.rename(unique_name(type(layer).__name__))
        taken.add(layer.name)


def check_nesting(layers: list[Layer], owner: str) -> None:
    """Raise a ValueError if too many of ``layers`` and of the layers in them are inside each other."""
    depth = 1
    while layers := list({id(inner): inner for layer in layers for inner in layer.sublayers()}.values()):
        depth += 1
        if depth > _MAX_NESTING:
            raise ValueError(f"[{owner}] expected at most {_MAX_NESTING} models inside each other. Received: more")
