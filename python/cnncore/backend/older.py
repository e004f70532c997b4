"""Functions that only older versions of the backend had, and the reasons why others are missing."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from cnncore._keras_names.errors import missing
from cnncore._refusals import names_itself
from cnncore.backend.arrays import of_numpy
from cnncore.losses.functions import sparse_categorical_crossentropy as _sparse_rows

__all__ = [
    "arange",
    "batch_dot",
    "cos",
    "cumsum",
    "explain",
    "learning_phase",
    "name_scope",
    "set_learning_phase",
    "sin",
    "sparse_categorical_crossentropy",
    "tile",
]

_REASONS = {
    "gradients": "`model.gradients(x, y)` computes those of the loss, and `cnncore.GradientTape` those of others: "
    "call `Model(model.inputs, [layer.output, model.output])` inside of a tape, then `tape.gradient(score, output)`",
    "placeholder": "a tensor without values is made by `Input(shape)`",
    "get_session": "there is no session: arrays have values",
    "set_session": "there is no session: arrays have values",
    "conv2d": "convolutions of arrays are in `cnncore.ops`, those of tensors are layers",
    "pool2d": "pools of arrays are in `cnncore.ops`, those of tensors are layers",
    "resize_images": "the layer `UpSampling2D` resizes images",
    "in_train_phase": "`call` has an argument `training`",
    "update": "a weight has a method `assign`",
    "update_add": "a weight has a method `assign`",
    "rnn": "recurrent layers are in `cnncore.layers`",
    "ctc_batch_cost": "it compares sequences, which are out of scope",
}

arange, cos, cumsum, sin, tile = of_numpy("arange", "cos", "cumsum", "sin", "tile")


def explain(name: str, known: list[str]) -> AttributeError | ImportError:
    """The error to raise if the backend is asked for a name that it does not have."""
    if name in _REASONS:
        return AttributeError(f"module 'cnncore.backend' has no attribute {name!r}: {_REASONS[name]}")
    return missing("backend", name, known)


@names_itself
def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """-log p of the integer labels ``target``, with p not below epsilon.

    p are the probabilities along ``axis`` of ``output``, or with ``from_logits`` its softmax.

    Examples
    --------
    >>> sparse_categorical_crossentropy([1], np.float32([[0.5, 0.5]]))
    array([0.6931472], dtype=float32)
    """
    return _sparse_rows(target, output, from_logits=from_logits, axis=axis)


@names_itself
def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    """The products of the samples of two arrays, summed over one axis of each, as the layer ``Dot`` computes them.

    Parameters
    ----------
    x, y : array, (samples, ...)
    axes : int or pair of int, optional
        For each array, the axis to sum over; axis 0 is that of the samples. By default these are the last axis of ``x``
        and the last but one of ``y``.

    Examples
    --------
    >>> batch_dot(np.ones((2, 3)), np.ones((2, 3)), axes=1).tolist()
    [[3.0], [3.0]]
    """
    ranks = len(x.shape), len(y.shape)
    if axes is None:
        axes = ranks[0] - 1, max(ranks[1] - 2, 1)
    first, second = (axes, axes) if isinstance(axes, int) else axes
    if ranks == (2, 2):
        return np.sum(x * y, axis=1, keepdims=True)
    if max(ranks) > 3 or min(ranks) < 2:
        raise ValueError(f"[batch_dot] expected arrays of rank 2 or 3. Received: shapes {x.shape} and {y.shape}")
    left = np.expand_dims(x, 1) if ranks[0] == 2 else np.transpose(x, (0, 3 - first % 3, first % 3))
    right = np.expand_dims(y, 2) if ranks[1] == 2 else np.transpose(y, (0, second % 3, 3 - second % 3))
    product = np.matmul(left, right)
    if 2 in ranks:
        return np.squeeze(product, axis=1 if ranks[0] == 2 else 2)
    return product


def learning_phase() -> int:
    """Always 0. The argument ``training`` of a call says whether it is part of training."""
    return 0


def set_learning_phase(value: int) -> None:
    """Has no effect, whatever ``value`` is, and gives a DeprecationWarning.

    ``fit`` trains, ``predict`` does not, and in ``layer(x, training=True)`` the argument decides.
    """
    warnings.warn(
        "backend.set_learning_phase has no effect: write layer(x, training=True) or training=False.",
        DeprecationWarning,
        stacklevel=2,
    )


@contextlib.contextmanager
def name_scope(name: str) -> Iterator[str]:
    """Has no effect, whatever ``name`` is: layers have names of their own."""
    yield name
