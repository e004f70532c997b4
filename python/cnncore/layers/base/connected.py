"""The calls of a layer on symbolic tensors, and the tensors and shapes of the first one."""

from __future__ import annotations

from typing import Any

from cnncore._attributes import OpenProperty
from cnncore._structure import map_structure, without_list_of_one
from cnncore.graph.tensor import Node

__all__ = ["Connected"]


class Connected:
    """The part of a layer that knows where the layer was called.

    Attributes
    ----------
    nodes : list of Node
        The calls of the layer on symbolic tensors, the earliest first.
    """

    name: str
    nodes: list[Node]

    @property
    def input(self) -> Any:
        """The tensor, or the structure of tensors, that the first call was given."""
        return self._first_node("input").input

    @property
    def output(self) -> Any:
        """The tensor, or the structure of tensors, that the first call returned."""
        return self._first_node("output").outputs

    @OpenProperty
    def input_shape(self) -> Any:
        """Shape of :attr:`input`, with the batch axis (None) in front; that of the tensor alone for a list of one.
        ValueError while it is not known.
        """
        return map_structure(lambda tensor: tensor.shape, without_list_of_one(self.input))

    @OpenProperty
    def output_shape(self) -> Any:
        """Shape of :attr:`output`, with the batch axis (None) in front; that of the tensor alone for a list of one.
        ValueError while it is not known.
        """
        return map_structure(lambda tensor: tensor.shape, without_list_of_one(self.output))

    def forget(self, node: Node) -> None:
        """Remove a call from :attr:`nodes`."""
        if node in self.nodes:
            self.nodes.remove(node)
            for index, other in enumerate(self.nodes):
                other.index = index

    def _first_node(self, what: str) -> Node:
        if not self.nodes:
            raise ValueError(
                f'Layer "{self.name}" has no {what} yet: call it on a tensor, or add it to a model whose input shape '
                "is known from an Input, from input_shape= of its first layer, or from build."
            )
        return self.nodes[0]
