"""Batches that tests train with, one after another."""

import numpy as np


def weights_of(model):
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


def batches(x, y, size=30, repeat=False, weight=None):
    """A generator of (x, y) or (x, y, sample_weight)."""
    while True:
        for start in range(0, len(x), size):
            part = slice(start, start + size)
            yield (x[part], y[part]) if weight is None else (x[part], y[part], weight[part])
        if not repeat:
            return
