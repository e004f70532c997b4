"""RMSNormalization, which divides values by the root of the mean of their squares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncore import _checks, ops
from cnncore.graph.axes import sample_axis
from cnncore.layers.base import Shape, WeightSpec, registry
from cnncore.layers.base.weighted import Weighted
from cnncore.layers.weights.variable import Variable

__all__ = ["RMSNormalization"]


@registry.register()
class RMSNormalization(Weighted):
    """Compute y = scale x / sqrt(mean(x^2) + epsilon), where the mean is taken along axes of each sample.

    The layer calls NumPy in every step.

    Parameters
    ----------
    axis : int or sequence of int, default -1
        The axes over which the mean is taken. Axis 0 is that of the batch.
    epsilon : float, default 1e-6
        A small number that is added to the mean, so that the division is always possible.
    **kwargs
        ``name``, ``trainable``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Notes
    -----
    Zhang and Sennrich, "Root mean square layer normalization", 2019.

    Examples
    --------
    >>> import numpy as np
    >>> RMSNormalization()(np.float32([[3.0, 3.0]])).numpy().round(3)
    array([[1., 1.]], dtype=float32)
    """

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        axes = list(_checks.integers(axis, "axis", "RMSNormalization", -8, 8))
        self.axis: Any = axes if isinstance(axis, (list, tuple)) else axes[0]
        self.epsilon = _checks.number(epsilon, "epsilon", "RMSNormalization", minimum=0.0)
        self._keep_weight_options(scale_initializer="ones")
        self._weight_options = ()  # Keras has no arguments for the scale

    def _axes(self, rank: int) -> list[int]:
        given = [self.axis] if isinstance(self.axis, int) else self.axis
        return sorted(sample_axis(axis, rank, self.name) + 1 for axis in given)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._axes(len(input_shape))
        return input_shape

    def weight_specs(self, input_shape: Shape) -> list[WeightSpec]:
        return [self._spec("scale", [input_shape[axis] for axis in self._axes(len(input_shape))])]

    @property
    def scale(self) -> Variable:
        """The factor, with the sizes of the input along ``axis``."""
        return self._weight("scale")

    def call(self, inputs: Any) -> Any:
        return ops.rms_normalization(inputs, self.scale, self._axes(len(inputs.shape)), self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}
