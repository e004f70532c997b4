"""The base class of data sets that make their own batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cnncore._checks import boolean, integer

__all__ = ["PyDataset", "Sequence"]


class PyDataset:
    """Base class of data sets from which `fit`, `evaluate` and `predict` get batches by number.

    A subclass implements ``__getitem__(index)``, which returns batch number `index` as ``x``, ``(x, y)`` or
    ``(x, y, sample_weight)``, and ``__len__()``, which returns the number of batches of an epoch.

    Parameters
    ----------
    workers : int, default 1
        How many threads prepare batches before they are needed. With 0, each batch is prepared when it is needed.
    use_multiprocessing : bool, default False
        Accepted for compatibility with Keras: batches are always prepared by threads, since NumPy and the core release
        the GIL.
    max_queue_size : int, default 10
        The largest number of prepared batches that wait to be used.

    Notes
    -----
    If the ``__init__`` of a subclass does not call this one, the defaults are used.

    Examples
    --------
    >>> import numpy as np
    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         x = np.full((4, 1), index, np.float32)
    ...         return x, x * x
    >>> [float(y[0, 0]) for x, y in Squares()]
    [0.0, 1.0, 4.0]
    """

    workers: int = 1
    use_multiprocessing: bool = False
    max_queue_size: int = 10

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers = integer(workers, "workers", "PyDataset", minimum=0)
        self.use_multiprocessing = boolean(use_multiprocessing, "use_multiprocessing", "PyDataset")
        self.max_queue_size = integer(max_queue_size, "max_queue_size", "PyDataset")

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(index), which returns a batch")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define __len__(), the number of batches of an epoch")

    @property
    def num_batches(self) -> int | None:
        """The number of batches of an epoch. A data set without an end overrides this and returns None."""
        return len(self)

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self)):
            yield self[index]

    def on_epoch_begin(self) -> None:
        """Do nothing. `fit` calls this before each epoch, and a subclass may override it."""

    def on_epoch_end(self) -> None:
        """Do nothing. `fit` calls this after each epoch, and a subclass may override it, for example to shuffle."""


Sequence = PyDataset  # Keras' older name
