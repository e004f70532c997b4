"""The state of an optimizer in files of this package."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from cnncore.optimizers.stateful import MEMORY
from cnncore.saving.format import Tensors
from cnncore.saving.limits import printable

__all__ = ["LAYERS_MEMORY", "OPTIMIZER", "OPTIMIZER_MEMORY", "memory_of", "restore_optimizer", "training_state"]

# Tensors are named like the weights, "conv2d/kernel"; the optimizer's vectors are cut in the same way and have its
# name in front: "optimizer/m/conv2d/kernel". So a file does not depend on how the core lays out its buffers.
OPTIMIZER = "optimizer"
LAYERS_MEMORY = "layers_memory"
OPTIMIZER_MEMORY = f"{OPTIMIZER}/memory"


def training_state(model: Any, weights: Mapping[str, Any]) -> tuple[dict[str, Any], Tensors]:
    """The optimizer and its state, as a description and as tensors."""
    network = model.core_network
    # whether the state belongs to a list of variables that `apply` was called with
    by_hand = bool(model.optimizer.array_ids)
    state = {"step": np.int64(0)} if by_hand else model.optimizer.state_dict()
    step = int(state.pop("step"))
    names = {(id(variable.layer), variable.index): name for name, variable in weights.items()}
    tensors: Tensors = {f"{OPTIMIZER_MEMORY}/{name}": state.pop(f"{MEMORY}{name}") for name in model.optimizer.memory}
    for vector_name, vector in state.items():
        for slot in network.slots:
            if slot.offset >= 0:
                variable = model.variable_of(slot)
                name = f"{OPTIMIZER}/{vector_name}/{names[id(variable.layer), variable.index]}"
                tensors[name] = _part(vector, slot).reshape(variable.shape)
    description = {"compile": model.get_compile_config(), "step": step, "state": sorted(state)}
    if model.optimizer.memory:
        description["memory"] = {name: list(array.shape) for name, array in model.optimizer.memory.items()}
    return description, tensors


def _part(vector: np.ndarray, slot: Any) -> np.ndarray:
    return vector[slot.offset : slot.offset + math.prod(slot.shape)]


def memory_of(shapes: Any, tensors: Tensors) -> Tensors:
    """The arrays that the optimizer keeps besides its vectors, by their names."""
    if not isinstance(shapes, Mapping):
        raise ValueError("expected the optimizer's memory to be described by names and shapes")
    found: Tensors = {}
    for name, shape in shapes.items():
        tensor = tensors.get(f"{OPTIMIZER_MEMORY}/{name}")
        if tensor is None or list(tensor.shape) != shape:
            received = "nothing" if tensor is None else f"shape {tensor.shape}"
            raise ValueError(f"expected the optimizer's {printable(name)} of shape {shape}. Received: {received}")
        found[name] = tensor
    return found


def restore_optimizer(
    model: Any, names: Mapping[tuple[int, int], str], vectors: Any, state: Tensors, step: int, memory: Tensors
) -> None:
    """Give the optimizer its state. ``names`` are the file's names of the weights, by layer and index."""
    network = model.core_network
    loaded: dict[str, Any] = {"step": np.int64(step)}
    used = 0
    for vector in vectors:
        loaded[vector] = np.zeros(network.parameter_count, np.float32)
        for slot in network.slots:
            if slot.offset < 0:
                continue
            variable = model.variable_of(slot)
            name = f"{OPTIMIZER}/{vector}/{names[id(variable.layer), variable.index]}"
            if name not in state:
                raise ValueError(
                    f"expected the optimizer's vectors for all trained weights. Missing: {printable(name)}"
                )
            if state[name].shape != variable.shape:
                raise ValueError(
                    f"tensor {printable(name)!r}: expected shape {variable.shape}. Received: {state[name].shape}"
                )
            _part(loaded[vector], slot)[...] = state[name].ravel()
            used += 1
    if used != len(state):
        raise ValueError("expected only the optimizer's vectors of weights that are trained. Received: more of them")
    model.build_optimizer()
    model.optimizer.load_state_dict({**loaded, **{f"{MEMORY}{name}": array for name, array in memory.items()}})
