"""Second derivatives of losses, for tapes that record the gradient that another tape computed."""

from __future__ import annotations

import math

import numpy as np

from cnncore import _core
from cnncore._checks import Float32

__all__ = ["hessian_product"]


def hessian_product(
    loss: _core.Loss, y_true: np.ndarray, y_pred: Float32, weights: Float32 | None, direction: np.ndarray
) -> Float32:
    """Multiply the second derivatives of a loss with respect to the predictions by a direction.

    The core computes it as a product with the curvature of a network that returns its input.

    Parameters
    ----------
    loss : _core.Loss
    y_true : numpy.ndarray
        Targets that the loss has prepared.
    y_pred : numpy.ndarray of float32, shape (rows, ..., columns)
    weights : numpy.ndarray of float32, optional
        Weights of the rows.
    direction : array_like, shape of y_pred

    Returns
    -------
    numpy.ndarray of float32, shape of y_pred

    Examples
    --------
    >>> loss = _core.Loss("mean_squared_error", reduction="sum")
    >>> y = np.float32([[1.0, 2.0]])
    >>> hessian_product(loss, y, y + 1, None, np.float32([[4.0, 0.0]]))
    array([[4., 0.]], dtype=float32)
    """
    columns = y_pred.shape[-1]
    rows = math.prod(y_pred.shape[:-1])
    product = np.zeros((rows, columns), np.float32)

    def record(places: np.ndarray, values: np.ndarray) -> None:
        product[places.astype(np.int64)] = values

    graph = _core.GraphBuilder()
    x, along, numbers = (graph.input((size,)) for size in (columns, columns, 1))
    network = _core.Network(graph, [graph.add("tangent_source", [x, along, numbers], "predictions", record=record)], {})
    arrays = [
        np.require(y_pred.reshape(rows, columns), np.float32, ["C", "A"]),
        np.require(np.reshape(direction, (rows, columns)), np.float32, ["C", "A"]),
        np.arange(rows, dtype=np.float32)[:, np.newaxis],
    ]
    targets = np.ascontiguousarray(y_true.reshape(rows, *([] if y_true.ndim < y_pred.ndim else [columns])))
    each = None if weights is None else np.repeat(np.ravel(weights), rows // weights.size).astype(np.float32)
    unused = np.zeros(network.parameter_count, np.float32)
    network.curvature_product("hessian", arrays, [targets], [loss], [1.0], [each], v=unused, out=unused.copy())
    return product.reshape(y_pred.shape)
