"""Shapes with sizes that are not known yet, which are None. The batch axis, which is None too, does not count.

A layer computes its output shape from sizes that are known. For a size that is not known, it is asked twice, with two
different numbers in its place. Sizes that differ between the two answers are not known either. Keras does the same on
JAX and PyTorch. The networks of the core are made later, for the sizes that the data have.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

__all__ = [
    "SMALL",
    "UnknownSizeError",
    "broadcast",
    "filled",
    "fits",
    "for_any_size",
    "is_known",
    "of_any_size",
    "weights_of_any_size",
]

# Pairs of numbers to ask with. Each pair is tried only if the one before it gives an error or an empty result.
Sizes = tuple[tuple[int, int], ...]

# These are multiples of all numbers up to 10 and of most products of them, and larger than any window.
LARGE: Sizes = ((322_560, 645_120),)
# For functions that must be called on arrays to find the shapes of their results.
SMALL: Sizes = ((24, 48), (120, 240), (480, 960))


class UnknownSizeError(ValueError):
    """Raised if the shape of a weight depends on a size that is not known."""


def is_known(shapes: Any) -> bool:
    """Whether all sizes except the batch axis are known, in a shape or in a list or dict of shapes.

    Examples
    --------
    >>> is_known((None, 28, 28, 1)), is_known([(None, 3), (None, None, 3)])
    (True, False)
    """
    if _is_shape(shapes):
        return None not in shapes[1:]
    return all(map(is_known, shapes.values() if isinstance(shapes, dict) else shapes))


def fits(shape: tuple[Any, ...], wanted: tuple[Any, ...]) -> bool:
    """Whether a shape is ``wanted``, in which None stands for any size.

    Examples
    --------
    >>> fits((32, 48, 3), (None, None, 3)), fits((32, 48, 1), (None, None, 3))
    (True, False)
    """
    if shape == wanted:
        return True
    return len(shape) == len(wanted) and all(size in (None, own) for own, size in zip(shape, wanted, strict=True))


def filled(shapes: Any, size: int) -> Any:
    """Put ``size`` in the place of each size that is not known.

    Examples
    --------
    >>> filled((None, None, None, 3), 8)
    (None, 8, 8, 3)
    """
    if isinstance(shapes, dict):
        return {key: filled(value, size) for key, value in shapes.items()}
    if _is_shape(shapes):
        return type(shapes)([*shapes[:1], *(size if item is None else item for item in shapes[1:])])
    return [filled(value, size) for value in shapes]


def of_any_size(compute: Callable[[Any], Any], shapes: Any, sizes: Sizes = LARGE) -> Any:
    """Call ``compute`` for shapes with sizes that are not known. In the result, sizes that depend on them are None.

    Parameters
    ----------
    compute : callable
        A function of a shape, or of a list or dict of shapes, that returns one of these.
    shapes : tuple, or list or dict of tuples
        The argument of ``compute``. Shapes have the batch axis in front.
    sizes : tuple of (int, int)
        The pairs of numbers that are put in the place of None.

    Raises
    ------
    ValueError, TypeError
        If ``compute`` raises it for the last of ``sizes``.

    Examples
    --------
    >>> of_any_size(lambda shape: (*shape[:2], 4 * shape[2], 5), (None, None, None, 3))
    (None, None, None, 5)
    """
    if is_known(shapes):
        return compute(shapes)
    for place, (first, second) in enumerate(sizes, 1):
        try:
            result = _combined(compute(filled(shapes, first)), compute(filled(shapes, second)))
        except (ValueError, TypeError, IndexError) as error:
            if place == len(sizes):
                if type(error) is ValueError:  # the message may name a size that the user has not given
                    words = str(error).replace(str(first), "None").replace(str(second), "None")
                    raise ValueError(words) from None
                raise
        else:
            if not _is_empty(result) or place == len(sizes):
                return result
    raise AssertionError


def for_any_size(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a method ``compute_output_shape``, so that it also takes shapes with sizes that are not known."""

    @functools.wraps(method)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        if len(args) != 1 or kwargs or not _has_unknown(args[0]):
            return method(self, *args, **kwargs)
        return of_any_size(lambda shapes: method(self, shapes), args[0], self.sizes_to_ask_with)

    return wrapped


def weights_of_any_size(specs: Callable[[Any], list[Any]], shapes: Any, name: str) -> list[Any]:
    """Return the descriptions of a layer's weights for shapes in which sizes may not be known.

    Raises
    ------
    UnknownSizeError
        If the shape of a weight depends on such a size. The message names the axis.
    """
    if not _has_unknown(shapes):
        return specs(shapes)
    ((first, second),) = LARGE
    known = specs(filled(shapes, first))
    for spec, other in zip(known, specs(filled(shapes, second)), strict=True):
        if spec.shape != other.shape:
            axes = [axis for axis in _unknown_axes(shapes) if _depends(specs, shapes, axis)]
            places = " and ".join(str(axis - len(shapes)) for axis in axes)
            hint = " GlobalAveragePooling2D in the place of Flatten gives a known size." if len(shapes) == 2 else ""
            raise UnknownSizeError(
                f'Layer "{name}": expected an input whose size along axis {places} is known, since the shape of its '
                f"{spec.name} depends on it.{hint} Received: input shape {shapes}"
            )
    return known


def broadcast(shapes: Iterable[tuple[Any, ...]]) -> tuple[Any, ...] | None:
    """Broadcast shapes of the same rank, in which sizes may be None. Return None if they do not fit together.

    Examples
    --------
    >>> broadcast([(None, 8, 3), (4, 8, 1)])
    (None, 8, 3)
    """
    result: list[int | None] = []
    for sizes in zip(*shapes, strict=True):
        known = {size for size in sizes if size is not None}
        if len(known - {1}) > 1:
            return None
        result.append(None if None in sizes else max(known))
    return tuple(result)


# --- details ----------------------------------------------------------------------------------------------------------
def _is_shape(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and not any(isinstance(item, (tuple, list, dict)) for item in value)


def _has_unknown(shapes: Any) -> bool:
    """Whether ``shapes`` is a shape or a structure of shapes in which some sizes are not known."""
    return isinstance(shapes, (tuple, list, dict)) and len(shapes) > 0 and not is_known(shapes)


def _combined(first: Any, second: Any) -> Any:
    """Combine two results of ``compute`` into one, with None for sizes in which they differ."""
    if isinstance(first, dict):
        return {key: _combined(value, second[key]) for key, value in first.items()}
    if _is_shape(first):
        return tuple(a if a == b else None for a, b in zip(first, second, strict=True))
    return [_combined(a, b) for a, b in zip(first, second, strict=True)]


def _is_empty(shapes: Any) -> bool:
    if _is_shape(shapes):
        return 0 in shapes
    return any(map(_is_empty, shapes.values() if isinstance(shapes, dict) else shapes))


def _unknown_axes(shape: Any) -> list[int]:
    return [axis for axis, size in enumerate(shape) if size is None and axis] if _is_shape(shape) else []


def _depends(specs: Callable[[Any], list[Any]], shape: Any, axis: int) -> bool:
    """Whether the shape of a weight depends on the size along an axis."""
    ((first, second),) = LARGE
    one, other = list(filled(shape, first)), list(filled(shape, first))
    other[axis] = second
    return [spec.shape for spec in specs(tuple(one))] != [spec.shape for spec in specs(tuple(other))]
