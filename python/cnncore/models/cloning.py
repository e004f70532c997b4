"""Make models from other models or from JSON, with new weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from cnncore._custom_objects import custom_object_scope
from cnncore._structure import flatten
from cnncore.graph.tensor import KerasTensor
from cnncore.layers.base import Layer, registry
from cnncore.layers.input_layer import InputLayer
from cnncore.models.data.arrange import arrange
from cnncore.models.model import Model
from cnncore.models.sequential import Sequential
from cnncore.models.structure.graph_config import describe, lookup, rebuild

__all__ = ["clone_model", "model_from_json"]


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
) -> Any:
    """A model of the same layers with new weights of its own.

    Parameters
    ----------
    model : Model
        A functional or Sequential model. Models inside are cloned by their config, as other layers are.
    input_tensors : KerasTensor, or list or dict of them, optional
        Inputs of the new model, made by ``Input``; new ones by default.
    clone_function : callable, optional
        Called with each layer that is not an input; returns the layer to use instead. By default this is a new layer
        with the same config.

    Returns
    -------
    Sequential or Model
        Not compiled.

    Raises
    ------
    ValueError
        If the model is a subclass with a method ``call``: make another one with its constructor.

    Examples
    --------
    >>> from cnncore import Sequential
    >>> from cnncore.layers import Dense
    >>> from cnncore.models import clone_model
    >>> model = Sequential([Dense(2, input_shape=(3,), name="dense")])
    >>> other = clone_model(model)
    >>> other.layers[0].name, bool((other.layers[0].kernel == model.layers[0].kernel).all())
    ('dense', False)
    """
    if not isinstance(model, Model):
        raise TypeError(f"[clone_model] expected a model. Received: {type(model).__name__}")
    if type(model).call is not Model.call:
        raise ValueError(
            f"[clone_model] expected a functional or Sequential model. Received: {type(model).__name__}, which has a "
            "method call; make another with its constructor."
        )
    return _clone_of(model, input_tensors, _Clones(clone_function))


class _Clones:
    """The clone of each layer. A layer that several models have in common is cloned once."""

    def __init__(self, clone_function: Callable[[Layer], Layer] | None) -> None:
        self.function = clone_function
        # the layer's id -> the layer, which is kept so that no other object gets its id, and the clone
        self.made: dict[int, tuple[Layer, Any]] = {}

    def __call__(self, layer: Layer) -> Any:
        if id(layer) not in self.made:
            self.made[id(layer)] = (layer, self.function(layer) if self.function else self._alike(layer))
        return self.made[id(layer)][1]

    def _alike(self, layer: Layer) -> Any:
        if isinstance(layer, Model) and type(layer).call is Model.call:
            return _clone_of(layer, None, self)
        return type(layer).from_config(layer.get_config())


def _clone_of(model: Model, input_tensors: Any, clone: _Clones) -> Any:
    """Make a model of the same graph, whose layers ``clone`` makes."""
    if isinstance(model, Sequential):
        return _clone_sequential(model, input_tensors, clone)
    inputs = [layer for layer in model.layers if isinstance(layer, InputLayer)]
    fresh = {layer.name: InputLayer(layer.sample_shape, dtype=layer.input_dtype, name=layer.name) for layer in inputs}
    if input_tensors is not None:
        given = arrange(model.input, model.input_names, input_tensors, "clone_model")
        fresh = dict(zip(model.input_names, [_input_layer(tensor) for tensor in given], strict=True))
    layers = [fresh[layer.name] if isinstance(layer, InputLayer) else clone(layer) for layer in model.layers]
    _check_clones(layers)
    _, layer_named = lookup(layers, {})
    names = {old.name: new for old, new in zip(model.layers, layers, strict=True)}
    tensors = [fresh[name].output for name in model.input_names]
    new_inputs, outputs = rebuild(
        describe(model.layer_graph), tensors, lambda name: names.get(name) or layer_named(name)
    )
    return type(model)(new_inputs, outputs, name=model.name) if _is_plain(model) else Model(new_inputs, outputs)


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The model that ``Model.to_json`` described, here or in Keras, with new weights.

    Parameters
    ----------
    json_string : str
    custom_objects : dict of str to class or function, optional
        What names in the description mean.

    Raises
    ------
    ValueError
        If the text is not JSON, or does not describe a model.

    Examples
    --------
    >>> from cnncore import Sequential
    >>> from cnncore.layers import Dense
    >>> from cnncore.models import model_from_json
    >>> model_from_json(Sequential([Dense(2, input_shape=(3,))]).to_json()).output_shape
    (None, 2)
    """
    try:
        config = json.loads(json_string)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"[model_from_json] expected JSON. Received: {error}") from None
    from cnncore.saving.keras_read import description_from_json  # later: the libraries for files are slow to import
    from cnncore.saving.limits import only_value_errors

    with only_value_errors("[model_from_json]"), custom_object_scope(custom_objects):
        model = registry.deserialize(description_from_json(config))
    if not isinstance(model, Model):
        raise ValueError(f"[model_from_json] expected the description of a model. Received: {config['class_name']!r}")
    return model


def _clone_sequential(model: Sequential, input_tensors: Any, clone: _Clones) -> Sequential:
    copy = Sequential(name=model.name)
    if input_tensors is not None:
        copy.add(_input_layer(flatten(input_tensors)[0]))
    elif model.built:
        copy.add(InputLayer(model.inputs[0].shape[1:]))
    layers = [clone(layer) for layer in model.layers]
    _check_clones(layers)
    for layer in layers:
        copy.add(layer)
    return copy


def _is_plain(model: Model) -> bool:
    return type(model).__init__ is Model.__init__


def _input_layer(tensor: Any) -> InputLayer:
    if isinstance(tensor, KerasTensor) and tensor.source is not None and isinstance(tensor.node.layer, InputLayer):
        return tensor.node.layer
    raise ValueError(f"[clone_model] expected `input_tensors` made by Input. Received: {tensor!r:.200}")


def _check_clones(layers: list[Any]) -> None:
    for layer in layers:
        if not isinstance(layer, Layer):
            raise ValueError(f"[clone_model] expected `clone_function` to return layers. Received: {layer!r:.200}")
