"""BatchNormalization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore.differentiation import value_of
from cnncore.graph.axes import on_last_axis, sample_axis
from cnncore.graph.protocols import Graph
from cnncore.layers.base import Shape, WeightSpec, registry
from cnncore.layers.base.weighted import Weighted
from cnncore.layers.weights.variable import Variable

__all__ = ["BatchNormalization"]


@registry.register()
class BatchNormalization(Weighted):
    """Bring each channel to mean 0 and variance 1, then scale it by ``gamma`` and shift it by ``beta``.

    The output is y = gamma (x - mean) / sqrt(variance + epsilon) + beta. In training, mean and variance are those of
    the batch, over all axes except ``axis``; the variance is the sum of squares divided by the number of values. Each
    training step also updates the moving statistics: moving = moving * momentum + batch * (1 - momentum). In inference,
    and as in Keras also in training if the layer is not ``trainable``, mean and variance are the moving statistics.

    Parameters
    ----------
    axis : int, default -1
        The axis of the channels, counted with the batch axis.
    momentum : float, default 0.99
        The share of the moving statistics that a training step keeps, from 0 to 1.
    epsilon : float, default 0.001
        A small number that is added to the variance, so that the division is always possible.
    center, scale : bool, default True
        Whether there is a ``beta``, and whether there is a ``gamma``. Training changes both.
    beta_initializer, gamma_initializer : default "zeros" and "ones"
    moving_mean_initializer, moving_variance_initializer : default "zeros" and "ones"
    beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint : optional
    renorm, renorm_clipping, renorm_momentum, synchronized : optional
        Accepted for compatibility with Keras. ``renorm`` and ``synchronized`` must be False, since batch
        renormalization and training on several devices are not supported; the other two are ignored.
    **kwargs
        ``name``, ``trainable``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Notes
    -----
    Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate shift",
    2015.

    Examples
    --------
    >>> layer = BatchNormalization()
    >>> layer.build((None, 8, 8, 4))
    >>> [weight.name for weight in layer.weights]
    ['gamma', 'beta', 'moving_mean', 'moving_variance']
    """

    fixed_settings = ("center", "scale")
    takes_mask = True

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        owner = type(self).__name__
        if isinstance(axis, (list, tuple)) and len(axis) == 1:  # model files of older versions of Keras have a list
            (axis,) = axis
        self.axis = _checks.integer(axis, "axis", owner, minimum=-8, maximum=8)
        self.momentum = _checks.number(momentum, "momentum", owner, minimum=0.0, maximum=1.0)
        self.epsilon = _checks.number(epsilon, "epsilon", owner, minimum=0.0)
        self.center = _checks.boolean(center, "center", owner)
        self.scale = _checks.boolean(scale, "scale", owner)
        for name, value in (("renorm", renorm), ("synchronized", synchronized)):
            if _checks.boolean(value, name, owner):
                raise ValueError(
                    f"[{owner}] expected `{name}` to be False: it is not supported. Received: {name}={value!r}"
                )
        self._keep_weight_options(
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            moving_mean_initializer=moving_mean_initializer,
            moving_variance_initializer=moving_variance_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sample_axis(self.axis, len(input_shape), self.name)
        return input_shape

    def weight_specs(self, input_shape: Shape) -> list[WeightSpec]:
        shape = (input_shape[self.axis],)
        return [
            *[self._spec("gamma", shape)] * self.scale,
            *[self._spec("beta", shape)] * self.center,
            self._spec("moving_mean", shape, trainable=False),
            self._spec("moving_variance", shape, trainable=False),
        ]

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        def add(x: int) -> int:
            return graph.add(
                "batch_normalization",
                [x],
                self.name,
                momentum=self.momentum,
                epsilon=self.epsilon,
                center=self.center,
                scale=self.scale,
            )

        return on_last_axis(graph, inputs[0], self.axis, self.name, add)

    def recorded_with_numpy(self, inputs: Sequence[Any], training: bool) -> Any:
        """Compute the layer in training with functions of NumPy, whose use tapes record, and update the moving
        statistics. None in inference.
        """
        if not (training and self.trainable):
            return None
        (x,) = inputs
        axis = self.axis % x.ndim
        others = tuple(place for place in range(x.ndim) if place != axis)
        shape = [x.shape[axis] if place == axis else 1 for place in range(x.ndim)]
        mean = np.mean(x, axis=others, keepdims=True)
        variance = np.mean(np.square(x - mean), axis=others, keepdims=True)
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(self.momentum * moving.numpy() + (1 - self.momentum) * np.ravel(value_of(value)))
        y = (x - mean) / np.sqrt(variance + np.float32(self.epsilon))
        for weight, combine in ((self.gamma, np.multiply), (self.beta, np.add)):
            y = y if weight is None else combine(y, np.reshape(weight, shape))
        return y

    @property
    def gamma(self) -> Variable | None:
        """The factor of each channel, of shape (channels,); None if ``scale`` is False."""
        return self._weight("gamma") if self.scale else None

    @property
    def beta(self) -> Variable | None:
        """The mean that each channel is shifted to, of shape (channels,); None if ``center`` is False."""
        return self._weight("beta") if self.center else None

    @property
    def moving_mean(self) -> Variable:
        """The mean of each channel that inference uses, of shape (channels,)."""
        return self._weight("moving_mean")

    @property
    def moving_variance(self) -> Variable:
        """The variance of each channel that inference uses, of shape (channels,)."""
        return self._weight("moving_variance")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
        }
