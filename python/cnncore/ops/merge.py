"""Ops with several inputs, such as sums, concatenation and dot products, and their gradients.

The first axis of each input is that of the batch. Ops that combine the values at the same place of each input repeat
the values along axes of length 1, where another input is longer. As in Keras, an input with fewer axes than another one
gets axes of length 1 after the batch axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from cnncore import _checks, _core
from cnncore._checks import Float32

__all__ = ["batch_dot", "batch_dot_backward", "merge", "merge_backward"]


def merge(inputs: Sequence[ArrayLike], kind: str, *, axis: int = -1) -> Float32:
    """Combine arrays value by value, or join them along an axis.

    Parameters
    ----------
    inputs : sequence of array_like, shape (batch, ...) each
    kind : {"add", "subtract", "multiply", "average", "maximum", "minimum", "concatenate"}
        ``"subtract"`` takes two inputs, the others any number. A maximum or minimum is NaN where an input is NaN.
    axis : int, default -1
        The axis along which ``"concatenate"`` joins the arrays, and along which their sizes may differ. Axis 0, that of
        the batch, cannot be chosen.

    Returns
    -------
    numpy.ndarray of float32
        An array of the shape of the inputs. For ``"concatenate"`` its size along ``axis`` is the sum of theirs.

    Raises
    ------
    ValueError
        If ``kind`` is not known, or the shapes do not fit together.

    Examples
    --------
    >>> merge([[[1.0, 2.0]], [[10.0, 20.0]]], "add")
    array([[11., 22.]], dtype=float32)
    >>> merge([[[1.0, 2.0]], [[3.0]]], "concatenate")
    array([[1., 2., 3.]], dtype=float32)
    """
    arrays = _arrays(inputs, _known_kind(kind))
    if kind == "concatenate":
        return _core.concatenate(arrays, _sample_axis(axis, arrays[0].ndim, "axis", kind))
    return _core.merge(arrays, kind)


def merge_backward(inputs: Sequence[ArrayLike], dy: ArrayLike, kind: str, *, axis: int = -1) -> list[Float32]:
    """Compute the gradients of :func:`merge` with respect to each input.

    ``dy`` is the gradient of the loss with respect to the output. ``inputs``, ``kind`` and ``axis`` are those of
    :func:`merge`. Where several inputs of a maximum (or minimum) have the largest (or smallest) value, the first of
    them gets the gradient, as in TensorFlow. PyTorch and JAX divide it equally.

    Examples
    --------
    >>> merge_backward([[[1.0, 2.0]], [[3.0, 2.0]]], [[5.0, 7.0]], "maximum")
    [array([[0., 7.]], dtype=float32), array([[5., 0.]], dtype=float32)]
    """
    owner = f"{_known_kind(kind)}_backward"
    arrays, dy = _arrays(inputs, owner), _checks.float32_array(dy, "dy", owner)
    if kind == "concatenate":
        return _core.concatenate_backward(arrays, dy, _sample_axis(axis, arrays[0].ndim, "axis", owner))
    return _core.merge_backward(arrays, dy, kind)


def batch_dot(x1: ArrayLike, x2: ArrayLike, axes: int | Sequence[int] = -1, normalize: bool = False) -> Float32:
    """Compute the dot products of the vectors of x1 and x2, separately for each sample, as Keras' layer ``Dot`` does.

    Parameters
    ----------
    x1, x2 : array_like, shape (batch, ...)
    axes : int or two ints, default -1
        The axis along which the vectors lie, for both arrays or for each. Axis 0, that of the batch, cannot be chosen.
    normalize : bool, default False
        Whether to divide each vector by its length first. The results are then cosines of angles. A vector that is
        shorter than 1e-7 is divided by 1e-7.

    Returns
    -------
    numpy.ndarray of float32
        An array with the axes of x1 except that of the vectors, followed by those of x2 except the batch and that of
        the vectors. Its shape is (batch, 1) if there are no other axes.

    Raises
    ------
    ValueError
        If an axis does not exist, or the vectors have different lengths.

    Examples
    --------
    >>> batch_dot([[1.0, 2.0]], [[3.0, 4.0]])
    array([[11.]], dtype=float32)
    """
    x1, x2 = _checks.float32_array(x1, "x1", "batch_dot"), _checks.float32_array(x2, "x2", "batch_dot")
    normalize = _checks.boolean(normalize, "normalize", "batch_dot")
    return _core.dot(x1, x2, *_dot_axes(axes, x1, x2, "batch_dot"), normalize)


def batch_dot_backward(
    x1: ArrayLike, x2: ArrayLike, dy: ArrayLike, axes: int | Sequence[int] = -1, normalize: bool = False
) -> tuple[Float32, Float32]:
    """Compute the gradients of :func:`batch_dot` with respect to x1 and x2.

    Parameters
    ----------
    x1, x2, axes, normalize
        As given to :func:`batch_dot`.
    dy : array_like, shape of the output
        The gradient of the loss with respect to the output.

    Returns
    -------
    dx1, dx2 : numpy.ndarray of float32
        Arrays of the shapes of x1 and x2.

    Examples
    --------
    >>> batch_dot_backward([[1.0, 2.0]], [[3.0, 4.0]], [[2.0]])
    (array([[6., 8.]], dtype=float32), array([[2., 4.]], dtype=float32))
    """
    owner = "batch_dot_backward"
    x1, x2 = _checks.float32_array(x1, "x1", owner), _checks.float32_array(x2, "x2", owner)
    dy, normalize = _checks.float32_array(dy, "dy", owner), _checks.boolean(normalize, "normalize", owner)
    return _core.dot_backward(x1, x2, dy, *_dot_axes(axes, x1, x2, owner), normalize)


def _known_kind(kind: Any) -> str:
    if not isinstance(kind, str):
        raise TypeError(f"[merge] expected `kind` to be a name. Received: {type(kind).__name__}")
    return kind


def _arrays(inputs: Any, owner: str) -> list[Float32]:
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise ValueError(f"[{owner}] expected `inputs` to be a list of arrays. Received: inputs={inputs!r}")
    return [_checks.float32_array(x, f"inputs[{i}]", owner) for i, x in enumerate(inputs)]


def _sample_axis(axis: Any, rank: int, name: str, owner: str) -> int:
    """Return the number that an axis of an array of rank ``rank`` has in its samples, whose first axis is 0."""
    number = _checks.integer(axis, name, owner, minimum=-rank)
    if not number % max(rank, 1) >= 1 or number >= rank:
        raise ValueError(f"[{owner}] expected `{name}` to be an axis after the batch axis. Received: {name}={axis!r}")
    return number % rank - 1


def _dot_axes(axes: Any, x1: Float32, x2: Float32, owner: str) -> tuple[int, int]:
    pair = axes if isinstance(axes, (list, tuple)) else (axes, axes)
    if len(pair) != 2:
        raise ValueError(f"[{owner}] expected `axes` to be an integer or two of them. Received: axes={axes!r}")
    return _sample_axis(pair[0], x1.ndim, "axes", owner), _sample_axis(pair[1], x2.ndim, "axes", owner)
