"""Arrays that record how they were computed. ``backward.py`` goes back through this record."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from cnncore.differentiation.state import leaf_of, must_keep_gradients, state

__all__ = [
    "NotDifferentiableError",
    "Traced",
    "first_order",
    "gradient_rule",
    "like",
    "linear",
    "value_of",
]

Array = np.ndarray
# An operand, and a function that computes the gradient of the operand from the gradient of the result.
Source = tuple["Traced", Callable[[Array], Array]]

# What Traced does for each NumPy function. The other modules of this package fill these.
UFUNCS: dict[Any, Callable[..., Any]] = {}
FUNCTIONS: dict[Any, Callable[..., Any]] = {}
# Functions whose gradient is zero, such as comparisons and rounding. They return plain arrays.
PLAIN: set[Any] = set()


def gradient_rule(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register what computes NumPy functions of traced arrays, and with them their gradients."""

    def register(rule: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            FUNCTIONS[function] = rule
        return rule

    return register


def first_order(name: str) -> None:
    """Raise an error if gradients of a gradient are wanted, for a function ``name`` for which they are not known."""
    if state.records_backward:
        raise NotDifferentiableError(
            f"[GradientTape.gradient] gradients of gradients are not known for {name}: use other functions of "
            "cnncore.ops in the inner tape."
        )


def linear(function: Callable[[Array], Array], transposed: Callable[[Array], Array]) -> Callable[[Any], Any]:
    """Return a linear function of gradients that can be recorded; the gradient of each is computed by the other."""

    def of(dy: Any) -> Any:
        if not isinstance(dy, Traced):
            return function(dy)
        return Traced(function(dy.value), [(dy, linear(transposed, function))])

    return of


def like(dy: Any, gradient: Any) -> Any:
    """Return a gradient with the type of ``dy``. A recorded gradient stays as it is."""
    return gradient if isinstance(gradient, Traced) else np.asarray(gradient, dy.dtype)


_order = itertools.count()


class NotDifferentiableError(TypeError):
    """Raised if a function uses NumPy in a way for which the gradient is not known."""


class Traced(NDArrayOperatorsMixin):
    """An array inside a function that is being differentiated. NumPy functions take it like a NumPy array.

    Attributes
    ----------
    value : numpy.ndarray
        The values.
    sources : list of (Traced, function)
        The arrays from which it was computed. For each, a function that computes its gradient from that of this array.
    order : int
        A number that is larger for arrays that were made later.
    """

    __slots__ = ("order", "sources", "value")
    __hash__ = object.__hash__

    def __init__(self, value: Any, sources: Sequence[Source] = ()) -> None:
        self.value, self.sources, self.order = np.asarray(value), list(sources), next(_order)

    # --- calls of NumPy functions, which NumPy passes to these methods --------------------------------------------
    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if kwargs.get("out") is not None and kwargs["out"][0] is inputs[0] and method == "__call__":
            kwargs.pop("out")  # ``y += x`` with a plain array y means ``y = y + x``, as for Keras' tensors
        inputs = _with_leaves(inputs)
        if method == "reduce" and ufunc in _REDUCTIONS and len(inputs) == 1:
            return _reduced(ufunc, inputs[0], **kwargs)
        if method != "__call__" or kwargs.get("out") is not None or kwargs.get("where", True) is not True:
            raise NotDifferentiableError(f"The gradient of numpy.{ufunc.__name__}.{method} with {kwargs} is not known.")
        if ufunc in PLAIN:
            return ufunc(*(value_of(item) for item in inputs), **kwargs)
        rule = UFUNCS.get(ufunc)
        if rule is None:
            raise NotDifferentiableError(_unknown(ufunc.__name__))
        return rule(*inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in PLAIN:
            return function(*(value_of(item) for item in args), **kwargs)
        rule = FUNCTIONS.get(function)
        if rule is None:
            raise NotDifferentiableError(_unknown(function.__name__))
        return _called(rule, function.__name__, _with_leaves(args), kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        first_order("a function that this gradient needs")
        if must_keep_gradients():
            raise NotDifferentiableError(
                "The gradient would be lost if this array were converted by numpy.array or numpy.asarray: compute with "
                "the array as it is."
            )
        return np.array(self.value, dtype, copy=bool(copy) or None)  # an array that a tape recorded may be read

    def numpy(self) -> Array:
        """Return the values as a plain array, which has no gradient."""
        return np.asarray(self)

    # --- attributes and methods of arrays -------------------------------------------------------------------------
    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.value.ndim

    @property
    def size(self) -> int:
        """The number of values."""
        return self.value.size

    @property
    def dtype(self) -> Any:
        """The type of the values."""
        return self.value.dtype

    @property
    def T(self) -> Any:  # noqa: N802 (NumPy's name)
        """The array with its axes in the opposite order."""
        return FUNCTIONS[np.transpose](self)

    # ``x -= y`` means ``x = x - y``, as for Keras' tensors: it gives the result the name x, and changes no array.
    __iadd__, __isub__ = NDArrayOperatorsMixin.__add__, NDArrayOperatorsMixin.__sub__
    __imul__, __itruediv__ = NDArrayOperatorsMixin.__mul__, NDArrayOperatorsMixin.__truediv__

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self.value)))

    def __getitem__(self, key: Any) -> Traced:
        shape = self.shape

        def scatter(dy: Array) -> Array:
            dx = np.zeros(shape, dy.dtype)
            np.add.at(dx, key, dy)
            return dx

        return Traced(self.value[key], [(self, linear(scatter, lambda dx: dx[key]))])

    def astype(self, dtype: Any, **kwargs: Any) -> Any:
        """Convert the values to another type. Only types of floating point numbers keep the gradient."""
        if np.dtype(dtype).kind != "f":
            return self.value.astype(dtype)
        return Traced(self.value.astype(dtype), [(self, lambda dy: dy)])

    def reshape(self, *shape: Any) -> Any:
        """Return the values in another shape."""
        return FUNCTIONS[np.reshape](self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Any:
        """Return the array with its axes in another order."""
        return FUNCTIONS[np.transpose](self, (axes[0] if len(axes) == 1 else axes) or None)

    def __getattr__(self, name: str) -> Any:
        function = getattr(np, name, None)
        if name.startswith("_") or function not in FUNCTIONS:
            raise AttributeError(f"An array that is being differentiated has no {name!r}.")
        return lambda *args, **kwargs: _called(FUNCTIONS[function], name, (self, *args), kwargs)

    def __float__(self) -> float:
        if state.leaves is not None:
            raise NotDifferentiableError(
                "The gradient would be lost if this array were converted by float(): compute with the array as it is."
            )
        return float(self.value)

    def __format__(self, specification: str) -> str:
        return format(self.value[()] if self.value.ndim == 0 else self.value, specification)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __repr__(self) -> str:
        return f"Traced({self.value!r})"


def value_of(item: Any) -> Any:
    """Return the argument of a NumPy function with plain arrays in the place of traced ones."""
    if isinstance(item, Traced):
        return item.value
    if isinstance(item, (list, tuple)):
        return type(item)(value_of(entry) for entry in item)
    return item


def _with_leaves(item: Any) -> Any:
    if isinstance(item, (list, tuple)):
        return type(item)(_with_leaves(entry) for entry in item)
    if hasattr(item, "trace_key"):
        leaf = leaf_of(item)
        return item if leaf is None else leaf
    return item.watched() if hasattr(item, "watched") else item


_REDUCTIONS = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}


def _reduced(ufunc: Any, x: Traced, axis: Any = 0, keepdims: bool = False, **options: Any) -> Any:
    """Compute ``ufunc.reduce``, whose axis is 0 by default, unlike that of ``numpy.sum``."""
    if any(value is not None and value is not True for value in options.values()):  # such as initial=3, where=mask
        raise NotDifferentiableError(f"The gradient of numpy.{ufunc.__name__}.reduce with {options} is not known.")
    return FUNCTIONS[_REDUCTIONS[ufunc]](x, axis=axis, keepdims=keepdims)


def _called(rule: Callable[..., Any], name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Call the rule for a NumPy function. Arguments that the rule does not have are a NotDifferentiableError."""
    try:
        return rule(*args, **kwargs)
    except TypeError as error:
        try:
            inspect.signature(rule).bind(*args, **kwargs)
        except TypeError:
            given = f"{len(args)} arguments" + "".join(f", {key}" for key in kwargs)
            raise NotDifferentiableError(
                f"The gradient of numpy.{name} with these arguments is not known. Received: {given}"
            ) from error
        raise


def _unknown(name: str) -> str:
    return f"The gradient of numpy.{name} is not known: use another function, or write a Layer with call and backward."
