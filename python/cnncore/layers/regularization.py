"""Layers that only act in training: dropout, noise, and penalties on the outputs of other layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from cnncore import _checks, regularizers
from cnncore.graph.protocols import Graph
from cnncore.layers.base import Layer, Shape, registry
from cnncore.layers.dropout import RandomLayer

__all__ = [
    "ActivityRegularization",
    "GaussianDropout",
    "GaussianNoise",
]


@registry.register()
class GaussianNoise(RandomLayer):
    """In training, add noise with a normal distribution of mean 0. In inference, return the input.

    Parameters
    ----------
    stddev : float
        Standard deviation of the noise.
    seed : int, optional
        Determines the noise. By default it is derived from the model's seed.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> GaussianNoise(0.1).compute_output_shape((None, 28, 28, 1))
    (None, 28, 28, 1)
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.stddev = _checks.number(stddev, "stddev", "GaussianNoise", minimum=0.0)

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        return graph.add("gaussian_noise", inputs, self.name, stddev=self.stddev, seed=self._seed(graph))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


@registry.register()
class GaussianDropout(RandomLayer):
    """In training, multiply each value by a random number. In inference, return the input.

    The random numbers have a normal distribution of mean 1 and standard deviation sqrt(rate / (1 - rate)).

    Parameters
    ----------
    rate : float
        0 <= rate < 1. A :class:`Dropout` of this rate multiplies by numbers of the same mean and standard deviation.
    seed : int, optional
        Determines the random numbers. By default it is derived from the model's seed.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Notes
    -----
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014, section 10.

    Examples
    --------
    >>> GaussianDropout(0.5).compute_output_shape((None, 128))
    (None, 128)
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.rate = _checks.number(rate, "rate", "GaussianDropout", minimum=0.0, below=1.0)

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        ones = graph.add("rescaling", inputs, self.name, scale=0.0, offset=1.0)
        stddev = math.sqrt(self.rate / (1.0 - self.rate))
        factor = graph.add("gaussian_noise", [ones], self.name, stddev=stddev, seed=self._seed(graph))
        return graph.add("multiply", [inputs[0], factor], self.name)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


@registry.register()
class ActivityRegularization(Layer):
    """Return the input, and add ``l1 * sum(|x|) + l2 * sum(x^2)`` divided by the number of samples to the loss.

    Parameters
    ----------
    l1, l2 : float, default 0
        The factors of the magnitudes and of the squares.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> ActivityRegularization(l1=0.01).compute_output_shape((None, 128))
    (None, 128)
    """

    takes_single_values = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        penalty = regularizers.L1L2(l1=l1, l2=l2)
        super().__init__(activity_regularizer=penalty, **kwargs)
        self.l1, self.l2 = penalty.l1, penalty.l2

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        return inputs[0]

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["activity_regularizer"]  # not needed, since it follows from l1 and l2
        return {**config, "l1": self.l1, "l2": self.l2}
