"""What layers know besides their arguments and weights: seeds that they drew, places in sequences of random numbers,
and states of recurrent layers. A file has it, so that training that continues gives the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._random import SeedSequence, is_generator
from cnncore._structure import map_structure

__all__ = ["memory_of_layers", "restore_layers"]

_ARRAY = "array"  # stands for an array, which is stored elsewhere under this name
_GENERATOR = "generator"  # stands for the state of a generator of random numbers
_COUNT = "count"  # stands for the place in a sequence of seeds


def memory_of_layers(model: Any, prefix: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What the layers in a model know, as data for JSON and as the arrays that this data names.

    Parameters
    ----------
    model : Layer
    prefix : str
        The beginning of the names of arrays.

    Returns
    -------
    memory : dict
        For each layer that knows something, by its place in the model: its class, and values of its attributes.
    arrays : dict of str to numpy.ndarray
    """
    memory: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}

    def stored(value: Any) -> Any:
        if is_generator(value):
            return _state(value)
        return map_structure(named, value)

    def named(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        name = f"{prefix}/{len(arrays)}"
        arrays[name] = np.array(value, np.float32)
        return {_ARRAY: name}

    for place, layer in _places(model):
        known = {name: stored(getattr(layer, name)) for name in layer._kept_in_files()}
        if known:
            memory[place] = {"class_name": type(layer).__name__, "attributes": known}
    return memory, arrays


def restore_layers(model: Any, memory: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Inverse of :func:`memory_of_layers`. A layer that is not in ``memory`` stays as it is.

    Raises
    ------
    ValueError
        If ``memory`` is not that of the layers of this model.
    """
    if not isinstance(memory, Mapping):
        raise ValueError(f"expected what layers remember as a dict. Received: a {type(memory).__name__}")
    layers = dict(_places(model))
    for place, entry in memory.items():
        layer = layers.get(place)
        if layer is None or not isinstance(entry, Mapping) or entry.get("class_name") != type(layer).__name__:
            raise ValueError(f"expected what the model's layers remember. Received: an entry {place!r:.80}")
        known = entry.get("attributes")
        if not isinstance(known, Mapping) or set(known) != set(layer._kept_in_files()):
            raise ValueError(f'expected what layer "{layer.name}" remembers. Received: other attributes')
        for name, value in known.items():
            if is_generator(getattr(layer, name)):
                _set_state(getattr(layer, name), value)
            else:
                setattr(layer, name, _found(value, arrays))


# --- details ----------------------------------------------------------------------------------------------------------
def _places(layer: Any) -> Iterator[tuple[str, Any]]:
    """Each layer inside of another one, and where it is: "2/0" is the first layer inside of the third one."""
    seen: set[int] = set()

    def visit(owner: Any, place: str) -> Iterator[tuple[str, Any]]:
        for index, inner in enumerate(owner.sublayers()):
            if id(inner) not in seen:
                seen.add(id(inner))
                yield f"{place}{index}", inner
                yield from visit(inner, f"{place}{index}/")

    yield "", layer
    yield from visit(layer, "")


def _state(generator: Any) -> dict[str, Any]:
    if isinstance(generator, SeedSequence):
        return {_COUNT: [generator.seed, generator.count]}
    state = generator.bit_generator.state
    return {_GENERATOR: [state["state"]["state"], state["state"]["inc"], state["has_uint32"], state["uinteger"]]}


def _set_state(generator: Any, value: Any) -> None:
    counts = isinstance(generator, SeedSequence)
    numbers = value.get(_COUNT if counts else _GENERATOR) if isinstance(value, Mapping) else None
    if not isinstance(numbers, list) or len(numbers) != (2 if counts else 4):
        raise ValueError("expected the state of a generator of random numbers")
    checked = [_checks.integer(number, "state", "load_model", 0, 2**128 - 1) for number in numbers]
    if counts:
        generator.seed, generator.count = checked
        return
    state = {"state": checked[0], "inc": checked[1]}
    generator.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": state,
        "has_uint32": checked[2] & 1,
        "uinteger": checked[3] & 0xFFFFFFFF,
    }


def _found(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The value of an attribute: a number, None, or a structure of arrays."""
    if isinstance(value, Mapping) and set(value) == {_ARRAY}:
        if value[_ARRAY] not in arrays:
            raise ValueError("expected the states of layers. Received: nothing")
        return arrays[value[_ARRAY]]
    if isinstance(value, Mapping):
        return {key: _found(item, arrays) for key, item in value.items()}
    if isinstance(value, list):
        return [_found(item, arrays) for item in value]
    if value is None or (isinstance(value, int) and value >= 0):
        return value
    raise ValueError(f"expected a number, None or arrays. Received: {type(value).__name__}")
