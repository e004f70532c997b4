"""The length of vectors and matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore._refusals import names_itself
from cnncore.differentiation import value_of
from cnncore.ops.definition import op, recorded

__all__ = ["norm"]


@names_itself
def norm(
    x: Any,
    ord: Any = None,  # noqa: A002 (Keras' name)
    axis: int | Sequence[int] | None = None,
    keepdims: bool = False,
) -> Any:
    """Compute the length of the vectors along ``axis``, or the norm of matrices: by default the square root of the sum
    of the squares.

    Parameters
    ----------
    x : array_like
    ord : {None, "fro", "nuc", number}, default None
        None and "fro" are the formula above. For vectors, that is an ``axis`` of one number, p stands for
        sum(abs(x) ** p) ** (1 / p), infinity for the largest magnitude, minus infinity for the smallest one, and 0 for
        the number of values that are not 0. For matrices, that is two axes, 2 is the largest singular value, -2 the
        smallest one, and "nuc" the sum of all; infinity is the largest sum of the magnitudes in a row, 1 in a column,
        and -infinity and -1 are the smallest ones.
    axis : int or sequence of int, optional
        The axes that are summed; all by default.
    keepdims : bool, default False
        Whether to keep the summed axes, with length 1.
    """
    rank = np.ndim(x)
    axes = tuple(range(rank)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    if ord is None or (ord == "fro" and len(axes) == 2) or (ord == 2 and len(axes) == 1):
        return np.sqrt(np.sum(np.square(x), axis=axes, keepdims=keepdims))
    if len(axes) == 1 and not isinstance(ord, str):
        return _of_vectors(x, ord, axes[0], keepdims)
    if len(axes) == 2 and ord in (2, -2, "nuc"):
        return _of_singular_values(x, ord, axes, keepdims)
    if len(axes) == 2 and ord in (1, -1, np.inf, -np.inf):
        row, column = (place % rank for place in axes)
        summed, compared = (row, column) if abs(ord) == 1 else (column, row)
        sums = np.sum(np.absolute(x), axis=summed, keepdims=True)
        result = (np.max if ord > 0 else np.min)(sums, axis=compared, keepdims=True)
        return result if keepdims else np.squeeze(result, axis=(row, column))
    raise ValueError(
        "[norm] expected `ord` to be None, a number for vectors (one axis), or 'fro', 'nuc', 1, -1, 2, -2, infinity or "
        f"minus infinity for matrices (two axes). Received: ord={ord!r}, axis={axis!r}, an array with {rank} axes"
    )


def _of_vectors(x: Any, power: float, axis: int, keepdims: bool) -> Any:
    """The norm of vectors for a number ``power``, see :func:`norm`."""
    sizes = np.absolute(x)
    if power in (np.inf, -np.inf):
        return (np.max if power > 0 else np.min)(sizes, axis=axis, keepdims=keepdims)
    if power == 0:
        return np.sum(np.not_equal(x, 0), axis=axis, keepdims=keepdims)
    return np.power(np.sum(np.power(sizes, power), axis=axis, keepdims=keepdims), 1.0 / power)


@op
def _of_singular_values(x: Any, kind: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """The largest (2) or smallest (-2) singular value of matrices, or the sum of all ("nuc"). The gradient of a
    singular value s is u v^T, where s u = x v.
    """
    values = np.asarray(value_of(x), np.float32)
    places = tuple(place % values.ndim for place in axes)
    u, s, vh = np.linalg.svd(np.moveaxis(values, places, (-2, -1)), full_matrices=False)
    shape = [1 if place in places else size for place, size in enumerate(values.shape)]
    part = {2: slice(0, 1), -2: slice(-1, None)}.get(kind, slice(None))
    total = s[..., part].sum(axis=-1)

    def back(dy: np.ndarray) -> np.ndarray:
        slope = dy.reshape(total.shape)[..., None, None] * (u[..., :, part] @ vh[..., part, :])
        return np.asarray(np.moveaxis(slope, (-2, -1), places), np.float32)

    return recorded(np.asarray(total.reshape(shape) if keepdims else total), [(x, back)])
