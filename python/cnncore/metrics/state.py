"""The state that a metric keeps between batches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import ArrayLike

from cnncore import _checks

__all__ = ["State"]


class State(NDArrayOperatorsMixin):
    """A number or an array of numbers that a metric sums up in float64; it behaves like the array.

    Parameters
    ----------
    shape : tuple of int
    initializer : {"zeros", "ones"}, default "zeros"
        The values at the beginning and after ``reset``.
    name : str, optional

    Examples
    --------
    >>> total = State((), name="total")
    >>> total.assign_add(2.5)
    >>> float(total), float(total + 1)
    (2.5, 3.5)
    """

    __hash__ = object.__hash__

    def __init__(self, shape: tuple[int, ...], initializer: str = "zeros", name: str | None = None) -> None:
        if initializer not in ("zeros", "ones"):
            raise ValueError(
                f'[add_variable] expected `initializer` to be "zeros" or "ones". Received: initializer={initializer!r}'
            )
        self.name = name or "variable"
        self.shape = shape
        self._first = float(initializer == "ones")
        self.reset()

    def reset(self) -> None:
        """Go back to the first value."""
        self.value: Any = np.full(self.shape, self._first) if self.shape else self._first

    def assign(self, value: ArrayLike) -> None:
        """Replace the value. Another shape is a ValueError."""
        array = np.asarray(value, np.float64)
        if array.shape != self.shape:
            raise ValueError(f"[{self.name}] expected a value of shape {self.shape}. Received: shape {array.shape}")
        self.value = array.copy() if self.shape else float(array)

    def assign_add(self, value: ArrayLike) -> None:
        """Add a value of the same shape, or one that broadcasts to it."""
        self.assign(np.asarray(self.value) + value)

    def assign_sub(self, value: ArrayLike) -> None:
        """Subtract a value of the same shape, or one that broadcasts to it."""
        self.assign(np.asarray(self.value) - value)

    def numpy(self) -> np.ndarray:
        """A copy of the value as an array."""
        return np.array(self.value)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[np.float64]:
        """Always float64, so that rounding does not spoil sums over millions of samples."""
        return np.dtype(np.float64)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = [np.asarray(item.value) if isinstance(item, State) else item for item in inputs]
        return getattr(ufunc, method)(*plain, **kwargs)

    def __getitem__(self, key: Any) -> Any:
        return np.asarray(self.value)[key]

    def __len__(self) -> int:
        return len(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __repr__(self) -> str:
        return f"<State {self.name}, shape={self.shape}, value={self.value}>"


def same_columns(states: Iterable[State], columns: int, owner: str) -> None:
    """Raise a ValueError if a batch has another number of columns than the states of earlier batches."""
    for state in states:
        if state.shape[-1] != columns:
            raise ValueError(
                f"[{owner}] expected predictions with {state.shape[-1]} columns, as before. "
                f"Received: {columns} columns. Use another metric object for other predictions"
            )


def variable_shape(shape: Any) -> tuple[int, ...]:
    """Check the shape of a state. () and [] mean a single number."""
    return () if tuple(np.atleast_1d(shape)) == () else _checks.shape(np.atleast_1d(shape), "shape", "add_variable")
