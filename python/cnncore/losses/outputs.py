"""Check that the last activation of a model fits its loss: with a wrong pair the model trains, but learns little."""

from __future__ import annotations

import warnings

from cnncore.losses.base import Loss
from cnncore.losses.binary_crossentropies import BinaryCrossentropy, BinaryFocalCrossentropy
from cnncore.losses.crossentropies import (
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    SparseCategoricalCrossentropy,
)

__all__ = ["check_output"]

_CLASSES = (SparseCategoricalCrossentropy, CategoricalCrossentropy, CategoricalFocalCrossentropy)
_BINARY = (BinaryCrossentropy, BinaryFocalCrossentropy)
_PROBABILITIES = ("softmax", "sigmoid", "hard_sigmoid")


def _advice(loss: Loss, activation: str, outputs: int | None) -> str | None:
    """What is probably wrong with a loss behind this activation and number of outputs, or None."""
    if not isinstance(loss, (*_CLASSES, *_BINARY)):
        return None
    proper = "sigmoid" if isinstance(loss, _BINARY) else "softmax"
    if loss.from_logits:
        if activation in _PROBABILITIES:
            return (
                f"the last layer has activation {activation!r}, and {loss.name} with from_logits=True applies {proper} "
                "once more. Remove the activation, or set from_logits=False"
            )
        if activation in ("relu", "relu6"):
            return (
                f"the last layer has activation {activation!r}, which cuts off all negative logits. "
                "Remove the activation"
            )
        return None
    if activation not in _PROBABILITIES:
        return (
            f"the last layer has activation {activation!r}, so its outputs are not the probabilities that {loss.name} "
            f'expects. Use activation="{proper}" in that layer, or no activation and from_logits=True in the loss'
        )
    if activation == "softmax" and outputs == 1:
        return (
            'a softmax over one output is always 1. Use activation="sigmoid" with binary_crossentropy, or one output '
            "for each class"
        )
    return None


def check_output(
    loss: Loss, last_activation: str | None, output_shape: tuple[int, ...] = (), stacklevel: int = 2
) -> None:
    """Warn if the last activation and the loss do not fit: the model would train, but badly.

    Parameters
    ----------
    loss : Loss
    last_activation : str or None
        The name of the activation that gives the model's outputs, "linear" if there is none, None if it is not known.
    output_shape : tuple of int, optional
        The shape of the model's output for one sample.
    stacklevel : int, default 2
        As for ``warnings.warn``: the warning names the line of the caller at this level, 2 for the direct one.

    Warns
    -----
    UserWarning
        If the loss expects probabilities but the activation gives none, if softmax or sigmoid is applied twice, if relu
        cuts off logits, or if a softmax has only one output.

    Examples
    --------
    >>> check_output(SparseCategoricalCrossentropy(), "softmax", (10,))
    """
    outputs = output_shape[-1] if output_shape else None
    advice = None if last_activation is None else _advice(loss, last_activation, outputs)
    if advice:
        warnings.warn(f"[{loss.name}] {advice}.", UserWarning, stacklevel=stacklevel)
