"""The class Layer, of which all layers are subclasses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncore import _checks, _layer_registry, regularizers
from cnncore._keras_names.errors import explain_missing_methods
from cnncore._random import is_generator
from cnncore._registry import Registry
from cnncore._structure import flatten, map_structure
from cnncore._unique_names import unique_name
from cnncore.graph.masks import PassesMasks, check_masks, with_masks
from cnncore.graph.protocols import Graph
from cnncore.graph.tensor import KerasTensor, Node, is_symbolic
from cnncore.layers import custom
from cnncore.layers.base.activity import add_penalties
from cnncore.layers.base.arguments import checked_name, declared_shape, unknown_argument
from cnncore.layers.base.connected import Connected
from cnncore.layers.base.described import Described
from cnncore.layers.base.penalties import Penalized
from cnncore.layers.calls import eager
from cnncore.layers.weights.building import Buildable
from cnncore.layers.weights.settings import structure_changed, structure_version
from cnncore.layers.weights.spec import WeightSpec
from cnncore.layers.weights.variable import Variable

__all__ = ["Layer", "Shape", "WeightSpec", "registry", "structure_changed", "structure_version"]

Shape = tuple[Any, ...]  # the batch axis, None, then ints, or None for sizes that are not known

registry: Registry[Layer] = _layer_registry.registry


class Layer(Described, Connected, Penalized, Buildable, PassesMasks):
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
        A name that no other layer of the model has. By default the name of the class with a number that counts the
        layers made in this process: ``conv2d``, ``conv2d_1``, ...
    input_shape : tuple of int, optional
        Shape of one sample, for the first layer of a Sequential model. ``input_dim=n`` stands for
        ``input_shape=(n,)``. ``batch_shape``, formerly ``batch_input_shape``, gives it with the batch axis in front.
    weights : list of array_like, optional
        An argument of Keras 2: the initial weights, in the order of ``get_weights``.

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

    one_input = True  # False in layers that are called on a list or a dict of tensors
    runs_as_a_whole = False  # whether `call` assigns to weights, so that it runs in Python for each batch
    records_call = False  # whether the gradient of `call` is known although there is a `backward`
    takes_single_values = False  # whether inputs of shape (batch,) are taken; those of custom layers may always be such

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
        name = None if isinstance(name, str) and not name else name  # as in Keras
        self._has_own_name = name is not None
        self._name = checked_name(name, owner) if name is not None else unique_name(owner)
        super().__init__(_checks.boolean(trainable, "trainable", owner))
        self.dtype = _checks.dtype(dtype, owner)
        self.compute_dtype = self.variable_dtype = self.input_dtype = self.dtype
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.declared_input_shape = declared_shape(kwargs, owner)
        self._given_weights: Any = kwargs.pop("weights", None)
        if kwargs:
            raise TypeError(unknown_argument(type(self), next(iter(kwargs))))
        self.built = False
        self.nodes: list[Node] = []
        self._eager: dict[Any, Any] = {}

    @property
    def dtype_policy(self) -> Any:
        """The policy "float32"."""
        from cnncore.mixed_precision import DTypePolicy

        return DTypePolicy(self.dtype)

    # --- what a subclass says -----------------------------------------------------------------------------------
    def lower(self, graph: Graph, inputs: Sequence[int]) -> Any:
        """Add this layer's ops to ``graph``, and return the id of the output, or a list of ids."""
        raise NotImplementedError(f"{type(self).__name__} must implement lower(graph, inputs), or call(...)")

    def _kept_in_files(self) -> list[str]:
        """The attributes that files have besides arguments and weights: generators of random numbers by default."""
        return [name for name, value in vars(self).items() if is_generator(value)]

    # --- calls ----------------------------------------------------------------------------------------------------
    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Apply the layer.

        Parameters
        ----------
        *args, **kwargs
            A symbolic tensor, an array with the batch axis in front, or a list or dict of them if the layer takes such.
        training : bool, optional
            Whether to behave as in training: dropout drops values, batch normalization uses the statistics of the
            batch. With symbolic tensors, False makes this call behave as in inference even while the model is trained.

        Returns
        -------
        KerasTensor or Array
            A symbolic tensor if the arguments are symbolic tensors. If they are arrays, an ``Array``, which is a NumPy
            array with an additional method ``numpy()``.
        """
        if is_symbolic([args, kwargs]):
            return self.call_on_tensors(args, kwargs, training)
        return eager.call(self, args, kwargs, training)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output. Custom layers implement this method, see :mod:`cnncore.layers.custom.planning`.

        The layers of this package implement ``lower`` instead. A subclass of such a layer can use ``super().call(x)``
        in its own ``call``: then the ops of the layer are added at this place.
        """
        x, *more = args  # perhaps `training` comes second
        training = kwargs.pop("training", more.pop(0) if more and not is_symbolic(more[0]) else None)
        outputs = _tensors_of(self.compute_output_shape(_shapes(x)))
        Node(self, (x, *more), kwargs, outputs, training, direct=True)
        return outputs

    def call_on_tensors(self, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool | None) -> Any:
        """Record a call with symbolic tensors, and return the symbolic tensors that are its outputs."""
        if self.one_input and not self.is_custom and args and isinstance(args[0], (list, tuple, dict)):
            raise ValueError(
                f'Layer "{self.name}": expected one tensor as its input. Received: a {type(args[0]).__name__} of '
                f"{len(flatten(args[0]))}. Layers such as Add and Concatenate make one tensor of several."
            )
        if not (self.takes_single_values or self.is_custom):
            self._expect_axes([args, kwargs])
        self.ensure_built(*_shapes(list(args) or list(kwargs.values())))
        outputs = _tensors_of(self.output_shape_of_call(args, kwargs))
        Node(self, args, kwargs, outputs, training)
        return outputs

    def output_shape_of_call(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Return the shape of the result of a call, or a structure of shapes."""
        if self.is_custom:
            return custom.output_shape(self, args, kwargs)
        if len(args) != 1 or set(kwargs) - ({"mask"} if self.takes_mask else set()):
            raise TypeError(
                f'Layer "{self.name}": expected one argument: a tensor or a list of them. Received: {len(args)} '
                "arguments" + (f" and {', '.join(kwargs)}" if kwargs else "")
            )
        if kwargs.get("mask") is not None:
            check_masks(self.name, args[0], kwargs["mask"])
        return self.compute_output_shape(_shapes(args[0]))

    def lower_call(self, graph: Graph, node: Node, inputs: Sequence[int]) -> Any:
        """Add the ops of one call to ``graph``."""
        if self.is_custom and not node.direct:
            shapes = [(None, *graph.output_shape(number)) for number in inputs]
            args, kwargs = custom.fill_shapes([list(node.args), node.kwargs], shapes)
            kwargs, inputs = with_masks(graph, self, args, kwargs, inputs)
            result = custom.plan(self, args, kwargs).lower(graph, self, inputs)
        else:
            result = self.lower(graph, inputs)
        return add_penalties(graph, self, result)

    @property
    def is_custom(self) -> bool:
        """Whether the layer's class, or one of its base classes, implements ``call``."""
        cls = type(self)
        if cls.call is Layer.call:
            return False
        order = cls.__mro__
        where = {name: next(i for i, base in enumerate(order) if name in vars(base)) for name in ("call", "lower")}
        return where["call"] < where["lower"]

    @property
    def eager_networks(self) -> dict[Any, Any]:
        """The networks that calls on arrays made. They are kept for later calls with arrays of the same shapes."""
        return self._eager

    # --- what a user sees ---------------------------------------------------------------------------------------
    def __repr__(self) -> str:
        shapes = f", {self.input_shape} -> {self.output_shape}" if self.nodes else ""
        count = f", {self.count_params():,} parameters" if self.built else ", not built"
        return f"<{type(self).__name__} {self.name}{shapes}{count}>"

    # --- copies ---------------------------------------------------------------------------------------------------
    def __getstate__(self) -> dict[str, Any]:
        # A copy has the same weights, but the calls of the original are not calls of the copy.
        state = self.__dict__ | {"nodes": [], "_parameters": None, "_eager": {}, "_handles": [], "_call_losses": None}
        if self._parameters is not None:
            state["_held"] = [self._parameters.read(index) for index in range(len(self._specs))]
        return state

    # --- for subclasses -------------------------------------------------------------------------------------------
    def _weight(self, name: str) -> Variable:
        """Return the weight of that name, for properties such as ``kernel``."""
        for index, spec in enumerate(self._specs):
            if spec.name == name:
                return self._handle(index)
        if not self.built:
            raise ValueError(f'Layer "{self.name}" is not built: it has no {name} before its input shape is known.')
        raise AttributeError(f'layer "{self.name}" has no {name}')

    def _expect_axes(self, arguments: Any) -> None:
        for leaf in flatten(arguments):
            if isinstance(leaf, KerasTensor) and leaf.ndim == 1:
                raise ValueError(
                    f'Layer "{self.name}": expected an input with at least one axis besides that of the batch; '
                    f"Reshape((1,)) adds one. Received: shape={leaf.shape}"
                )

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
    """Make a symbolic tensor for a shape, or a structure of them for a structure of shapes."""
    if isinstance(shape, dict):
        return {key: _tensors_of(value) for key, value in shape.items()}
    if len(shape) and isinstance(shape[0], (tuple, list, dict)):
        return [_tensors_of(item) for item in shape]
    return KerasTensor(shape)
