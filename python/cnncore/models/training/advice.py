"""Warnings about models and data that run, but are probably mistakes. Each warning is given once for a model."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from cnncore.graph.masks import has_mask
from cnncore.layers.input_layer import InputLayer
from cnncore.losses import check_output
from cnncore.models.data.signature import Output

__all__ = ["advise_on_inputs", "advise_on_outputs", "final_activation", "value_range"]

_LOOKED_AT = 4096  # how many samples are examined
_FULL_SCALE = 2.0  # data whose greatest value is below this are assumed to be scaled to [0, 1]; pixels go up to 255


def value_range(x: np.ndarray) -> tuple[float, float]:
    """The least and the greatest value among a few thousand samples, which are evenly spread over ``x``."""
    part = x if len(x) <= _LOOKED_AT else x[:: -(-len(x) // _LOOKED_AT)]
    return float(np.minimum.reduce(part, axis=None)), float(np.maximum.reduce(part, axis=None))


def advise_on_inputs(
    layers: Iterable[Any], ranges: Sequence[tuple[float, float]], arrays: Sequence[np.ndarray], given: set[str]
) -> None:
    """Warn about floats from 0 to 1 if the model itself divides pixels by 255."""
    if len(arrays) != 1 or arrays[0].dtype == np.uint8 or "range" in given:
        return
    first = next((layer for layer in layers if not isinstance(layer, InputLayer)), None)
    scale = getattr(first, "scale", None)
    if first is None or not isinstance(scale, (int, float)) or not 0 < abs(scale) <= 1 / 32:
        return
    low, high = ranges[0]
    if low >= 0 and 0 < high <= _FULL_SCALE:
        given.add("range")
        warnings.warn(
            f"The values of x go from {low:g} to {high:g}, and the model's first layer, {first.name!r}, multiplies "
            f"them by {scale:g}: they are scaled twice. Pass pixels from 0 to 255, or build the model without that "
            "layer.",
            stacklevel=4,
        )


def advise_on_outputs(outputs: Sequence[Output], tensors: Sequence[Any], given: set[str]) -> None:
    """Warn about last activations that do not fit the loss, and about masks, which losses do not know."""
    if "mask" not in given:
        given.add("mask")
        if any(output.loss is not None and has_mask(tensor) for output, tensor in zip(outputs, tensors, strict=True)):
            warnings.warn(
                "An output of the model has a mask, but its loss counts all steps: pass sample_weight= with zeros for "
                "the steps that are not used.",
                stacklevel=4,
            )
    if "activation" not in given:
        given.add("activation")
        for output, tensor in zip(outputs, tensors, strict=True):
            if output.loss is not None and None not in output.shape[-1:]:
                check_output(output.loss, final_activation(tensor), output.shape, stacklevel=4)


def final_activation(tensor: Any) -> str | None:
    """The name of the activation that computed a tensor: "linear" for a layer without one, None if it is not known."""
    layer = getattr(getattr(tensor, "node", None), "layer", None)
    kind = type(layer).__name__
    if kind in ("Softmax", "ReLU", "LeakyReLU", "ELU"):
        return {"Softmax": "softmax", "ReLU": "relu", "LeakyReLU": "leaky_relu", "ELU": "elu"}[kind]
    if kind not in ("Dense", "Conv2D", "SeparableConv2D", "DepthwiseConv2D", "Conv2DTranspose", "Activation"):
        return None
    activation = getattr(layer, "activation", None)
    if activation is None:
        return "linear"
    name = (
        activation
        if isinstance(activation, str)
        else getattr(activation, "__name__", getattr(activation, "name", None))
    )
    return name if isinstance(name, str) else None
