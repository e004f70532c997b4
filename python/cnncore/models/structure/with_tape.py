"""Calls of a model on arrays while a tape is open."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore._structure import map_structure
from cnncore.differentiation import Traced, value_of
from cnncore.graph.function import Function
from cnncore.layers.calls.with_tape import record

__all__ = ["call_with_tape"]


def call_with_tape(model: Any, values: Sequence[Any], arrays: list[np.ndarray], training: bool | None) -> Any:
    """The outputs of ``model``, recorded on the tape.

    If outputs are computed from other outputs, as in a model that returns an inner layer and its prediction, the others
    are computed first, so that the tape can give gradients with respect to them.

    Parameters
    ----------
    model : Model
    values, arrays : list
        The inputs, and their values as arrays that the core takes.
    training : bool or None
    """
    if not any(isinstance(value, Traced) for value in values):
        arrays = model.changed_images(arrays, training)
    given = [value if isinstance(value, Traced) else array for value, array in zip(values, arrays, strict=True)]
    function = model.function_without_augmentation
    known: dict[int, Any] = {}
    losses: list[Any] = []
    tensors = list(zip(function.input_list, given, strict=True))
    for wanted in _stages(function):
        inputs = [tensor for tensor, _ in tensors]
        part = Function(inputs, wanted, model.name)
        taken = [value for _, value in tensors]
        plain = [np.asarray(value_of(value)) for value in taken]
        key = tuple(id(tensor) for tensor in (*inputs, *wanted))
        plain = [np.require(array, array.dtype if array.dtype == np.uint8 else np.float32, "C") for array in plain]
        results = record(model, key, functools.partial(_itself, part), taken, plain, bool(training), losses)
        known.update((id(tensor), result) for tensor, result in zip(wanted, results, strict=True))
        tensors += [(tensor, known[id(tensor)]) for tensor in wanted]
    model.note_losses(losses)
    return map_structure(lambda tensor: known[id(tensor)], function.outputs)


def _itself(function: Function) -> Function:
    return function


def _stages(function: Function) -> list[list[Any]]:
    """The outputs in groups, each of which is computed from the inputs and the groups before."""
    outputs = list({id(tensor): tensor for tensor in function.output_list}.values())
    behind: dict[int, set[int]] = {}  # for each tensor, the outputs from which it was computed
    marked = {id(tensor) for tensor in outputs}
    for node in function.nodes:
        found: set[int] = set()
        for tensor in node.inputs:
            found |= behind.get(id(tensor), set()) | ({id(tensor)} & marked)
        for tensor in node.output_list:
            behind[id(tensor)] = found
    stages: list[list[Any]] = []
    left = outputs
    while left:
        open_ones = {id(tensor) for tensor in left}
        now = [tensor for tensor in left if not behind.get(id(tensor), set()) & open_ones]
        stages.append(now)
        left = [tensor for tensor in left if not any(tensor is item for item in now)]
    return stages
