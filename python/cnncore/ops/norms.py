"""The length of vectors and matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore.differentiation import value_of
from cnncore.ops.definition import op, recorded

__all__ = ["norm"]


def norm(
    x: Any,
    ord: Any = None,  # noqa: A002 (Keras' name)
    axis: int | Sequence[int] | None = None,
    keepdims: bool = False,
) -> Any:
    """Compute the length of the vectors along ``axis``: the square root of the sum of the squares.

    Parameters
    ----------
    x : array_like
    ord : {None, "fro", number}, default None
        None and "fro" are the formula above. For matrices, that is two axes, 2 is the largest singular value. For
        vectors, that is an ``axis`` of one number, p stands for sum(abs(x) ** p) ** (1 / p), infinity for the largest
        magnitude, minus infinity for the smallest one, and 0 for the number of values that are not 0.
    axis : int or sequence of int, optional
        The axes that are summed; all by default.
    keepdims : bool, default False
        Whether to keep the summed axes, with length 1.
    """
    axes = axis if axis is None or isinstance(axis, int) else tuple(axis)
    count = np.ndim(x) if axes is None else 1 if isinstance(axes, int) else len(axes)
    if ord is not None and count > 2:
        raise ValueError(f"[norm] expected `ord` only with one or two axes. Received: ord={ord!r}, axis={axis!r}")
    if ord == 2 and count == 2:
        places = (-2, -1) if axes is None or isinstance(axes, int) else axes
        return _largest_singular_value(x, places, keepdims)
    if ord in (None, 2, "fro"):
        return np.sqrt(np.sum(np.square(x), axis=axes, keepdims=keepdims))
    if isinstance(ord, str) or not (isinstance(axes, int) or (axes is not None and len(axes) == 1)):
        raise ValueError(
            f"[norm] expected `ord` to be None, 2 or 'fro', or a number and `axis` a single axis. Received: "
            f"ord={ord!r}, axis={axis!r}"
        )
    sizes = np.absolute(x)
    if ord in (np.inf, -np.inf):
        return (np.max if ord > 0 else np.min)(sizes, axis=axes, keepdims=keepdims)
    if ord == 0:
        return np.sum(np.not_equal(x, 0), axis=axes, keepdims=keepdims)
    return np.power(np.sum(np.power(sizes, ord), axis=axes, keepdims=keepdims), 1.0 / ord)


@op
def _largest_singular_value(x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """The largest singular value s of matrices, whose gradient is u v^T with s u = x v."""
    values = np.asarray(value_of(x), np.float32)
    places = tuple(place % values.ndim for place in axes)
    u, s, vh = np.linalg.svd(np.moveaxis(values, places, (-2, -1)), full_matrices=False)
    shape = [1 if place in places else size for place, size in enumerate(values.shape)]
    largest = s[..., 0]

    def back(dy: np.ndarray) -> np.ndarray:
        slope = dy.reshape(largest.shape)[..., None, None] * (u[..., :, :1] * vh[..., :1, :])
        return np.asarray(np.moveaxis(slope, (-2, -1), places), np.float32)

    return recorded(np.asarray(largest.reshape(shape) if keepdims else largest), [(x, back)])
