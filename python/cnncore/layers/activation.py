"""Activation functions as layers: Activation, ReLU, LeakyReLU, PReLU, ELU, Softmax."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from typing import Any

from cnncore import _checks, activations
from cnncore.activations.definition import define
from cnncore.graph.axes import sample_axis
from cnncore.graph.protocols import Graph
from cnncore.layers.base import Layer, Shape, WeightSpec, registry
from cnncore.layers.base.activation_op import lower_activation, lower_glu
from cnncore.layers.base.weighted import Weighted
from cnncore.layers.weights.variable import Variable

__all__ = ["ELU", "Activation", "LeakyReLU", "PReLU", "ReLU", "Softmax"]


class _SameShape(Layer):
    takes_single_values = True

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@registry.register()
class Activation(_SameShape):
    """An activation function as a layer of its own.

    Parameters
    ----------
    activation : str or callable
        A name or function of :mod:`cnncore.activations`, or a function of one array that uses NumPy.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> Activation("tanh").compute_output_shape((None, 10))
    (None, 10)
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation, "Activation")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        gate = define(self.activation)
        if gate is None or gate.name != "glu":
            return input_shape
        axis = sample_axis(gate.arguments.get("axis", -1), len(input_shape), self.name) + 1
        if input_shape[axis] % 2:
            raise ValueError(
                f'Layer "{self.name}": expected an even size along axis {axis}, which glu halves. '
                f"Received: shape {input_shape}"
            )
        return (*input_shape[:axis], input_shape[axis] // 2, *input_shape[axis + 1 :])

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        shape = graph.output_shape(inputs[0])
        result = self.compute_output_shape((None, *shape))[1:]
        if result != shape:
            return lower_glu(self.activation, graph, inputs[0], self.name, result)
        return lower_activation(self.activation, graph, inputs[0], self.name)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


@registry.register("relu")
class ReLU(_SameShape):
    """Replace negative values by 0: y = max(x, 0).

    The arguments generalize this: y = min(x, ``max_value``) where x is greater than ``threshold``, and
    y = ``negative_slope * (x - threshold)`` elsewhere.

    Parameters
    ----------
    max_value : float, optional
        The largest value of the output. There is no limit by default.
    negative_slope, threshold : float, default 0
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> ReLU(max_value=6)(np.float32([[-1.0, 2.0, 8.0]])).numpy()
    array([[0., 2., 6.]], dtype=float32)
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else _checks.number(max_value, "max_value", "ReLU", minimum=0.0)
        slope = 0.0 if negative_slope is None else negative_slope
        self.negative_slope = _checks.number(slope, "negative_slope", "ReLU", minimum=0.0)
        self.threshold = _checks.number(0.0 if threshold is None else threshold, "threshold", "ReLU", minimum=0.0)

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        options = {"alpha": self.negative_slope, "max_value": self.max_value, "threshold": self.threshold}
        given = {name: value for name, value in options.items() if value is not None}
        return graph.add("activation", inputs, self.name, kind="relu", **given)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


@registry.register("leaky_relu", "leakyrelu")
class LeakyReLU(_SameShape):
    """Compute y = x where x is positive, and y = ``negative_slope * x`` elsewhere.

    Parameters
    ----------
    negative_slope : float, default 0.3
        The older name ``alpha`` is accepted with a DeprecationWarning.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> LeakyReLU(0.1)(np.float32([[-10.0, 2.0]])).numpy()
    array([[-1.,  2.]], dtype=float32)
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        if "alpha" in kwargs:
            warnings.warn("[LeakyReLU] `alpha` is called `negative_slope` today.", DeprecationWarning, stacklevel=2)
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        self.negative_slope = _checks.number(negative_slope, "negative_slope", "LeakyReLU", minimum=0.0)

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        return graph.add("activation", inputs, self.name, kind="leaky_relu", alpha=self.negative_slope)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "negative_slope": self.negative_slope}


@registry.register("prelu")
class PReLU(Weighted):
    """Compute y = x where x is positive, and y = ``alpha * x`` elsewhere, where training changes ``alpha``.

    Parameters
    ----------
    alpha_initializer : default "zeros"
    alpha_regularizer, alpha_constraint : optional
    shared_axes : int or sequence of int, optional
        The axes along which all values have the same alpha; axis 0 is that of the batch. By default each value of a
        sample has its own alpha. With [1, 2] each channel of an image has one.
    **kwargs
        ``name``, ``trainable``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Notes
    -----
    He et al., "Delving deep into rectifiers", 2015.

    Examples
    --------
    >>> layer = PReLU(shared_axes=[1, 2])
    >>> layer.build((None, 8, 8, 4))
    >>> layer.alpha.shape
    (1, 1, 4)
    """

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        given = shared_axes
        self.shared_axes = None if given is None else list(_checks.integers(given, "shared_axes", "PReLU"))
        self._keep_weight_options(
            alpha_initializer=alpha_initializer,
            alpha_regularizer=alpha_regularizer,
            alpha_constraint=alpha_constraint,
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.shared_axes and max(self.shared_axes) >= len(input_shape):
            raise ValueError(
                f'Layer "{self.name}": expected `shared_axes` less than {len(input_shape)}, the number of axes of an '
                f"input of shape {input_shape}. Received: shared_axes={self.shared_axes}"
            )
        return input_shape

    def weight_specs(self, input_shape: Shape) -> list[WeightSpec]:
        shape = list(input_shape[1:])
        for axis in self.shared_axes or []:
            shape[axis - 1] = 1
        return [self._spec("alpha", shape)]

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        return graph.add("prelu", inputs, self.name, shared_axes=tuple(self.shared_axes or ()))

    @property
    def alpha(self) -> Variable:
        """The slopes for negative values, in an array of the shape of a sample with length 1 along shared axes."""
        return self._weight("alpha")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "shared_axes": self.shared_axes}


@registry.register()
class ELU(_SameShape):
    """Compute y = x where x is positive, and y = ``alpha * (exp(x) - 1)`` elsewhere.

    Parameters
    ----------
    alpha : float, default 1
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Notes
    -----
    Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by exponential linear units (ELUs)",
    2015.

    Examples
    --------
    >>> ELU().compute_output_shape((None, 10))
    (None, 10)
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = _checks.number(alpha, "alpha", "ELU")

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        return graph.add("activation", inputs, self.name, kind="elu", alpha=self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}


@registry.register()
class Softmax(_SameShape):
    """Compute y = exp(x) / sum(exp(x)), where the sum is along one axis, or along several axes together.

    Parameters
    ----------
    axis : int or sequence of int, default -1
        The axis or axes along which the outputs sum to 1. Axis 0, that of the batch, cannot be chosen. [1, 2] makes a
        map of probabilities over the pixels of an image, for each channel.
    **kwargs
        ``name``, ``dtype`` and ``input_shape``, see :class:`Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> Softmax()(np.zeros((1, 4), np.float32)).numpy()
    array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)
    """

    takes_single_values = False

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        axes = _checks.integers(axis, "axis", "Softmax", minimum=-8, maximum=8)
        self.axis = axes[0] if len(axes) == 1 else list(axes)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        places = {sample_axis(axis, len(input_shape), self.name) for axis in axes}
        if not axes or len(places) < len(axes):
            raise ValueError(
                f'Layer "{self.name}": expected `axis` to be one axis or several different ones. Received: '
                f"axis={self.axis}"
            )
        return input_shape

    def lower(self, graph: Graph, inputs: Sequence[int]) -> int:
        softmax = functools.partial(activations.softmax, axis=self.axis)
        return lower_activation(softmax, graph, inputs[0], self.name)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
