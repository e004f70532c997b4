"""Layers that scale data: Rescaling by given numbers, and Normalization by the mean and variance of a data set."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnncore import _checks, initializers
from cnncore._checks import Float32
from cnncore.graph.axes import sample_axis
from cnncore.graph.protocols import Graph
from cnncore.layers.base import Layer, Shape, WeightSpec, registry

__all__ = ["Normalization", "Rescaling"]

_EPSILON = 1e-7  # the smallest standard deviation that is divided by, as in Keras

Float64 = NDArray[np.float64]


@registry.register()
class Rescaling(Layer):
    """Compute y = x * scale + offset.

    As the first layer of a model it costs almost nothing, since the core scales images while it reads them.

    Parameters
    ----------
    scale : float
        ``1 / 255`` maps uint8 images to [0, 1].
    offset : float, default 0
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> Rescaling(1 / 255).compute_output_shape((None, 28, 28, 1))
    (None, 28, 28, 1)
    """

    takes_single_values = True

    def __init__(self, scale: float, offset: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if np.ndim(scale) or np.ndim(offset):
            raise TypeError(
                "[Rescaling] expected one number for all channels. With a number for each channel, x * scale + offset "
                "is Normalization(mean=-offset / scale, variance=1 / scale**2), with scale and offset as NumPy arrays. "
                f"Received: {scale=}, {offset=}"
            )
        self.scale = _checks.number(scale, "scale", "Rescaling")
        self.offset = _checks.number(offset, "offset", "Rescaling")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        return graph.add("rescaling", inputs, self.name, scale=self.scale, offset=self.offset)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale, "offset": self.offset}


@registry.register()
class Normalization(Layer):
    """Compute y = (x - mean) / sqrt(variance), with a mean and variance that are given or found by :meth:`adapt`.

    Parameters
    ----------
    axis : int, sequence of int, or None, default -1
        The axes along which each place has its own mean and variance; -1 gives each channel its own. Axis 0 is that of
        the batch. With None there is one mean and one variance for all values.
    mean, variance : array_like, optional
        Both or neither. They are broadcast to the sizes of the input along ``axis``.
    invert : bool, default False
        Whether to compute y = x * sqrt(variance) + mean instead.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Notes
    -----
    The layer computes x * scale + offset. ``scale`` and ``offset`` are its weights, and :attr:`mean` and
    :attr:`variance` are computed from them. A standard deviation below 1e-7 is replaced by 1e-7.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Normalization()
    >>> layer.adapt(np.float32([[1.0, 10.0], [3.0, 30.0]]))
    >>> layer(np.float32([[3.0, 10.0]])).numpy()
    array([[ 1., -1.]], dtype=float32)
    """

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: ArrayLike | None = None,
        variance: ArrayLike | None = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = () if axis is None else _checks.integers(axis, "axis", "Normalization", -8, 8)
        self.invert = _checks.boolean(invert, "invert", "Normalization")
        if (mean is None) != (variance is None):
            raise ValueError(
                f"[Normalization] expected both `mean` and `variance`, or neither. Received: {mean=}, {variance=}"
            )
        self.input_mean = None if mean is None else _statistic(mean, "mean")
        self.input_variance = None if variance is None else _statistic(variance, "variance")
        self._sample: tuple[int, ...] | None = None  # the shape of the samples that the layer was built for

    # --- shapes ---------------------------------------------------------------------------------------------------
    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._kept(input_shape[1:])
        return input_shape

    def _kept(self, sample: Sequence[int]) -> list[int]:
        """Return the axes of a sample along which each place has its own statistics."""
        return sorted(sample_axis(axis, len(sample) + 1, self.name) for axis in self.axis)

    def _broadcast_shape(self, sample: Sequence[int]) -> tuple[int, ...]:
        kept = self._kept(sample)
        return tuple(size if axis in kept else 1 for axis, size in enumerate(sample))

    def _trailing(self, sample: Sequence[int]) -> tuple[int, ...]:
        """Return the sizes of the last axes of a sample, beginning with the first one that is in ``axis``.

        The weights have a value for each place along these axes, so that one op multiplies all of them.
        """
        return tuple(sample[min([*self._kept(sample), len(sample) - 1]) :])

    # --- weights --------------------------------------------------------------------------------------------------
    def build(self, input_shape: Shape) -> None:
        self._sample = tuple(input_shape[1:])
        super().build(input_shape)

    def weight_specs(self, input_shape: Shape) -> list[WeightSpec]:
        sample = tuple(input_shape[1:])
        size = (math.prod(self._trailing(sample)),)
        if self.input_mean is None:
            scale, offset = initializers.Constant(1.0), initializers.Constant(0.0)
        else:
            values = self._factors(sample, self.input_mean, self.input_variance)
            scale, offset = (initializers.Constant(array) for array in values)
        return [WeightSpec("scale", size, scale, trainable=False), WeightSpec("offset", size, offset, trainable=False)]

    def _factors(self, sample: tuple[int, ...], mean: Any, variance: Any) -> tuple[Float64, Float64]:
        """Compute the scale and the offset for each place along the axes of :meth:`_trailing`."""
        shape = self._broadcast_shape(sample)
        trailing = self._trailing(sample)
        try:
            mean, variance = (_spread(value, shape, self._kept(sample)) for value in (mean, variance))
        except ValueError:
            raise ValueError(
                f'Layer "{self.name}": expected `mean` and `variance` to broadcast to the axes {self.axis} of samples '
                f"of shape {sample}. Received: shapes {np.shape(mean)} and {np.shape(variance)}"
            ) from None
        deviation = np.maximum(np.sqrt(variance), _EPSILON)
        scale, offset = (deviation, mean) if self.invert else (1 / deviation, -mean / deviation)
        target = (*[1] * (len(sample) - len(trailing)), *trailing)
        return np.broadcast_to(scale, target).ravel(), np.broadcast_to(offset, target).ravel()

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Set the mean and variance to those of a data set.

        Parameters
        ----------
        data : array_like, or iterable of batches
            Arrays have the batch axis in front. If the batches are tuples (x, y), their x is used.
        batch_size : int, optional
            Accepted for compatibility with Keras, and not used.
        steps : int, optional
            How many batches of an iterable are used. By default all are.
        """
        if steps is not None:
            steps = _checks.integer(steps, "steps", "Normalization.adapt")
        mean, variance, sample = _statistics(data, self._kept, steps)
        if not self.built:
            self.ensure_built((None, *sample))
        if self._broadcast_shape(sample) != self._broadcast_shape(self._sample or sample):
            raise ValueError(
                f'Layer "{self.name}": expected samples of shape {self._sample}. Received: samples of shape {sample}'
            )
        self.set_statistics(mean, variance)

    @property
    def statistics_shape(self) -> tuple[int, ...]:
        """The sizes of the layer's input along ``axis``."""
        assert self._sample is not None
        return tuple(self._sample[axis] for axis in self._kept(self._sample))

    def set_statistics(self, mean: ArrayLike, variance: ArrayLike) -> None:
        """Set the mean and the variance for each place along ``axis``.

        Parameters
        ----------
        mean, variance : array_like
            Arrays of shape :attr:`statistics_shape`, or arrays that broadcast to the shape of a sample.

        Raises
        ------
        ValueError
            If the layer is not built.
        """
        if self._sample is None:
            raise ValueError(f'Layer "{self.name}": expected a layer that is built. Received: one that is not')
        values = self._factors(self._sample, np.asarray(mean, np.float64), np.asarray(variance, np.float64))
        for name, factors in zip(("scale", "offset"), values, strict=True):
            self._weight(name).assign(factors)

    @property
    def mean(self) -> Float32:
        """The mean, in an array with all axes of the input. Axes over which the mean was taken have length 1."""
        scale, offset = self._scale_and_offset()
        return offset if self.invert else -offset / scale

    @property
    def variance(self) -> Float32:
        """The variance, in an array of the shape of :attr:`mean`."""
        scale, _ = self._scale_and_offset()
        return np.asarray(scale**2 if self.invert else scale**-2, np.float32)

    def _scale_and_offset(self) -> list[Float32]:
        arrays = [self._weight(name).numpy() for name in ("scale", "offset")]
        assert self._sample is not None
        trailing = self._trailing(self._sample)
        lead = [1] * (len(self._sample) - len(trailing))
        shape = self._broadcast_shape(self._sample)
        # along other axes than `axis` the values are repeated, and the first of them is taken
        first = tuple(slice(0, size) for size in shape)
        return [array.reshape(*lead, *trailing)[first][np.newaxis] for array in arrays]

    # --- ops ------------------------------------------------------------------------------------------------------
    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        (x,) = inputs
        sample = graph.output_shape(x)
        trailing = self._trailing(sample)
        if len(trailing) == 1:
            return graph.add("affine", [x], self.name)
        flat = (*sample[: len(sample) - len(trailing)], math.prod(trailing))
        y = graph.add("affine", [graph.add("reshape", [x], self.name, shape=flat)], self.name)
        return graph.add("reshape", [y], self.name, shape=sample)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "mean": None if self.input_mean is None else self.input_mean.tolist(),
            "variance": None if self.input_variance is None else self.input_variance.tolist(),
            "invert": self.invert,
        }


