"""Layers that normalize each sample by itself: LayerNormalization, GroupNormalization, UnitNormalization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncore import _checks
from cnncore.graph.axes import on_last_axes, on_last_axis, sample_axis
from cnncore.graph.protocols import Graph
from cnncore.layers.base import Layer, Shape, WeightSpec, registry
from cnncore.layers.base.weighted import Weighted
from cnncore.layers.weights.variable import Variable

__all__ = ["GroupNormalization", "LayerNormalization", "UnitNormalization"]


def _axes_of(axis: int | Sequence[int], owner: str) -> list[int]:
    """Return the argument ``axis`` as a list of ints, which must not be empty."""
    axes = list(_checks.integers(axis, "axis", owner, -8, 8))
    if not axes:
        raise ValueError(f"[{owner}] expected `axis` to be an integer or several of them. Received: axis={axis!r}")
    return axes


class _ScaledAndCentered(Weighted):
    """A normalization that is followed by a factor ``gamma`` and an offset ``beta``, which training changes."""

    fixed_settings = ("center", "scale")

    epsilon: float
    center: bool
    scale: bool

    def _keep(self, epsilon: float, center: bool, scale: bool, **options: Any) -> None:
        owner = type(self).__name__
        self.epsilon = _checks.number(epsilon, "epsilon", owner, minimum=0.0)
        self.center = _checks.boolean(center, "center", owner)
        self.scale = _checks.boolean(scale, "scale", owner)
        self._keep_weight_options(**options)

    def _specs_of(self, shape: Sequence[int]) -> list[WeightSpec]:
        return [*[self._spec("gamma", shape)] * self.scale, *[self._spec("beta", shape)] * self.center]

    @property
    def gamma(self) -> Variable | None:
        """The factor; None if ``scale`` is False."""
        return self._weight("gamma") if self.scale else None

    @property
    def beta(self) -> Variable | None:
        """The offset; None if ``center`` is False."""
        return self._weight("beta") if self.center else None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon, "center": self.center, "scale": self.scale}


@registry.register()
class LayerNormalization(_ScaledAndCentered):
    """Bring the values along one or several axes of each sample to mean 0 and variance 1, then scale and shift them.

    The output is y = gamma (x - mean) / sqrt(variance + epsilon) + beta.

    Parameters
    ----------
    axis : int or sequence of int, default -1
        The axis or axes over which mean and variance are taken. Axis 0 is that of the batch. Several axes must be the
        last ones of the input.
    epsilon : float, default 0.001
        A small number that is added to the variance, so that the division is always possible.
    center, scale : bool, default True
        Whether there is a ``beta``, and whether there is a ``gamma``. Both have the sizes of the input along ``axis``.
    beta_initializer, gamma_initializer : default "zeros" and "ones"
    beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint : optional
    **kwargs
        ``name``, ``trainable``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Notes
    -----
    Ba, Kiros and Hinton, "Layer normalization", 2016.

    Examples
    --------
    >>> layer = LayerNormalization(axis=[1, 2, 3])
    >>> layer.build((None, 4, 4, 2))
    >>> layer.gamma.shape
    (4, 4, 2)
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        axes = _axes_of(axis, "LayerNormalization")
        self.axis: Any = axes if isinstance(axis, (list, tuple)) else axes[0]
        self._keep(
            epsilon,
            center,
            scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )

    def _axes(self, rank: int) -> list[int]:
        """Return the axes of a sample, in order. A ValueError says if they are not one axis or the last ones."""
        given = [self.axis] if isinstance(self.axis, int) else self.axis
        axes = sorted(sample_axis(axis, rank, self.name) for axis in given)
        if len(axes) != 1 and axes != list(range(rank - 1 - len(axes), rank - 1)):
            raise ValueError(
                f'Layer "{self.name}": expected `axis` to be one axis, or the last axes of an input of rank {rank}. '
                f"Received: axis={self.axis}"
            )
        return axes

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._axes(len(input_shape))
        return input_shape

    def weight_specs(self, input_shape: Shape) -> list[WeightSpec]:
        return self._specs_of([input_shape[1:][axis] for axis in self._axes(len(input_shape))])

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        axes = self._axes(len(graph.output_shape(inputs[0])) + 1)

        def add(x: int) -> int:
            return graph.add(
                "layer_normalization",
                [x],
                self.name,
                epsilon=self.epsilon,
                center=self.center,
                scale=self.scale,
                axes=len(axes),
            )

        if len(axes) > 1:
            return add(inputs[0])
        return on_last_axis(graph, inputs[0], axes[0] + 1, self.name, add)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


@registry.register()
class GroupNormalization(_ScaledAndCentered):
    """Bring groups of channels of each sample to mean 0 and variance 1, then scale and shift each channel.

    The output is y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with the mean and variance of all values of
    the sample in the same group.

    Parameters
    ----------
    groups : int, default 32
        The number of groups. The number of channels must be divisible by it. With -1 each channel is its own group
        (instance normalization), with 1 all channels are one group.
    axis : int, default -1
        The axis of the channels. Axis 0 is that of the batch.
    epsilon : float, default 0.001
        A small number that is added to the variance, so that the division is always possible.
    center, scale : bool, default True
        Whether there is a ``beta``, and whether there is a ``gamma``. Both have one value for each channel.
    beta_initializer, gamma_initializer : default "zeros" and "ones"
    beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint : optional
    **kwargs
        ``name``, ``trainable``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Notes
    -----
    Wu and He, "Group normalization", 2018.

    Examples
    --------
    >>> GroupNormalization(groups=4).compute_output_shape((None, 8, 8, 16))
    (None, 8, 8, 16)
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.groups = (
            -1 if isinstance(groups, int) and groups == -1 else _checks.integer(groups, "groups", "GroupNormalization")
        )
        self.axis = _checks.integer(axis, "axis", "GroupNormalization", -8, 8)
        self._keep(
            epsilon,
            center,
            scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        channels = input_shape[1:][sample_axis(self.axis, len(input_shape), self.name)]
        if channels % self.groups:
            raise ValueError(
                f'Layer "{self.name}": expected a number of channels divisible by groups={self.groups}. '
                f"Received: {channels} channels"
            )
        return input_shape

    def weight_specs(self, input_shape: Shape) -> list[WeightSpec]:
        return self._specs_of([input_shape[self.axis]])

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        def add(x: int) -> int:
            return graph.add(
                "group_normalization",
                [x],
                self.name,
                groups=graph.output_shape(x)[-1] if self.groups == -1 else self.groups,
                epsilon=self.epsilon,
                center=self.center,
                scale=self.scale,
            )

        return on_last_axis(graph, inputs[0], self.axis, self.name, add)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "groups": self.groups, "axis": self.axis}


@registry.register()
class UnitNormalization(Layer):
    """Divide each vector by its length: y = x / sqrt(max(sum(x^2), 1e-12)).

    Parameters
    ----------
    axis : int or sequence of int, default -1
        The axis or axes along which the values of a vector lie. Axis 0 is that of the batch.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> UnitNormalization()(np.float32([[3.0, 4.0]])).numpy()
    array([[0.6, 0.8]], dtype=float32)
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = _axes_of(axis, "UnitNormalization")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        for axis in self.axis:
            sample_axis(axis, len(input_shape), self.name)
        return input_shape

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        rank = len(graph.output_shape(inputs[0])) + 1
        axes = sorted({sample_axis(axis, rank, self.name) for axis in self.axis})

        def add(x: int) -> int:
            return graph.add("unit_normalization", [x], self.name, axes=len(axes))

        return on_last_axes(graph, inputs[0], axes, self.name, add)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
