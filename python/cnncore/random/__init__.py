"""Random numbers under Keras' names: NumPy arrays, drawn by NumPy's generators.

``seed`` is None (new numbers at each call, which ``utils.set_random_seed`` makes repeatable), a whole number (the same
numbers at each call), or a :class:`SeedGenerator` (a repeatable stream of new numbers). Gradients pass through what is
computed with the numbers, and through :func:`dropout`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore._not_here import explain_missing
from cnncore._random import generator, next_seed
from cnncore.layers.tensor import Array, NotTraceableError

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]

Seed = Any  # None, an int or a SeedGenerator
_BOUND = 2.0  # truncated normal values are within so many standard deviations


class SeedGenerator:
    """A stream of seeds: functions that are given it draw new numbers at each call, the same ones in each process.

    Parameters
    ----------
    seed : int, optional
        Drawn if it is missing.
    name : str, optional

    Examples
    --------
    >>> stream = SeedGenerator(1)
    >>> first, second = normal((2,), seed=stream), normal((2,), seed=stream)
    >>> bool((first == second).any()), bool((first == normal((2,), seed=SeedGenerator(1))).all())
    (False, True)
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        if kwargs:
            raise TypeError(f"[SeedGenerator] unexpected arguments. Received: {', '.join(sorted(kwargs))}")
        self.seed = next_seed() if seed is None else _checks.integer(seed, "seed", "SeedGenerator", minimum=0)
        self.name = name or "seed_generator"
        self._count = 0

    def next(self) -> tuple[int, int]:
        """The next seed."""
        self._count += 1
        return self.seed, self._count - 1

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor, ready for JSON."""
        return {"seed": self.seed}


def _draw(seed: Seed) -> np.random.Generator:
    if isinstance(seed, SeedGenerator):
        return generator(*seed.next())
    return generator(next_seed() if seed is None else _checks.integer(seed, "seed", "random", minimum=0))


def _shape(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, (list, tuple)):
        shape = np.asarray(shape).tolist()
        shape = shape if isinstance(shape, list) else [shape]
    if None in shape:  # the shape of a symbolic tensor; the layer is called with arrays instead then
        raise NotTraceableError("The number of samples in a symbolic tensor is not known.")
    return tuple(int(size) for size in shape)


def _array(values: Any, dtype: Any) -> Any:
    return np.asarray(values, dtype or np.float32).view(Array)


def normal(shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Seed = None) -> Any:
    """Normal values.

    Parameters
    ----------
    shape : tuple of int
    mean, stddev : float, default 0 and 1
    dtype : optional, default "float32"
    seed : int or SeedGenerator, optional

    Returns
    -------
    Array of ``shape``

    Examples
    --------
    >>> normal((2, 3), seed=1).shape
    (2, 3)
    """
    return _array(mean + stddev * _draw(seed).standard_normal(_shape(shape), dtype=np.float32), dtype)


def truncated_normal(
    shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Seed = None
) -> Any:
    """Normal values within two standard deviations of the mean; those outside are drawn again.

    ``shape``, ``mean``, ``stddev``, ``dtype`` and ``seed`` are those of :func:`normal`.
    """
    draw = _draw(seed)
    values = draw.standard_normal(_shape(shape), dtype=np.float32)
    outside = np.abs(values) > _BOUND
    while outside.any():
        values[outside] = draw.standard_normal(int(outside.sum()), dtype=np.float32)
        outside = np.abs(values) > _BOUND
    return _array(mean + stddev * values, dtype)


def uniform(
    shape: Sequence[int], minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Seed = None
) -> Any:
    """An array of this ``shape`` with values ``minval`` <= value < ``maxval``, whole ones for a dtype of integers.

    ``seed`` is that of :func:`normal`.
    """
    if dtype is not None and np.dtype(dtype).kind in "iu":
        return randint(shape, int(minval), int(maxval), dtype, seed)
    return _array(minval + (maxval - minval) * _draw(seed).random(_shape(shape), dtype=np.float32), dtype)


def randint(shape: Sequence[int], minval: int, maxval: int, dtype: Any = "int32", seed: Seed = None) -> Any:
    """An array of this ``shape`` with whole numbers, ``minval`` <= number < ``maxval``.

    ``dtype`` is a type of integers, and ``seed`` is that of :func:`normal`.

    Examples
    --------
    >>> bool((randint((5,), 0, 3) < 3).all())
    True
    """
    return _array(_draw(seed).integers(minval, maxval, _shape(shape)), dtype)


def categorical(logits: ArrayLike, num_samples: int, dtype: Any = "int32", seed: Seed = None) -> Any:
    """Classes, drawn for each row with probabilities softmax(logits): an array (rows, num_samples) of type ``dtype``.

    ``seed`` is that of :func:`normal`.

    The largest of the logits plus Gumbel noise is such a draw.
    """
    rows = np.asarray(logits, np.float64)
    noise = _draw(seed).gumbel(size=(len(rows), num_samples, rows.shape[-1]))
    return _array(np.argmax(rows[:, np.newaxis] + noise, axis=-1), dtype)


def beta(shape: Sequence[int], alpha: Any, beta: Any, dtype: Any = None, seed: Seed = None) -> Any:
    """An array of this ``shape`` with values of the beta distribution with parameters ``alpha`` and ``beta``.

    ``dtype`` and ``seed`` are those of :func:`normal`.
    """
    return _array(_draw(seed).beta(alpha, beta, _shape(shape)), dtype)


def gamma(shape: Sequence[int], alpha: Any, dtype: Any = None, seed: Seed = None) -> Any:
    """An array of this ``shape`` with values of the gamma distribution with shape parameter ``alpha`` and scale 1.

    ``dtype`` and ``seed`` are those of :func:`normal`.
    """
    return _array(_draw(seed).gamma(alpha, size=_shape(shape)), dtype)


def binomial(shape: Sequence[int], counts: Any, probabilities: Any, dtype: Any = None, seed: Seed = None) -> Any:
    """An array of this ``shape``: how many of ``counts`` draws succeed with these ``probabilities``.

    ``dtype`` and ``seed`` are those of :func:`normal`.
    """
    return _array(_draw(seed).binomial(np.asarray(counts, np.int64), probabilities, _shape(shape)), dtype)


def shuffle(x: ArrayLike, axis: int = 0, seed: Seed = None) -> Any:
    """``x`` with its parts along ``axis`` in a random order. ``seed`` is that of :func:`normal`."""
    return _draw(seed).permutation(np.asarray(x), axis=axis).view(Array)


def dropout(inputs: Any, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Seed = None) -> Any:
    """A random share of the values set to zero, the others divided by 1 - ``rate``.

    Parameters
    ----------
    inputs : array
    rate : float, 0 <= rate < 1
    noise_shape : tuple, optional
        Along axes where it is 1, all values share one draw.
    seed : int or SeedGenerator, optional

    Examples
    --------
    >>> sorted(set(dropout(np.ones(100, np.float32), 0.5, seed=1).tolist()))
    [0.0, 2.0]
    """
    rate = _checks.number(rate, "rate", "dropout", minimum=0.0, below=1.0)
    sizes = inputs.shape if hasattr(inputs, "shape") else np.shape(inputs)
    if noise_shape is not None:
        sizes = [size if wanted is None else wanted for wanted, size in zip(noise_shape, sizes, strict=True)]
    kept = _draw(seed).random(_shape(sizes), dtype=np.float32) >= rate
    return inputs * (kept / np.float32(1.0 - rate)).astype(np.float32)


__getattr__ = explain_missing("random", __all__)
