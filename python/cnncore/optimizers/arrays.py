"""Steps of an optimizer on a list of arrays or of a model's variables, without ``fit``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._checks import Float32
from cnncore.optimizers.options import VariableRange

__all__ = ["apply_to_arrays", "place_variables"]


def apply_to_arrays(optimizer: Any, grads: Sequence[Any], variables: Sequence[Any]) -> None:
    """Make one step. The variables are those of a model, or writable float32 arrays; they are changed in place."""
    owner = type(optimizer).__name__
    gradients = _checked(owner, grads, variables)
    size, ranges = place_variables(optimizer, variables)
    params, flat = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for part, variable, gradient in zip(ranges, variables, gradients, strict=True):
        params[part.slice], flat[part.slice] = np.ravel(variable), gradient.ravel()
    if optimizer.options.loss_scale_factor is not None:
        flat /= np.float32(optimizer.options.loss_scale_factor)
    optimizer.apply_flat(params, flat)
    for part, variable in zip(ranges, variables, strict=True):
        values = params[part.slice].reshape(part.shape)
        if _is_variable(variable):
            variable.assign(values)
        else:
            variable[...] = values


def _checked(owner: str, grads: Sequence[Any], variables: Sequence[Any]) -> list[Float32]:
    """Gradients as float32 arrays of the shapes of the variables; an error for anything else."""
    for name, value in (("gradients", grads), ("variables", variables)):
        if not isinstance(value, (list, tuple)):
            raise TypeError(f"[{owner}] expected {name} as a list. Received: {value!r}")
    if len(grads) != len(variables) or len(grads) == 0:
        raise ValueError(
            f"[{owner}] expected as many gradients as variables, at least one. Received: {len(grads)} and "
            f"{len(variables)}"
        )
    _check_variables(owner, variables)
    missing = [place for place, gradient in enumerate(grads) if gradient is None]
    if missing:
        name = getattr(variables[missing[0]], "path", f"number {missing[0]}")
        raise ValueError(
            f"[{owner}] expected a gradient for each variable. Received: None for {len(missing)} of them, the first is "
            f"{name}: the loss does not depend on it, or it was computed outside of the block of the tape"
        )
    gradients = [_checks.float32_array(gradient, "gradient", owner) for gradient in grads]
    for gradient, variable in zip(gradients, variables, strict=True):
        if gradient.shape != variable.shape:
            raise ValueError(
                f"[{owner}] expected each gradient to have the shape of its variable, here {variable.shape}. "
                f"Received: {gradient.shape}"
            )
        if not np.isfinite(gradient).all():
            raise ValueError(f"[{owner}] expected finite gradients. No weight has changed. Received: NaN or infinity")
    return gradients


def _check_variables(owner: str, variables: Sequence[Any]) -> None:
    if not variables:
        raise ValueError(f"[{owner}] expected at least one variable. Received: an empty list")
    for variable in variables:
        is_array = isinstance(variable, np.ndarray) and variable.dtype == np.float32 and variable.flags.writeable
        if not (is_array or _is_variable(variable)):
            raise TypeError(
                f"[{owner}] expected variables of a model, or writable float32 arrays. Received: {variable!r}"
            )


def _is_variable(value: Any) -> bool:
    return hasattr(value, "trace_key")


def place_variables(optimizer: Any, variables: Sequence[Any]) -> tuple[int, list[VariableRange]]:
    """The length of the optimizer's vectors, and where the variables are in them. The first call makes the vectors.

    An optimizer with which a model was trained goes on with the state that it has for the model's variables.
    """
    ids = [item.trace_key if _is_variable(item) else id(item) for item in variables]
    of_model = {} if optimizer.array_ids else optimizer.ranges_in_model()
    if of_model:
        if set(ids) <= set(of_model):
            return optimizer.size, [of_model[key] for key in ids]
        if optimizer.step:
            raise ValueError(
                f"[{type(optimizer).__name__}] expected trainable variables of the model that the optimizer is used "
                "in: make a new optimizer for others."
            )
        optimizer.reset()
    if not optimizer.built:
        _check_variables(type(optimizer).__name__, variables)
        offset, ranges = 0, []
        for index, item in enumerate(variables):
            name = item.path if _is_variable(item) else f"variable_{index}"
            ranges.append(VariableRange(name, offset, tuple(item.shape)))
            offset += math.prod(item.shape)
        optimizer.build_for(offset, ranges)
        optimizer.array_ids = ids
    elif ids != optimizer.array_ids:
        raise ValueError(
            f"[{type(optimizer).__name__}] expected the variables of the first call, in the same order: make a new "
            "optimizer for others."
        )
    return optimizer.size, optimizer.trained_variables
