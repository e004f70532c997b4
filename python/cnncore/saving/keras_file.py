"""Files of Keras 3, ``.keras`` and ``.weights.h5``: a zip of JSON and an HDF5 file with the weights.

Layers, weights, the arguments of ``compile`` and the state of the optimizer are read and written. That needs the
package h5py, which ``cnncore[keras]`` installs.
"""

from __future__ import annotations

import datetime
import io
import json
import os
import zipfile
from collections.abc import Mapping
from typing import Any

from cnncore import _checks
from cnncore.layers.base import registry
from cnncore.saving.atomic import write_atomically
from cnncore.saving.format import parse_json
from cnncore.saving.h5 import group_at, open_h5
from cnncore.saving.keras_compile import compile_arguments
from cnncore.saving.keras_h5 import is_old, read_old_weights
from cnncore.saving.keras_old import modern, warn_of_other_meanings
from cnncore.saving.keras_read import layer_paths, mark_shared, own_description
from cnncore.saving.keras_weights import keras_paths, paths_from, read_keras_h5, state_in_keras_h5, write_keras_h5
from cnncore.saving.keras_write import keras_description
from cnncore.saving.limits import read_bounded

__all__ = ["read_keras_model", "read_keras_weights", "write_keras_model", "write_keras_weights"]

_WRITTEN_FOR = "3.0.0"  # the version of Keras that is named in the files
_WEIGHTS = "model.weights.h5"
_METADATA = "metadata.json"


def write_keras_model(model: Any, path: str | os.PathLike[str], include_optimizer: bool) -> None:
    """Write ``model`` as Keras does. Raises a ValueError if something in it does not exist in Keras."""
    with model.step_lock:
        description = keras_description(model)
        weights = write_keras_h5(model, include_optimizer and model.compiled)
    if not include_optimizer:
        description["compile_config"] = {}
    metadata = {"keras_version": _WRITTEN_FOR, "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(_METADATA, json.dumps(metadata))
        archive.writestr("config.json", json.dumps(description, allow_nan=False))
        archive.writestr(_WEIGHTS, weights)
    write_atomically(path, content.getvalue())


def write_keras_weights(model: Any, path: str | os.PathLike[str]) -> None:
    """Write the weights of ``model`` as Keras does."""
    with model.step_lock:
        content = write_keras_h5(model, with_optimizer=False)
    write_atomically(path, content)


def read_keras_model(path: str | os.PathLike[str], compile: bool, max_bytes: int | None) -> Any:  # noqa: A002
    """The model in a file of Keras."""
    members = _members(read_bounded(path, max_bytes))
    config = modern(parse_json(members["config.json"], "config.json"))
    warn_of_other_meanings(members["config.json"].decode(), _version(members))
    mark_shared(config)
    model: Any = registry.deserialize(own_description(config))
    if not hasattr(type(model), "named_weights"):
        raise ValueError(f"expected a model. Received: a {type(model).__name__}")
    if not model.built:
        _build(model, config.get("build_config"))
    paths = {path: _layer_at(model, names) for path, names in layer_paths(config).items()}
    read_keras_h5(members[_WEIGHTS], paths_from(paths))
    compile_config = config.get("compile_config") if isinstance(config, Mapping) else None
    if compile and compile_config:
        model.compile_from_config(compile_arguments(compile_config))
        if model.built:
            state_in_keras_h5(members[_WEIGHTS], model)
    return model


def read_keras_weights(
    model: Any, path: str | os.PathLike[str], max_bytes: int | None, skip_mismatch: bool, by_name: bool
) -> None:
    """Read the weights in a file of Keras, of any of its formats, into a model of the same layers."""
    content = read_bounded(path, max_bytes)
    if zipfile.is_zipfile(io.BytesIO(content)):
        content = _members(content)[_WEIGHTS]
    with open_h5(content) as file:
        old = is_old(file)
        if old:
            read_old_weights(
                file if group_at(file, "model_weights") is None else file["model_weights"],
                model,
                skip_mismatch,
                by_name,
            )
    if not old:
        read_keras_h5(content, keras_paths(model), skip_mismatch, by_name)


# --- details ----------------------------------------------------------------------------------------------------------
def _members(content: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = ["config.json", _WEIGHTS, *({_METADATA} & set(archive.namelist()))]
            return {name: _member(archive, name, len(content)) for name in names}
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise ValueError(f"expected an intact file of Keras 3. Received: {error}") from None


def _version(members: Mapping[str, bytes]) -> str:
    """The version of Keras that wrote the file, as far as the file says it."""
    metadata = parse_json(members[_METADATA], _METADATA) if _METADATA in members else None
    return str(metadata.get("keras_version")) if isinstance(metadata, Mapping) else ""


def _member(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    """A file in a zip archive. Keras does not compress them, so none may be much larger than the archive."""
    info = archive.getinfo(name)
    if info.file_size > 100 * size:
        raise ValueError(f"expected {name} of a size that the file can hold. Received: {info.file_size:,} bytes")
    return archive.read(info)


def _layer_at(model: Any, way: list[str | int]) -> Any:
    for step in way:
        model = model.layers[step] if isinstance(step, int) else model.get_layer(step)
    return model


def _build(model: Any, description: Any) -> None:
    """Build a model of a user's class for the shapes that its inputs had when it was saved."""
    shapes = description.get("input_shape") if isinstance(description, Mapping) else None
    if shapes:
        model.build_for_shapes(_sample_shapes(shapes))


def _sample_shapes(shapes: Any) -> Any:
    if isinstance(shapes, Mapping):
        return {key: _sample_shapes(value) for key, value in shapes.items()}
    if not isinstance(shapes, list):
        raise ValueError("expected shapes to be lists")
    if shapes and all(isinstance(item, (list, Mapping)) for item in shapes):
        return [_sample_shapes(item) for item in shapes]
    return _checks.shape_of_sample(tuple(shapes[1:]), "input_shape", "load_model")
