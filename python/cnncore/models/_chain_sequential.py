"""Sequential: a chain of layers, lowered to one network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks, _core
from cnncore import layers as layers_module
from cnncore._checks import Float32
from cnncore._random import next_seed
from cnncore.layers import InputLayer, Layer
from cnncore.layers._chain_base import Shape, WeightPlace, write_weights
from cnncore.models._chain_model import Model
from cnncore.models._chain_summary import print_summary

_DROPOUT_STREAM = 1  # keeps the seeds of masks apart from those of initial weights


class Sequential(Model):
    """A chain of layers.

    The shape of a sample comes from an ``Input`` in front, from ``input_shape=`` of the first layer, from ``build``, or
    from the first data the model sees. Weights are drawn when they are first needed.

    Parameters
    ----------
    layers : list of Layer, optional
    name : str, default "sequential"
    seed : int, optional
        Of initial weights, dropout and shuffling; by default from :func:`cnncore.utils.set_random_seed`, else random.

    Examples
    --------
    >>> from cnncore.layers import Conv2D, Dense, Flatten, MaxPooling2D
    >>> model = Sequential()
    >>> model.add(Conv2D(32, kernel_size=(3, 3), activation="relu", input_shape=(28, 28, 1)))
    >>> model.add(MaxPooling2D(pool_size=(2, 2)))
    >>> model.add(Flatten())
    >>> model.add(Dense(10, activation="softmax"))
    >>> model.output_shape, model.count_params()
    ((None, 10), 54410)
    """

    def __init__(self, layers: Iterable[Layer] | None = None, name: str | None = None, seed: int | None = None) -> None:
        super().__init__()
        if name is not None and not isinstance(name, str):
            raise TypeError(f"[Sequential] expected `name` to be a string. Received: {name=}")
        self.name = name or "sequential"
        self.seed = next_seed() if seed is None else _checks.integer(seed, "seed", "Sequential", 0, 2**63 - 1)
        self._layers: list[Layer] = []
        self._input: InputLayer | None = None
        self._sample_shape: tuple[int, ...] | None = None
        for layer in layers or []:
            self.add(layer)

    # --- the chain ------------------------------------------------------------------------------------------------
    @property
    def layers(self) -> list[Layer]:
        """The layers, without an ``Input``."""
        return list(self._layers)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer with a name, or at an index."""
        if index is not None:
            return self._layers[index]
        for layer in self._layers:
            if layer.name == name:
                return layer
        known = ", ".join(layer.name for layer in self._layers)
        raise ValueError(f"[get_layer] no such layer. Known: {known}. Received: name={name!r}")

    def add(self, layer: Layer) -> None:
        """Append a layer. The model is left as it was if the layer does not fit.

        Raises
        ------
        TypeError
            If it is not a layer.
        ValueError
            If it cannot take the output of the layer before it, its name is taken, or it is part of another model.
        """
        if not isinstance(layer, Layer):
            raise TypeError(f"[Sequential.add] expected a layer. Received: {layer!r}")
        if isinstance(layer, InputLayer):
            self._set_input(layer)
            return
        if layer.model is not None:
            raise ValueError(f'Layer "{layer.name}" is part of a model already: make a new layer for this one.')
        layer.attach(self, self._free_name(layer))
        try:
            self._fit_to_chain(layer)
        except Exception:
            layer.detach()
            raise
        self._layers.append(layer)
        self._discard_network()

    def pop(self) -> Layer:
        """Remove the last layer and return it; it keeps its weights."""
        if not self._layers:
            raise ValueError("[Sequential.pop] expected a model with layers. Received: an empty one")
        layer = self._layers.pop()
        layer.detach()
        if not self._layers and self._input is None:
            self._sample_shape = None
        self._discard_network()
        return layer

    def build(self, input_shape: Sequence[int | None]) -> None:
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
        self._build_for(_checks.shape(tuple(input_shape)[1:], "input_shape", "Sequential.build"))

    @property
    def built(self) -> bool:
        """Whether the shape of the input is known."""
        return self._sample_shape is not None and bool(self._layers)

    @property
    def input_shape(self) -> Shape:
        """With the batch axis (None) in front."""
        self._require_built()
        return self._layers[0].input_shape

    @property
    def output_shape(self) -> Shape:
        """With the batch axis (None) in front."""
        self._require_built()
        return self._layers[-1].output_shape

    def summary(self, print_fn: Callable[[str], Any] = print) -> None:
        """Print layers, output shapes and numbers of parameters.

        Parameters
        ----------
        print_fn : callable, default print
            Called with each line.
        """
        self._require_built()
        print_summary(self.name, self._layers, print_fn)

    # --- weights --------------------------------------------------------------------------------------------------
    @property
    def network(self) -> _core.Network:
        """The compiled model in the core: flat ``parameters`` and ``gradients``, and their ``slots``."""
        if self._network is None:
            self._require_built()
            self._network = self._make_network()
        return self._network

    @property
    def weights(self) -> list[Float32]:
        """Views of all weights, layer by layer; writing to them changes the model."""
        return list(self.named_weights().values())

    trainable_weights = trainable_variables = variables = weights

    def named_weights(self) -> dict[str, Float32]:
        """Views of all weights by name, such as "conv2d/kernel", in order."""
        network = self.network
        return {slot.name: WeightPlace(network, slot).view() for slot in network.slots}

    def get_weights(self) -> list[Float32]:
        """Copies of all weights, layer by layer."""
        return [view.copy() for view in self.weights]

    def set_weights(self, weights: Iterable[ArrayLike]) -> None:
        """Replace all weights. Nothing is written if the number of arrays or one of the shapes is wrong.

        Parameters
        ----------
        weights : list of array_like
            In the order and with the shapes of :meth:`get_weights`.
        """
        named = self.named_weights()
        write_weights(f'model "{self.name}"', list(named), list(named.values()), weights)

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
        return sum(layer.count_params() for layer in self._layers)

    # --- description ----------------------------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        """Layers, seed and precision, ready for JSON. The same seed means the same initial weights."""
        return {
            "name": self.name,
            "seed": self.seed,
            "precision": self.precision,
            "input_shape": None if self._sample_shape is None else list(self._sample_shape),
            "layers": [layers_module.serialize(layer) for layer in self._layers],
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Sequential:
        """Inverse of :meth:`get_config`; a ValueError if the description makes no sense."""
        if not isinstance(config, Mapping) or not isinstance(config.get("layers"), (list, tuple)):
            raise ValueError(f"[Sequential] expected a config with a list of layers. Received: {config!r}")
        model = cls(name=config.get("name"), seed=config.get("seed"))
        model.precision = config.get("precision", "float32")
        if config.get("input_shape") is not None:
            model.add(InputLayer(config["input_shape"]))
        for layer in config["layers"]:
            model.add(layers_module.deserialize(layer))
        return model

    def __repr__(self) -> str:
        return f"<Sequential {self.name!r}: {', '.join(layer.name for layer in self._layers)}>"

    # --- details --------------------------------------------------------------------------------------------------
    def _set_input(self, layer: InputLayer) -> None:
        if self._layers or self._input is not None:
            raise ValueError("[Sequential.add] expected Input only as the first element of an empty model.")
        self._input, self._sample_shape = layer, layer.declared_input_shape

    def _fit_to_chain(self, layer: Layer) -> None:
        """Give ``layer`` its shapes if they are known; an error if it cannot follow the layers so far."""
        sample_shape = self._sample_shape
        if sample_shape is None and not self._layers:
            sample_shape = layer.declared_input_shape
        if sample_shape is not None:
            before = self._layers[-1].output_shape if self._layers else _first_shape(sample_shape, layer)
            after = layer.compute_output_shape(before)
            layer.check_held_weights(before)
            layer.set_shapes((before, after))
            self._sample_shape = sample_shape

    def _free_name(self, layer: Layer) -> str:
        taken = {other.name for other in self._layers}
        if layer.has_own_name:
            if layer.name in taken:
                raise ValueError(
                    f"[Sequential.add] expected layers with different names. Received: {layer.name!r} twice"
                )
            return layer.name
        name, number = layer.name, 0
        while name in taken:
            number += 1
            name = f"{layer.name}_{number}"
        return name

    def _require_built(self) -> None:
        if not self.built:
            raise ValueError(
                f'Model "{self.name}" is not built: '
                + ("it has no layers." if not self._layers else "give input_shape= to its first layer, or call build.")
            )

    def _infer_shapes(self, sample_shape: tuple[int, ...]) -> list[tuple[Shape, Shape]]:
        before = _first_shape(sample_shape, self._layers[0])
        shapes = []
        for layer in self._layers:
            after = layer.compute_output_shape(before)
            layer.check_held_weights(before)
            shapes.append((before, after))
            before = after
        return shapes

    def _shapes_for(self, x: Any) -> tuple[tuple[int, ...], tuple[int, ...], str]:
        if not self._layers:
            self._require_built()
        first = self._layers[0].name
        if self._sample_shape is not None:
            return self._sample_shape, self.output_shape[1:], first
        array = _checks.numeric_array(x, "x", first)
        sample_shape = _checks.shape(array.shape[1:], "shape of a sample of x", first)
        return sample_shape, self._infer_shapes(sample_shape)[-1][1][1:], first

    def _build_for(self, input_shape: tuple[int, ...]) -> None:
        if self._sample_shape is not None:
            if self._sample_shape != input_shape:
                raise ValueError(
                    f'[build] model "{self.name}" has the input shape {(None, *self._sample_shape)}. '
                    f"Received: {(None, *input_shape)}"
                )
            return
        shapes = self._infer_shapes(input_shape)
        for layer, pair in zip(self._layers, shapes, strict=True):
            layer.set_shapes(pair)
        self._sample_shape, self._metrics = input_shape, None

    @property
    def _built_input_shape(self) -> tuple[int, ...] | None:
        return self._sample_shape

    def _discard_network(self) -> None:
        self._network = self._metrics = None

    def _set_precision(self, value: str) -> None:
        super()._set_precision(value)
        if self._network is not None:
            self._network.precision = value

    def _make_network(self) -> _core.Network:
        network = self._lower(self._layers)
        places: dict[str, dict[str, WeightPlace]] = {layer.name: {} for layer in self._layers}
        for slot in network.slots:
            layer_name, _, weight_name = slot.name.rpartition("/")
            places[layer_name][weight_name] = WeightPlace(network, slot)
        for index, layer in enumerate(self._layers):
            layer.place_weights(places[layer.name], (self.seed, index))
        return network

    def _lower(self, layers: list[Layer]) -> _core.Network:
        assert self._sample_shape is not None
        graph = _core.GraphBuilder()
        tensor = graph.input(self._sample_shape)
        for index, layer in enumerate(layers):
            layer.derived_seed = int(np.random.SeedSequence((self.seed, index, _DROPOUT_STREAM)).generate_state(1)[0])
            tensor = layer.lower(graph, tensor)
        network = _core.Network(graph, tensor)
        network.precision = self.precision
        return network

    def first_non_finite_layer(self, x: np.ndarray) -> str | None:
        if not np.isfinite(x).all():
            return "input"
        weights = self.named_weights()
        for end in range(1, len(self._layers) + 1):
            part = self._lower(self._layers[:end])
            for slot in part.slots:
                WeightPlace(part, slot).view()[...] = weights[slot.name]
            if not np.isfinite(part.forward(x)).all():
                return self._layers[end - 1].name
        return None


def _first_shape(sample_shape: tuple[int, ...], layer: Layer) -> Shape:
    shape = (None, *sample_shape)
    if len(sample_shape) not in (1, 3):
        raise ValueError(
            f'Input 0 of layer "{layer.name}" is incompatible with it: expected (batch, height, width, channels) or '
            f"(batch, features). Received: shape={shape}"
        )
    return shape
