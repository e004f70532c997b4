"""Layers for NumPy functions that are called on symbolic tensors: ``x ** 2``, ``x[:, 1:]``, ``numpy.mean(x, 1)``."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnncore import _checks, ops
from cnncore._checks import Float32
from cnncore._suggestions import nearest
from cnncore.differentiation import pullback
from cnncore.differentiation.traced import FUNCTIONS, PLAIN, UFUNCS, value_of
from cnncore.graph.call_record import hidden_calls
from cnncore.graph.loss_terms import LossTerms, Term
from cnncore.graph.protocols import Graph
from cnncore.graph.tensor import KerasTensor, NotTraceableError, register_operator
from cnncore.graph.unknown_sizes import SMALL, filled
from cnncore.layers.base import Layer, Shape, registry
from cnncore.layers.custom.taped import TapedFunction
from cnncore.layers.operations.result_size import LARGEST, check_result_size
from cnncore.layers.weights.variable import Variable
from cnncore.ops.operations import operation_of

__all__ = ["ArrayFunction", "named_function", "operation_function"]


def _getitem(x: Any, key: Any) -> Any:
    return x[key]


_KNOWN = {function.__name__: function for function in (*UFUNCS, *FUNCTIONS, *PLAIN)} | {
    "getitem": _getitem,
    "divide": np.divide,
    "true_divide": np.divide,  # the name of numpy.divide in older versions of NumPy
}


@functools.cache
def operation_function(name: str) -> Callable[..., Any] | None:
    """Return the function ``"module.function"`` of ``cnncore.ops`` if it is an operation of Keras, and else None.

    Examples
    --------
    >>> float(operation_function("numpy.max")([1.0, 3.0]))
    3.0
    """
    module, _, function = name.partition(".")
    operation = operation_of(function)
    if operation is None or operation.module != module:
        return None
    place = getattr(ops, module, ops)
    found: Callable[..., Any] = getattr(place if function in dir(place) else ops, function)
    return found


def named_function(name: str) -> Any:
    """Return the function with the name that a layer's config has, or None."""
    return operation_function(name) if "." in name else _KNOWN.get(name)


