"""Losses as negative log-likelihoods: gradients for targets that are drawn from a model's own predictions."""

from __future__ import annotations

import math

import numpy as np

from cnncore._checks import Float32
from cnncore.losses.base import Loss
from cnncore.losses.binary_crossentropies import BinaryCrossentropy
from cnncore.losses.crossentropies import CategoricalCrossentropy, SparseCategoricalCrossentropy
from cnncore.losses.regression import MeanSquaredError

__all__ = ["has_likelihood", "sampled_gradient"]

_LEAST = 1e-7  # probabilities are clipped to [_LEAST, 1 - _LEAST], as in the losses


def has_likelihood(loss: Loss) -> bool:
    """Whether :func:`sampled_gradient` knows which distribution of targets the predictions of ``loss`` describe."""
    known = isinstance(loss, (SparseCategoricalCrossentropy, CategoricalCrossentropy, BinaryCrossentropy))
    if isinstance(loss, SparseCategoricalCrossentropy) and loss.get_config().get("ignore_class") is not None:
        return False
    last = getattr(loss, "axis", -1) == -1 and loss.reduction not in (None, "none")
    return last and (known or type(loss) is MeanSquaredError)


def sampled_gradient(loss: Loss, y_pred: Float32, weight: Float32 | None, draw: np.random.Generator) -> Float32:
    r"""Draw for each sample a gradient whose second moment is the curvature of ``loss`` with respect to predictions.

    A crossentropy is :math:`-\log p(y \mid x)`. If the target is drawn from that distribution, the gradient g of the
    loss has :math:`E[g g^T] = F`, the Fisher information. A mean of squares is, up to a constant factor, the negative
    log-likelihood of a normal distribution.

    Parameters
    ----------
    loss : Loss
        One for which :func:`has_likelihood` is true.
    y_pred : numpy.ndarray of float32, shape (samples, ..., columns)
    weight : numpy.ndarray of float32, optional
        Sample weights, (samples,) or (samples, ...), by which the curvature is multiplied.
    draw : numpy.random.Generator

    Returns
    -------
    numpy.ndarray of float32, of the shape of ``y_pred``
        The expected mean over samples of its outer products is the curvature of the reduced loss.

    Examples
    --------
    >>> from cnncore.losses import BinaryCrossentropy
    >>> p = np.full((100_000, 1), 0.2, np.float32)
    >>> g = sampled_gradient(BinaryCrossentropy(), p, None, np.random.default_rng(0))
    >>> round(float((g**2).mean()), 1)  # about 1 / (p (1 - p)) = 6.25
    6.2
    """
    rows = y_pred.reshape(-1, y_pred.shape[-1]).astype(np.float64)
    if isinstance(loss, (SparseCategoricalCrossentropy, CategoricalCrossentropy)):
        gradient = _of_classes(rows, loss.from_logits, draw)
    elif isinstance(loss, BinaryCrossentropy):
        gradient = _of_bits(rows, loss.from_logits, draw)
    else:
        gradient = math.sqrt(2.0 / rows.shape[1]) * draw.standard_normal(rows.shape)
    gradient *= np.sqrt(_row_weights(loss, y_pred.shape[:-1], weight))[:, np.newaxis]
    return gradient.reshape(y_pred.shape).astype(np.float32)


def _of_classes(rows: np.ndarray, from_logits: bool, draw: np.random.Generator) -> np.ndarray:
    p = _softmax(rows) if from_logits else np.clip(rows / rows.sum(axis=1, keepdims=True), _LEAST, 1.0)
    sums = np.cumsum(p, axis=1)
    drawn = (sums < draw.random((len(rows), 1)) * sums[:, -1:]).sum(axis=1)
    each = np.arange(len(rows))
    gradient = p if from_logits else np.ones_like(p) / rows.sum(axis=1, keepdims=True)
    gradient[each, drawn] -= 1.0 if from_logits else 1.0 / np.clip(rows[each, drawn], _LEAST, None)
    return gradient


def _of_bits(rows: np.ndarray, from_logits: bool, draw: np.random.Generator) -> np.ndarray:
    p = 1.0 / (1.0 + np.exp(-np.clip(rows, -500, 500))) if from_logits else np.clip(rows, _LEAST, 1.0 - _LEAST)
    gradient = p - (draw.random(p.shape) < p)
    if not from_logits:
        gradient /= p * (1.0 - p)
    return np.asarray(gradient / math.sqrt(rows.shape[1]))


def _softmax(rows: np.ndarray) -> np.ndarray:
    e = np.exp(rows - rows.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def _row_weights(loss: Loss, shape: tuple[int, ...], weight: Float32 | None) -> np.ndarray:
    """The factor of each row's curvature that makes the mean over samples the curvature of the reduced loss."""
    samples, rows = shape[0], math.prod(shape)
    weights = np.ones(shape) if weight is None else np.empty(shape)
    if weight is not None:
        weights[...] = weight.reshape(weight.shape + (1,) * (len(shape) - weight.ndim))
    if loss.reduction == "sum":
        return weights.ravel() * samples
    if loss.reduction == "mean_with_sample_weight":
        return weights.ravel() * (samples / max(float(weights.sum()), _LEAST))
    return weights.ravel() * (samples / rows)
