"""Ops with several inputs: sums, products, extrema, concatenation, products over an axis, and their gradients.

Inputs are arrays whose first axis is the batch. Inputs of elementwise ops may have axes of size 1, which are repeated.
As in Keras, an input with fewer axes gets axes of size 1 after the batch axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from cnncore import _checks, _core
from cnncore._checks import Float32

__all__ = ["batch_dot", "batch_dot_backward", "merge", "merge_backward"]


def merge(inputs: Sequence[ArrayLike], kind: str, *, axis: int = -1) -> Float32:
    """Combine arrays element by element, or put them one after another.

    Parameters
    ----------
    inputs : sequence of array_like, shape (batch, ...) each
    kind : {"add", "subtract", "multiply", "average", "maximum", "minimum", "concatenate"}
        ``"subtract"`` takes two inputs, the others any number. A maximum or minimum is NaN if an input is NaN.
    axis : int, default -1
        The axis of ``"concatenate"``, along which the inputs may have different sizes. It must not be 0, the batch
        axis.

    Returns
    -------
    numpy.ndarray of float32
        An array of the common shape; for ``"concatenate"`` the sizes along ``axis`` are added.

    Raises
    ------
    ValueError
        If the name is not known or shapes do not fit together.

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
    """Gradients of :func:`merge` with respect to each input, for the gradient dy of its output.

    ``kind`` and ``axis`` are those of :func:`merge`.

    Of several equal largest (or smallest) inputs the first receives the gradient, as in TensorFlow; PyTorch and JAX
    halve it between two.

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
    """Products of x1 and x2, summed over an axis of each, sample by sample (Keras' ``Dot``).

    Parameters
    ----------
    x1, x2 : array_like, shape (batch, ...)
    axes : int or two ints, default -1
        The axes over which products are summed. They must not be 0, the batch axis.
    normalize : bool, default False
        Whether to divide each vector by its length first, or by 1e-7 if it is shorter. The results are then cosines.

    Returns
    -------
    numpy.ndarray of float32
        The axes of x1 without the summed one, followed by those of x2 without the batch axis and the summed one;
        (batch, 1) if there are no other axes.

    Raises
    ------
    ValueError
        If the axes do not exist or have different sizes.

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
    """Gradients of :func:`batch_dot` with respect to x1 and x2.

    Parameters
    ----------
    x1, x2, axes, normalize
        The arguments of :func:`batch_dot`.
    dy : array_like
        The gradient of its output.


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
    """An axis of an array with a batch axis, as an axis of its samples."""
    number = _checks.integer(axis, name, owner, minimum=-rank)
    if not number % max(rank, 1) >= 1 or number >= rank:
        raise ValueError(f"[{owner}] expected `{name}` to be an axis behind the batch. Received: {name}={axis!r}")
    return number % rank - 1


def _dot_axes(axes: Any, x1: Float32, x2: Float32, owner: str) -> tuple[int, int]:
    pair = axes if isinstance(axes, (list, tuple)) else (axes, axes)
    if len(pair) != 2:
        raise ValueError(f"[{owner}] expected `axes` to be an integer or two of them. Received: axes={axes!r}")
    return _sample_axis(pair[0], x1.ndim, "axes", owner), _sample_axis(pair[1], x2.ndim, "axes", owner)
