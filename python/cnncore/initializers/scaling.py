"""Initializers whose variance depends on the shape of the weight: those of Glorot, He and LeCun.

Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010;
He et al., "Delving deep into rectifiers", 2015; LeCun et al., "Efficient BackProp", 1998.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from cnncore import _checks
from cnncore._refusals import names_itself
from cnncore.initializers.base import Initializer, registry
from cnncore.initializers.random import truncated_normal_values

__all__ = [
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LecunNormal",
    "LecunUniform",
    "VarianceScaling",
    "compute_fans",
]

# The standard deviation of a standard normal distribution that is cut off at +-2.
_TRUNCATED_STDDEV = 0.87962566103423978

_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")


@registry.register()
class VarianceScaling(Initializer):
    """Random numbers with mean 0 and variance ``scale / fan``.

    Parameters
    ----------
    scale : float, default 1
    mode : {"fan_in", "fan_out", "fan_avg"}, default "fan_in"
        What ``fan`` is: one of the two numbers that :func:`compute_fans` returns, or their mean.
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}, default "truncated_normal"
        "normal" is another name of "truncated_normal".
    seed : int, optional
        See :class:`Initializer`.
    input_axes, output_axes : sequence of int, optional
        The axes of the weight that are its inputs and its outputs, see :func:`compute_fans`.

    Examples
    --------
    >>> float(VarianceScaling(2.0, seed=0)((200, 50)).std())
    0.1
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(seed)
        self.input_axes = _checked_axes(input_axes, "input_axes", type(self).__name__)
        self.output_axes = _checked_axes(output_axes, "output_axes", type(self).__name__)
        self.scale = _checks.number(scale, "scale", "VarianceScaling", minimum=0.0)
        self.mode = _checks.choice(mode, "mode", "VarianceScaling", _MODES)
        distribution = "truncated_normal" if distribution == "normal" else distribution
        self.distribution = _checks.choice(distribution, "distribution", "VarianceScaling", _DISTRIBUTIONS)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return limit * (2.0 * rng.random(shape, dtype=np.float32) - 1.0)
        if self.distribution == "untruncated_normal":
            return math.sqrt(variance) * rng.standard_normal(shape, dtype=np.float32)
        return math.sqrt(variance) / _TRUNCATED_STDDEV * truncated_normal_values(shape, rng)

    def of_axes(self, input_axes: Sequence[int], output_axes: Sequence[int]) -> VarianceScaling:
        """Return the same initializer for a weight with these axes, or itself if it was given axes."""
        if self.input_axes is not None and self.output_axes is not None:
            return self
        other = copy.copy(self)
        other.input_axes, other.output_axes = list(input_axes), list(output_axes)
        return other

    def get_config(self) -> dict[str, Any]:
        config = {"scale": self.scale, "mode": self.mode, "distribution": self.distribution, "seed": self.seed}
        return config | self._axes_config()

    def _axes_config(self) -> dict[str, Any]:
        axes = {"input_axes": self.input_axes, "output_axes": self.output_axes}
        return {name: value for name, value in axes.items() if value is not None}


class _Named(VarianceScaling):
    """The base class of initializers that are a :class:`VarianceScaling` with fixed arguments.

    Parameters
    ----------
    seed : int, optional
        See :class:`Initializer`.
    input_axes, output_axes : sequence of int, optional
        See :class:`VarianceScaling`.
    """

    arguments: ClassVar[tuple[float, str, str]]

    def __init__(
        self,
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        if seed is not None:  # checked here, so that a message names this class
            seed = _checks.integer(seed, "seed", type(self).__name__, minimum=0)
        super().__init__(*self.arguments, seed, input_axes, output_axes)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed} | self._axes_config()


@registry.register("xavier_uniform")
class GlorotUniform(_Named):
    """Random numbers with a uniform distribution between -a and a, where a = sqrt(6 / (fan_in + fan_out)).

    It is the default for kernels. See :func:`compute_fans`. By Glorot and Bengio, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> values = GlorotUniform(seed=0)((3, 3, 1, 32))
    >>> values.shape, bool(abs(values).max() <= np.sqrt(6 / (9 + 288)))
    ((3, 3, 1, 32), True)
    """

    arguments = (1.0, "fan_avg", "uniform")


@registry.register("xavier_normal")
class GlorotNormal(_Named):
    """Random numbers with a truncated normal distribution of variance 2 / (fan_in + fan_out).

    See :func:`compute_fans`. By Glorot and Bengio, 2010.
    """

    arguments = (1.0, "fan_avg", "truncated_normal")


@registry.register("kaiming_uniform")
class HeUniform(_Named):
    """Random numbers with a uniform distribution between -a and a, where a = sqrt(6 / fan_in).

    See :func:`compute_fans`. By He et al., 2015.
    """

    arguments = (2.0, "fan_in", "uniform")


@registry.register("kaiming_normal")
class HeNormal(_Named):
    """Random numbers with a truncated normal distribution of variance 2 / fan_in.

    See :func:`compute_fans`. By He et al., 2015.
    """

    arguments = (2.0, "fan_in", "truncated_normal")


@registry.register()
class LecunUniform(_Named):
    """Random numbers with a uniform distribution between -a and a, where a = sqrt(3 / fan_in).

    See :func:`compute_fans`. By LeCun et al., 1998.
    """

    arguments = (1.0, "fan_in", "uniform")


@registry.register()
class LecunNormal(_Named):
    """Random numbers with a truncated normal distribution of variance 1 / fan_in, as selu needs it.

    See :func:`compute_fans`. By LeCun et al., 1998.
    """

    arguments = (1.0, "fan_in", "truncated_normal")


@names_itself
def compute_fans(
    shape: Sequence[int], input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[float, float]:
    """Compute (fan_in, fan_out) of a kernel: how many inputs each output has, and how many outputs each input has.

    They are the products of the sizes of ``input_axes`` and of ``output_axes`` if both are given. Otherwise, for a
    kernel of shape (..., inputs, outputs), they are ``inputs`` and ``outputs``, times the product of the other sizes.
    For a weight with fewer than two axes both are the number of values.

    Examples
    --------
    >>> compute_fans((3, 3, 32, 64)), compute_fans((32, 4, 16), input_axes=[0], output_axes=[1, 2])
    ((288.0, 576.0), (32.0, 64.0))
    """
    if input_axes is not None and output_axes is not None:
        try:
            sizes = [math.prod(shape[axis] for axis in axes) for axes in (input_axes, output_axes)]
        except IndexError:
            raise ValueError(
                f"[compute_fans] expected axes of a weight of rank {len(shape)}. "
                f"Received: input_axes={input_axes}, output_axes={output_axes}"
            ) from None
        return float(sizes[0]), float(sizes[1])
    if len(shape) < 2:
        size = float(shape[0]) if shape else 1.0
        return size, size
    field = math.prod(shape[:-2])
    return float(shape[-2] * field), float(shape[-1] * field)


def _checked_axes(axes: Any, name: str, owner: str) -> list[int] | None:
    return None if axes is None else list(_checks.integers(axes, name, owner, minimum=-32))
