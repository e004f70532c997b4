"""Layers at the beginning of a model that only change training images. Its network does not contain them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncore.graph.function import Function
from cnncore.graph.tensor import KerasTensor, Node
from cnncore.layers.input_layer import InputLayer

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Augmented"]


class Augmented:
    """The part of a model that knows which of its layers only change training images."""

    @property
    def _used_function(self) -> Function:
        raise NotImplementedError

    @property
    def function_without_augmentation(self) -> Function:
        """The model's function without the layers at its beginning that only change training images."""
        return _without(self._used_function, self._augmentation_nodes())

    @property
    def _augmentation(self) -> list[Any]:
        """The layers at the very beginning that only change training images; the network leaves them out."""
        return [layer for node in self._augmentation_nodes() for layer in _augmenting(node.layer)]

    def changed_images(self, arrays: list[np.ndarray], training: bool | None) -> list[np.ndarray]:
        """The inputs of a call on arrays, changed by the layers of :attr:`_augmentation` in training.

        A model that has no other layers also changes them if ``training`` is not given, as each of these layers does by
        itself.
        """
        layers = self._augmentation
        alone = len(self._augmentation_nodes()) == len(self._used_function.nodes)
        if layers and (training or (training is None and alone)):
            for layer in layers:
                arrays = [layer.augment(arrays[0]), *arrays[1:]]
        return arrays

    def _augmentation_nodes(self) -> list[Node]:
        function = self._used_function
        if len(function.input_list) != 1:
            return []
        nodes: list[Node] = []
        tensor = function.input_list[0]
        outputs = {id(item) for item in function.output_list}
        while id(tensor) not in outputs:
            readers = [node for node in function.nodes if any(item is tensor for item in node.inputs)]
            if len(readers) != 1 or not _augmenting(readers[0].layer) or len(readers[0].output_list) != 1:
                break
            nodes.append(readers[0])
            tensor = readers[0].output_list[0]
        return nodes


def _augmenting(layer: Any) -> list[Any]:
    """A list of ``layer`` if it only changes training images, of its layers if it is a chain of such layers, and
    otherwise an empty list.
    """
    if hasattr(type(layer), "augment"):
        return [layer]
    inner: list[Any] = getattr(layer, "sublayers", list)() if isinstance(layer, Augmented) else []
    chains = [_augmenting(item) for item in inner if not isinstance(item, InputLayer)]
    return [item for chain in chains for item in chain] if all(chains) else []


def _without(function: Function, nodes: list[Node]) -> Function:
    """The part of the function that follows the chain ``nodes`` at its beginning."""
    if not nodes:
        return function
    start: KerasTensor = nodes[-1].output_list[0]
    return Function(start, function.outputs)
