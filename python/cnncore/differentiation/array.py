"""The arrays that layers and functions return: NumPy arrays that a tape can watch."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore.differentiation.state import current_recording

__all__ = ["Array", "seen"]


class Array(np.ndarray):
    """What a layer or model returns when it is called on arrays: a NumPy array with a method ``numpy()``."""

    def numpy(self) -> np.ndarray:
        """The values as a plain NumPy array, without a copy."""
        return self.view(np.ndarray)

    def watched(self) -> Any:
        """What stands for the array in what an open tape records; the array itself where none watches it."""
        return self

    def begin_watching(self) -> None:
        """Let open tapes record what is computed from this array, from now on."""
        self.__class__ = WatchedArray  # NumPy asks it then what is to be done


class WatchedArray(Array):
    """An array that a tape watches. Where no tape is open, it is like any other."""

    def watched(self) -> Any:
        recording = current_recording()
        found = None if recording is None else recording.find(self)
        return self.numpy() if found is None else found

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*_seen(inputs), **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return function(*_seen(args), **kwargs)

    def __getitem__(self, key: Any) -> Any:
        return self.watched()[key]

    def __array_finalize__(self, source: Any) -> None:
        if isinstance(source, WatchedArray):  # a view or copy is another array, which nobody watches
            self.__class__ = Array  # type: ignore[assignment]


def seen(value: Any) -> Any:
    """What an open tape has recorded for an array that it watches, or the value itself."""
    return value.watched() if isinstance(value, Array) else value


def _seen(item: Any) -> Any:
    """An argument of a NumPy function with what stands for the watched arrays in it."""
    if isinstance(item, (list, tuple)):
        return type(item)(_seen(entry) for entry in item)
    return item.watched() if isinstance(item, WatchedArray) else item
