"""Activation functions that combine values along an axis and are computed in NumPy: glu and sparsemax."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnncore import ops
from cnncore._checks import Float32
from cnncore.activations.definition import activation

__all__ = ["glu", "sparsemax"]


@activation("axis")
def glu(x: ArrayLike, axis: int = -1) -> Float32:
    """Compute y = a * sigmoid(b), where a and b are the two halves of ``x`` along ``axis``.

    The result is half as long along that axis. So it can be the activation of an ``Activation`` layer, and not that of
    a layer such as ``Dense``. (Dauphin et al., "Language modeling with gated convolutional networks", 2016.)

    Examples
    --------
    >>> glu([[3.0, 0.0]])
    array([[1.5]], dtype=float32)
    """
    return ops.glu(x, axis)  # type: ignore[no-any-return]


@activation("axis")
def sparsemax(x: ArrayLike, axis: int = -1) -> Float32:
    """Compute the point of the probability simplex that is nearest to ``x`` along ``axis``.

    Like those of softmax, the results are not negative and sum to 1, but they can be exactly 0. (Martins and Astudillo,
    "From softmax to sparsemax", 2016.)

    Examples
    --------
    >>> sparsemax([[1.0, 0.5, -1.0]])
    array([[0.75, 0.25, 0.  ]], dtype=float32)
    """
    return ops.sparsemax(x, axis)  # type: ignore[no-any-return]
