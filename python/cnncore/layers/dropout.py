"""Layers that drop values at random in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncore import _checks
from cnncore.graph.protocols import Graph
from cnncore.layers.base import Layer, Shape, registry

__all__ = ["AlphaDropout", "Dropout", "RandomLayer", "SpatialDropout1D", "SpatialDropout2D"]

_LEAST_SELU = -1.7580993408473766  # the limit of selu(x) for x to minus infinity


class RandomLayer(Layer):
    """A layer that uses random numbers in training, and returns its input in inference."""

    takes_single_values = True

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = None if seed is None else _checks.integer(seed, "seed", type(self).__name__, minimum=0)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def _seed(self, graph: Graph) -> int:
        return graph.seed if self.seed is None else self.seed


@registry.register()
class Dropout(RandomLayer):
    """In training, set randomly chosen values to zero and scale up the others. In inference, return the input.

    Parameters
    ----------
    rate : float
        The share of the values that are set to zero, 0 <= rate <= 1. The others are divided by 1 - rate, so that the
        expected sum stays the same.
    noise_shape : tuple, optional
        The shape of the mask that says which values are dropped, with the batch axis (None) in front. All values along
        an axis where it is 1 are dropped or kept together. By default each value has its own place in the mask.
    seed : int, optional
        Determines which values are dropped. By default it is derived from the model's seed.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Notes
    -----
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.

    Examples
    --------
    >>> Dropout(0.5).compute_output_shape((None, 128))
    (None, 128)
    """

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, **kwargs)
        self.rate = _checks.number(rate, "rate", type(self).__name__, minimum=0.0, maximum=1.0)
        if noise_shape is not None and not isinstance(noise_shape, (list, tuple)):
            raise TypeError(
                f"[{type(self).__name__}] expected `noise_shape` to be a tuple. Received: noise_shape={noise_shape!r}"
            )
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._mask_shape(input_shape[1:])
        return input_shape

    def _mask_shape(self, sample: Shape) -> tuple[int, ...] | None:
        """Return the shape of the mask of one sample, or None if that is the shape of the sample."""
        if self.noise_shape is None:
            return None
        batch, *given = self.noise_shape if len(self.noise_shape) == len(sample) + 1 else (0, 0)
        shape = tuple(size if wanted is None else wanted for wanted, size in zip(given, sample, strict=False))
        if batch is not None or any(wanted not in (1, size) for wanted, size in zip(shape, sample, strict=False)):
            raise ValueError(
                f'Layer "{self.name}": expected `noise_shape` to be None for the batch axis, then for each axis of a '
                f"sample of shape {tuple(sample)} 1 or its size. Received: noise_shape={self.noise_shape}"
            )
        return shape

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        shape = self._mask_shape(graph.output_shape(inputs[0]))
        noise = {} if shape is None else {"noise_shape": shape}
        return graph.add("dropout", inputs, self.name, rate=self.rate, seed=self._seed(graph), **noise)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "noise_shape": self.noise_shape, "seed": self.seed}


class _SpatialDropout(Dropout):
    """The base class of layers that drop whole channels."""

    axes: str

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, None, seed, **kwargs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._expect_rank(input_shape, self.axes)
        return input_shape

    def _mask_shape(self, sample: Shape) -> tuple[int, ...]:
        return (*[1] * (len(sample) - 1), sample[-1])

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["noise_shape"]
        return config


@registry.register()
class SpatialDropout1D(_SpatialDropout):
    """In training, set randomly chosen channels of sequences (batch, steps, channels) to zero.

    See :class:`SpatialDropout2D`, whose parameters it has, except for ``data_format``.

    Examples
    --------
    >>> SpatialDropout1D(0.5).compute_output_shape((None, 10, 4))
    (None, 10, 4)
    """

    axes = "batch, steps, channels"


@registry.register()
class SpatialDropout2D(_SpatialDropout):
    """In training, set randomly chosen channels of images (batch, height, width, channels) to zero.

    :class:`Dropout` has little effect on images, since the neighbours of a dropped pixel have similar values.

    Parameters
    ----------
    rate : float
        The share of the channels that are set to zero, 0 <= rate <= 1. The others are divided by 1 - rate.
    data_format : {"channels_last"}, optional
    seed : int, optional
        Determines which channels are dropped. By default it is derived from the model's seed.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Notes
    -----
    Tompson et al., "Efficient object localization using convolutional networks", 2015.

    Examples
    --------
    >>> SpatialDropout2D(0.5).compute_output_shape((None, 7, 7, 64))
    (None, 7, 7, 64)
    """

    axes = "batch, height, width, channels"

    def __init__(self, rate: float, data_format: str | None = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, seed, **kwargs)
        self.data_format = _checks.data_format(data_format, "SpatialDropout2D")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


@registry.register()
class AlphaDropout(Dropout):
    """Dropout for networks of selu. In inference, return the input.

    In training, set randomly chosen values to the limit of selu(x) for x to minus infinity. Then scale and shift all
    values so that values of mean 0 and variance 1 keep that mean and variance.

    Parameters
    ----------
    rate : float
        The share of the values that are dropped, 0 <= rate < 1.
    noise_shape, seed : optional
        See :class:`Dropout`.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Notes
    -----
    Klambauer et al., "Self-normalizing neural networks", 2017: y = a (x m + c (1 - m)) + b for a mask m of zeros and
    ones, with c = -1.7581, a = ((1 - rate) (1 + rate c^2))^(-1/2) and b = -a c rate.

    Examples
    --------
    >>> AlphaDropout(0.5).compute_output_shape((None, 128))
    (None, 128)
    """

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(rate, noise_shape, seed, **kwargs)
        _checks.number(rate, "rate", "AlphaDropout", minimum=0.0, below=1.0)  # the formula divides by 1 - rate

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        if not self.rate:
            return inputs[0]
        factor, offset = self._lines()
        # Dropout of ones gives numbers d: 0 for dropped values and 1 / (1 - rate) for kept ones in training, and 1 in
        # inference. The output is factor * x + offset. (factor, offset) must be (0, c a + b) for dropped values, (a, b)
        # for kept ones, and (1, 0) in inference. They are d p(d) and (1 - d) q(d) with straight lines p and q.
        ones = graph.add("rescaling", inputs, self.name, scale=0.0, offset=1.0)
        drawn = super().lower(graph, [ones])
        factor_line, offset_line, falling = (
            graph.add("rescaling", [drawn], self.name, scale=slope, offset=start)
            for slope, start in (factor, offset, (-1.0, 1.0))
        )
        scaled = graph.add("multiply", [inputs[0], graph.add("multiply", [drawn, factor_line], self.name)], self.name)
        return graph.add("add", [scaled, graph.add("multiply", [falling, offset_line], self.name)], self.name)

    def _lines(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the slopes of the lines p and q in :meth:`lower`, and their values at 0: two pairs of numbers."""
        kept = 1.0 - self.rate
        a = (kept * (1.0 + self.rate * _LEAST_SELU**2)) ** -0.5
        b = -a * _LEAST_SELU * self.rate
        rise = 1.0 / kept - 1.0
        factor_slope = (a * kept - 1.0) / rise
        start = a * _LEAST_SELU + b
        return (factor_slope, 1.0 - factor_slope), ((-b / rise - start) * kept, start)
