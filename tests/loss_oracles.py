"""Losses in plain NumPy and float64, the configurations that tests run, and Keras' numbers for them."""

import functools
from dataclasses import dataclass, field

import numpy as np

from keras_process import ask_keras

EPSILON, MOST = float(np.float32(1e-7)), float(np.float32(1) - np.float32(1e-7))


def softmax(y):
    e = np.exp(y - y.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(y):
    return 1 / (1 + np.exp(-y))


def probabilities(y, from_logits):
    p = softmax(y) if from_logits else y / y.sum(axis=-1, keepdims=True)
    return p if from_logits else np.clip(p, EPSILON, MOST)


def categorical(t, y, from_logits=False, label_smoothing=0.0, **_):
    t = t * (1 - label_smoothing) + label_smoothing / y.shape[-1]
    return -(t * np.log(probabilities(y, from_logits))).sum(axis=-1)


def sparse(labels, y, ignore_class=None, **options):
    kept = labels != ignore_class
    t = np.eye(y.shape[-1])[np.where(kept, labels, 0)]
    return np.where(kept, categorical(t, y, **options), 0)


def binary_terms(t, p):
    p = np.clip(p, EPSILON, MOST)
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


def binary(t, y, from_logits=False, label_smoothing=0.0):
    t = t * (1 - label_smoothing) + label_smoothing / 2
    if from_logits:
        return (t * np.logaddexp(0, -y) + (1 - t) * np.logaddexp(0, y)).mean(axis=-1)
    return binary_terms(t, y).mean(axis=-1)


def binary_focal(t, y, alpha=0.25, gamma=2.0, class_balancing=False, from_logits=False, label_smoothing=0.0):
    t = t * (1 - label_smoothing) + label_smoothing / 2
    p = sigmoid(y) if from_logits else y
    weight = t * alpha + (1 - t) * (1 - alpha) if class_balancing else 1
    return (weight * (1 - (t * p + (1 - t) * (1 - p))) ** gamma * binary_terms(t, p)).mean(axis=-1)


def categorical_focal(t, y, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0):
    t = t * (1 - label_smoothing) + label_smoothing / y.shape[-1]
    p = np.clip(probabilities(y, from_logits), EPSILON, MOST)
    return -(np.asarray(alpha) * (1 - p) ** gamma * t * np.log(p)).sum(axis=-1)


def huber(t, y, delta=1.0):
    d = np.abs(y - t)
    return np.where(d <= delta, d * d / 2, delta * d - delta * delta / 2).mean(axis=-1)


def msle(t, y):
    return np.square(np.log(np.maximum(y, EPSILON) + 1) - np.log(np.maximum(t.astype(float), EPSILON) + 1)).mean(
        axis=-1
    )


def categorical_hinge(t, y):
    return np.maximum(1 + ((1 - t) * y).max(axis=-1) - (t * y).sum(axis=-1), 0)


def kl_divergence(t, y):
    t, y = np.clip(t.astype(float), EPSILON, 1), np.clip(y, EPSILON, 1)
    return (t * np.log(t / y)).sum(axis=-1)


def cosine_similarity(t, y):
    t = t.astype(float)
    return -(t * y).sum(axis=-1) / np.linalg.norm(t, axis=-1) / np.linalg.norm(y, axis=-1)


FORMULAS = {
    "sparse_categorical_crossentropy": sparse,
    "categorical_crossentropy": categorical,
    "binary_crossentropy": binary,
    "binary_focal_crossentropy": binary_focal,
    "categorical_focal_crossentropy": categorical_focal,
    "mean_squared_error": lambda t, y: np.square(y - t).mean(axis=-1),
    "mean_absolute_error": lambda t, y: np.abs(y - t).mean(axis=-1),
    "mean_absolute_percentage_error": lambda t, y: 100 * np.abs((y - t) / np.maximum(np.abs(t), EPSILON)).mean(axis=-1),
    "mean_squared_logarithmic_error": msle,
    "huber": huber,
    "log_cosh": lambda t, y: np.log(np.cosh(y - t)).mean(axis=-1),
    "hinge": lambda t, y: np.maximum(1 - t * y, 0).mean(axis=-1),
    "squared_hinge": lambda t, y: np.square(np.maximum(1 - t * y, 0)).mean(axis=-1),
    "categorical_hinge": categorical_hinge,
    "kl_divergence": kl_divergence,
    "poisson": lambda t, y: (y - t * np.log(y + EPSILON)).mean(axis=-1),
    "cosine_similarity": cosine_similarity,
}


@dataclass(frozen=True)
class Case:
    kind: str
    parameters: dict = field(default_factory=dict)
    seed: int = 0

    def __str__(self):
        return " ".join([self.kind, *(f"{name}={value}" for name, value in self.parameters.items())])

    def data(self, rng, shape):
        """(y_true, y_pred) that the loss is meant for, as the core takes them."""
        classes = shape[-1]
        unit = self.kind in ("kl_divergence", "poisson") or "crossentropy" in self.kind
        if unit and not self.parameters.get("from_logits"):
            y_pred = rng.uniform(0.05, 0.95, shape)
        elif self.kind == "mean_squared_logarithmic_error":
            y_pred = rng.uniform(0.1, 4, shape)
        else:
            y_pred = 2 * rng.standard_normal(shape)
        if self.kind == "sparse_categorical_crossentropy":
            low = -1 if self.parameters.get("ignore_class") == -1 else 0
            return rng.integers(low, classes, shape[:-1]), y_pred.astype(np.float32)
        if self.kind.startswith("categorical") or self.kind == "kl_divergence":
            y_true = softmax(3 * rng.standard_normal(shape))
            y_true[..., :1] = np.where(rng.random((*shape[:-1], 1)) < 0.5, 0, y_true[..., :1])
        elif self.kind.startswith("binary"):
            y_true = np.where(rng.random(shape) < 0.7, rng.integers(0, 2, shape), rng.random(shape))
        elif "hinge" in self.kind:
            y_true = rng.choice([-1, 1], shape)
        else:
            y_true = rng.uniform(0.5, 3, shape) * (1 if unit or "log" in self.kind else rng.choice([-1, 1], shape))
        return y_true.astype(np.float32), y_pred.astype(np.float32)

    def counted(self, y_true):
        if "ignore_class" in self.parameters:
            return (y_true != self.parameters["ignore_class"]).sum()
        return len(y_true)


@functools.cache
def cases():
    logits = [{}, {"from_logits": True}]
    smoothed = [*logits, {"label_smoothing": 0.2}, {"from_logits": True, "label_smoothing": 0.1}]
    parameters = {
        "sparse_categorical_crossentropy": [
            *smoothed,
            {"ignore_class": 1},
            {"ignore_class": -1},
            {"from_logits": True, "ignore_class": 0},
        ],
        "categorical_crossentropy": smoothed,
        "binary_crossentropy": smoothed,
        "binary_focal_crossentropy": [
            *smoothed,
            {"gamma": 0.0},
            {"gamma": 1.0, "class_balancing": True, "alpha": 0.7},
            {"gamma": 3.5, "class_balancing": True, "from_logits": True},
        ],
        "categorical_focal_crossentropy": [*smoothed, {"gamma": 0.0, "alpha": 1.0}, {"gamma": 1.5, "alpha": 0.5}],
        "huber": [{}, {"delta": 0.3}, {"delta": 2.5}],
    }
    listed = [(kind, options) for kind in FORMULAS for options in parameters.get(kind, [{}])]
    return [Case(kind, options, seed) for seed, (kind, options) in enumerate(listed)]


def numerical_gradient(f, y, step=1e-5):
    gradient = np.empty_like(y)
    for i in np.ndindex(y.shape):
        up, down = y.copy(), y.copy()
        up[i] += step
        down[i] -= step
        gradient[i] = (f(up) - f(down)) / (2 * step)
    return gradient


_KERAS = """
import json, sys
import numpy as np
import keras
results = []
for kind, options, data in json.load(sys.stdin):
    function = getattr(keras.losses, kind)
    results.append([np.asarray(function(np.array(t), np.array(y, "float32"), **options)).tolist() for t, y in data])
json.dump(results, sys.stdout)
"""


def keras_case(case):
    """Return what Keras is asked for a case: (name of the loss, its options, [(y_true, y_pred)]), or None.

    Predictions of 0 and 1 and large logits are among the data. None means that Keras has no such loss.
    """
    options = dict(case.parameters)
    if case.kind == "sparse_categorical_crossentropy" and "label_smoothing" in options:
        return None
    if "class_balancing" in options:
        options["apply_class_balancing"] = options.pop("class_balancing")
    rng = np.random.default_rng(100 + case.seed)
    data = [case.data(rng, shape) for shape in ((8, 6), (2, 3, 4), (4, 1))]
    if "crossentropy" in case.kind or case.kind == "kl_divergence":
        y_true, y_pred = case.data(rng, (30, 4))
        edge = rng.choice([0, 1e-9, 1e-7, 2e-7, 0.5, 1 - 3e-7, 1], y_pred.shape)
        edge[:, 0] += 1e-3
        # Keras rounds a sigmoid p to float32 before it computes 1 - p, so its focal losses of large logits are inexact.
        scale = 0.5 if case.kind == "binary_focal_crossentropy" else 20
        data.append((y_true, (scale * y_pred if options.get("from_logits") else edge).astype(np.float32)))
    return case.kind, options, data


@functools.cache
def _all_of_keras():
    asked = [(i, *keras_case(case)) for i, case in enumerate(cases()) if keras_case(case)]
    lists = [(kind, options, [(t.tolist(), y.tolist()) for t, y in data]) for _, kind, options, data in asked]
    return {i: result for (i, *_), result in zip(asked, ask_keras(_KERAS, lists), strict=True)}


def keras_losses(case):
    """Return [(y_true, y_pred, Keras' losses)] for a case; an empty list if Keras has no such loss."""
    asked = keras_case(case)
    if asked is None:
        return []
    data = asked[2]
    return [(t, y, np.array(k)) for (t, y), k in zip(data, _all_of_keras()[case.seed], strict=True)]
