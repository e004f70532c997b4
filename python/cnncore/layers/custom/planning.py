"""What a call of a custom layer becomes: calls of other layers, or an op that calls Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore._random import unused
from cnncore._structure import flatten, map_structure, pack_like
from cnncore.graph.call_record import hidden_calls
from cnncore.graph.function import Function
from cnncore.graph.loss_terms import collected_losses, with_losses
from cnncore.graph.protocols import AnyLayer, Graph
from cnncore.graph.tensor import AS_THE_MODEL, KerasTensor, NotTraceableError
from cnncore.graph.unknown_sizes import SMALL, UnknownSizeError, is_known, of_any_size
from cnncore.layers.custom.host_call import HostCall, NoBatchAxisError, has_backward, takes_training
from cnncore.layers.custom.taped import TapedFunction
from cnncore.layers.custom.whole_call import WholeCall, names_in_call

__all__ = ["Plan", "fill_shapes", "follow", "output_shape", "plan"]


class _SeveralResultsError(ValueError):
    """Raised if the ``call`` of a layer in NumPy returns a list, tuple or dict of arrays."""


class Plan:
    """What a call of a custom layer becomes: calls of other layers, or an op that calls Python.

    Attributes
    ----------
    function : Function or None
        The calls of other layers, or None if the layer is called in Python.
    host : HostCall or None
        The call in Python, or None if the layer consists of calls of other layers.
    output_shape : tuple, or structure of tuples
        The shape of the result, or of each result, with the batch axis (None) in front.
    """

    def __init__(self, function: Function | None, host: HostCall | None, output_shape: Any) -> None:
        self.function, self.host, self.output_shape = function, host, output_shape

    def lower(self, graph: Graph, layer: AnyLayer, inputs: Sequence[int]) -> Any:
        """Add the ops to ``graph``, and return the id of the result, or a structure of ids."""
        if self.function is not None:
            return self.function.lower(graph, inputs)
        assert self.host is not None
        graph.depends_on_batches = True
        self.host.is_inference, self.host.is_always_training = graph.is_inference, graph.is_always_training
        if isinstance(self.host, WholeCall):
            return self.host.lower(graph, inputs)
        if layer.sublayers() and not has_backward(layer):  # it uses weights of layers that it does not call
            variables = [variable for variable in layer.variables if variable.spec.trainable]
            return TapedFunction(layer.name, self.host.call, variables).lower(
                graph, inputs, tuple(self.output_shape[1:])
            )
        weights = self.host.trained
        return graph.add(
            "host",
            inputs,
            layer.name,
            forward=self.host.forward,
            backward=self.host.backward,
            shape=tuple(self.output_shape[1:]),
            **({"parameters": [layer.specs[i].shape for i in weights], "weights": weights} if weights else {}),
        )


def plan(layer: AnyLayer, args: Sequence[Any], kwargs: dict[str, Any]) -> Plan:
    """Decide what a call with these arguments becomes. Symbolic tensors in them stand for arrays.

    Random numbers that the layer draws meanwhile are drawn again in its first call on data.
    """
    with unused((layer, *_all_sublayers(layer))):
        return _plan(layer, args, kwargs)


def _plan(layer: AnyLayer, args: Sequence[Any], kwargs: dict[str, Any]) -> Plan:
    if not has_backward(layer):
        if layer.runs_as_a_whole or names_in_call(layer, "assign", "assign_add", "assign_sub", "add_metric"):
            return _whole(layer, args, kwargs)
        try:
            function = _followed_calls(layer, args, kwargs)
        except NotTraceableError as error:
            try:  # it computes its losses from arrays, moves the axis of the batch, looks at values, ...
                return _whole(layer, args, kwargs)
            except Exception:
                raise error from error.__cause__
        if function is not None:
            return Plan(function, None, map_structure(lambda tensor: tensor.shape, function.outputs))
    try:
        shape = _host_output_shape(layer, args, kwargs)
    except _SeveralResultsError:  # an op in Python has one result
        try:
            function = _followed_calls(layer, args, kwargs, follows_numpy=True)
        except NotTraceableError:
            return _whole(layer, args, kwargs)
        assert function is not None
        return Plan(function, None, map_structure(lambda tensor: tensor.shape, function.outputs))
    return Plan(None, HostCall(layer, args, kwargs, shape), shape)


def _whole(layer: AnyLayer, args: Sequence[Any], kwargs: dict[str, Any]) -> Plan:
    call = WholeCall(layer, args, kwargs, any(map(_may_add_losses, (layer, *_all_sublayers(layer)))))
    return Plan(None, call, call.output_shape)


def output_shape(layer: AnyLayer, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Return the shape of the result of a call, or a structure of shapes.

    If sizes of the arguments are not known (None), sizes of the result may be None, too.
    """
    shapes = [leaf.shape for leaf in flatten([list(args), kwargs]) if isinstance(leaf, KerasTensor)]
    if is_known(shapes):
        return plan(layer, args, kwargs).output_shape
    try:
        return plan(layer, args, kwargs).output_shape  # calls of other layers can do without sizes
    except UnknownSizeError:
        raise
    except (TypeError, ValueError):  # the call computes with sizes or with arrays
        unbuilt = [inner for inner in _all_sublayers(layer) if not inner.built]

    def computed(shapes: Any) -> Any:
        known_args, known_kwargs = fill_shapes([list(args), kwargs], shapes)
        return plan(layer, known_args, known_kwargs).output_shape

    try:
        return of_any_size(computed, shapes, SMALL)
    except Exception:
        for inner in unbuilt:  # their weights may have been built for one of the sizes that were tried
            inner.specs.clear()
            inner.built = False
        raise


