"""Numbers that losses and metrics return."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Scalar"]


class Scalar(float):
    """A float that also answers ``numpy()``, as scripts for Keras ask of a loss or a metric.

    Examples
    --------
    >>> Scalar(0.5), Scalar(0.5).numpy(), Scalar(0.5).shape
    (0.5, np.float32(0.5), ())
    """

    metric: Any = None  # the metric whose result it is, if a call of the metric returned it

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a number, which is ()."""
        return ()

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """NumPy's float32."""
        return np.dtype(np.float32)

    def numpy(self) -> Any:
        """The value as a NumPy number."""
        return np.float32(self)

    def __reduce__(self) -> tuple[type[float], tuple[float]]:
        return float, (float(self),)  # pickling and copying give a plain float
