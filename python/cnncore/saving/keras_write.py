"""A model as Keras describes it in the ``config.json`` of its files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnncore._custom_objects import registered_name
from cnncore._structure import flatten_by_key, map_structure
from cnncore.graph.tensor import KerasTensor
from cnncore.saving.keras_compile import compile_config
from cnncore.saving.keras_names import ACTIVATION_LAYERS, KINDS, NOT_ACCEPTED, OWN_ARGUMENTS, WRAPPED
from cnncore.saving.keras_objects import REGISTRIES, serialized
from cnncore.saving.keras_operations_write import Typed, operation_entry

__all__ = ["keras_description", "layer_description"]


def keras_description(model: Any, sharing: bool = True) -> dict[str, Any]:
    """The content of ``config.json``: the model and the arguments of ``compile``, as Keras describes them.

    Parameters
    ----------
    model : Model
    sharing : bool, default True
        Whether to mark layers that several inner models have in common. HDF5 files have no such marks, so for them a
        model with such layers is refused.

    Raises
    ------
    ValueError
        If a layer, or an argument of one, has no counterpart in Keras.
    """
    description = _Writer(model, sharing).layer(model)
    description["compile_config"] = compile_config(model) if model.compiled else {}
    return description


def layer_description(layer: Any) -> dict[str, Any]:
    """A layer or model as Keras describes it, without weights and without the arguments of ``compile``."""
    return _Writer(layer, sharing=True).layer(layer)


class _Writer:
    """Descriptions of a model and of everything in it.

    If several inner models have a layer in common, it is described in each of them, with the same "shared_object_id".
    Keras counts the calls of a layer over all models that have been read so far, and so does ``calls``.
    """

    def __init__(self, model: Any, sharing: bool) -> None:
        self.sharing = sharing
        self.entries: dict[int, dict[str, Any]] = {}
        self.calls: dict[int, int] = {}
        counts: dict[int, int] = {}
        _count(model, counts)
        shared = [key for key, count in counts.items() if count > 1]
        self.numbers = {key: number for number, key in enumerate(shared, 1)}

    def layer(self, layer: Any) -> dict[str, Any]:
        key = id(layer)
        if key not in self.numbers:
            return self._entry(layer)
        if not self.sharing:
            raise ValueError(
                f'layer "{layer.name}": HDF5 files cannot say that several models have a layer in common; a name that '
                "ends in .keras or .safetensors can."
            )
        if key not in self.entries:
            self.entries[key] = self._entry(layer) | {"shared_object_id": self.numbers[key]}
        return dict(self.entries[key])

    def _entry(self, layer: Any) -> dict[str, Any]:
        cls, kind = type(layer), type(layer).__name__
        own = cls.__module__.startswith("cnncore.")
        if kind == "Sequential":
            return _described("keras", "Sequential", self._sequential(layer), layer)
        if kind == "Model" and own:
            return _described("keras.src.models.functional", "Functional", self._functional(layer), layer)
        if not own:
            made_of_tensors = getattr(layer, "is_graph", False) and "calls" in layer.get_config()
            config = self._functional(layer) if made_of_tensors else serialized(layer.get_config(), self.layer)
            return _described(cls.__module__, kind, config, layer, registered_name(cls))
        return _plain(layer, kind)

    def _sequential(self, model: Any) -> dict[str, Any]:
        if len({id(layer) for layer in model.layers}) < len(model.layers):
            raise ValueError(
                f'model "{model.name}": Keras\' files cannot hold a Sequential model that contains a layer twice; '
                "Model(inputs, outputs) can be written, and a name that ends in .safetensors saves any model."
            )
        layers = [self._counted(layer) for layer in model.layers]
        described = {"name": model.name, "trainable": model.trainable, "layers": layers}
        if not model.built:
            return described
        shape = list(model.inputs[0].shape)
        start = {"batch_shape": shape, "dtype": "float32", "name": model.input_names[0]}
        entry = {"module": "keras.layers", "class_name": "InputLayer", "config": start, "registered_name": None}
        return described | {"layers": [entry, *layers], "build_input_shape": shape}

    def _counted(self, layer: Any) -> dict[str, Any]:
        entry = self.layer(layer)
        self.calls[id(layer)] = self.calls.get(id(layer), 0) + 1
        return entry

    def _functional(self, model: Any) -> dict[str, Any]:
        graph = model.layer_graph
        entries = {layer.name: self.layer(layer) for layer in model.layers}
        places: dict[int, list[Any]] = {}  # tensor -> [layer, number of the call, number of the output]
        nodes: dict[str, list[Any]] = {name: [] for name in entries}
        for tensor in graph.input_list:
            places[id(tensor)] = [tensor.node.layer.name, 0, 0]
        for node in graph.nodes:
            layer = node.layer
            number = self.calls.get(id(layer), 0)
            self.calls[id(layer)] = number + 1
            kwargs = dict(node.kwargs)
            if node.training is not None:
                kwargs["training"] = node.training
            operation = operation_entry(layer, type(layer).__name__)
            given = list(node.args) if operation is None else operation.called(list(node.args))
            args = _arguments(given, places)
            nodes[layer.name].append({"args": args, "kwargs": _arguments(kwargs, places)})
            for position, tensor in enumerate(
                flatten_by_key(node.outputs), 0 if operation is None else operation.output
            ):
                places[id(tensor)] = [layer.name, number, position]
        return {
            "name": model.name,
            "trainable": model.trainable,
            "layers": [entry | {"name": name, "inbound_nodes": nodes[name]} for name, entry in entries.items()],
            "input_layers": map_structure(lambda tensor: places[id(tensor)], graph.inputs),
            "output_layers": map_structure(lambda tensor: _as_output(tensor, places), graph.outputs),
        }


def _count(model: Any, counts: dict[int, int]) -> None:
    """Count for each layer the inner models that contain it."""
    for layer in {id(item): item for item in getattr(model, "layers", [])}.values():
        counts[id(layer)] = counts.get(id(layer), 0) + 1
        if hasattr(layer, "layer_graph") and counts[id(layer)] == 1:
            _count(layer, counts)


def _plain(layer: Any, kind: str) -> dict[str, Any]:
    operation = operation_entry(layer, kind)
    if operation is not None:
        return _described(operation.module, operation.kind, operation.config, layer)
    if kind == "Lambda":
        return _described("keras.layers", kind, _function_config(layer), layer)
    config = dict(layer.get_config())
    for key, default in OWN_ARGUMENTS.items():
        if config.pop(key, default) not in (default, None) and key != "input_shape":
            raise ValueError(f'layer "{layer.name}": Keras has no argument {key!r}.')
    for key in NOT_ACCEPTED.get(kind, ()):
        config.pop(key, None)
    padding = config.get("padding")
    windows = kind.startswith(("Conv", "Depthwise", "Separable", "Max", "Average"))
    if windows and not isinstance(padding, (str, type(None))):
        raise ValueError(f'layer "{layer.name}": Keras has no explicit padding. Received: padding={padding!r}')
    if kind == "InputLayer":
        config["batch_shape"] = [None, *config.pop("shape")]
    return _described("keras.layers", kind, {key: _value(key, value) for key, value in config.items()}, layer)


def _function_config(layer: Any) -> dict[str, Any]:
    """The config of a Lambda layer.

    It has the name of the function and not its code, because code from a file is dangerous.
    """
    config = {key: value for key, value in layer.get_config().items() if key not in OWN_ARGUMENTS}
    name = registered_name(layer.function)
    config["function"] = {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
    return {"arguments": {}, **{key: _lists(value) for key, value in config.items()}}


def _described(
    module: str, kind: str, config: dict[str, Any], layer: Any, registered: str | None = None
) -> dict[str, Any]:
    entry: dict[str, Any] = {"module": module, "class_name": kind, "config": config, "registered_name": registered}
    if kind == "Functional":
        entry["registered_name"] = "Functional"
    if layer.nodes and kind not in ("InputLayer", "Functional") and not module.startswith("keras.src.ops"):
        entry["build_config"] = _build_config(layer)
    elif registered is not None and hasattr(type(layer), "named_weights") and layer.built:
        entry["build_config"] = {"input_shape": _lists(map_structure(_shape, layer.layer_graph.inputs))}
    return entry


def _build_config(layer: Any) -> dict[str, Any]:
    """The shapes from which Keras builds a layer before it reads the weights."""
    names = getattr(type(layer), "keras_shape_names", ())
    if names:
        shapes = [_shape(tensor) for tensor in layer.nodes[0].inputs]
        return {"shapes_dict": dict(zip(names, shapes, strict=False))}
    return {"input_shape": _lists(map_structure(_shape, layer.nodes[0].input))}


def _value(key: str, value: Any) -> Any:
    """An argument. Initializers and other objects are described with the module in which Keras has them."""
    if key in WRAPPED and isinstance(value, list):
        return [_value(key, item) for item in value]
    if key in WRAPPED and isinstance(value, dict):
        return layer_description(REGISTRIES["keras.layers"].deserialize(value))
    if key.endswith("activation") and isinstance(value, dict) and str(value.get("class_name")).islower():
        kind = ACTIVATION_LAYERS.get(value["class_name"])
        if kind is None:
            raise ValueError(
                f"Keras' files cannot hold arguments of the activation {value['class_name']!r}. Received: {value}"
            )
        value = {"class_name": kind, "config": value["config"]}
    for ending, module in KINDS.items():
        if key.endswith(ending) and isinstance(value, dict) and "class_name" in value:
            return _object(module, value)
        if key.endswith(ending) and isinstance(value, str):
            return _function(value)
    return _lists(value)


def _object(module: str, value: dict[str, Any]) -> dict[str, Any]:
    """An initializer, regularizer or constraint; ``module`` is where Keras has its own ones."""
    name, config = str(value["class_name"]), value["config"]
    if name == "FunctionRegularizer":
        return _function(config["function"])
    if REGISTRIES[module].known_class(name) is not None:
        return {"module": module, **value, "registered_name": None}
    if not config:  # a function, or a class without arguments: Keras takes either under the name of a function
        return _function(name)
    return {"module": None, "class_name": name.rpartition(">")[2], "config": config, "registered_name": name}


def _function(name: str) -> dict[str, Any]:
    """A function of the user by its name, and by its package if it was registered."""
    entry = {"module": "builtins", "class_name": "function", "config": name.rpartition(">")[2]}
    return {**entry, "registered_name": name if ">" in name else "function"}


def _lists(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_lists(item) for item in value]
    return {key: _lists(item) for key, item in value.items()} if isinstance(value, dict) else value


def _as_output(tensor: KerasTensor, places: Mapping[int, list[Any]]) -> list[Any]:
    """An output of a model, as the layer, its call and its output.

    Keras counts the calls of an inner functional model from one here, and from zero everywhere else.
    """
    name, number, position = places[id(tensor)]
    return [name, number + (type(tensor.node.layer).__name__ == "Model"), position]


def _arguments(structure: Any, places: Mapping[int, list[Any]]) -> Any:
    def described(leaf: Any) -> Any:
        if isinstance(leaf, Typed):
            leaf, dtype = leaf.tensor, leaf.dtype
        elif isinstance(leaf, KerasTensor):
            dtype = leaf.dtype
        else:
            return leaf
        config = {"shape": _shape(leaf), "dtype": dtype, "keras_history": places[id(leaf)]}
        return {"class_name": "__keras_tensor__", "config": config}

    return map_structure(described, structure)


def _shape(tensor: KerasTensor) -> list[Any]:
    return list(tensor.shape)