def _followed_calls(
    layer: AnyLayer, args: Sequence[Any], kwargs: dict[str, Any], follows_numpy: bool = False
) -> Function | None:
    """Find the calls of other layers that ``call`` makes, and with ``follows_numpy`` those of NumPy functions.

    Return None if it computes with arrays instead.
    """
    inputs: list[KerasTensor] = []

    def placeholder(leaf: Any) -> Any:
        if not isinstance(leaf, KerasTensor):
            return leaf
        inputs.append(KerasTensor(leaf.shape, leaf.dtype, leaf.name))
        return inputs[-1]

    followed_args, followed_kwargs = map_structure(placeholder, [list(args), dict(kwargs)])
    called: set[int] = set()
    try:
        outputs = _followed(layer, followed_args, followed_kwargs, called, follows_numpy)
    except NotTraceableError as error:
        if follows_numpy:
            raise
        inner = {id(item) for item in _all_sublayers(layer)}
        if _adds_losses(layer) or inner & called:
            raise
        if inner:  # perhaps it uses the weights of its layers, but does not call the layers: then arrays will do
            with hidden_calls(called=called):
                try:
                    _host_output_shape(layer, args, kwargs)
                except Exception:
                    raise error from None
            if inner & called:
                raise
        return None
    return Function(inputs, outputs, layer.name)


def follow(layer: AnyLayer, inputs: Any) -> Function:
    """Find the calls of other layers that ``call`` makes on ``inputs``.

    Raises
    ------
    NotTraceableError
        If ``call`` does anything else with them.
    """
    return Function(inputs, _followed(layer, [inputs], {}), layer.name)


def _all_sublayers(layer: Any) -> list[Any]:
    return [inner for direct in layer.sublayers() for inner in (direct, *_all_sublayers(direct))]


