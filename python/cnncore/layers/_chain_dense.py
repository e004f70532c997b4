"""Dense."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cnncore import _checks, activations, initializers
from cnncore._checks import Float32
from cnncore.layers._chain_base import Layer, Shape, WeightSpec, registry

if TYPE_CHECKING:
    from cnncore import _core


@registry.register()
class Dense(Layer):
    """Fully connected layer: activation(x @ kernel + bias) for x of shape (batch, features).

    Parameters
    ----------
    units : int
        Number of outputs.
    activation : str, optional
        "relu", "sigmoid", "tanh", "softmax"; linear by default.
    use_bias : bool, default True
    kernel_initializer, bias_initializer : default "glorot_uniform" and "zeros"
        Names or objects of :mod:`cnncore.initializers`.
    precision : {"float32", "bfloat16_3x", "bfloat16"}, optional
        Arithmetic of this layer's products; the model's by default, see ``Model.precision``.
    input_shape : tuple of int, optional
        (features,), on the first layer of a model.
    name : str, optional

    Raises
    ------
    ValueError
        If an argument makes no sense, or when the layer is added, if its input is not (batch, features).

    Examples
    --------
    >>> Dense(128, activation="relu").compute_output_shape((None, 1600))
    (None, 128)
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        *,
        precision: str | None = None,
        input_shape: Iterable[int] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, input_shape=input_shape)
        self.units = _checks.integer(units, "units", "Dense")
        self.activation = str(activations.serialize(activations.get(activation, "Dense")))
        self.use_bias = _checks.boolean(use_bias, "use_bias", "Dense")
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.precision = None if precision is None else _checks.precision(precision, "Dense")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) > 2:
            raise ValueError(
                f'Input 0 of layer "{self.name}" is incompatible with it: expected rank 2 (batch, features). '
                f"Add a Flatten layer before it. Received: shape={input_shape}"
            )
        self._expect_rank(input_shape, "batch, features")
        return (input_shape[0], self.units)

    def weight_specs(self, input_shape: Shape) -> list[WeightSpec]:
        specs = [WeightSpec("kernel", (input_shape[-1], self.units), self.kernel_initializer)]
        return specs + [WeightSpec("bias", (self.units,), self.bias_initializer)] * self.use_bias

    def lower(self, graph: _core.GraphBuilder, x: int) -> int:
        return graph.dense(x, self.units, self.use_bias, self.activation, self.name, self.precision)

    @property
    def kernel(self) -> Float32:
        """View of the kernel, (features, units)."""
        return self._weight("kernel")

    @property
    def bias(self) -> Float32 | None:
        """View of the bias, (units,); None without one."""
        return self._weight("bias") if self.use_bias else None

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": self.activation,
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "precision": self.precision,
        }
