"""Sequential: a chain of layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._custom_objects import custom_object_scope
from cnncore._unique_names import unique_name
from cnncore.graph.call_record import visible_calls
from cnncore.graph.function import Function
from cnncore.graph.tensor import KerasTensor
from cnncore.layers.base import Layer, registry, structure_changed
from cnncore.layers.input_layer import InputLayer
from cnncore.models.data.arrange import as_arrays
from cnncore.models.model import Model
from cnncore.models.structure.graph_config import descriptions_of, layers_from, sharing
from cnncore.models.structure.parts import check_nesting

__all__ = ["Sequential"]


@registry.register()
class Sequential(Model):
    """A chain of layers.

    The shape of a sample comes from an ``Input`` in front, from ``input_shape=`` of the first layer, from ``build``, or
    from the first data the model sees. Weights are drawn when they are first needed.

    Parameters
    ----------
    layers : list of Layer, optional
        Models are layers, too.
    trainable : bool, default True
        False freezes all layers.
    name : str, optional
        "sequential", "sequential_1", ... by default.
    seed : int, optional
        Seed of initial weights, dropout and shuffling. By default it follows from
        :func:`cnncore.utils.set_random_seed`, and without that it is random.

    Examples
    --------
    >>> from cnncore import Sequential
    >>> from cnncore.layers import Conv2D, Dense, Flatten, MaxPooling2D
    >>> model = Sequential()
    >>> model.add(Conv2D(32, kernel_size=(3, 3), activation="relu", input_shape=(28, 28, 1)))
    >>> model.add(MaxPooling2D(pool_size=(2, 2)))
    >>> model.add(Flatten())
    >>> model.add(Dense(10, activation="softmax"))
    >>> model.output_shape, model.count_params()
    ((None, 10), 54410)
    """

    _own = Model._own | {"_input_layer", "_tensors"}

    def __init__(
        self,
        layers: Iterable[Any] | None = None,
        trainable: bool = True,
        name: str | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(name=name, seed=seed)
        self._layers: list[Layer] = []
        self._input_layer: InputLayer | None = None
        self._input_is_given = False  # whether it was added, instead of made for a layer's input_shape or for data
        self._taken: set[str] = set()  # names of the layers
        self._tensors: list[KerasTensor] = []  # the output of each layer, once the shape of a sample is known
        if isinstance(layers, (str, Layer)) or (layers is not None and not isinstance(layers, Iterable)):
            raise TypeError(f"[Sequential] expected a list of layers. Received: {layers!r}")
        for layer in () if layers is None else layers:
            self.add(layer)
        if not trainable:
            self.trainable = False

    # --- the chain ------------------------------------------------------------------------------------------------
    @property
    def layers(self) -> list[Layer]:
        """The layers, without an ``Input``."""
        return list(self._layers)

    def sublayers(self) -> list[Layer]:
        return list(self._layers)

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Append a layer. The model is left as it was if the layer does not fit.

        Parameters
        ----------
        layer : Layer, or the result of ``Input`` as the first element
        rebuild : bool, default True
            Accepted for compatibility with Keras.

        Raises
        ------
        TypeError
            If it is not a layer.
        ValueError
            If it cannot take the output of the layer before it, or its name is taken.
        """
        if isinstance(layer, KerasTensor) and layer.source is not None and isinstance(layer.node.layer, InputLayer):
            layer = layer.node.layer
        if not isinstance(layer, Layer):
            raise TypeError(f"[Sequential.add] expected a layer. Received: {layer!r:.200}")
        check_nesting([layer], "Sequential.add")
        if isinstance(layer, InputLayer):
            self._set_input(layer)
            return
        name = layer.name
        layer.rename(self._free_name(layer))
        try:
            self._append(layer)
        except Exception:
            layer.rename(name)
            raise
        self._taken.add(layer.name)
        self._changed()

    def pop(self, rebuild: bool = True) -> Layer:
        """Remove the last layer and return it; it keeps its weights.

        Parameters
        ----------
        rebuild : bool, default True
            Accepted for compatibility with Keras.
        """
        if not self._layers:
            raise ValueError("[Sequential.pop] expected a model with layers. Received: an empty one")
        layer = self._layers.pop()
        if not any(layer is other for other in self._layers):
            self._taken.discard(layer.name)
        if self._tensors:
            layer.forget(self._tensors.pop().node)
        if not self._layers and not self._input_is_given:
            self._input_layer = None
        self._changed()
        return layer

    def build(self, input_shape: Any = None) -> None:
        """Fix the shape of the input.

        Parameters
        ----------
        input_shape : tuple
            With the batch axis in front: (None, height, width, channels).

        Raises
        ------
        ValueError
            If a layer cannot take its input, or another shape was fixed before. The model is left as it was.
        """
        if input_shape is None:
            self._require_built()
            return
        if not isinstance(input_shape, (tuple, list)):
            raise ValueError(
                "[Sequential.build] expected `input_shape` as a tuple with the batch axis in front. Received: "
                f"{input_shape!r:.80}"
            )
        self._fix_shape(_checks.shape_of_sample(tuple(input_shape)[1:], "input_shape", "Sequential.build"))

    # --- details --------------------------------------------------------------------------------------------------
    def _set_input(self, layer: InputLayer) -> None:
        if self._layers or self._input_layer is not None:
            raise ValueError(
                "[Sequential.add] expected Input only as the first element of an empty model. Received: "
                f"{layer.name!r} after {len(self._layers) or 'another Input and no'} layers"
            )
        self._input_layer, self._input_is_given = layer, True

    def _append(self, layer: Layer) -> None:
        """Add a layer at the end, and call it if the shape of its input is known."""
        shape = None
        if not self._layers and self._input_layer is None:
            shape = layer.declared_input_shape
            if shape is None and isinstance(layer, Model) and layer.built and len(layer.inputs) == 1:
                shape = layer.inputs[0].shape[1:]
        implied = None if shape is None else InputLayer(shape)
        before = self._tensors[-1] if self._tensors else None
        if before is None and not self._layers:
            start = implied or self._input_layer
            before = None if start is None else start.output
        if before is not None:
            self._tensors.append(self._called(layer, before, len(self._layers)))
        if implied is not None:
            self._input_layer = implied
        self._layers.append(layer)

    def _called(self, layer: Layer, tensor: KerasTensor, index: int) -> KerasTensor:
        """Call the layer number ``index``. Its place decides its initial weights, if the model has a seed."""
        if not layer.built and layer.seed_key is None:
            layer.seed_key = (self.used_seed, index)
        result = layer(tensor)
        if not isinstance(result, KerasTensor):
            raise ValueError(
                "[Sequential] expected layers with one output; for others use Model(inputs, outputs). Received: "
                f'"{layer.name}"'
            )
        return result

    def _fix_shape(self, sample_shape: tuple[Any, ...]) -> None:
        if self._input_layer is not None:
            if self._input_layer.sample_shape != sample_shape:
                raise ValueError(
                    f'[build] model "{self.name}" has the input shape {(None, *self._input_layer.sample_shape)}. '
                    f"Received: {(None, *sample_shape)}"
                )
            return
        if not self._layers:
            self._require_built()
        with self._lock, visible_calls():
            start = InputLayer(sample_shape)
            _check_chain(self._layers, (None, *sample_shape))
            tensors = [start.output]
            for index, layer in enumerate(self._layers):
                tensors.append(self._called(layer, tensors[-1], index))
            self._input_layer, self._tensors = start, tensors[1:]
            self._changed()

    def _build_for(self, x: Any) -> None:
        if not self._layers:
            self._require_built()
        if self._input_layer is None:
            self.build_for_shapes(tuple(np.shape(as_arrays(x))[1:]))
        else:
            self._accept_sizes_of(x)

    def build_for_shapes(self, sample_shapes: Any) -> None:
        if self._input_layer is None:
            self._fix_shape(_checks.shape_of_sample(sample_shapes, "shape of a sample of x", self.name))

    def ensure_built(self, input_shape: Any, *more: Any) -> None:
        """Build the model for an input of this shape, if it is not built."""
        self.build_for_shapes(tuple(input_shape[1:]))

    takes_other_sizes = True  # if its layers do

    def _changed(self) -> None:
        self._graph = self._wider = self._sizes_that_fit = None
        self.built = self._input_layer is not None and bool(self._layers)
        structure_changed()

    @property
    def _function(self) -> Function:
        if self._graph is None:
            self._require_built()
            assert self._input_layer is not None
            self._graph = Function(self._input_layer.output, self._tensors[-1], self.name)
        return self._graph

    @property
    def _is_graph_known(self) -> bool:
        return self.built

    def _require_built(self) -> None:
        if not self.built:
            raise ValueError(
                f'Model "{self.name}" is not built: '
                + ("it has no layers." if not self._layers else "give input_shape= to its first layer, or call build.")
            )

    def _free_name(self, layer: Layer) -> str:
        if layer.name in self._taken and any(layer is other for other in self._layers):
            return layer.name  # the same layer once more, with the same weights
        if layer.has_own_name:
            if layer.name in self._taken:
                raise ValueError(
                    f"[Sequential.add] expected layers with different names. Received: {layer.name!r} twice"
                )
            return layer.name
        name = layer.name
        while name in self._taken:
            name = unique_name(type(layer).__name__)
        return name

    # --- description and copies -------------------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        """Layers, seed and precision, ready for JSON. The same seed means the same initial weights."""
        with sharing():
            layers = descriptions_of(self._layers)
        return {
            "name": self.name,
            "trainable": self._trainable,
            "seed": self.used_seed,
            "precision": self.precision,
            "input_shape": None if self._input_layer is None else list(self._input_layer.sample_shape),
            "layers": layers,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Inverse of :meth:`get_config`; a ValueError if the description makes no sense."""
        if not isinstance(config, Mapping) or not isinstance(config.get("layers"), (list, tuple)):
            raise ValueError(f"[Sequential] expected a config with a list of layers. Received: {config!r:.200}")
        model = cls(name=config.get("name"), seed=config.get("seed"))
        model.precision = config.get("precision", "float32")
        if config.get("input_shape") is not None:
            model.add(InputLayer(config["input_shape"]))
        with custom_object_scope(custom_objects), sharing():
            for layer in layers_from(config["layers"], "Sequential"):
                model.add(layer)
        model._trainable = _checks.boolean(config.get("trainable", True), "trainable", "Sequential")
        return model

    def __repr__(self) -> str:
        if self.built:
            return super().__repr__()
        return f"<Sequential {self.name}: {', '.join(layer.name for layer in self._layers) or 'no layers'}, not built>"

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("graph", None), state.pop("graph_layers", None)
        return state | {"_tensors": [], "_layers": list(self._layers)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if self._input_layer is not None:
            tensor = self._input_layer.output
            for index, layer in enumerate(self._layers):
                tensor = self._called(layer, tensor, index)
                self._tensors.append(tensor)


def _check_chain(layers: list[Layer], shape: Any) -> None:
    """Raise a ValueError if a layer cannot take the output of the layer before it. Nothing is changed."""
    for layer in layers:
        if not layer.says_its_output_shape:
            return
        shape = layer.compute_output_shape(shape)