def _followed(
    layer: AnyLayer,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    called: set[int] | None = None,
    follows_numpy: bool = False,
) -> Any:
    """What ``call`` returns for symbolic tensors, with the losses that it adds."""
    if takes_training(layer):
        # Follow what call does in training. Layers such as Dropout turn themselves off in inference.
        kwargs["training"] = AS_THE_MODEL
    try:
        follows_numpy = follows_numpy or bool(layer.sublayers()) or _adds_losses(layer)
        with hidden_calls(follows_numpy, following=True, called=called), collected_losses() as losses:
            outputs = layer.call(*args, **kwargs)
        if not all(isinstance(leaf, KerasTensor) for leaf in flatten(outputs)):
            kinds = ", ".join(type(leaf).__name__ for leaf in flatten(outputs))
            raise NotTraceableError(f"call returned {kinds}")
        if losses:
            with hidden_calls():
                outputs = with_losses(outputs, losses)
    except NotTraceableError as error:
        raise NotTraceableError(
            f'"{layer.name}": expected a call that uses layers to consist of calls of layers and of NumPy functions of '
            f"their results. Put everything else into a Lambda or into a layer of its own. Received: {error}"
        ) from error
    except TypeError as error:
        if "NoneType" not in str(error):
            raise
        raise NotTraceableError(  # a call with arrays knows all sizes
            f'"{layer.name}": expected a call that does not compute with sizes that are not known, such as that of the '
            f"batch. Received: {error}"
        ) from error
    return outputs


def _adds_losses(layer: AnyLayer) -> bool:
    """Whether a method of the layer's class calls ``add_loss``."""
    classes = (cls for cls in type(layer).__mro__ if not cls.__module__.startswith("cnncore."))
    functions = (item for cls in classes for item in vars(cls).values())
    codes = (getattr(function, "__code__", None) for function in functions)
    return any(code is not None and "add_loss" in code.co_names for code in codes)


def _may_add_losses(layer: AnyLayer) -> bool:
    return layer.activity_regularizer is not None or _adds_losses(layer)


def _host_output_shape(layer: AnyLayer, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """The shape of the result of a ``call`` in NumPy: what the layer says, or what zeros for one sample give."""
    shapes = [leaf.shape for leaf in flatten([list(args), dict(kwargs)]) if isinstance(leaf, KerasTensor)]
    options = [leaf for leaf in flatten(dict(kwargs)) if leaf is not None and not isinstance(leaf, KerasTensor)]
    if layer.says_its_output_shape and not options:  # an option such as `return_attention_scores` may add results
        first = map_structure(lambda leaf: leaf.shape if isinstance(leaf, KerasTensor) else leaf, args[0])
        said = tuple(layer.compute_output_shape(first))
        if is_known(said) or not is_known(shapes):
            return said
    arrays = [np.zeros((1, *shape[1:]), np.float32) for shape in shapes]
    host = HostCall(layer, args, kwargs)
    returned = host.call(arrays, False)
    if isinstance(returned, (list, tuple, dict)) and any(isinstance(leaf, np.ndarray) for leaf in flatten(returned)):
        if has_backward(layer):
            raise ValueError(
                f'Layer "{layer.name}": expected a layer with `backward` to return one array. Received: '
                f"{type(returned).__name__}"
            )
        raise _SeveralResultsError
    result = host.checked(returned, arrays)
    if result.ndim == 0 or len(result) != 1 or (result.ndim == 1 and not _follows_batch(host, shapes)):
        raise NoBatchAxisError(
            f'Layer "{layer.name}": expected call to return an array with the batch axis in front, of shape (1, ...) '
            f"for one sample. Received: {result.shape}"
        )
    return (None, *result.shape[1:])


def _follows_batch(host: HostCall, shapes: Sequence[Any]) -> bool:
    """Whether a call whose result for one sample is a single number gives two numbers for two samples."""
    result = host.call([np.zeros((2, *shape[1:]), np.float32) for shape in shapes], False)
    return bool(np.shape(result) == (2,))


def fill_shapes(node_args: Any, shapes: Sequence[Any]) -> Any:
    """Return the arguments of a call with each tensor replaced by a tensor of the given shape."""
    leaves = flatten(node_args)
    rest = iter(shapes)
    return pack_like(node_args, [KerasTensor(next(rest)) if isinstance(x, KerasTensor) else x for x in leaves])
