"""Layers that apply another layer: Bidirectional and TimeDistributed."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks, ops
from cnncore.layers.base import Layer, Shape, registry

__all__ = ["Bidirectional", "TimeDistributed", "Wrapper"]

_MODES = ("concat", "sum", "mul", "ave")


@registry.register()
class Wrapper(Layer):
    """Base class of layers that apply another layer.

    Parameters
    ----------
    layer : Layer
    **kwargs
        ``name`` and ``trainable``, see :class:`Layer`.

    Examples
    --------
    >>> from cnncore.layers import Dense
    >>> class Twice(Wrapper):
    ...     def call(self, x):
    ...         return self.layer(self.layer(x))
    >>> Twice(Dense(3))(np.ones((2, 3), np.float32)).shape
    (2, 3)
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise TypeError(f"[{type(self).__name__}] expected `layer` to be a layer. Received: {layer!r:.80}")
        self.layer = layer

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layer": registry.serialize(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Wrapper:
        """Make a layer from a dict that :meth:`get_config` returned."""
        inner = config["layer"]
        return cls(**{**config, "layer": registry.deserialize(inner) if isinstance(inner, dict) else inner})


@registry.register()
class TimeDistributed(Wrapper):
    """Apply a layer to each step of a sequence (batch, steps, ...), or to each image of a video.

    The layer is called once for each step, with the same weights. Batch normalization inside of it takes the mean and
    the variance of each step by itself.

    Parameters
    ----------
    layer : Layer
    **kwargs
        ``name`` and ``trainable``, see :class:`Layer`.

    Examples
    --------
    >>> from cnncore.layers import Conv2D
    >>> TimeDistributed(Conv2D(4, 3))(np.ones((2, 5, 8, 8, 1), np.float32)).shape
    (2, 5, 6, 6, 4)
    """

    supports_masking = True

    @property
    def says_its_output_shape(self) -> bool:
        """Whether the shape of the result is known without a call."""
        return bool(self.layer.says_its_output_shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) < 3 or input_shape[1] is None:
            raise ValueError(
                f'Layer "{self.name}": expected inputs (batch, steps, ...) with a known number of steps. '
                f"Received: shape {input_shape}"
            )
        inner = self.layer.compute_output_shape((input_shape[0], *input_shape[2:]))
        return (inner[0], input_shape[1], *inner[1:])

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        return np.stack([self.layer(step, training=training) for step in ops.unstack(inputs, axis=1)], axis=1)


@registry.register()
class Bidirectional(Wrapper):
    """Apply a recurrent layer to a sequence from its first step on, and another one from its last step on.

    Parameters
    ----------
    layer : Layer
        Such as an ``LSTM``. The other layer is made from its configuration. With ``return_state=True`` the result is a
        list: the output, the last states of the first layer, and those of the other one.
    merge_mode : {"concat", "sum", "mul", "ave", None}
        How the two results are combined; None returns a list of both.
    weights : list of array, optional
        The weights of both layers.
    backward_layer : Layer, optional
        The layer that goes from the last step to the first, with ``go_backwards=True``.
    **kwargs
        ``name`` and ``trainable``, see :class:`Layer`.

    Notes
    -----
    Schuster and Paliwal, "Bidirectional recurrent neural networks", 1997.

    Examples
    --------
    >>> from cnncore.layers import LSTM
    >>> Bidirectional(LSTM(4))(np.ones((2, 5, 3), np.float32)).shape
    (2, 8)
    """

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(layer, weights=weights, **kwargs)
        owner = "Bidirectional"
        self.merge_mode = None if merge_mode is None else _checks.choice(merge_mode, "merge_mode", owner, _MODES)
        if not hasattr(layer, "go_backwards") or not hasattr(layer, "return_sequences"):
            raise ValueError(f"[{owner}] expected a SimpleRNN, LSTM, GRU or RNN. Received: {layer!r:.80}")
        self._own_backward = backward_layer is not None
        self.forward_layer = _copy(layer, f"forward_{layer.name}", layer.go_backwards)
        self.backward_layer = backward_layer or _copy(layer, f"backward_{layer.name}", not layer.go_backwards)
        for direction in (self.forward_layer, self.backward_layer):  # as in Keras, where steps would not fit otherwise
            direction.zero_output_for_mask = bool(direction.return_sequences)
        self.supports_masking = bool(self.forward_layer.return_sequences)
        del self.layer
        self._of_layer = registry.serialize(layer)

    def compute_output_shape(self, input_shape: Shape) -> Any:
        shape = self.forward_layer.compute_output_shape(input_shape)
        states = [*shape[1:], *shape[1:]] if self.return_state else []
        shape = shape[0] if self.return_state else shape
        if self.merge_mode is None:
            return [shape, shape, *states]
        merged = (*shape[:-1], 2 * shape[-1]) if self.merge_mode == "concat" else shape
        return [merged, *states] if self.return_state else merged

    @property
    def says_its_output_shape(self) -> bool:
        """Whether the shape of the result is known without a call; a list of results is found by a call."""
        return self.merge_mode is not None and bool(self.forward_layer.says_its_output_shape)

    @property
    def return_sequences(self) -> bool:
        """Whether the output has all steps."""
        return bool(self.forward_layer.return_sequences)

    @property
    def return_state(self) -> bool:
        """Whether the last states are returned after the output."""
        return bool(self.forward_layer.return_state)

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool | None = None) -> Any:
        if isinstance(sequences, (list, tuple)):
            initial_state, sequences = list(sequences[1:]), sequences[0]
        states: list[Any] = []
        if initial_state is None:
            first = self.forward_layer(sequences, training=training)
            second = self.backward_layer(sequences, training=training)
        else:
            half = len(initial_state) // 2
            first = self.forward_layer(sequences, initial_state=list(initial_state[:half]), training=training)
            second = self.backward_layer(sequences, initial_state=list(initial_state[half:]), training=training)
        if self.return_state:
            states = [*first[1:], *second[1:]]
            first, second = first[0], second[0]
        if self.return_sequences:
            second = np.flip(second, axis=1)
        if self.merge_mode is None:
            return [first, second, *states]
        merged = self._merged(first, second)
        return [merged, *states] if self.return_state else merged

    def _merged(self, first: Any, second: Any) -> Any:
        if self.merge_mode == "concat":
            return np.concatenate([first, second], axis=-1)
        if self.merge_mode == "mul":
            return first * second
        return first + second if self.merge_mode == "sum" else (first + second) * 0.5

    def get_config(self) -> dict[str, Any]:
        config = {**Layer.get_config(self), "layer": self._of_layer, "merge_mode": self.merge_mode}
        return config | ({"backward_layer": registry.serialize(self.backward_layer)} if self._own_backward else {})

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Bidirectional:
        """Make a layer from a dict that :meth:`get_config` returned."""
        made: dict[str, Any] = {
            key: registry.deserialize(value) if key.endswith("layer") and isinstance(value, dict) else value
            for key, value in config.items()
        }
        return cls(**made)


def _copy(layer: Any, name: str, go_backwards: bool) -> Any:
    config = {**layer.get_config(), "name": name, "go_backwards": go_backwards}
    return type(layer).from_config(config)
