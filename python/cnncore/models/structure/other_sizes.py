"""Data of other sizes than a model was built for: Sequential models and subclasses take them if their layers can.

Keras accepts such data, because there such a model calls its layers one after another, whatever the size of the data.
The model keeps the shapes that it was built for. Its networks are made from a second graph, in which sizes that have
turned out to vary are None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncore._structure import flatten, pack_like
from cnncore.graph.call_record import hidden_calls
from cnncore.graph.function import Function
from cnncore.graph.tensor import KerasTensor
from cnncore.graph.unknown_sizes import UnknownSizeError, fits, is_known
from cnncore.layers import custom
from cnncore.layers.base import structure_changed
from cnncore.models.data.arrange import arrange
from cnncore.models.structure.parts import Parts

__all__ = ["CurrentNetwork", "OtherSizes"]


class OtherSizes(Parts):
    """The part of a model that takes data of other sizes than it was built for."""

    _wider: Function | None = None  # the graph in which sizes that vary are None
    _sizes_that_fit: Any = None  # the shape of the samples that were looked at last, of a model with one input

    if TYPE_CHECKING:

        @property
        def takes_other_sizes(self) -> bool:
            """Whether data may have other sizes than the model was built for, if its layers can take them."""

    @property
    def _used_function(self) -> Function:
        """The function that networks compute: that of the model, or the one in which sizes that vary are None."""
        return self._function if self._wider is None else self._wider

    def _accept_sizes_of(self, x: Any) -> None:
        """If the sizes of data differ from those the model was built for, let them vary, provided that the layers can.

        Nothing happens if they cannot, or if something else is wrong: the check of the data raises the error.
        """
        shape = getattr(x, "shape", None)
        if shape is not None and shape[1:] == self._sizes_that_fit:  # at once, since each step asks
            return
        self._sizes_that_fit = None
        if not self.takes_other_sizes:
            return
        function = self._used_function
        tensors = function.input_list
        try:
            values = arrange(function.inputs, self.input_names, x, self.name)
        except ValueError:
            return
        shapes = [_shape_like(value, tensor.shape) for value, tensor in zip(values, tensors, strict=True)]
        wanted = [tuple(tensor.shape) for tensor in tensors]
        if all(shape is None or fits(shape, own) for shape, own in zip(shapes, wanted, strict=True)):
            if len(shapes) == 1 and shapes[0] is not None:
                self._sizes_that_fit = tuple(values[0].shape[1:])
            return
        wider = [
            own if shape is None else (*(a if a == b else None for a, b in zip(own, shape, strict=True)),)
            for shape, own in zip(shapes, wanted, strict=True)
        ]
        self._widen(wider, [own if shape is None else shape for shape, own in zip(shapes, wanted, strict=True)])

    def _followed(self, inputs: Any) -> Function:
        """What the ``call`` of a subclass does with tensors. If it computes with sizes that they do not know, this is
        a single node, which is followed for each size of the data.
        """
        try:
            return custom.follow(self, inputs)
        except (TypeError, ValueError) as error:
            if isinstance(error, UnknownSizeError) or all(is_known(tensor.shape) for tensor in flatten(inputs)):
                raise
        with hidden_calls():
            return Function(inputs, self.call_on_tensors((inputs,), {}, None), self.name)

    def _widen(self, wider: list[tuple[Any, ...]], shapes: list[tuple[Any, ...]]) -> None:
        function = self._function
        fresh = [
            KerasTensor(shape, tensor.dtype, tensor.name)
            for shape, tensor in zip(wider, function.input_list, strict=True)
        ]
        inputs = pack_like(function.inputs, fresh)
        try:
            with hidden_calls():
                if self._follows_call:
                    found = self._followed(inputs)
                else:
                    found = Function(inputs, function.apply(fresh), self.name)
            found.compute_output_shape(shapes)
        except (ValueError, TypeError):
            return
        self._wider = found
        structure_changed()


class CurrentNetwork:
    """The network that a model has at the time of each call, for loops over batches that may bring another size.

    Parameters
    ----------
    model : Model
    """

    may_change = True

    def __init__(self, model: Any) -> None:
        self._model = model

    def now(self) -> Any:
        """The network of the model as it is now."""
        return self._model._network_for_use()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.now(), name)

    @property
    def step(self) -> int:
        """The number of steps that were done."""
        return int(self._model.steps_done)

    @step.setter
    def step(self, value: int) -> None:
        self._model.steps_done = value

    def output_shapes_for(self, x: Any) -> list[tuple[int, ...]]:
        """The shapes of the outputs for samples of these inputs."""
        network = self.now()
        found = getattr(network, "output_shapes_for", None)
        return list(network.output_shapes) if found is None else list(found(x))


def _shape_like(value: Any, wanted: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """The shape of an array. None unless it has the rank and the last size of ``wanted``."""
    shape = getattr(value, "shape", None)
    if shape is None or isinstance(value, KerasTensor):
        return None
    shape = (None, *(int(size) for size in tuple(shape)[1:]))
    if wanted[-1] == 1 and len(shape) == len(wanted) - 1:
        shape = (*shape, 1)
    return shape if len(shape) == len(wanted) and shape[-1] == wanted[-1] else None
