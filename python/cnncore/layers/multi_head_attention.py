"""Attention with several heads. It calls NumPy in every step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _checks, constraints, initializers, ops, regularizers
from cnncore.layers.base import Layer, Shape, registry
from cnncore.layers.dropout import Dropout
from cnncore.layers.einsum_dense import EinsumDense, projection

__all__ = ["MultiHeadAttention"]


@registry.register()
class MultiHeadAttention(Layer):
    """Attention of several heads, each with projections of its own of the queries, keys and values.

    ``layer(query, value, key=None)`` is called on tensors (batch, places, size) or (batch, height, width, size); then
    all pixels attend to all pixels. The values are the keys if there are no others.

    Parameters
    ----------
    num_heads : int
    key_dim : int
        The size of the queries and keys of a head.
    value_dim : int, optional
        The size of the values of a head, by default ``key_dim``.
    dropout : float, default 0
        The share of the attention weights that are set to 0 in training.
    use_bias : bool, default True
    output_shape : int or sequence of int, optional
        The sizes of the last axes of the output, by default that of the query.
    attention_axes, sliding_window, flash_attention : optional
        Must be None: attention is over all places.
    kernel_initializer, bias_initializer : default "glorot_uniform" and "zeros"
    kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint : optional
    activity_regularizer : optional
        A penalty on the result of each of the projections: of query, key and value, and of the output.
    use_gate : bool, default False
        Whether the result of a head is multiplied by the sigmoid of another projection of the query.
    seed : int, optional
    **kwargs
        ``name`` and ``trainable``, see :class:`Layer`.

    Notes
    -----
    Vaswani et al., "Attention is all you need", 2017.

    Examples
    --------
    >>> x = np.ones((2, 5, 6), np.float32)
    >>> MultiHeadAttention(num_heads=2, key_dim=3)(x, x).shape
    (2, 5, 6)
    """

    one_input = False
    keras_shape_names = ("query_shape", "value_shape", "key_shape")

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        owner = "MultiHeadAttention"
        self.num_heads = _checks.integer(num_heads, "num_heads", owner)
        self.key_dim = _checks.integer(key_dim, "key_dim", owner)
        self.value_dim = self.key_dim if value_dim is None else _checks.integer(value_dim, "value_dim", owner)
        self.dropout = _checks.number(dropout, "dropout", owner, minimum=0.0, below=1.0)
        self.use_bias = _checks.boolean(use_bias, "use_bias", owner)
        self.use_gate = _checks.boolean(use_gate, "use_gate", owner)
        if sliding_window is not None:
            raise ValueError(f"[{owner}] expected sliding_window=None. Received: sliding_window={sliding_window!r}")
        self.made = None if output_shape is None else list(_checks.integers(output_shape, "output_shape", owner))
        self.attention_axes, self.seed = attention_axes, seed
        self._options: dict[str, Any] = {
            "kernel_initializer": kernel_initializer,
            "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer,
            "bias_regularizer": bias_regularizer,
            "activity_regularizer": activity_regularizer,  # of each projection, as in Keras
            "kernel_constraint": kernel_constraint,
            "bias_constraint": bias_constraint,
        }

    def _projection(
        self, kept: int, summed: int, made: Sequence[int], name: str, activation: Any = None
    ) -> EinsumDense:
        equation, bias_axes = projection(kept, summed, made)
        shape = [*[None] * (kept - 1), *made]
        axes = bias_axes if self.use_bias else None
        return EinsumDense(equation, shape, activation, axes, name=name, **self._options)

    def build(self, query_shape: Shape, value_shape: Shape | None = None, key_shape: Shape | None = None) -> None:
        """Make the projections for the shapes of query, value and key."""
        value_shape = query_shape if value_shape is None else value_shape
        rank = len(query_shape)
        if rank not in (3, 4) or len(value_shape) != rank:
            raise ValueError(
                f'Layer "{self.name}": expected query and value (batch, places, size), or images. '
                f"Received: shapes {query_shape} and {value_shape}"
            )
        places = list(range(1, rank - 1))
        if self.attention_axes is not None and sorted(np.atleast_1d(self.attention_axes) % rank) != places:
            raise ValueError(
                f'Layer "{self.name}": expected `attention_axes` to be all axes of places. '
                f"Received: attention_axes={self.attention_axes!r}"
            )
        heads = self.num_heads
        self.query_dense = self._projection(rank - 1, 1, [heads, self.key_dim], "query")
        self.key_dense = self._projection(rank - 1, 1, [heads, self.key_dim], "key")
        self.value_dense = self._projection(rank - 1, 1, [heads, self.value_dim], "value")
        self.output_dense = self._projection(rank - 1, 2, self.made or [query_shape[-1]], "attention_output")
        if self.use_gate:
            self._gate_dense = self._projection(rank - 1, 1, [heads, self.value_dim], "gate", "sigmoid")
        self._dropout_layer = Dropout(self.dropout, seed=self.seed)
        self.query_dense.build(query_shape)
        self.key_dense.build(value_shape if key_shape is None else key_shape)
        self.value_dense.build(value_shape)
        if self.use_gate:
            self._gate_dense.build(query_shape)
        self.output_dense.build((*query_shape[:-1], heads, self.value_dim))

    def compute_output_shape(self, query_shape: Shape, value_shape: Any = None, key_shape: Any = None) -> Shape:
        """Return the shape of the output for those of query, value and key."""
        return (*query_shape[:-1], *(self.made or [query_shape[-1]]))

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        mask = _joined_mask(query_mask, value_mask, key_mask, attention_mask)
        heads = self._heads(self.query_dense(query)), self._heads(self.key_dense(value if key is None else key))
        values = self._heads(self.value_dense(value))
        weights = ops.attention.head_weights(*heads, 1.0 / math.sqrt(self.key_dim), mask, use_causal_mask)
        weights = self._dropout_layer(weights, training=training) if self.dropout else weights
        result = np.einsum("bnts,bsnh->btnh", weights, values)
        if len(query.shape) == 4:
            result = np.reshape(result, (-1, *query.shape[1:3], self.num_heads, self.value_dim))
        result = self.output_dense(result * self._gate_dense(query) if self.use_gate else result)
        return (result, weights) if return_attention_scores else result

    def _heads(self, projected: Any) -> Any:
        """Return the projection of images as that of a sequence of pixels."""
        shape = projected.shape
        return projected if len(shape) == 4 else np.reshape(projected, (-1, shape[1] * shape[2], *shape[3:]))

    def get_config(self) -> dict[str, Any]:
        modules: dict[str, Any] = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}
        options = {
            name: modules[kind].serialize(modules[kind].get(value))
            for name, value in self._options.items()
            for kind in [name.rpartition("_")[2]]
        }
        return {
            **super().get_config(),
            **options,
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "use_gate": self.use_gate,
            "output_shape": self.made,
            "attention_axes": self.attention_axes,
            "seed": self.seed,
        }


def _joined_mask(query_mask: Any, value_mask: Any, key_mask: Any, attention_mask: Any) -> Any:
    """Combine masks of places (batch, places) and a mask (batch, targets, sources) into one of the latter shape."""
    found = None if attention_mask is None else attention_mask
    for mask, axis in ((query_mask, -1), (value_mask, -2), (key_mask, -2)):
        if mask is not None:
            wider = np.expand_dims(mask, axis)
            found = wider if found is None else np.logical_and(found, wider)
    return found
