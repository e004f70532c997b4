"""Attention: each query gets a mean of values, weighted by the products of the query with their keys."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnncore.differentiation import value_of
from cnncore.ops.definition import op
from cnncore.ops.named_activations import softmax

__all__ = ["attention_weights", "dot_product_attention", "head_weights"]

_FAR = -3.0e38  # added to scores that must not count; softmax makes 0 of them


def attention_weights(scores: Any, mask: Any = None) -> Any:
    """Turn scores into weights that sum to 1 along the last axis. Where ``mask`` is False, the weight is 0.

    Examples
    --------
    >>> attention_weights(np.zeros((1, 2), np.float32), np.array([[True, False]]))
    array([[1., 0.]], dtype=float32)
    """
    if mask is None:
        return softmax(scores)
    return softmax(np.where(np.asarray(value_of(mask)).astype(bool), scores, np.float32(_FAR)))


@op
def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    """Compute softmax(scale * query key^T + bias) value for each head (Vaswani et al., "Attention is all you need").

    Parameters
    ----------
    query : array or symbolic tensor, (batch, targets, heads, size)
    key, value : array or symbolic tensor, (batch, sources, heads, size)
        The heads of the query may be a multiple of these; then several heads share keys and values.
    bias : array, optional
        It is added to the scores (batch, heads, targets, sources).
    mask : array of bool, optional
        Where it is False, a source is not used for a target; in the shape of the scores.
    scale : float, optional
        1 / sqrt(size) by default.
    is_causal : bool, default False
        Whether a target uses only sources up to its own place.
    flash_attention : bool, optional
        Accepted for compatibility with Keras, and not used.
    attn_logits_soft_cap : float, optional
        The scores s become cap * tanh(s / cap).

    Returns
    -------
    array or symbolic tensor, (batch, targets, heads, size)

    Examples
    --------
    >>> x = np.ones((1, 3, 2, 4), np.float32)
    >>> dot_product_attention(x, x, x).shape
    (1, 3, 2, 4)
    """
    shapes = [np.shape(value_of(item)) for item in (query, key, value)]
    if any(len(shape) != 4 for shape in shapes) or shapes[0][2] % shapes[1][2]:
        raise ValueError(
            "[dot_product_attention] expected query, key and value (batch, places, heads, size), where the heads of "
            f"the query are a multiple of those of the key. Received: shapes {shapes}"
        )
    shared = shapes[0][2] // shapes[1][2]
    if shared > 1:
        key, value = np.repeat(key, shared, axis=2), np.repeat(value, shared, axis=2)
    factor = 1.0 / math.sqrt(shapes[0][3]) if scale is None else scale
    scores = np.einsum("btnh,bsnh->bnts", query, key) * np.float32(factor)
    if attn_logits_soft_cap is not None:
        scores = np.tanh(scores / attn_logits_soft_cap) * attn_logits_soft_cap
    if bias is not None:
        scores = scores + bias
    if is_causal:
        lower = np.tril(np.ones((shapes[0][1], shapes[1][1]), bool))
        mask = lower if mask is None else np.logical_and(np.asarray(value_of(mask)).astype(bool), lower)
    return np.einsum("bnts,bsnh->btnh", attention_weights(scores, mask), value)


@op
def head_weights(query: Any, key: Any, scale: float, mask: Any = None, is_causal: bool = False) -> Any:
    """Compute the weights (batch, heads, targets, sources) of attention: softmax(scale * query key^T).

    Parameters
    ----------
    query, key : array or symbolic tensor, (batch, places, heads, size)
    scale : float
    mask : array of bool, optional
        Where it is False, a source is not used; (batch, targets, sources) or with an axis for the heads before these.
    is_causal : bool, default False
        Whether a target uses only sources up to its own place.

    Examples
    --------
    >>> x = np.ones((1, 2, 1, 4), np.float32)
    >>> head_weights(x, x, 0.5, is_causal=True)[0, 0].tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    scores = np.einsum("btnh,bsnh->bnts", query, key) * np.float32(scale)
    allowed = None if mask is None else np.asarray(value_of(mask)).astype(bool)
    if allowed is not None and allowed.ndim == 3:
        allowed = allowed[:, np.newaxis]
    if is_causal:
        lower = np.tril(np.ones(scores.shape[-2:], bool))
        allowed = lower if allowed is None else np.logical_and(allowed, lower)
    return attention_weights(scores, allowed)
