"""Initializers whose random numbers have a distribution that does not depend on the shape, and Orthogonal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.initializers.base import Initializer, registry

__all__ = ["Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "truncated_normal_values"]


@registry.register("normal")
class RandomNormal(Initializer):
    """Random numbers with a normal distribution.

    Parameters
    ----------
    mean : float, default 0
    stddev : float, default 0.05
        The standard deviation.
    seed : int, optional
        See :class:`Initializer`.
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean = _checks.number(mean, "mean", type(self).__name__)
        self.stddev = _checks.number(stddev, "stddev", type(self).__name__, minimum=0.0)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return self.mean + self.stddev * rng.standard_normal(shape, dtype=np.float32)

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


@registry.register()
class TruncatedNormal(RandomNormal):
    """Random numbers with a normal distribution, of which none is more than ``2 * stddev`` away from the mean.

    Numbers further away are drawn again. The parameters are those of :class:`RandomNormal`.

    Examples
    --------
    >>> bool(abs(TruncatedNormal(stddev=0.1, seed=0)((1000,))).max() <= 0.2)
    True
    """

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return self.mean + self.stddev * truncated_normal_values(shape, rng)


@registry.register("uniform")
class RandomUniform(Initializer):
    """Random numbers with a uniform distribution in the interval [``minval``, ``maxval``).

    Parameters
    ----------
    minval, maxval : float, default -0.05 and 0.05
    seed : int, optional
        See :class:`Initializer`.
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.minval = _checks.number(minval, "minval", "RandomUniform")
        self.maxval = _checks.number(maxval, "maxval", "RandomUniform", minimum=self.minval)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return self.minval + (self.maxval - self.minval) * rng.random(shape, dtype=np.float32)

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}


@registry.register("orthogonal_initializer", "orthogonalinitializer")
class Orthogonal(Initializer):
    """A random matrix times a number. Its rows or its columns, whichever are fewer, are orthonormal.

    The columns of the matrix are the last axis of the weight, and its rows are all other axes together.

    Parameters
    ----------
    gain : float, default 1
        The number.
    seed : int, optional
        See :class:`Initializer`.

    Notes
    -----
    Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks", 2013.

    Examples
    --------
    >>> import numpy as np
    >>> q = Orthogonal(seed=0)((3, 3, 2, 4)).reshape(18, 4)
    >>> bool(np.allclose(q.T @ q, np.eye(4), atol=1e-6))
    True
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = _checks.number(gain, "gain", "Orthogonal")

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(f"[Orthogonal] expected a weight of at least two axes. Received: shape={shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
        q *= np.sign(np.diag(r))  # makes all orthogonal matrices equally likely
        return self.gain * (q if rows >= columns else q.T).reshape(shape)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, "seed": self.seed}


def truncated_normal_values(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw standard normal numbers. Those with a magnitude above 2 are drawn again until there are none."""
    values = rng.standard_normal(shape, dtype=np.float32)
    while (outside := np.abs(values) > 2.0).any():
        values[outside] = rng.standard_normal(int(outside.sum()), dtype=np.float32)
    return values
