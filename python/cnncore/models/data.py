"""From what users pass as data to what the core takes: checked once, copied only where dtype or layout demand it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore._checks import Float32
from cnncore.losses import Loss

__all__ = ["Samples", "prepare_samples", "prepare_x", "split_samples"]


class Samples(NamedTuple):
    """A data set ready for the core."""

    x: np.ndarray  # uint8 or float32, (samples, *input_shape)
    y: np.ndarray  # int64 (samples,) or float32 (samples, *output_shape)
    weight: Float32 | None  # (samples,)

    def slice(self, start: int, stop: int) -> Samples:
        """Samples from ``start`` to ``stop``, as views."""
        weight = None if self.weight is None else self.weight[start:stop]
        return Samples(self.x[start:stop], self.y[start:stop], weight)


def prepare_x(x: ArrayLike, input_shape: tuple[int, ...], layer: str) -> np.ndarray:
    """Samples as C-contiguous uint8 or float32 of shape (samples, *input_shape).

    As in Keras a channel axis of size one may be left out.
    """
    array = _checks.numeric_array(x, "x", layer)
    if (*array.shape[1:], 1) == input_shape and array.ndim > 1:
        array = array[..., np.newaxis]
    if array.ndim == 0 or array.shape[1:] != input_shape:
        hint = " For a single sample pass x[None]." if array.shape == input_shape else ""
        raise ValueError(
            f'Input 0 of layer "{layer}" is incompatible with it: expected x of shape '
            f"(batch, {', '.join(map(str, input_shape))}).{hint} Received: x.shape={array.shape}"
        )
    dtype = array.dtype if array.dtype in (np.uint8, np.float32) else np.float32
    return np.require(array, dtype, ["C", "A"])


def prepare_samples(
    data: tuple[Any, ...],
    input_shape: tuple[int, ...],
    output_shape: tuple[int, ...],
    layer: str,
    loss: Loss,
    class_weight: Mapping[int, float] | None = None,
) -> Samples:
    """``(x, y)`` or ``(x, y, sample_weight)`` for a model with these shapes."""
    x = prepare_x(data[0], input_shape, layer)
    y = loss.prepare_targets(data[1], output_shape)
    _checks.same_length("fit", x=x, y=y)
    weight = None if len(data) < 3 else data[2]
    return Samples(x, y, _combine_weights(weight, class_weight, y))


def _combine_weights(sample_weight: Any, class_weight: Mapping[int, float] | None, y: np.ndarray) -> Float32 | None:
    weights = None
    if sample_weight is not None:
        weights = _checks.float32_array(sample_weight, "sample_weight", "fit", 1, "samples")
        _checks.same_length("fit", sample_weight=weights, y=y)
    if class_weight is not None:
        of_class = _weights_of_classes(class_weight, y)
        weights = of_class if weights is None else weights * of_class
    return weights


def _weights_of_classes(class_weight: Mapping[int, float], y: np.ndarray) -> Float32:
    if not isinstance(class_weight, Mapping):
        raise TypeError(f"[fit] expected `class_weight` to be a dict. Received: class_weight={class_weight!r}")
    labels = y if y.dtype == np.int64 else y.argmax(axis=-1)
    if labels.ndim != 1:
        raise ValueError("[fit] expected `class_weight` only with one class for each sample.")
    classes = [_checks.integer(key, "class_weight key", "fit", minimum=0) for key in class_weight]
    table = np.ones(max([*classes, int(labels.max())]) + 1, dtype=np.float32)
    table[classes] = [_checks.number(value, "class_weight value", "fit", 0.0) for value in class_weight.values()]
    return np.asarray(table[labels])


def split_samples(samples: Samples, fraction: float) -> tuple[Samples, Samples]:
    """All but the last ``fraction`` of the samples, and the rest, as Keras does: before any shuffling."""
    count = len(samples.x)
    boundary = math.floor(count * (1.0 - fraction))
    if not 0 < boundary < count:
        raise ValueError(
            f"[fit] expected `validation_split` to leave samples on both sides. Received: validation_split={fraction}, "
            f"{count} samples"
        )
    return samples.slice(0, boundary), samples.slice(boundary, count)
