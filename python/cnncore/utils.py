"""Seeds and label encoding."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore._checks import integer, numeric_array
from cnncore._random import reset_seed_stream


def set_random_seed(seed: int) -> None:
    """Seed everything that follows: initial weights, dropout and shuffling, and ``random`` and ``numpy.random`` too.

    Parameters
    ----------
    seed : int
        0 <= seed < 2**31.

    Examples
    --------
    >>> from cnncore import initializers, utils
    >>> utils.set_random_seed(1)
    >>> a = initializers.GlorotUniform()((3, 3))
    >>> utils.set_random_seed(1)
    >>> bool((a == initializers.GlorotUniform()((3, 3))).all())
    True
    """
    import random

    seed = integer(seed, "seed", "set_random_seed", minimum=0)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (for code that draws from the old global stream)
    reset_seed_stream(seed)


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """One-hot rows for integer class labels.

    Parameters
    ----------
    x : array_like of int, shape (n,) or (n, 1)
        Labels from 0 on.
    num_classes : int, optional
        Width of the rows; the largest label plus one by default.

    Returns
    -------
    numpy.ndarray of float32, shape (n, num_classes)

    Raises
    ------
    ValueError
        If a label is negative or not below ``num_classes``.

    Examples
    --------
    >>> to_categorical([0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    labels = numeric_array(x, "x", "to_categorical")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"[to_categorical] expected integer labels. Received: x.dtype={labels.dtype}")
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if num_classes is None:
        num_classes = int(labels.max()) + 1 if labels.size else 1
    num_classes = integer(num_classes, "num_classes", "to_categorical")
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError(
            f"[to_categorical] expected labels in [0, {num_classes}). "
            f"Received: labels from {labels.min()} to {labels.max()}"
        )
    return np.asarray(np.eye(num_classes, dtype=np.float32)[labels])
