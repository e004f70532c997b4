"""Whole models in HDF5 files, as Keras 2 and TensorFlow's Keras write them and Keras 3 still reads and writes."""

from __future__ import annotations

import json
import os
from typing import Any

from cnncore.layers.base import registry
from cnncore.saving.atomic import write_atomically
from cnncore.saving.format import parse_json
from cnncore.saving.h5 import Array, array_at, group_at, h5_bytes, names_in, open_h5, text_in, write_names
from cnncore.saving.keras_compile import compile_arguments, old_compile_config
from cnncore.saving.keras_old import modern, warn_of_other_meanings
from cnncore.saving.keras_optimizer import put_named_variables, put_variables
from cnncore.saving.keras_read import own_description
from cnncore.saving.keras_weights import Stored, finite, stored_weights, write_all
from cnncore.saving.keras_write import keras_description
from cnncore.saving.limits import printable, read_bounded
from cnncore.saving.matching import warn_of_skipped

__all__ = ["is_old", "read_h5_model", "read_old_weights", "write_h5_model", "write_h5_weights"]

_VERSION = "3.0.0"  # the version of Keras that is named in the files
_TOP = "top_level_model_weights"


def write_h5_model(model: Any, path: str | os.PathLike[str], include_optimizer: bool) -> None:
    """Write ``model`` to an HDF5 file that Keras can read.

    Raises a ValueError if something in it does not exist in Keras.

    The state of the optimizer is left out. Keras 3 would assign it to an optimizer that has no variables yet, and the
    model could not be trained afterwards.
    """
    if not model.is_graph:
        raise ValueError(
            f'model "{model.name}": HDF5 files describe Sequential models and Model(inputs, outputs). A name that ends '
            "in .keras or .safetensors saves a model of a class of your own, and save_weights saves the weights of any."
        )
    with model.step_lock:
        description = keras_description(model, sharing=False)
        compiled = description.pop("compile_config")

        def write(file: Any) -> None:
            file.attrs["backend"], file.attrs["keras_version"] = "tensorflow", _VERSION
            described = {key: description[key] for key in ("class_name", "config")}
            file.attrs["model_config"] = json.dumps(described, allow_nan=False)
            _write_weights(file.create_group("model_weights"), model)
            if compiled and include_optimizer:
                optimizer = compiled.pop("optimizer")
                training = compiled | {"optimizer_config": {key: optimizer[key] for key in ("class_name", "config")}}
                file.attrs["training_config"] = json.dumps(training, allow_nan=False)

        content = h5_bytes(write)
    write_atomically(path, content)


def write_h5_weights(model: Any, path: str | os.PathLike[str]) -> None:
    """Write the weights of ``model`` to an HDF5 file as Keras 2 does."""
    with model.step_lock:
        content = h5_bytes(lambda file: _write_weights(file, model))
    write_atomically(path, content)


def read_h5_model(path: str | os.PathLike[str], compile: bool, max_bytes: int | None) -> Any:  # noqa: A002
    """The model in an HDF5 file."""
    with open_h5(read_bounded(path, max_bytes)) as file:
        text = text_in(file.attrs, "model_config")
        weights = group_at(file, "model_weights")
        if text is None or weights is None:
            raise ValueError(
                "expected a whole model. Received: an HDF5 file without a model_config; load_weights reads weights"
            )
        version = text_in(file.attrs, "keras_version") or "1.0"
        config = modern(parse_json(text, "its model_config"))
        warn_of_other_meanings(text, version)
        model: Any = registry.deserialize(own_description(config))
        if not hasattr(type(model), "named_weights"):
            raise ValueError(f"expected a model. Received: a {type(model).__name__}")
        if model.built:
            read_old_weights(weights, model, skip_mismatch=False, by_name=False)
        elif any(_arrays_of(weights, name) for name in names_in(weights, "layer_names")):
            raise ValueError(
                f"the file has weights, but does not say for which inputs the {type(model).__name__} was built. Make "
                "the model, call it on an array, and read them by load_weights"
            )
        training = text_in(file.attrs, "training_config")
        if compile and training is not None:
            described = parse_json(training, "its training_config")
            model.compile_from_config(compile_arguments(old_compile_config(described)))
            state = group_at(file, "optimizer_weights")
            if state is not None and model.built:
                _read_state(model, state, version)
    return model


