"""Initial weights: Keras' initializers, drawn with NumPy's PCG64.

Glorot: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
He: He et al., "Delving deep into rectifiers", 2015.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._random import generator, next_seed
from cnncore._registry import Registry

_registry: Registry[Initializer] = Registry("initializer")

# Standard deviation of a unit normal cut off at two standard deviations.
_TRUNCATED_STDDEV = 0.87962566103423978


class Initializer:
    """Base class. A subclass implements ``draw(shape, rng)`` and, if it has arguments, ``get_config()``.

    Parameters
    ----------
    seed : int, optional
        Makes every call return the same values. By default a model derives a seed for each weight from its own
        seed, and a free call takes a fresh one (see :func:`cnncore.utils.set_random_seed`).

    Examples
    --------
    >>> import numpy as np
    >>> class Sevens(Initializer):
    ...     def draw(self, shape, rng):
    ...         return np.full(shape, 7.0)
    >>> Sevens()((2,))
    array([7., 7.], dtype=float32)
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = None if seed is None else _checks.integer(seed, "seed", type(self).__name__, minimum=0)

    def __call__(self, shape: Sequence[int], seed: int | Sequence[int] | None = None) -> np.ndarray:
        """Values of ``shape``, float32. ``seed`` is used where the initializer has none of its own."""
        if self.seed is not None:
            seed = self.seed
        elif seed is None:
            seed = next_seed()
        key = (seed,) if isinstance(seed, int) else tuple(seed)
        values = self.draw(tuple(shape), generator(*key))
        return np.ascontiguousarray(values, dtype=np.float32)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Values of ``shape`` from the generator ``rng``."""
        raise NotImplementedError(f"{type(self).__name__} must implement draw(shape, rng)")

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"seed": self.seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """Inverse of :meth:`get_config`."""
        return cls(**config)


@_registry.register("zero")
class Zeros(Initializer):
    """All zeros, the default of biases."""

    def __init__(self) -> None:
        super().__init__()

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.zeros(shape)

    def get_config(self) -> dict[str, Any]:
        return {}


@_registry.register("one")
class Ones(Zeros):
    """All ones."""

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.ones(shape)


@_registry.register()
class Constant(Initializer):
    """All ``value`` (default 0)."""

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = _checks.number(value, "value", "Constant")

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.full(shape, self.value)

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


@_registry.register()
class RandomNormal(Initializer):
    """Normal with ``mean`` (default 0) and ``stddev`` (default 0.05)."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean = _checks.number(mean, "mean", "RandomNormal")
        self.stddev = _checks.number(stddev, "stddev", "RandomNormal", minimum=0.0)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return self.mean + self.stddev * rng.standard_normal(shape, dtype=np.float32)

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


@_registry.register()
class RandomUniform(Initializer):
    """Uniform in [``minval``, ``maxval``) (default +-0.05)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.minval = _checks.number(minval, "minval", "RandomUniform")
        self.maxval = _checks.number(maxval, "maxval", "RandomUniform", minimum=self.minval)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return self.minval + (self.maxval - self.minval) * rng.random(shape, dtype=np.float32)

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}


class VarianceScaling(Initializer):
    """Zero mean and a variance of ``scale / fan``; the base of the Glorot and He initializers."""

    scale = 1.0
    mode = "fan_in"  # or "fan_avg"
    distribution = "uniform"  # or "truncated_normal"

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        fan_in, fan_out = compute_fans(shape)
        fan = fan_in if self.mode == "fan_in" else (fan_in + fan_out) / 2
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return limit * (2.0 * rng.random(shape, dtype=np.float32) - 1.0)
        return math.sqrt(variance) / _TRUNCATED_STDDEV * _truncated_normal(shape, rng)


@_registry.register("xavier_uniform")
class GlorotUniform(VarianceScaling):
    """Uniform in +-sqrt(6 / (fan_in + fan_out)), the default of kernels.

    Examples
    --------
    >>> import numpy as np
    >>> values = GlorotUniform(seed=0)((3, 3, 1, 32))
    >>> values.shape, bool(abs(values).max() <= np.sqrt(6 / (9 + 288)))
    ((3, 3, 1, 32), True)
    """

    mode = "fan_avg"


@_registry.register("xavier_normal")
class GlorotNormal(VarianceScaling):
    """Truncated normal with variance 2 / (fan_in + fan_out)."""

    mode, distribution = "fan_avg", "truncated_normal"


@_registry.register()
class HeUniform(VarianceScaling):
    """Uniform in +-sqrt(6 / fan_in)."""

    scale = 2.0


@_registry.register()
class HeNormal(VarianceScaling):
    """Truncated normal with variance 2 / fan_in."""

    scale, distribution = 2.0, "truncated_normal"


def compute_fans(shape: Sequence[int]) -> tuple[float, float]:
    """(fan_in, fan_out) of a kernel of ``shape`` (..., inputs, outputs): each times the receptive field's size.

    Examples
    --------
    >>> compute_fans((3, 3, 32, 64))
    (288.0, 576.0)
    """
    if len(shape) < 2:
        size = float(shape[0]) if shape else 1.0
        return size, size
    field = math.prod(shape[:-2])
    return float(shape[-2] * field), float(shape[-1] * field)


def _truncated_normal(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    values = rng.standard_normal(shape, dtype=np.float32)
    while (outside := np.abs(values) > 2.0).any():
        values[outside] = rng.standard_normal(int(outside.sum()), dtype=np.float32)
    return values


def get(identifier: Any) -> Initializer:
    """An initializer from an object, a class, a name such as ``"he_normal"``, or a config."""
    return identifier if isinstance(identifier, Initializer) else _registry.get(identifier)


def serialize(initializer: Initializer) -> dict[str, Any]:
    """``{"class_name", "config"}`` of ``initializer``."""
    return _registry.serialize(initializer)


def deserialize(config: dict[str, Any]) -> Initializer:
    """Inverse of :func:`serialize`; an unknown class is a ValueError."""
    return _registry.deserialize(config)
