"""Dense, the fully connected layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from cnncore import _checks, activations, regularizers
from cnncore.graph.protocols import Graph
from cnncore.layers.base import Shape, WeightSpec, registry
from cnncore.layers.base.activation_op import lower_activation
from cnncore.layers.base.weighted import Weighted, with_precision
from cnncore.layers.weights.variable import Variable

__all__ = ["Dense"]


@registry.register()
class Dense(Weighted):
    """Fully connected layer: y = activation(x @ kernel + bias), along the last axis of x.

    If the input has more axes than (batch, features), the layer is applied to each position separately, as in Keras.
    Put a Flatten before it if each output is to depend on all positions.

    Parameters
    ----------
    units : int
        Number of outputs.
    activation : str or callable, optional
        A name or function of :mod:`cnncore.activations`, or a NumPy function. None, the default, applies none.
    use_bias : bool, default True
    kernel_initializer, bias_initializer : default "glorot_uniform" and "zeros"
        Names or objects of :mod:`cnncore.initializers`.
    kernel_regularizer, bias_regularizer, activity_regularizer : optional
        Penalties of :mod:`cnncore.regularizers` on weights and on the output.
    kernel_constraint, bias_constraint : optional
        Constraints of :mod:`cnncore.constraints`, which weights satisfy after each training step.
    precision : {"float32", "bfloat16_3x", "bfloat16"}, optional
        The precision of the products in this layer, see ``Model.precision``, which is the default.
    **kwargs
        ``name``, ``trainable``, ``dtype``, ``input_shape`` and ``input_dim``, see :class:`Layer`.

    Raises
    ------
    ValueError
        If an argument is not one of the values above.

    Examples
    --------
    >>> Dense(128, activation="relu").compute_output_shape((None, 1600))
    (None, 128)
    >>> Dense(10).compute_output_shape((None, 7, 7, 64))
    (None, 7, 7, 10)
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        *,
        precision: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = _checks.integer(units, "units", "Dense")
        self.activation = activations.get(activation, "Dense")
        self.use_bias = _checks.boolean(use_bias, "use_bias", "Dense")
        self.precision = None if precision is None else _checks.precision(precision, "Dense")
        self._keep_weight_options(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) < 2:
            self._expect_rank(input_shape, "batch, features")
        return (*input_shape[:-1], self.units)

    def weight_specs(self, input_shape: Shape) -> list[WeightSpec]:
        kernel = self._spec("kernel", (input_shape[-1], self.units))
        return [kernel, self._spec("bias", (self.units,))][: 1 + self.use_bias]

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        (x,) = inputs
        fused = activations.fused_kind(self.activation)
        options = {
            "use_bias": self.use_bias,
            "activation": fused or "linear",
            **with_precision(self.precision),
        }
        *positions, features = graph.output_shape(x)
        if not positions:
            y = graph.add("dense", [x], self.name, units=self.units, **options)
        else:  # a 1x1 convolution computes the same, and its kernel has the same layout in memory
            if len(positions) != 2:
                x = graph.add("reshape", [x], self.name, shape=(math.prod(positions), 1, features))
            y = graph.add("conv2d", [x], self.name, filters=self.units, kernel_size=(1, 1), **options)
            if len(positions) != 2:
                y = graph.add("reshape", [y], self.name, shape=(*positions, self.units))
        return y if fused else lower_activation(self.activation, graph, y, self.name)

    @property
    def kernel(self) -> Variable:
        """The kernel, of shape (features, units)."""
        return self._weight("kernel")

    @property
    def bias(self) -> Variable | None:
        """The bias, of shape (units,); None if ``use_bias`` is False."""
        return self._weight("bias") if self.use_bias else None

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "precision": self.precision,
        }
