"""The functions of ``keras.random``. They return NumPy arrays with numbers from NumPy's generators.

All of them take an argument ``seed``:

- None: each call returns new numbers. After :func:`cnncore.utils.set_random_seed` a program repeats them.
- a whole number: each call returns the same numbers.
- a :class:`SeedGenerator`: each call returns new numbers, and a program repeats them when it runs again.

Random numbers are constants for gradients. :func:`dropout` passes gradients to its input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnncore import _checks
from cnncore._keras_names.errors import explain_missing
from cnncore._random import SeedSequence, generator, next_seed
from cnncore._refusals import names_itself
from cnncore.graph.tensor import Array, NotTraceableError

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
_BOUND = 2.0  # how many standard deviations a truncated normal number may be away from the mean


class SeedGenerator(SeedSequence):
    """A sequence of seeds for the functions of this module.

    A function that gets it as ``seed`` returns new numbers at each call. A program that runs again gets the same ones.

    Parameters
    ----------
    seed : int, optional
        Determines the sequence. By default it is random.
    name : str, optional
        Accepted for compatibility with Keras.

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
        self.name = "seed_generator" if name is None else str(name)
        self.count = 0

    def next(self) -> tuple[int, int]:
        """Return the next seed of the sequence."""
        self.count += 1
        return self.seed, self.count - 1

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor as a dict that can be written as JSON."""
        return {"seed": self.seed}


def _draw(seed: Seed) -> np.random.Generator:
    if isinstance(seed, SeedGenerator):
        return generator(*seed.next())
    return generator(next_seed() if seed is None else _checks.integer(seed, "seed", "random", minimum=0))


def _shape(shape: Any) -> tuple[int, ...]:
    if isinstance(shape, np.ndarray):
        shape = shape.tolist()
    if isinstance(shape, (list, tuple)) and None in shape:  # of a symbolic tensor; a layer is then called with arrays
        raise NotTraceableError("The number of samples in a symbolic tensor is not known.")
    return _checks.integers(shape, "shape", "random", minimum=0)


def _array(values: Any, dtype: Any) -> Any:
    return np.asarray(values, dtype or np.float32).view(Array)


@names_itself
def normal(shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Seed = None) -> Any:
    """Draw numbers with a normal distribution.

    Parameters
    ----------
    shape : int or tuple of int
    mean, stddev : float, default 0 and 1
        The mean and the standard deviation.
    dtype : optional, default "float32"
    seed : int or SeedGenerator, optional
        See :mod:`cnncore.random`.

    Returns
    -------
    Array of ``shape``

    Examples
    --------
    >>> normal((2, 3), seed=1).shape
    (2, 3)
    """
    return _array(mean + stddev * _draw(seed).standard_normal(_shape(shape), dtype=np.float32), dtype)


@names_itself
def truncated_normal(
    shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Seed = None
) -> Any:
    """Draw numbers with a normal distribution. Those more than two standard deviations from the mean are drawn again.

    ``shape``, ``mean``, ``stddev``, ``dtype`` and ``seed`` are those of :func:`normal`.
    """
    draw = _draw(seed)
    values = draw.standard_normal(_shape(shape), dtype=np.float32)
    outside = np.abs(values) > _BOUND
    while outside.any():
        values[outside] = draw.standard_normal(int(outside.sum()), dtype=np.float32)
        outside = np.abs(values) > _BOUND
    return _array(mean + stddev * values, dtype)


@names_itself
def uniform(
    shape: Sequence[int], minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Seed = None
) -> Any:
    """Draw numbers with a uniform distribution, ``minval`` <= number < ``maxval``.

    They are whole numbers if ``dtype`` is a type of integers. ``shape`` and ``seed`` are those of :func:`normal`.
    """
    if dtype is not None and np.dtype(dtype).kind in "iu":
        return randint(shape, int(minval), int(maxval), dtype, seed)
    return _array(minval + (maxval - minval) * _draw(seed).random(_shape(shape), dtype=np.float32), dtype)


@names_itself
def randint(shape: Sequence[int], minval: int, maxval: int, dtype: Any = "int32", seed: Seed = None) -> Any:
    """Draw whole numbers, each with the same probability, ``minval`` <= number < ``maxval``.

    ``dtype`` is a type of integers. ``shape`` and ``seed`` are those of :func:`normal`.

    Examples
    --------
    >>> bool((randint((5,), 0, 3) < 3).all())
    True
    """
    return _array(_draw(seed).integers(minval, maxval, _shape(shape)), dtype)


@names_itself
def categorical(logits: ArrayLike, num_samples: int, dtype: Any = "int32", seed: Seed = None) -> Any:
    """Draw class numbers with the probabilities softmax(logits).

    Parameters
    ----------
    logits : array_like, shape (batch, classes)
    num_samples : int
        How many numbers are drawn for each row.
    dtype : optional, default "int32"
    seed : int or SeedGenerator, optional
        See :mod:`cnncore.random`.

    Returns
    -------
    Array of shape (batch, num_samples)

    Notes
    -----
    The class with the largest sum of its logit and a random number of the Gumbel distribution has this probability.
    """
    rows = _checks.numeric_array(logits, "logits", "categorical").astype(np.float64)
    num_samples = _checks.integer(num_samples, "num_samples", "categorical", minimum=0)
    if rows.ndim != 2:
        raise ValueError(f"[categorical] expected `logits` of shape (batch, classes). Received: shape {rows.shape}")
    noise = _draw(seed).gumbel(size=(len(rows), num_samples, rows.shape[-1]))
    return _array(np.argmax(rows[:, np.newaxis] + noise, axis=-1), dtype)


@names_itself
def beta(shape: Sequence[int], alpha: Any, beta: Any, dtype: Any = None, seed: Seed = None) -> Any:
    """Draw numbers with the beta distribution that has the parameters ``alpha`` and ``beta``.

    ``shape``, ``dtype`` and ``seed`` are those of :func:`normal`.
    """
    return _array(_draw(seed).beta(alpha, beta, _shape(shape)), dtype)


@names_itself
def gamma(shape: Sequence[int], alpha: Any, dtype: Any = None, seed: Seed = None) -> Any:
    """Draw numbers with the gamma distribution that has the shape parameter ``alpha`` and the scale 1.

    ``shape``, ``dtype`` and ``seed`` are those of :func:`normal`.
    """
    return _array(_draw(seed).gamma(alpha, size=_shape(shape)), dtype)


@names_itself
def binomial(shape: Sequence[int], counts: Any, probabilities: Any, dtype: Any = None, seed: Seed = None) -> Any:
    """Draw numbers of successes in ``counts`` trials, each of which succeeds with a probability of ``probabilities``.

    ``shape``, ``dtype`` and ``seed`` are those of :func:`normal`.
    """
    return _array(_draw(seed).binomial(np.asarray(counts, np.int64), probabilities, _shape(shape)), dtype)


@names_itself
def shuffle(x: ArrayLike, axis: int = 0, seed: Seed = None) -> Any:
    """Bring the parts of ``x`` along ``axis`` into a random order. ``seed`` is that of :func:`normal`."""
    return _draw(seed).permutation(np.asarray(x), axis=axis).view(Array)


@names_itself
def dropout(inputs: Any, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Seed = None) -> Any:
    """Set values to zero with the probability ``rate``, and divide the others by 1 - ``rate``.

    Parameters
    ----------
    inputs : array_like
    rate : float, 0 <= rate < 1
    noise_shape : tuple, optional
        For each axis of ``inputs`` None, its length, or 1. All values along an axis where it is 1 are dropped or kept
        together.
    seed : int or SeedGenerator, optional
        See :mod:`cnncore.random`.

    Examples
    --------
    >>> sorted(set(dropout(np.ones(100, np.float32), 0.5, seed=1).tolist()))
    [0.0, 2.0]
    """
    rate = _checks.number(rate, "rate", "dropout", minimum=0.0, below=1.0)
    sizes = inputs.shape if hasattr(inputs, "shape") else np.shape(inputs)
    if noise_shape is not None:
        if len(noise_shape) != len(sizes):
            raise ValueError(
                f"[dropout] expected `noise_shape` with {len(sizes)} sizes. Received: noise_shape={noise_shape}"
            )
        sizes = [size if wanted is None else wanted for wanted, size in zip(noise_shape, sizes, strict=True)]
    kept = _draw(seed).random(_shape(sizes), dtype=np.float32) >= rate
    return inputs * (kept / np.float32(1.0 - rate)).astype(np.float32)


__getattr__ = explain_missing("random", __all__)
