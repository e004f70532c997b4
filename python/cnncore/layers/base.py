"""What every layer is: arguments, shapes, weights, calls on tensors and arrays, and the ops it becomes (``lower``).

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
``output_shape(id)`` without the batch axis, and ``seed`` for layers that draw numbers in training. The layer's name,
its weights and ``trainable`` are added there. A layer of several ops says which of its weights each takes:
``graph.add(..., weights=[0, 2])``.

A layer owns its weights: they are made when they are first needed after ``build``, and any number of models share them.
Layers of users, with ``build`` and ``call`` in NumPy or over other layers, are the matter of ``custom.py``.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks, _core, initializers
from cnncore._names import nearest
from cnncore._naming import unique_name
from cnncore._random import next_seed
from cnncore._registry import Registry
from cnncore._structure import flatten, map_structure
from cnncore.layers import custom, eager
from cnncore.layers.tensor import KerasTensor, Node, is_symbolic
from cnncore.layers.variable import Variable, WeightSpec, write_weights

if TYPE_CHECKING:
    from cnncore.layers.lowering import Lowering

__all__ = ["Layer", "Shape", "WeightSpec", "registry", "structure_changed", "structure_version"]

Shape = tuple[Any, ...]  # the batch axis, None, then ints
L = TypeVar("L", bound="Layer")

registry: Registry[Layer] = Registry("layer")

_version = 0  # counts what may change a network: flags, layers added or removed


def structure_version() -> int:
    """A number that changes whenever ``trainable`` of a layer, or the layers of a model, change."""
    return _version


def structure_changed() -> None:
    """Tell all models that the networks they hold may be out of date."""
    global _version
    _version += 1


class Layer:
    """Base class of all layers.

    Parameters
    ----------
    activity_regularizer : optional
        Penalty on the layer's output, from :mod:`cnncore.regularizers`.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : str, optional
        Only "float32", which is the default, is there.
    name : str, optional
        Unique in its model; ``conv2d``, ``conv2d_1``, ... by default, counted in this process.
    input_shape : tuple of int, optional
        Shape of one sample, for the first layer of a Sequential model. ``input_dim=n`` stands for ``input_shape=(n,)``,
        ``batch_input_shape`` has the batch axis in front, and ``batch_shape`` is today's name of that.

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

    # What a layer keeps for itself; everything else in __dict__ may hold layers of its own.
    _own = frozenset({"nodes", "_parameters", "_held", "_eager", "_specs", "activity_regularizer"})

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
        self._name = _checked_name(name, owner) if name is not None else unique_name(owner)
        self._trainable = _checks.boolean(trainable, "trainable", owner)
        self.dtype = _checked_dtype(dtype, owner)
        self.activity_regularizer = activity_regularizer
        self.declared_input_shape = _declared_shape(kwargs, owner)
        if kwargs:
            raise TypeError(_unknown_argument(type(self), next(iter(kwargs))))
        self.built = False
        self.nodes: list[Node] = []
        self._specs: list[WeightSpec] = []
        self._parameters: _core.Parameters | None = None
        self._held: list[np.ndarray] | None = None  # values that wait for the parameters to be made
        self._eager: dict[Any, Any] = {}
        self.seed_key: tuple[int, ...] | None = None  # of the initial weights; a model with a seed of its own sets it

    # --- what a subclass says -----------------------------------------------------------------------------------
    def compute_output_shape(self, input_shape: Any) -> Any:
        """Output shape for an input shape, both with the batch axis (None) in front; ValueError if it cannot be."""
        raise NotImplementedError(f"{type(self).__name__} must implement compute_output_shape(input_shape)")

    def weight_specs(self, input_shape: Any) -> list[WeightSpec]:
        """The weights needed for an input shape, in order."""
        return []

    def lower(self, graph: Lowering, inputs: Sequence[int]) -> Any:
        """Add this layer's ops to ``graph``; the id of its output, or a list of ids."""
        raise NotImplementedError(f"{type(self).__name__} must implement lower(graph, inputs), or call(...)")

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor, ready for JSON."""
        config: dict[str, Any] = {"name": self.name, "trainable": self._trainable}
        if self.declared_input_shape is not None:
            config["input_shape"] = list(self.declared_input_shape)
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = _serialized(self.activity_regularizer)
        return config

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
            Symbolic tensors give symbolic ones; arrays give an array, which is a NumPy array that also has ``numpy()``.
        """
        if is_symbolic([args, kwargs]):
            return self._call_on_tensors(args, kwargs, training)
        return eager.call(self, args, kwargs, training)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """What the layer computes. Custom layers say it in Python, see :mod:`cnncore.layers.custom`; all others in
        ``lower``.

        A subclass of a layer that has one reaches it by ``super().call(x)``.
        """
        shape = self.compute_output_shape(_shapes(args[0]))
        outputs = _tensors_of(shape)
        Node(self, args, kwargs, outputs, direct=True)
        return outputs

    def _call_on_tensors(self, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool | None) -> Any:
        self.ensure_built(*_shapes(list(args) or list(kwargs.values())))
        outputs = _tensors_of(self.output_shape_of_call(args, kwargs))
        Node(self, args, kwargs, outputs, training)
        return outputs

    def output_shape_of_call(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Shape, or structure of shapes, of the result of a call."""
        if self._is_custom:
            return custom.plan(self, args, kwargs).output_shape
        if len(args) != 1 or kwargs:
            raise TypeError(
                f'Layer "{self.name}" expected one argument: a tensor or a list of them. Received: {len(args)} '
                "arguments" + (f" and {', '.join(kwargs)}" if kwargs else "")
            )
        return self.compute_output_shape(_shapes(args[0]))

    def lower_call(self, graph: Lowering, node: Node, inputs: Sequence[int]) -> Any:
        """Add the ops of one call to ``graph``."""
        if self._is_custom and not node.direct:
            shapes = [(None, *graph.output_shape(number)) for number in inputs]
            args, kwargs = custom.fill_shapes([list(node.args), node.kwargs], shapes)
            result = custom.plan(self, args, kwargs).lower(graph, self, inputs)
        else:
            result = self.lower(graph, inputs)
        penalty = self.activity_regularizer
        if penalty is None:
            return result
        l1, l2 = float(getattr(penalty, "l1", 0.0)), float(getattr(penalty, "l2", 0.0))
        return [graph.add("activity_regularization", [item], self.name, l1=l1, l2=l2) for item in flatten(result)]

    @property
    def _is_custom(self) -> bool:
        """Whether the layer's class, or one that it derives from, says in Python what it computes."""
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

    # --- building -------------------------------------------------------------------------------------------------
    def build(self, input_shape: Any) -> None:
        """Fix the shapes of the weights for an input shape; calling the layer does it."""
        self._specs += self.weight_specs(input_shape)
        self.built = True

    def ensure_built(self, input_shape: Any, *more: Any) -> None:
        """Build the layer if it is not; else check that its weights fit the input shape."""
        if not self.built:
            if self.seed_key is None:
                self.seed_key = (next_seed(),)
            if self.says_its_output_shape:
                self.compute_output_shape(input_shape)  # says what is wrong with the shape before anything changes
            takes_all = more and len(inspect.signature(self.build).parameters) > 1
            self.build(input_shape, *(more if takes_all else ()))
            self.built = True
            return
        for held, spec in zip(self._specs, self.weight_specs(input_shape), strict=False):
            if held.shape != spec.shape:
                raise ValueError(
                    f'Layer "{self.name}" already has a {spec.name} of shape {held.shape}, but an input of shape '
                    f"{input_shape} needs {spec.shape}. Make a new layer: "
                    f"{type(self).__name__}.from_config(layer.get_config())"
                )

    def add_weight(
        self,
        shape: Iterable[int] | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        *,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Make a weight, in ``build`` or in the constructor of a custom layer.

        Parameters
        ----------
        shape : tuple of int, optional
            A scalar by default.
        initializer : default "glorot_uniform", and "zeros" for a scalar or vector named "bias"
        dtype : optional
            Only "float32".
        trainable : bool, default True
        regularizer, constraint : optional
        name : str, optional
            "weight", "weight_1", ... by default.

        Returns
        -------
        Variable
            To be used in ``call`` like an array.
        """
        owner = type(self).__name__
        _checked_dtype(dtype, owner)
        size = () if shape is None else tuple(_checks.integer(item, "shape", owner) for item in shape)
        if initializer is None:
            initializer = "glorot_uniform"
        taken = {spec.name for spec in self._specs}
        if name is None:
            name = next(item for item in _numbered("weight") if item not in taken)
        elif name in taken:
            raise ValueError(f"[{owner}.add_weight] expected a name of its own. Received: name={name!r} twice")
        initializer, regularizer, constraint = _weight_objects(initializer, regularizer, constraint)
        if self._parameters is not None:  # the block grows: the values so far wait to be written to a new one
            self._held = [self._parameters.read(index) for index in range(len(self._specs))]
            self._parameters = None
        self._specs.append(WeightSpec(name, size, initializer, trainable, regularizer, constraint))
        return Variable(self, len(self._specs) - 1)

    # --- weights --------------------------------------------------------------------------------------------------
    @property
    def specs(self) -> list[WeightSpec]:
        """The weights the layer has, without those of layers inside it."""
        return self._specs

    @property
    def parameters(self) -> _core.Parameters:
        """The block of memory that holds the weights, without those of layers inside it. Made when first asked for."""
        if self._parameters is None:
            block = _core.Parameters([spec.shape for spec in self._specs])
            held = self._held or []
            for index, spec in enumerate(self._specs):
                if index < len(held):
                    block.write(index, held[index])
                else:
                    values = spec.initializer(spec.shape, (*self._seed_of_weights(), index))
                    block.write(index, np.require(values, np.float32, ["C", "A"]))
            self._parameters, self._held = block, None
        return self._parameters

    def _seed_of_weights(self) -> tuple[int, ...]:
        if self.seed_key is None:
            self.seed_key = (next_seed(),)
        return self.seed_key

    def sublayers(self) -> list[Layer]:
        """The layers that this one keeps in its attributes, in lists, tuples and dicts too."""
        found: dict[int, Layer] = {}
        for name, value in self.__dict__.items():
            if name not in self._own:
                for leaf in flatten(value):
                    if isinstance(leaf, Layer):
                        found.setdefault(id(leaf), leaf)
        return list(found.values())

    @property
    def variables(self) -> list[Variable]:
        """All weights, layer by layer: those of this layer, trained ones first, then those of the layers inside it."""
        return list({(id(item._layer), item._index): item for item in self._variables()}.values())

    def _variables(self) -> Iterable[Variable]:
        own = [Variable(self, index) for index in range(len(self._specs))]
        yield from (item for item in own if item.spec.trainable)
        yield from (item for item in own if not item.spec.trainable)
        for layer in self.sublayers():
            yield from layer._variables()

    @property
    def weights(self) -> list[Variable]:
        """All weights, layer by layer; writing to them changes the layer."""
        return self.variables

    @property
    def trainable_variables(self) -> list[Variable]:
        """The weights that training changes."""
        frozen = {(id(item._layer), item._index) for item in self._frozen_variables()}
        return [item for item in self.variables if (id(item._layer), item._index) not in frozen]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The weights that training leaves as they are: frozen ones and state such as moving statistics."""
        frozen = {(id(item._layer), item._index) for item in self._frozen_variables()}
        return [item for item in self.variables if (id(item._layer), item._index) in frozen]

    def _frozen_variables(self) -> Iterable[Variable]:
        if not self._trainable:
            yield from self._variables()
            return
        yield from (Variable(self, index) for index, spec in enumerate(self._specs) if not spec.trainable)
        for layer in self.sublayers():
            yield from layer._frozen_variables()

    trainable_weights, non_trainable_weights = trainable_variables, non_trainable_variables

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the weights, in order (kernel, bias)."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Iterable[ArrayLike]) -> None:
        """Replace the weights. Nothing is written if the number of arrays or one of the shapes is wrong.

        Parameters
        ----------
        weights : list of array_like
            In the order and with the shapes of :meth:`get_weights`.
        """
        write_weights(self._title, self.weights, weights)

    def count_params(self) -> int:
        """Number of weights; ValueError while their shapes are not known."""
        if not self.built:
            raise ValueError(f"{self._title.capitalize()} is not built: its input shape is not known yet.")
        return sum(math.prod(variable.shape) for variable in self.weights)

    # --- what a user sees ---------------------------------------------------------------------------------------
    @property
    def name(self) -> str:
        """The layer's name."""
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name, self._has_own_name = _checked_name(value, type(self).__name__), True

    def rename(self, name: str) -> None:
        """Told by a model in which another layer has the same name, and the user gave none."""
        self._name = name

    @property
    def has_own_name(self) -> bool:
        """Whether the name was given, not derived from the class."""
        return self._has_own_name

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights. Setting it sets it for the layers inside, too, and takes effect at
        once.
        """
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        flag = _checks.boolean(value, "trainable", type(self).__name__)
        self._trainable = flag
        for layer in self.sublayers():
            layer.trainable = flag
        structure_changed()

    @property
    def input(self) -> Any:
        """The tensor, or the tensors, that the layer was first called on."""
        return self._first_node("input").input

    @property
    def output(self) -> Any:
        """The tensor, or the tensors, that the first call gave."""
        return self._first_node("output").outputs

    @property
    def input_shape(self) -> Any:
        """Shape of :attr:`input`, with the batch axis (None) in front; ValueError while it is not known."""
        return map_structure(lambda tensor: tensor.shape, self.input)

    @property
    def output_shape(self) -> Any:
        """Shape of :attr:`output`, with the batch axis (None) in front; ValueError while it is not known."""
        return map_structure(lambda tensor: tensor.shape, self.output)

    def forget(self, node: Node) -> None:
        """Undo a call: it is no longer among :attr:`nodes`."""
        if node in self.nodes:
            self.nodes.remove(node)
            for index, other in enumerate(self.nodes):
                other.index = index

    def _first_node(self, what: str) -> Node:
        if not self.nodes:
            raise ValueError(
                f"{self._title.capitalize()} has no {what} yet: call it on a tensor, or add it to a model whose input "
                "shape is known (an Input, input_shape= on its first layer, or build)."
            )
        return self.nodes[0]

    def __repr__(self) -> str:
        shapes = f", {self.input_shape} -> {self.output_shape}" if self.nodes else ""
        count = f", {self.count_params():,} parameters" if self.built else ", not built"
        return f"<{type(self).__name__} {self.name}{shapes}{count}>"

    # --- copies ---------------------------------------------------------------------------------------------------
    def __getstate__(self) -> dict[str, Any]:
        # A copy has the layer's values, and no part in the graph of calls.
        state = self.__dict__ | {"nodes": [], "_parameters": None, "_eager": {}}
        if self._parameters is not None:
            state["_held"] = [self._parameters.read(index) for index in range(len(self._specs))]
        return state

    # --- for subclasses -------------------------------------------------------------------------------------------
    @property
    def _title(self) -> str:
        return f'layer "{self.name}"'

    def _weight(self, name: str) -> Variable:
        """The weight of that name, for properties such as ``kernel``."""
        for index, spec in enumerate(self._specs):
            if spec.name == name:
                return Variable(self, index)
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


def _checked_name(name: Any, owner: str) -> str:
    if not isinstance(name, str) or not name or "/" in name or not name.isprintable():
        raise ValueError(
            f"[{owner}] expected `name` to be a non-empty string of printable characters without '/'. "
            f"Received: {str(name)[:80]!r}"
        )
    return name


def _checked_dtype(dtype: Any, owner: str) -> str:
    name = "float32" if dtype is None else str(getattr(dtype, "name", dtype))
    if name != "float32":
        raise ValueError(
            f'[{owner}] expected `dtype` to be "float32": all layers compute in it. For reduced precision see '
            f"Model.compile(precision=...). Received: dtype={dtype!r}"
        )
    return name


def _declared_shape(kwargs: dict[str, Any], owner: str) -> tuple[int, ...] | None:
    """Takes the arguments that say a sample's shape out of ``kwargs``."""
    given = {key: kwargs.pop(key) for key in _SHAPE_ARGUMENTS if kwargs.get(key) is not None}
    for key in _SHAPE_ARGUMENTS:
        kwargs.pop(key, None)
    if not given:
        return None
    if len(given) > 1:
        raise ValueError(f"[{owner}] expected the input's shape once. Received: {given}")
    (key, value), *_ = given.items()
    if key == "input_dim":
        return (_checks.integer(value, key, owner),)
    if isinstance(value, (int, np.integer)):
        value = (value,)
    if key in ("batch_input_shape", "batch_shape"):
        value = tuple(value)[1:]
    elif len(value) > 1 and value[0] is None:
        raise ValueError(
            f"[{owner}] expected `input_shape` without the batch axis. Received: input_shape={value!r}. "
            f"Write input_shape={tuple(value[1:])!r}."
        )
    return _checks.shape(value, key, owner)


_SHAPE_ARGUMENTS = ("input_shape", "input_dim", "batch_input_shape", "batch_shape")


def _unknown_argument(cls: type, argument: str) -> str:
    known = [name for name in inspect.signature(cls).parameters if name not in ("args", "kwargs")]
    known += ["name", "trainable", "dtype", "activity_regularizer", *_SHAPE_ARGUMENTS]
    return f"[{cls.__name__}] unknown argument {argument!r}.{nearest(argument, known)} Received: {argument}="


def _numbered(stem: str) -> Iterable[str]:
    yield stem
    number = 0
    while True:
        number += 1
        yield f"{stem}_{number}"


def _weight_objects(initializer: Any, regularizer: Any, constraint: Any) -> tuple[Any, Any, Any]:
    if regularizer is not None:
        from cnncore import regularizers

        regularizer = regularizers.get(regularizer)
    if constraint is not None:
        from cnncore import constraints

        constraint = constraints.get(constraint)
    return initializers.get(initializer), regularizer, constraint


def _serialized(obj: Any) -> Any:
    return {"class_name": type(obj).__name__, "config": obj.get_config()}


def _shapes(structure: Any) -> Any:
    return map_structure(lambda leaf: leaf.shape if isinstance(leaf, KerasTensor) else leaf, structure)


def _tensors_of(shape: Any) -> Any:
    """Symbolic tensors for a shape, or for a structure of shapes."""
    if isinstance(shape, dict):
        return {key: _tensors_of(value) for key, value in shape.items()}
    if len(shape) and isinstance(shape[0], (tuple, list, dict)):
        return [_tensors_of(item) for item in shape]
    return KerasTensor(shape)
