"""The weights in files of Keras 3: an HDF5 file with a group for each layer, whose arrays are numbered."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from cnncore._registry import snake_case
from cnncore._structure import flatten
from cnncore.layers.scaling import Normalization
from cnncore.layers.weights.variable import write_together
from cnncore.saving.h5 import Array, array_at, group_at, h5_bytes, open_h5
from cnncore.saving.keras_optimizer import put_variables, variables_of
from cnncore.saving.matching import warn_of_skipped

__all__ = [
    "Stored",
    "finite",
    "keras_paths",
    "paths_from",
    "read_keras_h5",
    "state_in_keras_h5",
    "stored_weights",
    "write_all",
    "write_keras_h5",
]


class Stored(NamedTuple):
    """An array of a layer as Keras stores it."""

    name: str
    shape: tuple[int, ...]
    read: Callable[[], Array]
    write: Callable[[Array], None]
    variable: Any = None  # the weight of this package, if the array is stored as it is


def write_all(found: list[tuple[Stored, Array]]) -> None:
    """Write arrays, whose shapes must have been checked.

    All weights are written at once, so that no other thread computes with some old and some new ones.
    """
    write_together([(stored.variable, array) for stored, array in found if stored.variable is not None])
    for stored, array in found:
        if stored.variable is None:
            stored.write(array)


def stored_weights(layer: Any) -> list[Stored]:
    """The arrays that Keras stores for a layer, without those of layers inside it, in Keras' order."""
    if isinstance(layer, Normalization):
        return _statistics(layer)
    taken_over = layer.weights_taken_over() if hasattr(layer, "weights_taken_over") else []
    return [
        Stored(variable.path, tuple(variable.shape), variable.numpy, variable.write, variable)
        for variable in layer.variables
        if variable.layer is layer or any(variable is item for item in taken_over)
    ]


def _statistics(layer: Any) -> list[Stored]:
    """Mean, variance and count that a Normalization layer has learned from data.

    An empty list if they were given as arguments.
    """
    if layer.input_mean is not None or not layer.built:
        return []
    held = {"mean": np.squeeze(layer.mean), "variance": np.squeeze(layer.variance)}
    shape = layer.statistics_shape
    taken: dict[str, Array] = {}

    def write(name: str, values: Array) -> None:
        taken[name] = values
        if len(taken) == len(held):
            layer.set_statistics(taken["mean"], taken["variance"])

    found = [
        Stored(f"{layer.name}/{name}", shape, lambda v=value: v.reshape(shape), lambda a, n=name: write(n, a))  # type: ignore[misc]
        for name, value in held.items()
    ]
    return [*found, Stored(f"{layer.name}/count", (), lambda: np.zeros((), np.int32), lambda _: None)]


def keras_paths(model: Any) -> dict[str, Any]:
    """The layers that have weights of their own, by the paths that Keras has for them. Each layer occurs once.

    In a path, Keras numbers the layers of a Sequential or functional model by class. Layers inside other layers and
    models have the name of the attribute that holds them.
    """
    return paths_from({"": model})


def paths_from(layers: Mapping[str, Any]) -> dict[str, Any]:
    """The layers with weights among ``layers`` and inside them, by path."""
    found: dict[str, Any] = {}
    seen: set[int] = set()
    for path, layer in layers.items():
        _collect(layer, path, found, seen)
    return found


def _collect(layer: Any, path: str, found: dict[str, Any], seen: set[int]) -> None:
    if id(layer) in seen:
        return
    seen.add(id(layer))
    start = f"{path}/" if path else ""
    if stored_weights(layer):
        inner = getattr(layer, "keras_weights_in", None)
        found[path if inner is None else start + inner] = layer
    if getattr(layer, "is_graph", False):
        children: dict[str, Any] = {"layers": layer.layers}
    else:
        inner = {id(item) for item in layer.sublayers()}
        names = sorted(vars(layer), key=lambda name: (name[0] == "_", name)) if inner else []
        children = {
            name: vars(layer)[name] for name in names if any(id(leaf) in inner for leaf in flatten(vars(layer)[name]))
        }
        if hasattr(type(layer), "named_weights"):  # a model, which has the attribute "layers", too
            children |= {"layers": layer.layers}
            children = {name: children[name] for name in sorted(children, key=lambda name: (name[0] == "_", name))}
    for name, value in children.items():
        if isinstance(value, (list, tuple, dict)):
            _collect_in(value, start + name, found, seen)
        else:
            _collect(value, start + name, found, seen)


