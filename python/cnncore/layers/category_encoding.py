"""CategoryEncoding, which turns whole numbers into vectors of zeros and ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.layers.base import Layer, Shape, registry

__all__ = ["CategoryEncoding"]


@registry.register()
class CategoryEncoding(Layer):
    """Turn the whole numbers of each sample into a vector of length ``num_tokens``.

    Parameters
    ----------
    num_tokens : int
        The inputs are whole numbers from 0 to ``num_tokens - 1``.
    output_mode : {"multi_hot", "one_hot", "count"}, default "multi_hot"
        "multi_hot": for inputs (batch, n) a vector for each sample, with ones at its numbers. "count": the same, with
        the number of times that each number occurs. "one_hot": a vector for each number, (batch, n, num_tokens), or
        (batch, num_tokens) for inputs (batch, 1) and (batch,).
    sparse : bool, default False
        Must be False.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Raises
    ------
    ValueError
        If ``num_tokens`` is missing, and when the layer is called with other numbers.

    Examples
    --------
    >>> CategoryEncoding(4)(np.array([[0, 1], [0, 0], [1, 2]])).numpy().tolist()
    [[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]]
    """

    def __init__(
        self, num_tokens: int | None = None, output_mode: str = "multi_hot", sparse: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        owner = type(self).__name__
        self.num_tokens = _checks.integer(num_tokens, "num_tokens", owner)
        self.output_mode = _checks.choice(output_mode, "output_mode", owner, ("multi_hot", "one_hot", "count"))
        if sparse:
            raise ValueError(f"[{owner}] expected sparse=False: arrays are dense here. Received: sparse={sparse!r}")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = tuple(input_shape)
        if self.output_mode != "one_hot":
            return (*shape[:-1], self.num_tokens) if len(shape) > 1 else (*shape, self.num_tokens)
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), self.num_tokens)

    def call(self, inputs: Any) -> Any:
        values = np.asarray(inputs)
        with np.errstate(invalid="ignore"):  # NaN becomes a number that differs from it, which is refused below
            numbers = values.astype(np.int64)
        if numbers.size and ((numbers != values).any() or numbers.min() < 0 or numbers.max() >= self.num_tokens):
            raise ValueError(
                f'Layer "{self.name}": expected whole numbers from 0 to {self.num_tokens - 1}. '
                f"Received: values from {values.min()} to {values.max()}"
            )
        hot = np.eye(self.num_tokens, dtype=np.float32)[numbers]
        if self.output_mode == "one_hot" or numbers.ndim == 1:
            return hot.reshape((len(numbers), *self.compute_output_shape(numbers.shape)[1:]))
        counts = hot.sum(axis=-2)
        return counts if self.output_mode == "count" else np.minimum(counts, 1)

    def backward(self, inputs: Any, dy: np.ndarray) -> np.ndarray:
        """Return zeros: numbers have no gradient."""
        return np.zeros(np.shape(inputs), np.float32)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_tokens": self.num_tokens,
            "output_mode": self.output_mode,
            "sparse": False,
        }
