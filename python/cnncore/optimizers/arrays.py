"""An optimizer on a list of arrays, without a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._checks import Float32
from cnncore.optimizers.options import VariableRange

__all__ = ["apply_to_arrays"]


def apply_to_arrays(optimizer: Any, grads: Sequence[Any], variables: Sequence[Any]) -> None:
    """Make one step. The variables are writable float32 arrays, which are changed in place."""
    owner = type(optimizer).__name__
    gradients = _checked(owner, grads, variables)
    _build(optimizer, variables)
    params = np.concatenate([variable.ravel() for variable in variables])
    flat = np.concatenate([gradient.ravel() for gradient in gradients])
    if optimizer.options.loss_scale_factor is not None:
        flat /= np.float32(optimizer.options.loss_scale_factor)
    optimizer.apply_flat(params, flat)
    for part, variable in zip(optimizer.trained_variables, variables, strict=True):
        variable[...] = params[part.slice].reshape(part.shape)


def _checked(owner: str, grads: Sequence[Any], variables: Sequence[Any]) -> list[Float32]:
    if len(grads) != len(variables) or len(grads) == 0:
        raise ValueError(
            f"[{owner}] expected as many gradients as variables, at least one. Received: {len(grads)} and "
            f"{len(variables)}"
        )
    gradients = [_checks.float32_array(gradient, "gradient", owner) for gradient in grads]
    for gradient, variable in zip(gradients, variables, strict=True):
        if not (isinstance(variable, np.ndarray) and variable.dtype == np.float32 and variable.flags.writeable):
            raise TypeError(f"[{owner}] expected variables that are writable float32 arrays. Received: {variable!r}")
        if gradient.shape != variable.shape:
            raise ValueError(
                f"[{owner}] expected gradients of their variables' shapes, here {variable.shape}. "
                f"Received: {gradient.shape}"
            )
    return gradients


def _build(optimizer: Any, arrays: Sequence[np.ndarray]) -> None:
    ids = [id(array) for array in arrays]
    if optimizer.built:
        if ids != optimizer.array_ids:
            raise ValueError(
                f"[{type(optimizer).__name__}] expected the variables of the first call, in the same order: make a new "
                "optimizer for others."
            )
        return
    offset, variables = 0, []
    for index, array in enumerate(arrays):
        variables.append(VariableRange(f"variable_{index}", offset, array.shape))
        offset += array.size
    optimizer.build_for(offset, variables)
    optimizer.array_ids = ids
