"""Files of Keras, ``.keras`` and ``.weights.h5``: a zip of JSON and an HDF5 file with the weights.

Layers and weights are exchanged with Keras 3 both ways, and so is what ``compile`` was given; the state of the
optimizer is not. Reading needs the package h5py, as ``cnncore[keras]`` installs it.
"""

from __future__ import annotations

import datetime
import io
import json
import os
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from cnncore._registry import snake_case
from cnncore.layers.base import registry

from .atomic import write_atomically
from .format import parse_json
from .keras_names import NO_WEIGHTS
from .keras_read import layer_paths, own_description
from .keras_write import keras_description
from .limits import checked_size, printable
from .matching import assign

__all__ = ["read_keras_model", "read_keras_weights", "write_keras_model", "write_keras_weights"]

_WRITTEN_FOR = "3.0.0"  # the version of Keras that the files say they are of
_WEIGHTS = "model.weights.h5"


def write_keras_model(model: Any, path: str | os.PathLike[str]) -> None:
    """Write ``model`` as Keras does; a ValueError if something in it has no counterpart there."""
    h5py = _h5py()
    with model.lock:
        description = keras_description(model)
        weights = _h5_bytes(h5py, model)
    metadata = {"keras_version": _WRITTEN_FOR, "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("metadata.json", json.dumps(metadata))
        archive.writestr("config.json", json.dumps(description, allow_nan=False))
        archive.writestr(_WEIGHTS, weights)
    write_atomically(path, content.getvalue())


def write_keras_weights(model: Any, path: str | os.PathLike[str]) -> None:
    """Write the weights of ``model`` as Keras does."""
    h5py = _h5py()
    with model.lock:
        content = _h5_bytes(h5py, model)
    write_atomically(path, content)


def read_keras_model(path: str | os.PathLike[str], compile: bool, max_bytes: int | None) -> Any:  # noqa: A002
    """The model in a file of Keras."""
    h5py = _h5py()
    with open(path, "rb") as file:
        checked_size(os.fstat(file.fileno()).st_size, max_bytes, os.fspath(path))
        content = file.read()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: _member(archive, name, len(content)) for name in ("config.json", _WEIGHTS)}
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise ValueError(f"expected an intact file of Keras 3. Received: {error}") from None
    config = parse_json(members["config.json"], "config.json")
    model: Any = registry.deserialize(own_description(config))
    paths = {path: _layer_at(model, names) for path, names in layer_paths(config).items()}
    _read_h5(h5py, members[_WEIGHTS], paths)
    compile_config = config.get("compile_config") if isinstance(config, Mapping) else None
    if compile and compile_config:
        model.compile_from_config(_compile_arguments(compile_config))
    return model


def read_keras_weights(model: Any, path: str | os.PathLike[str], max_bytes: int | None) -> None:
    """Read weights that Keras' ``save_weights`` wrote into a model of the same layers."""
    h5py = _h5py()
    with open(path, "rb") as file:
        checked_size(os.fstat(file.fileno()).st_size, max_bytes, os.fspath(path))
        content = file.read()
    _read_h5(h5py, content, _paths(model))


# --- details ----------------------------------------------------------------------------------------------------------
def _h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise ValueError(
            "files of Keras need the package h5py: pip install cnncore[keras], or use a name that ends in .safetensors."
        ) from None
    return h5py


def _member(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    """A file in a zip; Keras stores them as they are, so that none is much larger than the zip."""
    info = archive.getinfo(name)
    if info.file_size > 100 * size:
        raise ValueError(f"expected {name} of a size that the file can hold. Received: {info.file_size:,} bytes")
    return archive.read(info)


def _paths(model: Any, prefix: str = "layers") -> dict[str, Any]:
    """The layers by where Keras keeps their weights: counted by class in each model; each layer once."""
    found: dict[str, Any] = {}
    used: dict[str, int] = {}
    for layer in model.layers:
        stem = snake_case("Functional" if type(layer).__name__ == "Model" else type(layer).__name__)
        number = used.get(stem, -1) + 1
        used[stem] = number
        path = f"{prefix}/{stem}" if number == 0 else f"{prefix}/{stem}_{number}"
        if any(layer is other for other in found.values()):
            continue
        if hasattr(layer, "graph"):
            found |= _paths(layer, f"{path}/layers")
        else:
            found[path] = layer
    return found


def _layer_at(model: Any, names: list[str]) -> Any:
    for name in names:
        model = model.get_layer(name)
    return model


def _own_variables(layer: Any) -> list[Any]:
    if type(layer).__name__ in NO_WEIGHTS:
        return []
    return [variable for variable in layer.variables if variable.layer is layer]


def _h5_bytes(h5py: Any, model: Any) -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_group("vars").attrs["name"] = model.name
        for path, layer in _paths(model).items():
            group = file.create_group(f"{path}/vars")
            group.attrs["name"] = layer.name
            for number, variable in enumerate(_own_variables(layer)):
                array = variable.numpy()
                if not np.isfinite(array).all():
                    raise ValueError(f"cannot save: weight {variable.path!r}: expected finite values")
                group.create_dataset(str(number), data=array)
    return content.getvalue()


def _read_h5(h5py: Any, content: bytes, layers: Mapping[str, Any]) -> None:
    """Check all weights, then write them to the layers."""
    weights: dict[str, Any] = {}
    tensors: dict[str, np.ndarray] = {}
    try:
        file = h5py.File(io.BytesIO(content), "r")
    except OSError as error:
        raise ValueError(f"expected an intact HDF5 file. Received: {printable(error)}") from None
    with file:
        for path, layer in layers.items():
            for number, variable in enumerate(_own_variables(layer)):
                key = f"{path}/vars/{number}"
                weights[key], tensors[key] = variable, _array(h5py, file, key, variable.shape)
    assign(weights, tensors)


def _array(h5py: Any, file: Any, key: str, shape: tuple[int, ...]) -> np.ndarray:
    """A weight; only what is stored in this very file is read, and nothing that is larger than what is stored."""
    item = file
    for part in key.split("/"):
        link = item.get(part, getlink=True) if isinstance(item, h5py.Group) else None
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"expected the weight {printable(key)!r} of shape {shape}. Received: nothing")
        item = item[part]
    if not isinstance(item, h5py.Dataset) or item.is_virtual or item.external:
        raise ValueError(f"weight {printable(key)!r}: expected an array stored in the file")
    if item.shape != tuple(shape) or item.dtype != np.float32 or item.id.get_storage_size() < item.nbytes:
        raise ValueError(
            f"weight {printable(key)!r}: expected stored float32 values of shape {tuple(shape)}. "
            f"Received: {item.dtype}, shape {item.shape}"
        )
    array = np.asarray(item[()])
    if not np.isfinite(array).all():
        raise ValueError(f"weight {printable(key)!r}: expected finite values")
    return array


def _compile_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """What ``compile_from_config`` takes, without what Keras says about its own machinery."""

    def own(value: Any) -> Any:
        if isinstance(value, Mapping) and "class_name" in value and "config" in value:
            settings = {k: own(v) for k, v in value["config"].items() if v is not None and k not in ("dtype", "fn")}
            settings.pop("loss_scale_factor", None)
            return {"class_name": value["class_name"], "config": settings}
        if isinstance(value, Mapping):
            return {key: own(item) for key, item in value.items()}
        return [own(item) for item in value] if isinstance(value, list) else value

    known = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics")
    return {key: own(config[key]) for key in known if config.get(key) is not None}
