"""Model: a graph of layers. What it is made of is here; how it is trained is in ``trainer.py``.

This is all that the two halves know of each other.

What the structure gives to ``Trainer`` (``self`` is the model):

``_network_for_use() -> _core.Network``
    The network of the model as it is now, made when it is first needed, weights of frozen layers marked, regularizers
    set. It is another object after layers or ``trainable`` changed, which costs nothing to ask. ValueError if the
    shape of the input is not known. Ask for it at the beginning of each public call, not in each step.
``_build_for(x)``
    Fix the shapes of the inputs by data: an array, or a list or dict of arrays. Nothing happens if they are known.
``graph``
    The built graph: ``inputs`` and ``outputs`` are what the user gave (a tensor, a list, a dict, nested),
    ``input_list`` and ``output_list`` the tensors in the order in which ``Network`` takes and gives arrays.
    ``tensor.shape[1:]`` is a sample's. ``cnncore.models.arrange.arrange(graph.inputs, self.input_names, x, owner)``
    brings data into that order.
``input_names``, ``output_names``
    Names in the same order: of the ``Input``s, and of the layers that give the outputs or the keys of a dict of them.
``variable_of(slot)``
    The :class:`~cnncore.layers.variable.Variable` behind a slot of the network: its layer, path, spec and values.
``_augmentation``
    The layers at the very beginning that have a method ``augment``; the network leaves them out.
``_constraints() -> list of (Variable, constraint)``
    What to apply to weights after each step: ``variable.assign(constraint(variable.numpy()))``.
``lock``
    A reentrant lock. Whatever changes weights or optimizer holds it, one training step at a time; saving takes it
    once for its one moment. Inference does not take it.
``metadata``
    A dict for files: what the model was trained on.
``seed``, ``precision``, ``name``, ``layers``
    As ever; ``precision`` is passed on to the network when set.

What ``Trainer`` gives to the structure:

``Trainer.__init__(self)``
    No arguments; the state before ``compile``. Everything it keeps in ``self.__dict__`` must be deep-copied and pickled
    sensibly, or replaced by ``_training_attributes() -> dict`` (name -> value to keep), which copies and pickles use.
``_network_replaced(old, new)``
    Called under ``lock`` when the network is another object: optimizer state is carried over slot by slot. ``old`` may
    be None.
``compiled``, ``get_compile_config()``, ``compile_from_config(config)``
    As in Keras; the config is ready for JSON.
``build_optimizer()``, ``optimizer.state_dict()``, ``optimizer.load_state_dict(state)``
    What saving stores and loading restores: "step", and vectors laid out like the network's flat parameters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore._custom_objects import custom_object_scope
from cnncore._names import nearest
from cnncore._naming import unique_name
from cnncore._not_here import explain_missing_methods
from cnncore._random import next_seed
from cnncore._structure import map_structure, pack_like
from cnncore.layers import custom, eager
from cnncore.layers.base import Layer, registry
from cnncore.layers.function import Function
from cnncore.layers.input_layer import Input, InputLayer
from cnncore.layers.tensor import KerasTensor, Node, is_symbolic
from cnncore.layers.variable import Variable
from cnncore.models.arrange import arrange, as_arrays, fitting, map_shapes
from cnncore.models.graph_config import describe, descriptions_of, layers_from, lookup, rebuild, sharing
from cnncore.models.network import Networked
from cnncore.models.stored import Stored
from cnncore.models.summary import print_summary
from cnncore.models.trainer import Trainer

__all__ = ["Model"]


@registry.register("functional")
class Model(Trainer, Stored, Networked, Layer):
    """A graph of layers with any number of inputs and outputs.

    There are three ways to make one. ``Model(inputs, outputs)`` takes the layers between tensors; :class:`Sequential`
    is a chain; and a subclass with a method ``call`` that calls layers is followed once, when the shape of its input is
    known. A model is a layer itself: call it on tensors to make it part of another model, or on arrays.

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
        Of dropout and shuffling, and in Sequential of initial weights; by default from
        :func:`cnncore.utils.set_random_seed`, else random.

    Attributes
    ----------
    metadata : dict
        Facts that files keep, ready for JSON: what the model was trained on, and whatever you add.

    Raises
    ------
    ValueError
        If the outputs cannot be computed from the inputs, or two layers have the same name.
    TypeError
        If something in ``inputs`` or ``outputs`` is no tensor.

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

    builds_once = False
    _own = Layer._own | {"_graph", "_lowered", "_lowered_key", "_lock"}

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
        self.seed = next_seed() if seed is None else _checks.integer(seed, "seed", owner, 0, 2**63 - 1)
        self._graph: Function | None = None
        self.metadata: dict[str, Any] = {}
        if (inputs is None) != (outputs is None):
            raise ValueError(f"[{owner}] expected both inputs and outputs. Received: inputs={inputs!r}, {outputs=}")
        if inputs is not None:
            self._set_graph(inputs, outputs)
        elif type(self) is Model:
            raise ValueError(
                "[Model] expected Model(inputs, outputs), a Sequential, or a subclass with a method call. Received: "
                "neither "
                "inputs nor outputs"
            )
        if not trainable:
            self.trainable = False

    # --- the graph --------------------------------------------------------------------------------------------------
    def _set_graph(self, inputs: Any, outputs: Any) -> None:
        owner = type(self).__name__
        graph = Function(inputs, outputs, owner)
        if any(not isinstance(tensor.node.layer, InputLayer) for tensor in graph.input_list):
            fresh = [
                tensor if isinstance(tensor.node.layer, InputLayer) else Input(tensor.shape[1:], dtype=tensor.dtype)
                for tensor in graph.input_list
            ]
            outputs = graph.apply(fresh)
            graph = Function(pack_like(inputs, fresh), outputs, owner)
        _check_names(graph.all_layers, owner)
        self._graph, self.built = graph, True
        self._discard_network()

    @property
    def _function(self) -> Function:
        self._require_built()
        assert self._graph is not None
        return self._graph

    @property
    def graph(self) -> Function:
        """The calls of layers that lead from the inputs to the outputs; ValueError while the input's shape is not
        known.
        """
        return self._function

    def _require_built(self) -> None:
        if self._graph is None:
            raise ValueError(
                f'Model "{self.name}" is not built: call it on an array or an Input, call build with the shape of its '
                "input, or fit it."
            )

    @property
    def _follows_call(self) -> bool:
        """Whether a subclass says in ``call`` what the model computes."""
        return type(self).call is not Model.call

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
            self.build_for_shapes(map_shapes(lambda s: _checks.shape(s[1:], "input_shape", owner), input_shape))

    def _build_for(self, x: Any) -> None:
        """Fix the shapes of the inputs by data, if they are not known."""
        if self._graph is None:
            self.build_for_shapes(map_structure(lambda leaf: tuple(np.shape(leaf)[1:]), as_arrays(x)))

    def build_for_shapes(self, sample_shapes: Any) -> None:
        """Fix the shapes of the inputs, without the batch axis: a shape, or a list or dict of them."""
        with self._lock:
            if self._graph is not None:
                return
            if not self._follows_call:
                self._require_built()
            inputs = map_shapes(Input, sample_shapes)
            function = custom.follow(self, inputs)
            self._set_graph(function.inputs, function.outputs)

    def ensure_built(self, input_shape: Any, *more: Any) -> None:
        """Build the model if it is not; called on tensors it takes their shapes."""
        if self._graph is None:
            self.build_for_shapes(map_shapes(lambda shape: tuple(shape[1:]), input_shape))

    # --- calls ------------------------------------------------------------------------------------------------------
    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Apply the model to symbolic tensors, as a layer of another model, or to arrays.

        Parameters
        ----------
        *args
            A tensor or array with the batch axis in front, or a list or dict of them as the model was made.
        training : bool, optional
            Whether to behave as in training: dropout drops, batch normalization uses the batch. On tensors False fixes
            the behaviour of inference for this call.

        Returns
        -------
        KerasTensor or Array, or the structure of them that the model's outputs have
        """
        if is_symbolic([args, kwargs]) or (self._follows_call and (len(args) != 1 or kwargs)):
            return super().__call__(*args, training=training, **kwargs)
        if len(args) != 1:
            raise TypeError(f'Model "{self.name}" expected one argument: its inputs. Received: {len(args)} arguments')
        self._build_for(args[0])
        graph = self._function
        values = arrange(graph.inputs, self.input_names, args[0], self.name)
        arrays = [fitting(x, tensor, self.name) for x, tensor in zip(values, graph.input_list, strict=True)]
        arrays = self._changed_images(arrays, training)
        return eager.run(self._network_for_use(), arrays, bool(training), graph.outputs)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """What the model computes; subclasses may say it with calls of layers."""
        if is_symbolic(inputs):
            return self._function.apply(arrange(self._function.inputs, self.input_names, inputs, self.name))
        return Model.__call__(self, inputs, training=training)

    def call_on_tensors(self, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool | None) -> Any:
        if self._is_custom:
            return super().call_on_tensors(args, kwargs, training)
        if len(args) != 1 or kwargs:
            raise TypeError(f'Model "{self.name}" expected one argument: its inputs. Received: {len(args)} arguments')
        self.ensure_built(map_structure(lambda leaf: leaf.shape, args[0]))
        tensors = arrange(self._function.inputs, self.input_names, args[0], self.name)
        shapes = self._function.compute_output_shape([tensor.shape for tensor in tensors])
        outputs = map_shapes(KerasTensor, shapes)
        Node(self, (pack_like(self._function.inputs, tensors),), {}, outputs, training)
        return outputs

    @property
    def is_graph(self) -> bool:
        """Whether the layers are a chain or a graph of calls rather than what a ``call`` of a subclass uses."""
        return not self._follows_call

    @property
    def _is_custom(self) -> bool:
        return self._follows_call

    def compute_output_shape(self, input_shape: Any) -> Any:
        shapes = map_shapes(KerasTensor, input_shape)
        tensors = arrange(self._function.inputs, self.input_names, shapes, self.name)
        return self._function.compute_output_shape([tensor.shape for tensor in tensors])

    def lower(self, graph: Any, inputs: Sequence[int]) -> list[int]:
        return self._function.lower(graph, inputs)

    # --- parts ------------------------------------------------------------------------------------------------------
    @property
    def layers(self) -> list[Layer]:
        """The layers, those before others first; an ``Input`` is one, too, except in Sequential models."""
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
        if index is not None:
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
        """Names of the inputs: those of their ``Input``."""
        return [tensor.node.layer.name for tensor in self._function.input_list]

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs: the keys of a dict of outputs, else the names of the layers that give them."""
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
        self._require_built()
        return super().variables

    def named_weights(self) -> dict[str, Variable]:
        """All weights by name, such as "conv2d/kernel", layer by layer. Of layers with equal names, which models inside
        models may have, later ones get a number: "conv2d_1/kernel".
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

    # --- description --------------------------------------------------------------------------------------------------
    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print layers, output shapes and numbers of parameters.

        Parameters
        ----------
        line_length : int, optional
            Width of the table; as wide as its content needs by default, but at least 65 characters.
        positions : list of float, optional
            Where the columns end: fractions of the width, or absolute positions.
        print_fn : callable, default print
            Called with each line.
        expand_nested : bool, default False
            Whether to show the layers of models inside.
        show_trainable : bool, default False
            Whether to show which layers are trained.
        layer_range : (str, str), optional
            Names, or regular expressions, of the first and the last layer to show.

        Raises
        ------
        ValueError
            If the shape of the input is not known.
        """
        self._require_built()
        print_summary(self, line_length, positions, print_fn or print, expand_nested, show_trainable, layer_range)

    def get_config(self) -> dict[str, Any]:
        """Layers, their calls, seed and precision, ready for JSON."""
        base = {"name": self.name, "trainable": self._trainable}
        if self._follows_call or type(self).__init__ is not Model.__init__:
            return base
        with sharing():
            layers = descriptions_of(self.layers)
        return base | {
            "seed": self.seed,
            "precision": self.precision,
            "layers": layers,
            **describe(self._function),
        }

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
                raise ValueError("[Model] expected a config with layers and their calls.")
            return cls(**config)
        with custom_object_scope(custom_objects), sharing():
            layers = layers_from(config.get("layers"), cls.__name__)
        inputs, outputs = rebuild(config, *lookup(layers))
        model = cls(inputs, outputs, name=config.get("name"), seed=config.get("seed"))
        model.precision = config.get("precision", "float32")
        model._trainable = _checks.boolean(config.get("trainable", True), "trainable", cls.__name__)
        return model

    def to_json(self, **kwargs: Any) -> str:
        """The model's structure, without weights, as JSON; :func:`cnncore.models.model_from_json` reads it.

        Parameters
        ----------
        **kwargs
            For :func:`json.dumps`.
        """
        return str(json.dumps(registry.serialize(self), **kwargs))

    def __repr__(self) -> str:
        if not self.built:
            return f"<{type(self).__name__} {self.name}, not built>"
        return (
            f"<{type(self).__name__} {self.name}: {len(self.layers)} layers, {self.input_shape} -> "
            f"{self.output_shape}, "
            f"{self.count_params():,} parameters>"
        )


def _check_names(layers: list[Layer], owner: str) -> None:
    taken: set[str] = set()
    for layer in layers:
        while layer.name in taken:
            if layer.has_own_name:
                raise ValueError(f"[{owner}] expected layers with different names. Received: {layer.name!r} twice")
            layer.rename(unique_name(type(layer).__name__))
        taken.add(layer.name)


explain_missing_methods(Model, "Model")
