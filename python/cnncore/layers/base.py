"""The base class of all layers: arguments, shapes, weights, calls on tensors and arrays, and ``lower``, which adds ops.

How to write a layer over ops of the core (``Dense`` in dense.py is the pattern)::

    @registry.register()
    class Scale(Layer):
        def __init__(self, factor, **kwargs):            # Layer takes name, trainable, dtype, input_shape, ...
            super().__init__(**kwargs)
            self.factor = factor

        def compute_output_shape(self, input_shape):     # shapes have the batch axis, None, in front;
            return input_shape                           # a layer of several inputs gets a list of them

        def weight_specs(self, input_shape):             # the weights, in the order of the op's parameters
            return [WeightSpec("kernel", (input_shape[-1],), self.kernel_initializer)]

        def lower(self, graph, inputs):                  # ids of the inputs -> id of the output, or a list of them
            return graph.add("some_op", inputs, self.name, factor=self.factor)

        def get_config(self):
            return {**super().get_config(), "factor": self.factor}

``graph`` is a :class:`cnncore.layers.lowering.Lowering`: ``add(kind, inputs, self.name, **attributes)``,
``output_shape(id)`` without the batch axis, and ``seed`` for layers that draw random numbers in training. ``add``
passes on the layer's name, its weights and ``trainable``. A layer that consists of several ops says which of its
weights each op takes: ``graph.add(..., weights=[0, 2])``.

A layer owns its weights: they are made when they are first needed after ``build``, and any number of models share them.
``custom.py`` explains how users write layers, with ``build`` and ``call`` in NumPy or with other layers.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, TypeVar

from cnncore import _checks, _layer_registry, regularizers
from cnncore._naming import unique_name
from cnncore._not_here import explain_missing_methods
from cnncore._random import next_seed
from cnncore._registry import Registry
from cnncore._structure import flatten, map_structure
from cnncore.layers import custom, eager
from cnncore.layers.activity import add_penalties, is_own
from cnncore.layers.arguments import checked_name, declared_shape, given_arguments, unknown_argument
from cnncore.layers.connected import Connected
from cnncore.layers.loss_terms import add_loss
from cnncore.layers.protocols import Graph
from cnncore.layers.tensor import KerasTensor, Node, is_symbolic
from cnncore.layers.variable import Variable, WeightSpec
from cnncore.layers.weights import Weighted, building_once, structure_changed, structure_version

__all__ = ["Layer", "Shape", "WeightSpec", "registry", "structure_changed", "structure_version"]

Shape = tuple[Any, ...]  # the batch axis, None, then ints
L = TypeVar("L", bound="Layer")

registry: Registry[Layer] = _layer_registry.registry


class Layer(Connected, Weighted):
    """Base class of all layers.

    Parameters
    ----------
    activity_regularizer : optional
        A penalty on the layer's output, from :mod:`cnncore.regularizers`.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : str, optional
        Only "float32", the default, is accepted.
    name : str, optional
        Unique in its model; ``conv2d``, ``conv2d_1``, ... by default, counted in this process.
    input_shape : tuple of int, optional
        Shape of one sample, for the first layer of a Sequential model. ``input_dim=n`` stands for ``input_shape=(n,)``,
        ``batch_shape`` has the batch axis in front, and ``batch_input_shape`` is an older name of it.
    weights : list of array_like, optional
        An argument of Keras 2: initial weights, which are set as by ``set_weights`` when the layer is built.

    Attributes
    ----------
    built : bool
        Whether the shapes of the weights are known.
    nodes : list of Node
        The calls of this layer on symbolic tensors.

    Raises
    ------
    TypeError
        For an argument that no layer has.
    ValueError
        For an argument that makes no sense.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Layer:
        """Remember what a class of a user was given, in case that it has no ``get_config``."""
        layer = super().__new__(cls)
        if not cls.__module__.startswith("cnncore."):
            layer.__dict__["_given"] = given_arguments(cls, args, kwargs)
        return layer

    one_input = True  # False: lists and dicts of tensors are for this layer

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        owner = type(self).__name__
        self._has_own_name = name is not None
        self._name = checked_name(name, owner) if name is not None else unique_name(owner)
        super().__init__(_checks.boolean(trainable, "trainable", owner))
        self.dtype = _checks.dtype(dtype, owner)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.declared_input_shape = declared_shape(kwargs, owner)
        self._given_weights: Any = kwargs.pop("weights", None)
        if kwargs:
            raise TypeError(unknown_argument(type(self), next(iter(kwargs))))
        self.built = False
        self.nodes: list[Node] = []
        self._eager: dict[Any, Any] = {}

    # --- what a subclass says -----------------------------------------------------------------------------------
    def compute_output_shape(self, input_shape: Any) -> Any:
        """Output shape for an input shape, both with the batch axis (None) in front; ValueError if it cannot be."""
        raise NotImplementedError(f"{type(self).__name__} must implement compute_output_shape(input_shape)")

    def weight_specs(self, input_shape: Any) -> list[WeightSpec]:
        """The weights that the layer needs for an input shape, in order."""
        return []

    def lower(self, graph: Graph, inputs: Sequence[int]) -> Any:
        """Add this layer's ops to ``graph``; the id of its output, or a list of ids."""
        raise NotImplementedError(f"{type(self).__name__} must implement lower(graph, inputs), or call(...)")

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor, ready for JSON."""
        config: dict[str, Any] = {"name": self.name, "trainable": self._trainable}
        if self.declared_input_shape is not None:
            config["input_shape"] = list(self.declared_input_shape)
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return self._with_given(config)

    def _with_given(self, config: dict[str, Any]) -> dict[str, Any]:
        """``config`` with what the constructor of a user's class was given, where the class has no ``get_config``."""
        given = self.__dict__.get("_given")
        own = next(cls for cls in type(self).__mro__ if "get_config" in vars(cls))
        if given is None or not own.__module__.startswith("cnncore."):
            return config
        taken = inspect.signature(type(self).__init__).parameters
        if not any(item.kind is item.VAR_KEYWORD for item in taken.values()):
            config = {key: value for key, value in config.items() if key in taken}
        return {**given, **config}

    @classmethod
    def from_config(cls: type[L], config: dict[str, Any]) -> L:
        """Inverse of :meth:`get_config`."""
        return cls(**config)

    # --- calls ----------------------------------------------------------------------------------------------------
    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Apply the layer.

        Parameters
        ----------
        *args, **kwargs
            A symbolic tensor, an array with the batch axis in front, or a list or dict of them as the layer wants it.
        training : bool, optional
            Whether to behave as in training: dropout drops, batch normalization uses the batch. On symbolic tensors
            False fixes the behaviour of inference for this call, whatever the model does.

        Returns
        -------
        KerasTensor or Array
            A symbolic tensor for symbolic tensors. For arrays an ``Array``, which is a NumPy array with an additional
            method ``numpy()``.
        """
        if is_symbolic([args, kwargs]):
            return self.call_on_tensors(args, kwargs, training)
        return eager.call(self, args, kwargs, training)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """What the layer computes. Custom layers implement it in Python, see :mod:`cnncore.layers.custom`; other layers
        implement ``lower`` instead.

        A subclass of a layer that has one reaches it by ``super().call(x)``.
        """
        shape = self.compute_output_shape(_shapes(args[0]))
        outputs = _tensors_of(shape)
        Node(self, args, kwargs, outputs, direct=True)
        return outputs

    def call_on_tensors(self, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool | None) -> Any:
        """The symbolic tensors that a call with symbolic tensors returns."""
        if self.one_input and not self._is_custom and args and isinstance(args[0], (list, tuple, dict)):
            raise ValueError(
                f'Layer "{self.name}" expected one tensor as its input. Received: a {type(args[0]).__name__} of '
                f"{len(flatten(args[0]))}. Layers such as Add and Concatenate make one tensor of several."
            )
        self.ensure_built(*_shapes(list(args) or list(kwargs.values())))
        outputs = _tensors_of(self.output_shape_of_call(args, kwargs))
        Node(self, args, kwargs, outputs, training)
        return outputs

    def output_shape_of_call(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """The shape of the result of a call, or a structure of shapes."""
        if self._is_custom:
            return custom.plan(self, args, kwargs).output_shape
        if len(args) != 1 or kwargs:
            raise TypeError(
                f'Layer "{self.name}" expected one argument: a tensor or a list of them. Received: {len(args)} '
                "arguments" + (f" and {', '.join(kwargs)}" if kwargs else "")
            )
        return self.compute_output_shape(_shapes(args[0]))

    def lower_call(self, graph: Graph, node: Node, inputs: Sequence[int]) -> Any:
        """Add the ops of one call to ``graph``."""
        if self._is_custom and not node.direct:
            shapes = [(None, *graph.output_shape(number)) for number in inputs]
            args, kwargs = custom.fill_shapes([list(node.args), node.kwargs], shapes)
            result = custom.plan(self, args, kwargs).lower(graph, self, inputs)
        else:
            result = self.lower(graph, inputs)
        penalty = self.activity_regularizer
        if is_own(penalty) or any(is_own(spec.regularizer) for spec in self._specs):
            own = penalty if is_own(penalty) else None
            outputs, first = flatten(result), graph.is_first_call
            result = [add_penalties(graph, y, self, own, first and not i) for i, y in enumerate(outputs)]
        if penalty is None or is_own(penalty):
            return result
        l1, l2 = float(getattr(penalty, "l1", 0.0)), float(getattr(penalty, "l2", 0.0))
        return [graph.add("activity_regularization", [item], self.name, l1=l1, l2=l2) for item in flatten(result)]

    @property
    def _is_custom(self) -> bool:
        """Whether the layer's class, or one of its base classes, implements ``call``."""
        cls = type(self)
        if cls.call is Layer.call:
            return False
        order = cls.__mro__
        where = {name: next(i for i, base in enumerate(order) if name in vars(base)) for name in ("call", "lower")}
        return where["call"] < where["lower"]

    @property
    def says_its_output_shape(self) -> bool:
        """Whether the layer's class has ``compute_output_shape``."""
        return type(self).compute_output_shape is not Layer.compute_output_shape

    @property
    def eager_networks(self) -> dict[Any, Any]:
        """Networks that were made for calls on arrays. They are kept for further calls with the same shapes."""
        return self._eager

    def add_loss(self, loss: Any, inputs: Any = None) -> None:
        """Add a loss to that of the model, inside ``call``.

        Parameters
        ----------
        loss : symbolic loss
            Computed from what ``call`` was given, by NumPy, :mod:`cnncore.backend` or :mod:`cnncore.ops`: a mean or sum
            over the batch, or values for each sample, of which the mean is taken.
        inputs : optional
            Accepted for Keras 2's sake.

        Raises
        ------
        ValueError
            Outside of ``call``, or for a number. A penalty on weights is their ``regularizer=``.
        """
        add_loss(type(self).__name__, loss)

    # --- building -------------------------------------------------------------------------------------------------
    def build(self, input_shape: Any) -> None:
        """Fix the shapes of the weights for an input shape. Calling the layer does this by itself."""
        if not self.built:
            self._specs += self.weight_specs(input_shape)
            self.built = True
            self._write_given_weights()

    def _write_given_weights(self) -> None:
        given, self._given_weights = self._given_weights, None
        if given is not None:
            self.set_weights(given)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls) and cls.builds_once:
            cls.build = building_once(cls.build)  # type: ignore[method-assign]

    builds_once = True  # a build of a subclass runs once, whoever calls it

    def ensure_built(self, input_shape: Any, *more: Any) -> None:
        """Build the layer if it is not built yet; otherwise check that its weights fit the input shape."""
        if not self.built:
            if self.seed_key is None:
                self.seed_key = (next_seed(),)
            if self.says_its_output_shape:
                self.compute_output_shape(input_shape)  # raises an error if the shape is wrong, before anything changes
            takes_all = more and len(inspect.signature(self.build).parameters) > 1
            self.build(input_shape, *(more if takes_all else ()))
            self._write_given_weights()
            return
        for held, spec in zip(self._specs, self.weight_specs(input_shape), strict=False):
            if held.shape != spec.shape:
                raise ValueError(
                    f'Layer "{self.name}" already has a {spec.name} of shape {held.shape}, but an input of shape '
                    f"{input_shape} needs {spec.shape}. Make a new layer: "
                    f"{type(self).__name__}.from_config(layer.get_config())"
                )

    # --- what a user sees ---------------------------------------------------------------------------------------
    @property
    def name(self) -> str:
        """The layer's name."""
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name, self._has_own_name = checked_name(value, type(self).__name__), True

    def rename(self, name: str) -> None:
        """Called by a model that has another layer with the same name, if the user did not choose the name."""
        self._name = name

    @property
    def has_own_name(self) -> bool:
        """Whether the name was given by the user, rather than derived from the class."""
        return self._has_own_name

    def __repr__(self) -> str:
        shapes = f", {self.input_shape} -> {self.output_shape}" if self.nodes else ""
        count = f", {self.count_params():,} parameters" if self.built else ", not built"
        return f"<{type(self).__name__} {self.name}{shapes}{count}>"

    # --- copies ---------------------------------------------------------------------------------------------------
    def __getstate__(self) -> dict[str, Any]:
        # A copy has the values of the weights, but belongs to no graph of calls.
        state = self.__dict__ | {"nodes": [], "_parameters": None, "_eager": {}, "_handles": []}
        if self._parameters is not None:
            state["_held"] = [self._parameters.read(index) for index in range(len(self._specs))]
        return state

    # --- for subclasses -------------------------------------------------------------------------------------------
    def _weight(self, name: str) -> Variable:
        """The weight of that name, for properties such as ``kernel``."""
        for index, spec in enumerate(self._specs):
            if spec.name == name:
                return self._handle(index)
        if not self.built:
            raise ValueError(f'Layer "{self.name}" is not built: it has no {name} before its input shape is known.')
        raise AttributeError(f'layer "{self.name}" has no {name}')

    def _expect_rank(self, input_shape: Shape, axes: str) -> None:
        expected = axes.count(",") + 1
        if len(input_shape) != expected:
            raise ValueError(
                f'Input 0 of layer "{self.name}" is incompatible with it: expected rank {expected} ({axes}). '
                f"Received: shape={input_shape}"
            )


explain_missing_methods(Layer, "Layer")


def _shapes(structure: Any) -> Any:
    return map_structure(lambda leaf: leaf.shape if isinstance(leaf, KerasTensor) else leaf, structure)


def _tensors_of(shape: Any) -> Any:
    """Symbolic tensors for a shape, or for a structure of shapes."""
    if isinstance(shape, dict):
        return {key: _tensors_of(value) for key, value in shape.items()}
    if len(shape) and isinstance(shape[0], (tuple, list, dict)):
        return [_tensors_of(item) for item in shape]
    return KerasTensor(shape)
