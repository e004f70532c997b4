"""The state of an optimizer in files of Keras: one list of variables, whose order depends on the class."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cnncore.saving.h5 import Array

__all__ = ["put_named_variables", "put_variables", "variables_of", "warn_of_lost_state"]

# The vectors of the state in the order of the variables of Keras. For a group of several vectors, Keras lists the
# variables of all of them for the first trained weight, then those for the second one, and so on.
_ORDER: dict[str, tuple[tuple[str, ...], ...]] = {
    "SGD": (("velocity",),),
    "RMSprop": (("velocity",), ("momentum",), ("average_gradient",)),
    "Adam": (("m", "v"), ("largest_v",)),
    "AdamW": (("m", "v"), ("largest_v",)),
    "Nadam": (("m", "v"),),
    "Adamax": (("m", "u"),),
    "Adagrad": (("accumulator",),),
    "Adadelta": (("accumulated_grad", "accumulated_delta_var"),),
    "Ftrl": (("accumulator", "linear"),),
    "Lion": (("m",),),
}
_COMMON: tuple[tuple[str, ...], ...] = (("average",), ("gradient_accumulator",))

# The names of the same vectors in TensorFlow's Keras 2.
_OLD_NAMES = {
    "SGD": {"momentum": "velocity", "m": "velocity"},
    "RMSprop": {"rms": "velocity", "velocity": "velocity", "momentum": "momentum", "mg": "average_gradient"},
    "Adam": {"m": "m", "v": "v", "vhat": "largest_v"},
    "Nadam": {"m": "m", "v": "v"},
    "Adamax": {"m": "m", "v": "u", "u": "u"},
    "Adagrad": {"accumulator": "accumulator"},
    "Adadelta": {"accum_grad": "accumulated_grad", "accum_var": "accumulated_delta_var"},
    "Ftrl": {"accumulator": "accumulator", "linear": "linear"},
}


def variables_of(model: Any) -> list[Array] | None:
    """The optimizer's variables as Keras has them. None if Keras has no such state, if it does not exist yet, or if it
    is that of a list of variables that ``apply`` was called with.
    """
    optimizer = model.optimizer
    if optimizer.array_ids or not optimizer.built or not optimizer.trained_variables:
        return None
    if type(optimizer).__name__ not in _ORDER:
        return None
    found: list[Array] = [np.array(optimizer.step, np.int32)]
    if not _has_schedule(optimizer):
        found.append(np.array(optimizer.learning_rate, np.float32))
    state, places = optimizer.state, _places(model)
    for name, place, shape in _slots(optimizer, places):
        found.append(state[name][place].reshape(shape).copy())
    if type(optimizer).__name__ == "Nadam":
        found.append(np.array(_product(optimizer), np.float32))
    return found


def warn_of_lost_state(model: Any, old: bool) -> None:
    """Warn if the optimizer of a model that is saved has a state that files of Keras, or ``old`` HDF5 files, lack."""
    optimizer = model.optimizer if model.compiled else None
    if optimizer is None or not optimizer.built or not optimizer.iterations:
        return
    kind = type(optimizer).__name__
    if kind in _ORDER and not (old and (optimizer.state or _has_schedule(optimizer))):
        return
    file, other = "Keras' files", ".safetensors"
    if kind in _ORDER:
        file, other = "HDF5 files", ".keras or .safetensors"
    warnings.warn(
        f"[save_model] {file} have no state of {kind}: after loading, the optimizer begins without state. A name that "
        f"ends in {other} keeps it, and include_optimizer=False says that it is not needed.",
        UserWarning,
        stacklevel=3,
    )


def put_variables(model: Any, count: int, read: Callable[[int, tuple[int, ...]], Array]) -> None:
    """Give the optimizer the state in ``count`` variables of Keras; ``read(number, shape)`` returns each of them.

    If they are not those of this optimizer, there is a warning, and the optimizer begins without state, as in Keras.
    """
    optimizer = model.optimizer
    if not count or not model.trainable_variables:
        return
    if type(optimizer).__name__ not in _ORDER:
        _warn(f"the state of {type(optimizer).__name__} is not exchanged with files of Keras")
        return
    model.build_optimizer()
    start = 1 if _has_schedule(optimizer) else 2
    slots = list(_slots(optimizer, _places(model)))
    if count - start - (type(optimizer).__name__ == "Nadam") != len(slots):
        if count > start:
            _warn(f"{count} variables of an optimizer are not those of {type(optimizer).__name__}")
        return
    step = int(read(0, ()).item())
    vectors = {name: np.array(vector) for name, vector in optimizer.state.items()}
    for number, (name, place, shape) in enumerate(slots, start):
        vectors[name][place] = read(number, shape).ravel()
    optimizer.load_state_dict({"step": np.int64(max(step, 0)), **vectors})


def put_named_variables(model: Any, names: list[str], read: Callable[[str, tuple[int, ...]], Array]) -> None:
    """Give the optimizer the state in variables of TensorFlow's Keras 2, found by their names: "Adam/dense/kernel/m:0"
    or "Adam/m/dense/kernel:0".
    """
    optimizer = model.optimizer
    kind = "Adam" if type(optimizer).__name__ == "AdamW" else type(optimizer).__name__
    known = _OLD_NAMES.get(kind, {})
    if not model.trainable_variables:
        return
    model.build_optimizer()
    vectors = {name: np.array(vector) for name, vector in optimizer.state.items()}
    by_vector: dict[str, list[str]] = {name: [] for name in vectors}
    step = 0
    for name in names:
        parts = name.partition(":")[0].split("/")
        if parts[-1] in ("iter", "iteration", "iterations"):
            step = int(read(name, ()).item())
        vector = known.get(parts[-1]) or (known.get(parts[1]) if len(parts) > 2 else None)
        if vector in by_vector:
            by_vector[vector].append(name)
    places = _places(model)
    if any(len(found) != len(places) for found in by_vector.values()):
        if len(names) > 1:
            _warn(f"variables of an optimizer that are not those of {type(optimizer).__name__}")
        return
    for vector, found in by_vector.items():
        for name, (place, shape) in zip(found, places, strict=True):
            vectors[vector][place] = read(name, shape).ravel()
    optimizer.load_state_dict({"step": np.int64(max(step, 0)), **vectors})


# --- details ----------------------------------------------------------------------------------------------------------
def _has_schedule(optimizer: Any) -> bool:
    return isinstance(optimizer.get_config().get("learning_rate"), dict)


def _places(model: Any) -> list[tuple[slice, tuple[int, ...]]]:
    """Where the trained weights are in the optimizer's vectors, in the order in which Keras lists them."""
    network = model.core_network
    slots = {}
    for slot in network.slots:
        if slot.offset >= 0 and slot.trainable:
            variable = model.variable_of(slot)
            shape = tuple(variable.shape)
            size = int(np.prod(shape, dtype=np.int64))
            slots[id(variable.layer), variable.index] = (slice(slot.offset, slot.offset + size), shape)
    keys = [(id(variable.layer), variable.index) for variable in model.trainable_variables]
    return [slots[key] for key in keys if key in slots]


def _slots(optimizer: Any, places: list[tuple[slice, tuple[int, ...]]]) -> Iterator[tuple[str, slice, tuple[int, ...]]]:
    """Vector, place and shape of each of Keras' variables, without the step and the learning rate, which come first."""
    state = optimizer.state
    for group in (*_COMMON, *_ORDER[type(optimizer).__name__]):
        names = [name for name in group if name in state]
        for place, shape in places:
            for name in names:
                yield name, place, shape


def _product(optimizer: Any) -> float:
    """The product of Nadam's momenta so far. Keras stores it, and this package computes it from the step."""
    steps = np.arange(1, int(optimizer.iterations) + 1)
    return float(np.prod(optimizer.beta_1 * (1.0 - 0.5 * 0.96**steps)))


def _warn(reason: str) -> None:
    warnings.warn(f"[load_model] {reason}: the optimizer begins without state.", UserWarning, stacklevel=4)