def _statistic(value: ArrayLike, name: str) -> Float64:
    numbers = _checks.numeric_array(value, name, "Normalization").astype(np.float64)
    if not np.isfinite(numbers).all() or (name == "variance" and (numbers < 0).any()):
        expected = "finite numbers" if name == "mean" else "finite numbers that are not negative"
        raise ValueError(f"[Normalization] expected `{name}` to be {expected}. Received: {name}={value!r:.80}")
    return numbers


def _spread(value: Any, shape: Sequence[int], kept: Sequence[int]) -> Float64:
    """Broadcast a mean or variance to ``shape``. It has either the axes ``kept`` only, or all axes of a sample."""
    array = np.asarray(value, np.float64)
    if array.ndim <= len(kept):
        target = [1] * len(shape)
        for axis, size in zip(reversed(kept), reversed(array.shape), strict=False):
            target[axis] = size
        array = array.reshape(target)
    elif array.ndim == len(shape) + 1 and len(array) == 1:
        array = array[0]
    return np.broadcast_to(array, shape)


def _statistics(data: Any, kept: Any, steps: int | None) -> tuple[Float64, Float64, tuple[int, ...]]:
    """Return the mean and variance over all samples and all axes except the kept ones, and the shape of a sample."""
    count, mean, spread = 0, np.zeros(()), np.zeros(())
    sample: tuple[int, ...] = ()
    for number, batch in enumerate(_batches(data)):
        if steps is not None and number >= steps:
            break
        sample = batch.shape[1:]
        axes = (0, *(axis + 1 for axis in range(len(sample)) if axis not in kept(sample)))
        size = math.prod(batch.shape[axis] for axis in axes)
        if size == 0:
            continue
        batch_mean = batch.mean(axis=axes, dtype=np.float64, keepdims=True)[0]
        batch_spread = size * batch.var(axis=axes, dtype=np.float64, keepdims=True)[0]
        # `spread` is the sum of squares of the differences from the mean. The formula that combines those of two sets
        # is that of Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample
        # variances", 1979.
        total = count + size
        step = batch_mean - mean
        spread = spread + batch_spread + step**2 * (count * size / total)
        mean, count = mean + step * (size / total), total
    if count == 0:
        raise ValueError("[Normalization.adapt] expected data of at least one sample. Received: none")
    return mean, spread / count, sample


def _batches(data: Any) -> Iterable[np.ndarray]:
    if hasattr(data, "__array__") or (
        isinstance(data, (list, tuple)) and not any(hasattr(b, "__array__") for b in data)
    ):
        data = [data]
    for batch in data:
        values = batch[0] if isinstance(batch, (tuple, list)) and hasattr(batch[0], "__array__") else batch
        array = _checks.numeric_array(values, "data", "Normalization.adapt")
        yield array[:, np.newaxis] if array.ndim == 1 else array
