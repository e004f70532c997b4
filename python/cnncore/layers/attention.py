"""Attention layers of one head: Attention and AdditiveAttention. They call NumPy in every step."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks, initializers, ops
from cnncore._random import generator, next_seed
from cnncore.layers.base import Layer, Shape, WeightSpec, registry

__all__ = ["AdditiveAttention", "Attention"]


def causal(targets: int, sources: int) -> np.ndarray:
    """Return for each target which sources are at its own place or before it, (targets, sources)."""
    return np.tril(np.ones((targets, sources), bool))


@registry.register()
class Attention(Layer):
    """Compute for each query a mean of the values, weighted by softmax of the products of the query with the keys.

    The layer is called on a list ``[query, value]`` or ``[query, value, key]`` of tensors (batch, places, size). The
    values are the keys if there are no others.

    Parameters
    ----------
    use_scale : bool, default False
        Whether the products are multiplied by a trained number.
    score_mode : {"dot", "concat"}
        Whether query and key are multiplied, or the sum of tanh(query + key) is taken, times a trained number.
    dropout : float, default 0
        The share of the weights that are set to 0 in training.
    seed : int, optional
    **kwargs
        ``name`` and ``trainable``, see :class:`Layer`.

    Notes
    -----
    Luong, Pham and Manning, "Effective approaches to attention-based neural machine translation", 2015.

    Examples
    --------
    >>> x = np.ones((2, 5, 3), np.float32)
    >>> Attention()([x, x]).shape
    (2, 5, 3)
    """

    one_input = False

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        owner = type(self).__name__
        self.use_scale = _checks.boolean(use_scale, "use_scale", owner)
        self.score_mode = _checks.choice(score_mode, "score_mode", owner, ("dot", "concat"))
        self.dropout = _checks.number(dropout, "dropout", owner, minimum=0.0, below=1.0)
        self.seed = None if seed is None else _checks.integer(seed, "seed", owner, minimum=0)
        self._random = generator(next_seed() if self.seed is None else self.seed)

    def _kept_in_files(self) -> list[str]:
        return [name for name in super()._kept_in_files() if self.dropout or name != "_random"]

    def _check(self, shapes: Any) -> None:
        if (
            not isinstance(shapes, (list, tuple))
            or len(shapes) not in (2, 3)
            or isinstance(shapes[0], (int, type(None)))
        ):
            raise ValueError(
                f'Layer "{self.name}": expected a list [query, value] or [query, value, key]. '
                f"Received: {type(shapes).__name__} of {len(shapes)}"
            )

    def compute_output_shape(self, input_shape: Any) -> Shape:
        self._check(input_shape)
        return (*input_shape[0][:-1], input_shape[1][-1])

    def weight_specs(self, input_shape: Any) -> list[WeightSpec]:
        one = initializers.get("ones")
        names = ["scale"] * self.use_scale + ["concat_score_weight"] * (self.score_mode == "concat")
        return [WeightSpec(name, (), one) for name in names]

    def _scores(self, query: Any, key: Any) -> Any:
        scale = self._weight("scale") if self.use_scale else None
        if self.score_mode == "dot":
            scores = np.matmul(query, np.swapaxes(key, -2, -1))
            return scores if scale is None else scores * scale
        together = np.expand_dims(query, -2) + np.expand_dims(key, -3)
        summed = np.sum(np.tanh(together if scale is None else together * scale), axis=-1)
        return summed * self._weight("concat_score_weight")

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        query, value = inputs[0], inputs[1]
        key = inputs[2] if len(inputs) > 2 else value
        if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
            raise ValueError(
                f"[{type(self).__name__}] expected queries and keys with as many features, and a key for each value. "
                f"Received: shapes {query.shape} (queries), {key.shape} (keys) and {value.shape} (values)"
            )
        scores = self._scores(query, key)
        allowed = None if mask is None or mask[1] is None else np.expand_dims(np.asarray(mask[1], bool), -2)
        if use_causal_mask:
            lower = causal(query.shape[-2], key.shape[-2])
            allowed = lower if allowed is None else np.logical_and(allowed, lower)
        weights = ops.attention.attention_weights(scores, allowed)
        if training and self.dropout:
            kept = self._random.random(weights.shape, np.float32) >= self.dropout
            weights = weights * (kept / np.float32(1 - self.dropout)).astype(np.float32)
        result = np.matmul(weights, value)
        if mask is not None and mask[0] is not None:
            result = result * np.expand_dims(np.asarray(mask[0], np.float32), -1)
        return (result, weights) if return_attention_scores else result

    def get_config(self) -> dict[str, Any]:
        config = {"use_scale": self.use_scale, "dropout": self.dropout, "seed": self.seed}
        return {**super().get_config(), **config, "score_mode": self.score_mode}


@registry.register()
class AdditiveAttention(Attention):
    """Compute for each query a mean of the values, weighted by softmax of the sum of tanh(query + key).

    It is called like :class:`Attention`.

    Parameters
    ----------
    use_scale : bool, default True
        Whether each value of tanh is multiplied by a trained number of its own.
    dropout : float, default 0
        The share of the weights that are set to 0 in training.
    seed : int, optional
    **kwargs
        ``name`` and ``trainable``, see :class:`Layer`.

    Notes
    -----
    Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning to align and translate", 2014.

    Examples
    --------
    >>> x = np.ones((2, 5, 3), np.float32)
    >>> AdditiveAttention()([x, x]).shape
    (2, 5, 3)
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def weight_specs(self, input_shape: Any) -> list[WeightSpec]:
        size = input_shape[0][-1]
        return [WeightSpec("scale", (size,), initializers.get("glorot_uniform"))] * self.use_scale

    def _scores(self, query: Any, key: Any) -> Any:
        summed = np.tanh(np.expand_dims(query, -2) + np.expand_dims(key, -3))
        return np.sum(summed * self._weight("scale") if self.use_scale else summed, axis=-1)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["score_mode"]
        return config
