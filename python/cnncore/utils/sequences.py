"""Sequences of different lengths as one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cnncore import _checks
from cnncore._refusals import names_itself

__all__ = ["pad_sequences"]


@names_itself
def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Bring sequences to one length, and return them in one array.

    Parameters
    ----------
    sequences : list of sequence
    maxlen : int, optional
        The length; by default that of the longest sequence.
    dtype : default "int32"
        The type of the result.
    padding, truncating : {"pre", "post"}
        Whether values are added, and taken away, at the beginning or at the end.
    value : default 0
        What is added.

    Examples
    --------
    >>> pad_sequences([[1], [2, 3, 4]], maxlen=2).tolist()
    [[0, 1], [3, 4]]
    """
    owner = "pad_sequences"
    for name, chosen in (("padding", padding), ("truncating", truncating)):
        _checks.choice(chosen, name, owner, ("pre", "post"))
    if not hasattr(sequences, "__len__") or not all(hasattr(item, "__len__") for item in sequences):
        raise ValueError(f"[{owner}] expected a list of sequences. Received: {sequences!r:.80}")
    arrays = [np.asarray(item, dtype) for item in sequences]
    size = max((len(item) for item in arrays), default=0)
    size = size if maxlen is None else _checks.integer(maxlen, "maxlen", owner)
    inner = next((item.shape[1:] for item in arrays if len(item)), ())
    result = np.full((len(arrays), size, *inner), value, dtype)
    for row, item in zip(result, arrays, strict=True):
        kept = item[max(len(item) - size, 0) :] if truncating == "pre" else item[:size]
        start = size - len(kept) if padding == "pre" else 0
        if len(kept):
            row[start : start + len(kept)] = kept
    return result