def _collect_in(container: Any, path: str, found: dict[str, Any], seen: set[int]) -> None:
    """Collect the layers in a list or dict. Their paths have a number for each class."""
    used: dict[str, int] = {}
    for item in container.values() if isinstance(container, dict) else container:
        inner = isinstance(item, (list, tuple, dict))
        if not inner and not hasattr(item, "sublayers"):
            continue
        stem = (
            "container"
            if inner
            else snake_case("Functional" if type(item).__name__ == "Model" else type(item).__name__)
        )
        number = used[stem] = used.get(stem, -1) + 1
        place = f"{path}/{stem}_{number}" if number else f"{path}/{stem}"
        (_collect_in if inner else _collect)(item, place, found, seen)


def write_keras_h5(model: Any, with_optimizer: bool) -> bytes:
    """The bytes of the HDF5 file."""

    def write(file: Any) -> None:
        file.require_group("vars").attrs["name"] = model.name
        for path, layer in keras_paths(model).items():
            group = file.require_group(f"{path}/vars" if path else "vars")
            group.attrs["name"] = layer.name
            for number, stored in enumerate(stored_weights(layer)):
                group.create_dataset(str(number), data=finite(stored))
        variables = variables_of(model) if with_optimizer else None
        for number, array in enumerate(variables or []):
            file.create_dataset(f"optimizer/vars/{number}", data=array)

    return h5_bytes(write)


def finite(stored: Stored) -> Array:
    """Returns the array. Raises a ValueError if it is not finite, because such a file could not be read."""
    array = stored.read()
    if not np.isfinite(array).all():
        raise ValueError(f"cannot save: weight {stored.name!r}: expected finite values")
    return array


def read_keras_h5(
    content: bytes, layers: Mapping[str, Any], skip_mismatch: bool = False, by_name: bool = False
) -> None:
    """Check all weights, then write them to the layers.

    Parameters
    ----------
    content : bytes
    layers : dict of str to Layer
        The layers by the paths that Keras has for their weights.
    skip_mismatch : bool
        Leave out weights that are missing or have another shape, with a warning.
    by_name : bool
        Find layers by the names in the file and not by their paths, and leave out layers that the file does not have.
    """
    found: list[tuple[Stored, Array]] = []
    skipped: list[str] = []
    with open_h5(content) as file:
        places = _by_name(file, layers) if by_name else layers
        for path, layer in ((_path_in(file, path), layer) for path, layer in places.items()):
            for number, stored in enumerate(stored_weights(layer)):
                try:
                    found.append((stored, array_at(file, f"{path}/vars/{number}".lstrip("/"), stored.shape)))
                except ValueError:
                    if not skip_mismatch:
                        raise
                    skipped.append(stored.name)
    write_all(found)
    warn_of_skipped(skipped, nothing=by_name and not found)


def _path_in(file: Any, path: str) -> str:
    """The path in the file. TensorFlow's Keras 2 has a private attribute ``_key_dense`` instead of ``key_dense``."""
    head, slash, tail = path.rpartition("/")
    private = f"{head}{slash}_{tail}"
    return private if path and group_at(file, path) is None and group_at(file, private) is not None else path


def _by_name(file: Any, layers: Mapping[str, Any]) -> dict[str, Any]:
    """The layers by the paths of the groups that have their names."""
    wanted = {layer.name: layer for layer in layers.values()}
    found: dict[str, Any] = {}

    def visit(group: Any, path: str) -> None:
        for key in group:
            inner = group_at(group, key)
            if inner is None or len(path) > 2000:
                continue
            if key == "vars" and path:
                name = inner.attrs.get("name")
                if isinstance(name, str) and name in wanted and len(inner):
                    found[path] = wanted[name]
            else:
                visit(inner, f"{path}/{key}" if path else key)

    visit(file, "")
    return found


def state_in_keras_h5(content: bytes, model: Any) -> None:
    """Give the optimizer of the model the state that is in the file, if there is any."""
    with open_h5(content) as file:
        group = group_at(file, "optimizer/vars")
        count = 0 if group is None else sum(re.fullmatch(r"[0-9]{1,9}", key) is not None for key in group)
        put_variables(model, count, lambda number, shape: array_at(file, f"optimizer/vars/{number}", shape))
