"""The arrays that layers and functions return. They are NumPy arrays of which a tape can record the use."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore.differentiation.state import current_recording

__all__ = ["Array", "as_array", "seen"]


class Array(np.ndarray):
    """A NumPy array with a method ``numpy()``, as layers and models return it when they are called on arrays."""

    def numpy(self) -> np.ndarray:
        """Return the values as a plain NumPy array, without a copy."""
        return self.view(np.ndarray)

    def __repr__(self) -> str:
        return repr(self.numpy())

    def watched(self) -> Any:
        """Return the object that stands for this array in the record of an open tape, or else the array itself."""
        return self

    def begin_watching(self) -> None:
        """Let open tapes record from now on what is computed from this array."""
        self.__class__ = WatchedArray  # NumPy passes calls of its functions to an array of this class


class WatchedArray(Array):
    """An array that a tape watches. While no tape is open, it behaves like any other array."""

    def watched(self) -> Any:
        recording = current_recording()
        found = None if recording is None else recording.find(self)
        return self.numpy() if found is None else found

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        operands = _seen(inputs)
        recorded = any(not isinstance(item, np.ndarray) and hasattr(item, "sources") for item in operands)
        if out is None or (recorded and out[0] is inputs[0]):  # ``x += y`` gives x another meaning while it is recorded
            return as_array(getattr(ufunc, method)(*operands, **kwargs))
        plain = tuple(item.numpy() if isinstance(item, Array) else item for item in out)
        getattr(ufunc, method)(*operands, out=plain, **kwargs)
        return out[0] if len(out) == 1 else out

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return as_array(function(*_seen(args), **kwargs))

    def __getitem__(self, key: Any) -> Any:
        return as_array(self.watched()[key])

    def __array_finalize__(self, source: Any) -> None:
        if isinstance(source, WatchedArray):  # views and copies are other arrays, which no tape watches
            self.__class__ = Array  # type: ignore[assignment]


def as_array(result: Any) -> Any:
    """Return a plain NumPy array or float, or those in a tuple or list, as an :class:`Array`; others as they are."""
    if type(result) is np.ndarray:
        return result.view(Array)
    if isinstance(result, np.floating):
        return np.asarray(result).view(Array)
    if type(result) in (tuple, list):
        return type(result)(as_array(item) for item in result)
    return result


def seen(value: Any) -> Any:
    """Return the object that stands for an array in the record of an open tape, or the value itself without one."""
    return value.watched() if isinstance(value, Array) else value


def _seen(item: Any) -> Any:
    """Replace the watched arrays in an argument of a NumPy function by the objects that stand for them."""
    if isinstance(item, (list, tuple)):
        return type(item)(_seen(entry) for entry in item)
    return item.watched() if isinstance(item, WatchedArray) else item
