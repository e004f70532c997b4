"""Model: a graph of layers, called like a layer and described for files.

Its parts are in :mod:`cnncore.models.structure`: the layers, inputs and weights in ``parts``, the summary and config in
``described``, the network in the core in ``network``. ``trainer.py`` has its training, and ``structure/protocol.py``
says what the two halves know of each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._custom_objects import custom_object_scope
from cnncore._keras_names.errors import explain_missing_methods
from cnncore._random import next_seed
from cnncore._structure import map_structure, pack_like, without_list_of_one
from cnncore._unique_names import unique_name
from cnncore.differentiation import seen, value_of
from cnncore.graph.call_record import visible_calls
from cnncore.graph.function import Function
from cnncore.graph.masks import check_masks
from cnncore.graph.tensor import KerasTensor, Node, is_symbolic
from cnncore.layers.base import Layer, registry
from cnncore.layers.calls import eager
from cnncore.layers.calls.with_tape import is_recorded
from cnncore.layers.input_layer import Input, InputLayer
from cnncore.models.data.arrange import arrange, as_arrays, fitting, map_shapes
from cnncore.models.structure.described import Described
from cnncore.models.structure.graph_config import layers_from, lookup, rebuild, sharing
from cnncore.models.structure.network import Networked
from cnncore.models.structure.other_sizes import OtherSizes
from cnncore.models.structure.parts import check_names, check_nesting
from cnncore.models.structure.stored import Stored
from cnncore.models.structure.whole_model import function_of_call
from cnncore.models.structure.with_tape import call_with_tape
from cnncore.models.trainer import Trainer

__all__ = ["Model"]


@registry.register("functional")
class Model(Described, OtherSizes, Trainer, Stored, Networked, Layer):
    """A graph of layers with any number of inputs and outputs.

    There are three ways to make one. ``Model(inputs, outputs)`` takes the layers between tensors; :class:`Sequential`
    is a chain; and for a subclass with a method ``call``, this method runs once, when the shape of its input is known,
    and the layers that it calls become the graph. A ``call`` that updates metrics, assigns to weights or looks at
    values of tensors runs for each batch instead, which is slower. A model is a layer itself: call it on tensors to
    make it part of another model, or on arrays.

    Parameters
    ----------
    inputs : KerasTensor, or list or dict of them
        From :func:`cnncore.Input`, or tensors in the middle of another graph.
    outputs : KerasTensor, or list or dict of them
    name : str, optional
        "functional", "functional_1", ... by default, or after the name of the subclass.
    trainable : bool, default True
        False freezes all layers.
    seed : int, optional
        Seed of dropout and shuffling. By default it follows from :func:`cnncore.utils.set_random_seed`, and without
        that it is random.

    Attributes
    ----------
    metadata : dict
        Facts that are saved with the model: what it was trained on, and what you add. They must be possible in JSON.

    Raises
    ------
    ValueError
        If the outputs cannot be computed from the inputs, or two layers have the same name.
    TypeError
        If something in ``inputs`` or ``outputs`` is not a tensor.

    Examples
    --------
    >>> from cnncore import Input, Model
    >>> from cnncore.layers import Add, Conv2D, Dense, GlobalAveragePooling2D
    >>> x = Input((8, 8, 3))
    >>> y = Conv2D(4, 3, padding="same", activation="relu")(x)
    >>> y = Add()([y, Conv2D(4, 1)(x)])
    >>> model = Model(x, Dense(10, activation="softmax")(GlobalAveragePooling2D()(y)))
    >>> model.output_shape, model.count_params()
    ((None, 10), 178)
    """

    one_input = False
    takes_single_values = True
    takes_mask = True
    _reports_its_own = False

    builds_once = False
    takes_unknown_sizes = True
    _own = Layer._own | {
        *("_graph", "_wider", "_lowered", "_lowered_key", "_lock", "_outputs", "_loose_outputs", "_loss_mean")
    }

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        name: str | None = None,
        trainable: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        owner = type(self).__name__
        if name is None and type(self) is Model:
            name, given = unique_name("Functional"), False
        else:
            given = name is not None
        Layer.__init__(self, name=name, **kwargs)
        self._has_own_name = given
        Networked.__init__(self)
        Trainer.__init__(self)
        self.seed = self._given_seed = (
            next_seed() if seed is None else _checks.integer(seed, "seed", owner, 0, 2**63 - 1)
        )
        self._graph: Function | None = None
        self.metadata: dict[str, Any] = {}
        if (inputs is None) != (outputs is None):
            raise ValueError(f"[{owner}] expected both inputs and outputs. Received: inputs={inputs!r}, {outputs=}")
        if inputs is not None:
            self._set_graph(inputs, outputs)
        elif type(self) is Model:
            raise ValueError(
                "[Model] expected Model(inputs, outputs), a Sequential, or a subclass with a method call. Received: "
                "neither inputs nor outputs"
            )
        if not trainable:
            self.trainable = False

    # --- the graph --------------------------------------------------------------------------------------------------
    def _set_graph(self, inputs: Any, outputs: Any) -> None:
        """Take over a graph of layers. Inputs that are results of layers are replaced by new inputs."""
        owner = type(self).__name__
        graph = Function(inputs, outputs, owner)
        if any(not isinstance(tensor.node.layer, InputLayer) for tensor in graph.input_list):
            fresh = [
                tensor if isinstance(tensor.node.layer, InputLayer) else Input(tensor.shape[1:], dtype=tensor.dtype)
                for tensor in graph.input_list
            ]
            outputs = graph.apply(fresh)
            graph = Function(pack_like(inputs, fresh), outputs, owner)
        check_names(graph.all_layers, owner)
        check_nesting(graph.all_layers, owner)
        self._graph, self._wider, self._sizes_that_fit, self.built = graph, None, None, True
        self._discard_network()

    _is_in_own_build = False  # True while the build of a user's class runs, which may call Model.build at its end

    @property
    def _has_own_build(self) -> bool:
        """Whether a user's class defines ``build``, to make its layers there."""
        owner = next(cls for cls in type(self).__mro__ if "build" in vars(cls))
        return not owner.__module__.startswith("cnncore.")

    @property
    def _follows_call(self) -> bool:
        """Whether a subclass defines ``call``."""
        return type(self).call is not Model.call

    @property
    def takes_other_sizes(self) -> bool:
        """Whether data may have other sizes than the model was built for, if its layers can take them."""
        return self._follows_call

    def build(self, input_shape: Any = None) -> None:
        """Fix the shape of the input.

        Parameters
        ----------
        input_shape : tuple, or list or dict of tuples
            With the batch axis in front: (None, height, width, channels).

        Raises
        ------
        ValueError
            If a layer cannot take its input, or another shape was fixed before. The model is left as it was.
        """
        if self._graph is None:
            if input_shape is None:
                self._require_built()
            owner = f"{type(self).__name__}.build"
            self.build_for_shapes(
                map_shapes(lambda s: _checks.shape_of_sample(s[1:], "input_shape", owner), input_shape)
            )

    def _build_for(self, x: Any) -> None:
        """Fix the shapes of the inputs by data, if they are not known."""
        if self._graph is None:
            self.build_for_shapes(map_structure(lambda leaf: tuple(np.shape(leaf)[1:]), as_arrays(x)))
        else:
            self._accept_sizes_of(x)

    def build_for_shapes(self, sample_shapes: Any) -> None:
        """Fix the shapes of the inputs, without the batch axis: a shape, or a list or dict of them."""
        if self._graph is None and self._has_own_build and not self._is_in_own_build:
            self._is_in_own_build = True
            try:
                self.build(map_shapes(lambda shape: (None, *shape), sample_shapes))
            finally:
                self._is_in_own_build = False
        with self._lock:
            if self._graph is not None:
                return
            if not self._follows_call:
                self._require_built()
            with visible_calls():
                inputs = map_shapes(Input, sample_shapes)
            function = function_of_call(self, inputs)
            self._set_graph(function.inputs, function.outputs)

    def ensure_built(self, input_shape: Any, *more: Any) -> None:
        """Build the model for inputs of this shape, if it is not built."""
        if self._graph is None:
            self.build_for_shapes(map_shapes(lambda shape: tuple(shape[1:]), input_shape))

    # --- calls ------------------------------------------------------------------------------------------------------
    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Apply the model to symbolic tensors, as a layer of another model, or to arrays.

        Parameters
        ----------
        *args
            A tensor or array with the batch axis in front, or a list or dict of them, nested like the model's inputs.
        training : bool, optional
            Whether to behave as in training: dropout drops, batch normalization uses the batch. In a call on tensors,
            False means that this call behaves as in inference even while the model is trained.

        Returns
        -------
        KerasTensor or Array, or several of them, nested like the model's outputs
        """
        if is_symbolic([args, kwargs]) or (self._follows_call and (len(args) != 1 or kwargs)):
            return super().__call__(*args, training=training, **kwargs)
        given = [name for name, value in kwargs.items() if value is not None]
        if len(args) != 1 or given:
            raise TypeError(
                f'Model "{self.name}" expected one argument: its inputs. Received: {len(args)} arguments'
                + (f" and {', '.join(given)}" if given else "")
            )
        self._build_for(args[0])
        graph = self._used_function
        values = [seen(x) for x in arrange(graph.inputs, self.input_names, args[0], self.name)]
        arrays = [fitting(value_of(x), tensor, self.name) for x, tensor in zip(values, graph.input_list, strict=True)]
        if is_recorded(self, values):
            return without_list_of_one(call_with_tape(self, values, arrays, training))
        arrays = self.changed_images(arrays, training)
        network = self._network_for_use()
        self.note_losses_of_call(self._lowered, arrays)
        return without_list_of_one(eager.run(network, arrays, bool(training), graph.outputs))

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """What the model computes. A subclass may define it by calls of layers."""
        if is_symbolic(inputs):
            return self._function.apply(arrange(self._function.inputs, self.input_names, inputs, self.name))
        return Model.__call__(self, inputs, training=training)

    def call_on_tensors(self, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool | None) -> Any:
        """Note a call of this model, as if it were a layer, and return its symbolic results."""
        if self.is_custom:
            return super().call_on_tensors(args, kwargs, training)
        if len(args) != 1 or set(kwargs) - {"mask"}:
            raise TypeError(f'Model "{self.name}" expected one argument: its inputs. Received: {len(args)} arguments')
        if kwargs.get("mask") is not None:
            check_masks(self.name, args[0], kwargs["mask"])
        self.ensure_built(map_structure(lambda leaf: leaf.shape, args[0]))
        tensors = arrange(self._function.inputs, self.input_names, args[0], self.name)
        shapes = self._function.compute_output_shape([tensor.shape for tensor in tensors])
        outputs = map_shapes(KerasTensor, shapes)
        Node(self, (pack_like(self._function.inputs, tensors),), kwargs, outputs, training)
        return outputs

    @property
    def is_graph(self) -> bool:
        """Whether the model was made from layers or tensors. False for a subclass with a method ``call``."""
        return not self._follows_call

    @property
    def is_custom(self) -> bool:
        return self._follows_call

    @property
    def says_its_output_shape(self) -> bool:
        """Whether the shape of the result is known without a call, as it is once the model is built."""
        return bool(self.built)

    def compute_output_shape(self, input_shape: Any) -> Any:
        if not isinstance(input_shape, (tuple, list, dict)) or not input_shape:
            raise ValueError(
                f"[compute_output_shape] expected a shape with the batch axis in front. Received: {input_shape!r:.80}"
            )
        shapes = map_shapes(KerasTensor, input_shape)
        tensors = arrange(self._function.inputs, self.input_names, shapes, self.name)
        return self._function.compute_output_shape([tensor.shape for tensor in tensors])

    def lower(self, graph: Any, inputs: Sequence[int]) -> list[int]:
        return self._function.lower(graph, inputs)

    # --- from files ---------------------------------------------------------------------------------------------------
    @property
    def _has_own_constructor(self) -> bool:
        return type(self).__init__ is not Model.__init__

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Inverse of :meth:`get_config`.

        Parameters
        ----------
        config : dict
        custom_objects : dict of str to class or function, optional
            What names in the config mean.

        Raises
        ------
        ValueError
            If the description makes no sense.
        """
        if not isinstance(config, Mapping):
            raise ValueError(f"[{cls.__name__}] expected a config. Received: {type(config).__name__}")
        if "calls" not in config:
            if cls is Model:
                raise ValueError(f"[Model] expected a config with `layers` and `calls`. Received: {sorted(config)}")
            return cls(**config)
        with custom_object_scope(custom_objects), sharing():
            layers = layers_from(config.get("layers"), cls.__name__)
        inputs, outputs = rebuild(config, *lookup(layers, config))
        model = cls(inputs, outputs, name=config.get("name"), seed=config.get("seed"))
        model.precision = config.get("precision", "float32")
        model._trainable = _checks.boolean(config.get("trainable", True), "trainable", cls.__name__)
        return model


explain_missing_methods(Model, "Model")
