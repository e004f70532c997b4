"""What every layer is: arguments, shapes, weights to allocate, and the op it becomes (``lower``).

Layers hold no arithmetic. A model lowers its layers to one ``_core.Network`` that owns all weights in one flat buffer;
``layer.kernel`` and the like are views of it, made when asked for: the network watches its weights while views exist.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore._checks import Float32
from cnncore._registry import Registry, snake_case
from cnncore.initializers import Initializer

if TYPE_CHECKING:
    from cnncore import _core
    from cnncore.models import Model

Shape = tuple[Any, ...]  # the batch axis, None, then ints
L = TypeVar("L", bound="Layer")


class WeightSpec(NamedTuple):
    """A weight that a layer asks for."""

    name: str
    shape: tuple[int, ...]
    initializer: Initializer


class WeightPlace(NamedTuple):
    """Where a network keeps a weight."""

    network: _core.Network
    slot: _core.ParameterSlot

    def view(self) -> Float32:
        """The weight itself; writing to it changes the model."""
        size = math.prod(self.slot.shape)
        return self.network.parameters[self.slot.offset : self.slot.offset + size].reshape(self.slot.shape)


class Layer:
    """Base class of all layers.

    A subclass implements ``compute_output_shape``, ``lower``, ``get_config`` and, if it has weights, ``weight_specs``.

    Parameters
    ----------
    name : str, optional
        Unique in its model; ``conv2d``, ``conv2d_1``, ... by default, given when the layer is added.
    input_shape : tuple of int, optional
        Shape of one sample. Needed by the first layer of a model at most.
    """

    def __init__(self, *, name: str | None = None, input_shape: Iterable[int] | None = None) -> None:
        if name is not None and (not isinstance(name, str) or not name or "/" in name):
            raise ValueError(
                f"[{self._class}] expected `name` to be a non-empty string without '/'. Received: {name!r}"
            )
        self._given_name = name
        self._name_in_model: str | None = None
        self.declared_input_shape = (
            None if input_shape is None else _checks.shape(input_shape, "input_shape", self._class)
        )
        self._shapes: tuple[Shape, Shape] | None = None  # input and output, known once in a built model
        self._places: dict[str, WeightPlace] = {}
        self._model: weakref.ref[Model] | None = None
        self.derived_seed = 0  # from the model's seed and the layer's place; for layers that draw numbers in training

    # --- what a subclass says -----------------------------------------------------------------------------------
    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Output shape for an input shape, both with the batch axis (None) in front; ValueError if it cannot be."""
        raise NotImplementedError(f"{self._class} must implement compute_output_shape(input_shape)")

    def weight_specs(self, input_shape: Shape) -> list[WeightSpec]:
        """The weights needed for an input shape, in order."""
        return []

    def lower(self, graph: _core.GraphBuilder, x: int) -> int:
        """Append this layer's op to ``graph``; ``x`` is the id of its input, the result that of its output."""
        raise NotImplementedError(f"{self._class} must implement lower(graph, x)")

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor, ready for JSON."""
        return {"name": self._name_in_model or self._given_name}

    @classmethod
    def from_config(cls: type[L], config: dict[str, Any]) -> L:
        """Inverse of :meth:`get_config`."""
        return cls(**config)

    # --- what a user sees ---------------------------------------------------------------------------------------
    @property
    def name(self) -> str:
        """The layer's name in its model."""
        return self._name_in_model or self._given_name or snake_case(self._class)

    @property
    def has_own_name(self) -> bool:
        """Whether the name was given, not derived from the class."""
        return self._given_name is not None

    @property
    def trainable(self) -> bool:
        """Always true: freezing layers is not supported."""
        return True

    @trainable.setter
    def trainable(self, value: bool) -> None:
        if not value:
            raise ValueError(f'Layer "{self.name}" cannot be frozen: all weights of a model are trained.')

    @property
    def input_shape(self) -> Shape:
        """With the batch axis (None) in front; ValueError while it is not known."""
        return self._known_shapes()[0]

    @property
    def output_shape(self) -> Shape:
        """With the batch axis (None) in front; ValueError while it is not known."""
        return self._known_shapes()[1]

    def count_params(self) -> int:
        """Number of weights; ValueError while the input shape is not known."""
        return sum(math.prod(spec.shape) for spec in self.weight_specs(self.input_shape))

    @property
    def weights(self) -> list[Float32]:
        """Views of the weights in the model's buffer, in order; writing to them changes the model."""
        return [self._weight(spec.name) for spec in self.weight_specs(self.input_shape)]

    def get_weights(self) -> list[Float32]:
        """Copies of the weights, in order (kernel, bias)."""
        return [view.copy() for view in self.weights]

    def set_weights(self, weights: Iterable[ArrayLike]) -> None:
        """Replace the weights. Nothing is written if the number of arrays or one of the shapes is wrong.

        Parameters
        ----------
        weights : list of array_like
            In the order and with the shapes of :meth:`get_weights`.
        """
        names = [f"{self.name}/{spec.name}" for spec in self.weight_specs(self.input_shape)]
        write_weights(f'layer "{self.name}"', names, self.weights, weights)

    def __repr__(self) -> str:
        return f"<{self._class} {self.name!r}>"

    # --- what a model does with it ------------------------------------------------------------------------------
    @property
    def _class(self) -> str:
        return type(self).__name__

    def attach(self, model: Model, name: str) -> None:
        """Make the layer part of ``model`` under ``name``."""
        self._model, self._name_in_model = weakref.ref(model), name

    def detach(self) -> None:
        """Undo :meth:`attach`. The layer keeps its weights."""
        self._model = self._shapes = self._name_in_model = None

    @property
    def model(self) -> Model | None:
        """The model that the layer is part of."""
        return self._model() if self._model is not None else None

    def set_shapes(self, shapes: tuple[Shape, Shape] | None) -> None:
        """Told by the model: input and output shape."""
        self._shapes = shapes

    def place_weights(self, places: dict[str, WeightPlace], seed: tuple[int, ...]) -> None:
        """Move into a model's buffer, with the weights held so far or else initial ones."""
        assert self._shapes is not None
        for index, spec in enumerate(self.weight_specs(self._shapes[0])):
            held = self._places.get(spec.name)
            places[spec.name].view()[...] = (
                spec.initializer(spec.shape, (*seed, index)) if held is None else held.view()
            )
        self._places = places

    def check_held_weights(self, input_shape: Shape) -> None:
        """ValueError if the layer holds weights, from an earlier model, that do not fit ``input_shape``."""
        for spec in self.weight_specs(input_shape):
            held = self._places.get(spec.name)
            if held is not None and held.slot.shape != spec.shape:
                raise ValueError(
                    f'Layer "{self.name}" already has a {spec.name} of shape {held.slot.shape}, but an input of shape '
                    f"{input_shape} needs {spec.shape}. Make a new layer: {self._class}.from_config(layer.get_config())"
                )

    def _known_shapes(self) -> tuple[Shape, Shape]:
        if self._shapes is None:
            raise ValueError(
                f'Layer "{self.name}" is not built: add it to a model whose input shape is known '
                "(an Input, input_shape= on its first layer, or build)."
            )
        return self._shapes

    def _weight(self, name: str) -> Float32:
        self._known_shapes()
        if self.model is not None:
            self.model.network  # noqa: B018 (its creation places the weights)
        return self._places[name].view()

    def _expect_rank(self, input_shape: Shape, axes: str) -> None:
        expected = axes.count(",") + 1
        if len(input_shape) != expected:
            raise ValueError(
                f'Input 0 of layer "{self.name}" is incompatible with it: expected rank {expected} ({axes}). '
                f"Received: shape={input_shape}"
            )


def write_weights(owner: str, names: list[str], views: list[Float32], weights: Iterable[ArrayLike]) -> None:
    """Copy ``weights`` into ``views`` after all of them were checked."""
    arrays = [_checks.numeric_array(array, "weights", owner) for array in weights]
    if len(arrays) != len(views):
        raise ValueError(f"[{owner}] expected {len(views)} arrays: {', '.join(names)}. Received: {len(arrays)} arrays")
    for name, view, array in zip(names, views, arrays, strict=True):
        if array.shape != view.shape:
            raise ValueError(f"[{owner}] expected {name} of shape {view.shape}. Received: shape {array.shape}")
    for view, array in zip(views, arrays, strict=True):
        np.copyto(view, array, casting="same_kind" if array.dtype.kind == "f" else "unsafe")


registry: Registry[Layer] = Registry("layer")
