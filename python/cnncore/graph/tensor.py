"""Symbolic tensors, the results of calling layers on an ``Input``, and the record of these calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from cnncore import _checks
from cnncore._structure import flatten, pack_like
from cnncore._unique_names import unique_name
from cnncore.differentiation import Array
from cnncore.graph.call_record import calls_are_hidden, note_call, numpy_is_followed
from cnncore.graph.protocols import AnyLayer

__all__ = [
    "AS_THE_MODEL",
    "Array",
    "History",
    "KerasTensor",
    "Node",
    "NotTraceableError",
    "apply_function",
    "attach_loss",
    "is_symbolic",
    "loss_of_tensors",
]

Shape = tuple[Any, ...]  # the batch axis, None, then ints


class _AsTheModel(int):
    """A true value that differs from True."""

    def __repr__(self) -> str:
        return "True"


# What `training` is in a `call` that is followed with symbolic tensors. Layers to which it is passed on behave as in
# training while the model is trained. A layer that is called with True does so in inference, too.
AS_THE_MODEL = _AsTheModel(1)


class NotTraceableError(TypeError, AttributeError):
    """Raised if an operation on a symbolic tensor cannot be turned into a layer."""


class History(NamedTuple):
    """Where a tensor comes from: output number ``tensor_index`` of call number ``node_index`` of ``layer``."""

    layer: AnyLayer
    node_index: int
    tensor_index: int


class KerasTensor:
    """A tensor without values: the result of ``Input`` or of calling a layer on such a tensor.

    It has the attributes ``shape`` (with the batch axis, None, in front), ``dtype``, ``name`` and ``history``.
    Operators such as ``+`` and NumPy functions make a layer for the operation, and return the tensor that this layer
    returns.

    Examples
    --------
    >>> from cnncore.layers import Input
    >>> x = Input((28, 28, 1))
    >>> (2 * x - 1).shape
    (None, 28, 28, 1)
    """

    def __init__(self, shape: Shape, dtype: str = "float32", name: str | None = None) -> None:
        self.shape = _checks.symbolic_shape(shape, "KerasTensor")
        self.dtype = dtype
        self.name = name or unique_name("KerasTensor")
        self.source: tuple[Node, int] | None = None  # the call that returned it, and which of its outputs it is

    @property
    def ndim(self) -> int:
        """The number of axes, including that of the batch."""
        return len(self.shape)

    @property
    def node(self) -> Node:
        """The call of a layer that returned this tensor."""
        if self.source is None:
            raise ValueError(f"Expected a tensor that Input or a layer returned. Received: {self!r}")
        return self.source[0]

    @property
    def history(self) -> History | None:
        """The layer that returned this tensor and the number of the call, or None if no layer did."""
        if self.source is None:
            return None
        node, position = self.source
        return History(node.layer, node.index, position)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    # --- arithmetic: each operator makes a layer ------------------------------------------------------------------
    def __add__(self, other: Any) -> Any:
        return _operate("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return _operate("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return _operate("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return _operate("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return _operate("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return _operate("multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        return _operate("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _operate("divide", other, self)

    def __neg__(self) -> Any:
        return _operate("multiply", self, -1.0)

    def activated(self, function: Callable[..., Any]) -> Any:
        """Apply an activation function, as an ``Activation`` layer."""
        return _operate("activation", self, function)

    def given_to(self, kind: str, **arguments: Any) -> Any:
        """Call a new layer on this tensor. ``kind`` is the name of its class, ``arguments`` are for its constructor."""
        return _operate("layer", self, (kind, arguments))

    def __getitem__(self, key: Any) -> Any:
        return apply_function("getitem", (self, key), {})

    def __pow__(self, other: Any) -> Any:
        return apply_function(np.power, (self, other), {})

    def __rpow__(self, other: Any) -> Any:
        return apply_function(np.power, (other, self), {})

    def __matmul__(self, other: Any) -> Any:
        return apply_function(np.matmul, (self, other), {})

    def __abs__(self) -> Any:
        return apply_function(np.absolute, (self,), {})

    def __gt__(self, other: Any) -> Any:
        return apply_function(np.greater, (self, other), {})

    def __ge__(self, other: Any) -> Any:
        return apply_function(np.greater_equal, (self, other), {})

    def __lt__(self, other: Any) -> Any:
        return apply_function(np.less, (self, other), {})

    def __le__(self, other: Any) -> Any:
        return apply_function(np.less_equal, (self, other), {})

    # --- operations that need values raise an error ---------------------------------------------------------------
    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise NotTraceableError(
            f"A symbolic tensor has no values, so NumPy cannot compute with it: use layers, or do this in a Lambda or "
            f"custom layer. Received: {self!r}"
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            return self.__array__()
        operator = _OF_UFUNC.get(ufunc)
        constant = any(isinstance(item, np.ndarray) and item.ndim for item in inputs)
        if operator is not None and len(inputs) == 2 and not kwargs and not constant:
            return _operate(operator, *inputs)
        if ufunc is np.negative and not kwargs:
            return -self
        return apply_function(ufunc, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in (np.shape, np.ndim) and args and args[0] is self:
            return self.shape if function is np.shape else self.ndim
        return apply_function(function, args, kwargs)

    def __bool__(self) -> bool:
        raise NotTraceableError(
            f"A symbolic tensor has no values, so it cannot be used as a condition. Received: {self!r}"
        )

    def __len__(self) -> int:
        raise NotTraceableError(f"The number of samples in a symbolic tensor is not known. Received: {self!r}")

    def __iter__(self) -> Any:
        raise NotTraceableError(f"A symbolic tensor cannot be iterated over. Received: {self!r}")

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and (name == "numpy" or hasattr(np.ndarray, name)):
            raise NotTraceableError(f"A symbolic tensor has no values, so it has no {name!r}. Received: {self!r}")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


class Node:
    """One call of a layer on symbolic tensors.

    Parameters
    ----------
    layer : Layer
    args, kwargs : tuple, dict
        The arguments of the call. Tensors may be anywhere in nested lists, tuples and dicts.
    outputs : KerasTensor or structure of them
    training : bool, optional
        The ``training`` argument of the call, or None without one.
    direct : bool, default False
        Whether a subclass made the call by ``super().call(...)``. It then stands for the ops of the base class, and not
        for the ``call`` of the subclass.
    """

    def __init__(
        self,
        layer: AnyLayer,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        outputs: Any,
        training: bool | None = None,
        direct: bool = False,
    ) -> None:
        # Lists and dicts among the arguments are copied, since scripts may change them later: some append the result of
        # the call to the list that they passed.
        self.args: tuple[Any, ...] = pack_like(args, flatten(args))
        self.kwargs: dict[str, Any] = pack_like(kwargs, flatten(kwargs))
        self.layer, self.outputs = layer, outputs
        self.training = None if isinstance(training, _AsTheModel) else training
        self.direct = direct
        self.index = -1
        note_call(layer)
        if not calls_are_hidden():
            self.index = len(layer.nodes)
            layer.nodes.append(self)
        for position, tensor in enumerate(flatten(outputs)):
            tensor.source = (self, position)

    @property
    def inputs(self) -> list[KerasTensor]:
        """The tensors among the arguments, in order."""
        return [leaf for leaf in flatten([self.args, self.kwargs]) if isinstance(leaf, KerasTensor)]

    @property
    def input(self) -> Any:
        """The first argument: a tensor or a structure of them."""
        return self.args[0] if self.args else next(iter(self.kwargs.values()), None)

    @property
    def output_list(self) -> list[KerasTensor]:
        """The outputs, in order."""
        return flatten(self.outputs)


def is_symbolic(structure: Any) -> bool:
    """Whether a structure contains a symbolic tensor."""
    return any(isinstance(leaf, KerasTensor) for leaf in flatten(structure))


_OF_UFUNC = {np.add: "add", np.subtract: "subtract", np.multiply: "multiply", np.true_divide: "divide"}

# The functions that make layers for operations. The modules of these layers import this one, and register them here.
_operators: dict[str, Callable[[Any, Any], Any]] = {}


def register_operator(name: str, function: Callable[[Any, Any], Any]) -> None:
    """Register the function that makes a layer for an operation and calls it on the two operands.

    ``name`` is "add", "subtract", "multiply", "divide", "activation", "layer", "function", "added_loss" or "loss".
    """
    _operators[name] = function


def apply_function(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Make a layer that calls a NumPy function, and call it on symbolic tensors."""
    if not numpy_is_followed():
        raise NotTraceableError("A symbolic tensor has no values, so NumPy cannot compute with it here.")
    return _operate("function", function, (args, kwargs))


def attach_loss(tensor: Any, term: Any) -> Any:
    """Return a tensor with the values of ``tensor`` that adds ``term`` to the loss of the model."""
    return _operate("added_loss", tensor, term)


def loss_of_tensors(loss: Any, y_true: Any, y_pred: Any) -> Any:
    """Compute a loss of each row of two symbolic tensors, as a layer."""
    return _operate("loss", loss, (y_true, y_pred))


def _operate(name: str, left: Any, right: Any) -> Any:
    return _operators[name](left, right)