@registry.register()
class ArrayFunction(Layer):
    """Apply a NumPy function. Calling a NumPy function on symbolic tensors makes such a layer.

    The function is called in Python in every step. The first axis of its result must be that of the batch. The module
    :mod:`cnncore.differentiation` lists the functions that can be used.

    Parameters
    ----------
    function : str
        Name of the function in NumPy, "getitem" for indexing, or "module.name" for a function of ``cnncore.ops`` that
        Keras has, as "nn.top_k".
    arguments : list
        The positional arguments of the function. ``{"tensor": i}`` stands for input number i; with a "dtype" it is
        converted to whole numbers or truth values. Slices, tuples and arrays are described by dicts, too, so that a
        file can hold them.
    keywords : dict
        The keyword arguments of the function, described in the same way.
    result : int, optional
        Which result of the function to return, if it has several.
    **kwargs
        ``name``, see :class:`Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> layer = ArrayFunction("mean", [{"tensor": 0}], {"axis": -1, "keepdims": True})
    >>> layer(np.float32([[1.0, 3.0]])).numpy()
    array([[2.]], dtype=float32)
    """

    takes_single_values = True

    one_input = False
    sizes_to_ask_with = SMALL

    def __init__(
        self,
        function: str,
        arguments: Sequence[Any],
        keywords: dict[str, Any],
        result: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.used: list[Variable] = []  # the weights that {"weight": i} stands for
        if named_function(str(function)) is None:
            raise ValueError(
                f"[ArrayFunction] expected `function` to be a NumPy function that layers can use."
                f"{nearest(str(function), _KNOWN)} Received: function={function!r}"
            )
        self.function = "divide" if function == "true_divide" else function
        self.arguments, self.keywords = list(arguments), dict(keywords)
        self.result = None if result is None else _checks.integer(result, "result", "ArrayFunction", 0)

    def _apply(self, *arrays: Any, check: bool = False) -> Any:
        values = (list(arrays), self.used)
        arguments, keywords = (_filled(item, values) for item in (self.arguments, self.keywords))
        if check:
            check_result_size(self.function, arguments, keywords)
        found = named_function(self.function)(*arguments, **keywords)
        return found if self.result is None else found[self.result]

    def recorded_with_numpy(self, inputs: Sequence[Any], training: bool) -> Any:
        """Call the function on arrays whose use is recorded."""
        return self._apply(*inputs)

    def result_shapes(self, shapes: Sequence[Any]) -> list[tuple[int, ...]]:
        """Return the shapes of the results for two samples and for three, with 24 in the place of unknown sizes."""
        results, shapes = [], filled(list(shapes), SMALL[0][0])
        size = sum(math.prod(shape[1:]) for shape in shapes)
        if 2 * size > LARGEST:
            most = f"{LARGEST // 2:,}"
            raise NotTraceableError(
                f"{_shown(self.function)} expected at most {most} numbers for each sample. Received: {size:,}"
            )
        for samples in (2, 3):  # comparing the two shows which axis is that of the batch
            ones = [_example((samples, *shape[1:])) for shape in shapes]
            try:
                with np.errstate(all="ignore"), hidden_calls():
                    results.append(np.shape(self._apply(*ones, check=True)))
            except (TypeError, ValueError, IndexError) as error:
                raise NotTraceableError(f"{_shown(self.function)} of symbolic tensors failed: {error}") from error
        return results

    def compute_output_shape(self, input_shape: Any) -> Shape:
        results = self.result_shapes(input_shape if _is_list(input_shape) else [input_shape])
        if [shape[:1] for shape in results] != [(2,), (3,)] or results[0][1:] != results[1][1:]:
            raise NotTraceableError(
                f"Expected the first axis of the result of {_shown(self.function)} to be that of the batch. A "
                "number for the whole batch is computed in the `call` of a Layer, where `self.add_loss` and a Mean "
                "that is an attribute take it, or by a function in compile(metrics=...). "
                f"Received: shapes {results[0]} for 2 samples and {results[1]} for 3."
            )
        return (None, *results[0][1:])

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        shape = self.compute_output_shape([(None, *graph.output_shape(x)) for x in inputs])[1:]
        if self.used:
            variables = [variable for variable in self.used if variable.spec.trainable]
            return TapedFunction(self.name, lambda arrays, training: self._apply(*arrays), variables).lower(
                graph, inputs, shape
            )
        return graph.add("host", inputs, self.name, forward=self._forward, backward=self._backward, shape=shape)

    def _forward(self, arrays: Sequence[Float32], training: bool) -> Float32:
        return np.array(self._apply(*arrays), np.float32, order="C")

    def _backward(self, arrays: Sequence[Float32], dy: Float32) -> list[Float32]:
        _, back = pullback(self._apply, arrays)
        return [np.array(dx, np.float32, order="C") for dx in back(dy)]

    def get_config(self) -> dict[str, Any]:
        if self.used:
            names = ", ".join(variable.path for variable in self.used)
            raise ValueError(
                f'Layer "{self.name}" computes with weights of other layers ({names}), which a file cannot describe. '
                "Write a layer that computes the same in its `call`, and save the model again."
            )
        config: dict[str, Any] = {"function": self.function, "arguments": self.arguments, "keywords": self.keywords}
        if self.result is not None:
            config["result"] = self.result
        return {**super().get_config(), **config}


def _example(shape: tuple[int, ...]) -> Float32:
    """An array of this shape that most functions accept: matrices have an inverse and are positive definite."""
    example = np.ones(shape, np.float32)
    if len(shape) > 2 and shape[-1] == shape[-2]:
        example += np.eye(shape[-1], dtype=np.float32)
    return example


def _shown(function: str) -> str:
    """The name of a function in messages."""
    return f"cnncore.ops.{function}" if "." in function else f"numpy.{function}"


def _is_list(shapes: Any) -> bool:
    return bool(shapes) and isinstance(shapes[0], (list, tuple))


def _described(item: Any, tensors: list[KerasTensor], used: list[Variable]) -> Any:
    """Describe an argument so that it can be written as JSON.

    Tensors in it are appended to ``tensors`` and weights to ``used``; the description holds their numbers.
    """
    if isinstance(item, KerasTensor):
        place = next((i for i, tensor in enumerate(tensors) if tensor is item), len(tensors))
        if place == len(tensors):
            tensors.append(item)
        return {"tensor": place}
    if isinstance(item, Variable):
        used.append(item)
        return {"weight": len(used) - 1}
    if isinstance(item, slice):
        return {"slice": [item.start, item.stop, item.step]}
    if item is Ellipsis:
        return {"ellipsis": True}
    if isinstance(item, tuple):
        return {"tuple": [_described(entry, tensors, used) for entry in item]}
    if isinstance(item, list):
        return [_described(entry, tensors, used) for entry in item]
    if isinstance(item, np.generic):
        return item.item()
    if isinstance(item, np.ndarray):
        return {"array": item.tolist(), "dtype": item.dtype.name}
    if item is None or isinstance(item, (bool, int, float, str)):
        return item
    raise NotTraceableError(
        "A NumPy function of a symbolic tensor expected tensors, weights, arrays and numbers as its arguments. "
        f"Received: {type(item).__name__}"
    )


def _filled(item: Any, arrays: tuple[Sequence[Any], Sequence[Any]]) -> Any:
    """Turn a description into the argument, with arrays in the place of tensors. ``arrays`` are (tensors, weights)."""
    if isinstance(item, list):
        return [_filled(entry, arrays) for entry in item]
    if not isinstance(item, dict):
        return item
    if "tensor" in item:
        return _as_type(arrays[0][item["tensor"]], item.get("dtype"))
    if "weight" in item:
        return arrays[1][item["weight"]]
    if "slice" in item:
        return slice(*item["slice"])
    if "ellipsis" in item:
        return Ellipsis
    if "tuple" in item:
        return tuple(_filled(entry, arrays) for entry in item["tuple"])
    if "array" in item:
        dtype = np.dtype(item["dtype"])
        if dtype.kind not in "biuf":
            raise ValueError(f"expected an array of numbers. Received: dtype {dtype.name!r}")
        return np.asarray(item["array"], dtype)
    return {key: _filled(entry, arrays) for key, entry in item.items()}


def _as_type(value: Any, dtype: Any) -> Any:
    """The value as whole numbers or truth values, if ``dtype`` names such a type."""
    if dtype is None:
        return value
    wanted = np.dtype(dtype)
    if wanted.kind not in "biu":
        raise ValueError(f"expected a type of whole numbers or truth values. Received: dtype {wanted.name!r}")
    return np.asarray(value_of(value)).astype(wanted)


def _of_tensors(function: Any, arguments: tuple[Sequence[Any], dict[str, Any]]) -> Any:
    """Make a layer for a NumPy function that is called on symbolic tensors or lists of them, and return its result.

    The mean and the sum of all values of the batch can only be a loss: then the result is a :class:`LossTerms`.
    """
    name = "getitem" if function == "getitem" else function.__name__
    if name not in _KNOWN:
        raise NotTraceableError(
            f"numpy.{name} cannot be called on a symbolic tensor: use layers, or call it in the function of a Lambda."
        )
    tensors: list[KerasTensor] = []
    used: list[Variable] = []
    args, kwargs = arguments
    described = [_described(item, tensors, used) for item in args]
    keywords = {key: _described(item, tensors, used) for key, item in kwargs.items()}
    layer = ArrayFunction(name, described, keywords)
    layer.used = used
    options = [*args[2:], *(item for key, item in kwargs.items() if key not in ("axis", "keepdims"))]
    if name in ("mean", "sum") and len(tensors) == 1 and all(item is None for item in options):
        (tensor,) = tensors
        if layer.result_shapes([tensor.shape]) == [(), ()]:
            axes = {"tuple": list(range(1, tensor.ndim))}
            rows = ArrayFunction(name, [{"tensor": 0}], {"axis": axes})(tensor) if tensor.ndim > 1 else tensor
            return LossTerms([Term(1.0, "rows", rows)]).reduced(name)
    return layer(tensors if len(tensors) > 1 else tensors[0])


register_operator("function", _of_tensors)
