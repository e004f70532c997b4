"""Cross-entropies of ``keras.ops``: the terms of which the losses of the same names are means."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.differentiation import value_of
from cnncore.ops.definition import op
from cnncore.ops.named_activations import log_sigmoid, log_softmax

__all__ = ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"]

_SMALLEST = 1e-7  # probabilities are kept this far from 0 and 1


def _float(x: Any) -> Any:
    return x if hasattr(x, "sources") else _checks.float32_array(x, "output", "crossentropy")


def _probabilities(output: Any, axis: int) -> Any:
    shares = output / np.sum(output, axis=axis, keepdims=True)
    return np.log(np.clip(shares, _SMALLEST, 1.0 - _SMALLEST))


def _same_shape(target: Any, output: Any, owner: str) -> None:
    if np.shape(value_of(target)) != np.shape(value_of(output)):
        raise ValueError(
            f"[{owner}] expected target and output of one shape. "
            f"Received: shapes {np.shape(value_of(target))} and {np.shape(value_of(output))}"
        )


@op
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """Compute -target log(output) - (1 - target) log(1 - output), value by value.

    Parameters
    ----------
    target, output : array or symbolic tensor
        Arrays of one shape.
    from_logits : bool, default False
        Whether ``output`` is what a sigmoid turns into probabilities, instead of probabilities.

    Examples
    --------
    >>> binary_crossentropy([1.0], [0.5]).round(3)
    array([0.693], dtype=float32)
    """
    target, output = _float(target), _float(output)
    _same_shape(target, output, "binary_crossentropy")
    if from_logits:
        return -target * log_sigmoid(output) - (1.0 - target) * log_sigmoid(-output)
    output = np.clip(output, _SMALLEST, 1.0 - _SMALLEST)
    return -target * np.log(output) - (1.0 - target) * np.log(1.0 - output)


@op
def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """Compute -sum(target log(output)) along ``axis``.

    Parameters
    ----------
    target, output : array or symbolic tensor
        Arrays of one shape. Probabilities in ``output`` are divided by their sum along ``axis``.
    from_logits : bool, default False
        Whether ``output`` is what a softmax turns into probabilities, instead of probabilities.
    axis : int, default -1

    Examples
    --------
    >>> categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).round(3)
    array([0.693], dtype=float32)
    """
    target, output = _float(target), _float(output)
    _same_shape(target, output, "categorical_crossentropy")
    logarithms = log_softmax(output, axis) if from_logits else _probabilities(output, axis)
    return -np.sum(target * logarithms, axis=axis)


@op
def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """Compute -log(output) of the class that each label names.

    Parameters
    ----------
    target : array of int or symbolic tensor
        Labels, in the shape of ``output`` without ``axis``, or with length 1 along it.
    output : array or symbolic tensor
        The probabilities of the classes along ``axis``; they are divided by their sum.
    from_logits : bool, default False
        Whether ``output`` is what a softmax turns into probabilities, instead of probabilities.
    axis : int, default -1

    Raises
    ------
    ValueError
        For labels that are not whole numbers from 0 to the number of classes - 1, and for other shapes.

    Examples
    --------
    >>> sparse_categorical_crossentropy([1], [[0.5, 0.5]]).round(3)
    array([0.693], dtype=float32)
    """
    output = _float(output)
    given, shape = _checks.numeric_array(value_of(target), "target", "sparse_categorical_crossentropy"), output.shape
    axis = axis % len(shape)
    kept = (*shape[:axis], *shape[axis + 1 :])
    if given.ndim == len(shape) and given.shape[axis] == 1:
        given = given.squeeze(axis)
    labels = given.astype(np.int64)
    fit = given.shape == kept and np.array_equal(labels, given)
    if not fit or (labels.size and not 0 <= labels.min() <= labels.max() < shape[axis]):
        raise ValueError(
            f"[sparse_categorical_crossentropy] expected labels of shape {kept} from 0 to {shape[axis] - 1}. "
            f"Received: shape {given.shape}, labels {given.tolist()!r:.60}"
        )
    logarithms = log_softmax(output, axis) if from_logits else _probabilities(output, axis)
    chosen = np.take_along_axis(logarithms, np.expand_dims(labels, axis), axis)
    return -np.squeeze(chosen, axis)