def is_old(file: Any) -> bool:
    """Whether the weights in an HDF5 file are arranged as in Keras 2."""
    group = group_at(file, "model_weights")
    return any(
        "layer_names" in place.attrs or "layer_names0" in place.attrs for place in (file, group) if place is not None
    )


def read_old_weights(group: Any, model: Any, skip_mismatch: bool, by_name: bool) -> None:
    """Check all weights, and then write them to the layers of the model.

    Layers with weights are matched by their order, or by their names.
    """
    saved = {name: _arrays_of(group, name) for name in names_in(group, "layer_names")}
    layers = {layer.name: _stored_in(layer) for layer in model.layers}
    pairs: list[tuple[str, list[Stored], list[tuple[Any, str]]]]
    if by_name:
        pairs = [(name, layers[name], saved[name]) for name in saved if name in layers]
    else:
        full = [(name, stored) for name, stored in layers.items() if stored]
        filled = [names for names in saved.values() if names]
        if len(full) != len(filled):
            raise ValueError(
                f"expected weights of {len(full)} layers. Received: weights of {len(filled)}; by_name=True reads "
                "those of the same names"
            )
        pairs = [(name, stored, names) for (name, stored), names in zip(full, filled, strict=True)]
    found: list[tuple[Stored, Array]] = []
    skipped: list[str] = []
    for name, stored, names in pairs:
        if len(stored) != len(names):
            if skip_mismatch:
                skipped.append(name)
                continue
            raise ValueError(f"expected {len(stored)} weights of layer {printable(name)!r}. Received: {len(names)}")
        for item, (parent, key) in zip(stored, names, strict=True):
            try:
                found.append((item, array_at(parent, key, item.shape)))
            except ValueError:
                if not skip_mismatch:
                    raise
                skipped.append(item.name)
    write_all(found)
    warn_of_skipped(skipped, nothing=by_name and not found)


# --- details ----------------------------------------------------------------------------------------------------------
def _arrays_of(group: Any, name: str) -> list[tuple[Any, str]]:
    """Where the weights of a layer are: the group in the file, and their names in this group."""
    inner = group_at(group, name)
    if inner is None:
        raise ValueError(f"expected the weights of layer {printable(name)!r}. Received: nothing")
    return [(inner, key) for key in names_in(inner, "weight_names")]


def _stored_in(layer: Any) -> list[Stored]:
    """The weights of a layer, or of all layers in a model, as Keras 2 orders them: those that are trained first."""
    if not hasattr(layer, "layer_graph") and not layer.sublayers():
        return stored_weights(layer)
    if not layer.built:
        return []
    frozen = {(id(item.layer), item.index) for item in layer.non_trainable_variables}
    trained: list[Stored] = []
    others: list[Stored] = []
    seen: set[tuple[int, int]] = set()  # a weight may be listed by two layers, one of which took it over
    for owner in {id(item.layer): item.layer for item in layer.variables}.values():
        for stored in stored_weights(owner):
            if stored.variable is None:
                others.append(stored)
                continue
            key = (id(stored.variable.layer), stored.variable.index)
            if key not in seen:
                seen.add(key)
                (others if key in frozen else trained).append(stored)
    return trained + others


def _write_weights(group: Any, model: Any) -> None:
    layers = model.layers
    write_names(group, "layer_names", [layer.name for layer in layers])
    group.attrs["backend"], group.attrs["keras_version"] = "tensorflow", _VERSION
    for layer in sorted(layers, key=lambda item: str(item.name)):
        inner = group.require_group(layer.name)
        stored = _stored_in(layer)
        several = hasattr(layer, "layer_graph") or layer.sublayers()
        names = [f"{number}/{item.name}" if several else item.name for number, item in enumerate(stored)]
        write_names(inner, "weight_names", names)
        for name, item in zip(names, stored, strict=True):
            inner.create_dataset(name, data=finite(item))
    write_names(group.require_group(_TOP), "weight_names", [])


def _read_state(model: Any, group: Any, version: str) -> None:
    names = names_in(group, "weight_names")
    if version.startswith("3"):
        put_variables(model, len(names), lambda number, shape: array_at(group, names[number], shape))
    else:
        put_named_variables(model, names, lambda name, shape: array_at(group, name, shape))
