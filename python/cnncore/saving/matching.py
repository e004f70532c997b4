"""Find the tensor of a file that belongs to each weight of a model."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from cnncore._registry import snake_case
from cnncore.layers.weights.variable import write_together
from cnncore.saving.format import Tensors
from cnncore.saving.limits import printable

__all__ = ["assign", "check_tensors", "matching_weights", "warn_of_skipped"]


def matching_weights(
    weights: Mapping[str, Any], tensors: Tensors, order: Any, skip_mismatch: bool, by_name: bool
) -> Tensors:
    """The tensor for each weight, by the weight's name.

    Parameters
    ----------
    weights : dict of str to Variable
    tensors : dict of str to array
    order : list of str or None
        The names of the saved model's weights, layer by layer, if the file has them.
    skip_mismatch : bool
        Leave out weights for which there is no tensor of the right shape.
    by_name : bool
        Leave out weights and tensors whose names are not in both.

    Raises
    ------
    ValueError
        If something does not fit, unless it may be left out.
    """
    if by_name:
        found = {name: tensors[name] for name in weights if name in tensors}
    else:
        found = _renamed(weights, tensors, order)
    if skip_mismatch:
        return {name: t for name, t in found.items() if name in weights and t.shape == weights[name].shape}
    check_tensors({name: weights[name] for name in found if name in weights} if by_name else weights, found)
    return found


def check_tensors(weights: Mapping[str, Any], tensors: Tensors) -> None:
    """Raise a ValueError unless there is a tensor of the right shape for each weight, and no other tensor."""
    missing, superfluous = sorted(weights.keys() - tensors.keys()), sorted(tensors.keys() - weights.keys())
    if missing:
        raise ValueError(f"expected the tensors of the model's layers. Missing: {_listed(missing)}")
    if superfluous:
        raise ValueError(f"expected only the tensors of the model's layers. Superfluous: {_listed(superfluous)}")
    for name, weight in weights.items():
        if tensors[name].shape != tuple(weight.shape):
            raise ValueError(
                f"tensor {printable(name)!r}: expected shape {tuple(weight.shape)}. Received: {tensors[name].shape}"
            )


def warn_of_skipped(names: list[str], nothing: bool) -> None:
    """Warn about the weights that were not read, and if none of a file was read at all."""
    if names:
        shown = ", ".join(map(repr, names[:10])) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
        text = f"the file has no weights of the right shape for {shown}."
    elif nothing:
        text = "no layer of the file has the name of one of the model's layers with weights: nothing was read."
    else:
        return
    warnings.warn(f"[load_weights] {text}", UserWarning, stacklevel=4)


def assign(weights: Mapping[str, Any], tensors: Tensors) -> None:
    """Write tensors to weights. Their shapes must have been checked."""
    write_together([(weights[name], tensor) for name, tensor in tensors.items()])


def _renamed(weights: Mapping[str, Any], tensors: Tensors, order: Any) -> Tensors:
    """The tensors by the names of the model's weights, if only the names differ."""
    if set(weights) == set(tensors):
        return tensors
    if isinstance(order, list) and len(order) == len(weights) and set(map(str, order)) == set(tensors):
        pairs = list(zip(weights, order, strict=True))
        if all(tensors[saved].shape == tuple(weights[name].shape) for name, saved in pairs):
            return {name: tensors[saved] for name, saved in pairs}
    names = _names_counted_in_the_model(weights)
    if set(names.values()) == set(tensors):
        return {name: tensors[names[name]] for name in weights}
    return tensors


def _names_counted_in_the_model(weights: Mapping[str, Any]) -> dict[str, str]:
    """The names that weights have if the model is the first one in its process.

    Files of earlier versions have these names.
    """
    layers = {id(variable.layer): variable.layer for variable in weights.values()}
    taken = {layer.name for layer in layers.values() if layer.has_own_name}
    names: dict[int, str] = {}
    for key, layer in layers.items():
        if layer.has_own_name:
            names[key] = layer.name
            continue
        stem = name = snake_case(type(layer).__name__)
        number = 0
        while name in taken:
            number += 1
            name = f"{stem}_{number}"
        taken.add(name)
        names[key] = name
    return {name: f"{names[id(variable.layer)]}/{variable.name}" for name, variable in weights.items()}


def _listed(names: list[str]) -> str:
    shown = ", ".join(map(printable, names[:20]))
    return shown if len(names) <= 20 else f"{shown}, and {len(names) - 20} more"
