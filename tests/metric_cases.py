"""Metrics with arguments and data that fit them, which tests compare with Keras."""

import numpy as np

BATCHES = (9, 32, 1)


def binary(rng, n):
    return rng.integers(0, 2, (n, 1)), rng.random((n, 1))


def flat(rng, n):
    return rng.integers(0, 2, n), rng.random(n)


def one_hot(rng, n):
    return np.eye(4)[rng.integers(0, 4, n)], rng.dirichlet(np.ones(4), n)


def multi_hot(rng, n):
    return rng.integers(0, 2, (n, 3)), rng.random((n, 3))


def sparse(rng, n):
    return rng.integers(0, 4, n), rng.dirichlet(np.ones(4), n)


def column(rng, n):
    return rng.integers(0, 4, (n, 1)), rng.dirichlet(np.ones(4), n)


def pixels(rng, n):
    return rng.integers(0, 3, (n, 2, 5)), rng.dirichlet(np.ones(3), (n, 2, 5))


def pixel_hot(rng, n):
    return np.eye(3)[rng.integers(0, 3, (n, 2, 5))], rng.dirichlet(np.ones(3), (n, 2, 5))


def values(rng, n):
    return rng.standard_normal((n, 3)), rng.standard_normal((n, 3))


def positive(rng, n):
    return rng.uniform(0.1, 3, (n, 3)), rng.uniform(0.1, 3, (n, 3))


def labels(rng, n):
    return rng.integers(0, 3, n), rng.integers(0, 3, n)


def exact(rng, n):
    return rng.integers(0, 3, (n, 1)), rng.integers(0, 3, (n, 1)).astype(float)


def quarters(rng, n):
    return rng.integers(0, 2, n), rng.integers(0, 5, n) / 4


CASES = [
    ("Accuracy", {}, exact),
    ("BinaryAccuracy", {}, binary),
    ("BinaryAccuracy", {"threshold": 0.3}, multi_hot),
    ("CategoricalAccuracy", {}, one_hot),
    ("CategoricalAccuracy", {}, pixel_hot),
    ("SparseCategoricalAccuracy", {}, sparse),
    ("SparseCategoricalAccuracy", {}, column),
    ("SparseCategoricalAccuracy", {}, pixels),
    ("TopKCategoricalAccuracy", {"k": 2}, one_hot),
    ("SparseTopKCategoricalAccuracy", {"k": 3}, sparse),
    ("Precision", {}, binary),
    ("Precision", {"thresholds": [0.7, 0.2]}, flat),
    ("Precision", {"top_k": 2}, multi_hot),
    ("Precision", {"class_id": 1, "thresholds": 0.25}, one_hot),
    ("Recall", {}, multi_hot),
    ("Recall", {"thresholds": [0.0, 0.25, 0.5, 0.75, 1.0]}, quarters),
    ("Recall", {"top_k": 1, "class_id": 2}, one_hot),
    *[(f"{sign}{kind}", {}, flat) for sign in ("True", "False") for kind in ("Positives", "Negatives")],
    *[(f"{sign}{kind}", {"thresholds": [0.1, 0.9]}, flat) for sign in ("True", "False") for kind in ("Positives",)],
    ("AUC", {}, binary),
    ("AUC", {}, quarters),
    ("AUC", {"curve": "PR"}, binary),
    ("AUC", {"curve": "PRGAIN"}, binary),
    ("AUC", {"summation_method": "minoring", "num_thresholds": 20}, binary),
    ("AUC", {"summation_method": "majoring", "curve": "PR", "num_thresholds": 20}, binary),
    ("AUC", {"thresholds": [0.1, 0.5, 0.6]}, binary),
    ("AUC", {"multi_label": True}, multi_hot),
    ("AUC", {"multi_label": True, "curve": "PR", "label_weights": [0.2, 0.5, 0.3], "num_labels": 3}, multi_hot),
    ("AUC", {"label_weights": [0.2, 0.5, 0.3]}, multi_hot),
    ("AUC", {"from_logits": True}, multi_hot),
    ("SensitivityAtSpecificity", {"specificity": 0.4}, binary),
    ("SpecificityAtSensitivity", {"sensitivity": 0.6}, binary),
    ("PrecisionAtRecall", {"recall": 0.5}, binary),
    ("RecallAtPrecision", {"precision": 0.5, "num_thresholds": 50}, binary),
    ("RecallAtPrecision", {"precision": 0.5, "num_thresholds": 1}, binary),
    ("SensitivityAtSpecificity", {"specificity": 0.4, "class_id": 1}, one_hot),
    ("F1Score", {}, one_hot),
    ("F1Score", {"average": "micro", "threshold": 0.4}, multi_hot),
    ("F1Score", {"average": "macro"}, one_hot),
    ("FBetaScore", {"average": "weighted", "beta": 2.0, "threshold": 0.5}, multi_hot),
    ("FBetaScore", {"beta": 0.5}, one_hot),
    ("R2Score", {}, values),
    ("R2Score", {"class_aggregation": None}, values),
    ("R2Score", {"class_aggregation": "variance_weighted_average", "num_regressors": 2}, values),
    ("MeanIoU", {"num_classes": 3}, labels),
    ("IoU", {"num_classes": 3, "target_class_ids": [0, 2], "ignore_class": 1}, labels),
    ("BinaryIoU", {"threshold": 0.3}, flat),
    ("OneHotIoU", {"num_classes": 3, "target_class_ids": [1]}, pixel_hot),
    ("OneHotMeanIoU", {"num_classes": 4}, one_hot),
    ("MeanSquaredError", {}, values),
    ("RootMeanSquaredError", {}, values),
    ("MeanAbsoluteError", {}, values),
    ("MeanAbsolutePercentageError", {}, positive),
    ("MeanSquaredLogarithmicError", {}, positive),
    ("LogCoshError", {}, values),
    ("CosineSimilarity", {}, values),
    ("PearsonCorrelation", {}, values),
    ("ConcordanceCorrelation", {}, values),
    ("KLDivergence", {}, one_hot),
    ("Poisson", {}, positive),
    ("Hinge", {}, multi_hot),
    ("SquaredHinge", {}, multi_hot),
    ("CategoricalHinge", {}, one_hot),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, multi_hot),
    ("BinaryCrossentropy", {"from_logits": True}, multi_hot),
    ("CategoricalCrossentropy", {}, one_hot),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, one_hot),
    ("SparseCategoricalCrossentropy", {}, sparse),
]


NO_WEIGHTS = ("MeanIoU", "IoU", "BinaryIoU", "OneHotIoU", "OneHotMeanIoU")  # Keras turns weights into integers there
