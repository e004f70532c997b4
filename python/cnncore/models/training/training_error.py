"""The error of a training step whose loss or weights are not finite, with the probable cause."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import numpy as np

from cnncore.errors import TrainingError
from cnncore.graph.function import Function
from cnncore.graph.lowering import lower
from cnncore.models.data.sources import Batch

__all__ = ["first_non_finite_layer", "raise_training_error"]


def raise_training_error(
    model: Any, batch: Batch, epoch: int, step: int, loss: float, kept: str = "before this step"
) -> NoReturn:
    """Raise an error that says where the loss or a weight became NaN or infinite, and the probable cause.

    Parameters
    ----------
    model : Trainer
        The model.
    batch : Batch
        The batch of the step.
    epoch, step : int
        Counted from 0.
    loss : float
        The loss of the step.
    kept : str
        The end of the sentence "The model has the weights it had ...".
    """
    x, y, weight = (
        [a if a is None or batch.indices is None else a[batch.indices] for a in arrays]
        for arrays in (batch.x, batch.y, batch.weight)
    )
    place = f"in epoch {epoch + 1}, step {step + 1}"
    if math.isfinite(loss):
        what = (
            f"The update {place} left weights or optimizer state that are not finite; the loss before it was {loss:g}"
        )
    else:
        what = f"The loss became {loss} {place}: {_cause(model, [a for a in x if a is not None], y, weight)}"
    raise TrainingError(
        f"{what}. The model has the weights it had {kept}. Common "
        "causes: NaN or infinite values in x, inputs that are not scaled, a learning rate that is too high, a last "
        "layer whose activation does not fit the loss, such as relu under a cross-entropy.",
        epoch=epoch + 1,
        step=step + 1,
        loss=loss,
    )


def _cause(model: Any, x: list[np.ndarray], y: list[Any], weight: list[Any]) -> str:
    layer = first_non_finite_layer(model._function, x, model.precision)
    if layer is not None:
        return f"the output of layer {layer!r} is not finite"
    for name, arrays in (("y", y), ("sample_weight", weight)):
        if any(a is not None and not np.isfinite(a).all() for a in arrays):
            return f"all predictions are finite, but {name} is not"
    return "all predictions are finite, but the loss is not"


def first_non_finite_layer(function: Function, x: list[np.ndarray], precision: str = "float32") -> str | None:
    """Name of the first layer whose output for ``x`` holds NaN or infinity; None if there is none."""
    if not all(np.isfinite(array).all() for array in x):
        return "input"
    tensors = [tensor for node in function.nodes for tensor in node.output_list]
    network = lower(Function(function.inputs, tensors), shapes=[array.shape[1:] for array in x]).network
    network.precision = precision
    for tensor, y in zip(tensors, network.forward(x), strict=True):
        if not np.isfinite(y).all():
            return tensor.node.layer.name
    return None
