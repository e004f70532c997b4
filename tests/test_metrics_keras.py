"""Metrics beside those of Keras and scikit-learn: after each batch, with and without weights."""

import functools
import inspect
import json
import pickle

import numpy as np
import pytest

from cnncore import metrics
from keras_process import ask_keras
from metric_cases import BATCHES, CASES, NO_WEIGHTS

by_case = pytest.mark.parametrize("index", range(len(CASES)), ids=[f"{i} {c[0]} {c[1]}" for i, c in enumerate(CASES)])


def batches(index, weighted):
    """[(y_true, y_pred, sample_weight or None)] of a case."""
    rng = np.random.default_rng(index)
    result = []
    for n in BATCHES:
        y_true, y_pred = CASES[index][2](rng, n)
        result.append((y_true, y_pred.astype(np.float32), rng.random(n).astype(np.float32) if weighted else None))
    return result


def make(index):
    name, options, _ = CASES[index]
    return getattr(metrics, name)(**options)


_KERAS = """
import inspect, json, sys
import numpy as np
import keras
results = []
asked = json.load(sys.stdin)
for name, options, data in asked:
    metric = getattr(keras.metrics, name)(**options)
    values = []
    for t, y, w in data:
        y = np.array(y, "int64" if "IoU" in name and np.array(y).dtype.kind == "i" else "float32")
        metric.update_state(np.array(t), y, None if w is None else np.array(w, "float32"))
        values.append(np.asarray(metric.result()).tolist())
    results.append(values)
classes = {n: c for n, c in vars(keras.metrics).items() if inspect.isclass(c)}
signatures = {
    n: [[p.name, repr(p.default)] for p in inspect.signature(c).parameters.values()] for n, c in classes.items()
}
functions = [n for n, f in vars(keras.metrics).items() if inspect.isfunction(f)]
json.dump([results, signatures, functions], sys.stdout)
"""


@functools.cache
def keras_answers():
    """(results of every case without and with weights, signatures of Keras' classes, names of its functions)."""
    asked = []
    for index, (name, options, _) in enumerate(CASES):
        for weighted in (False, True):
            data = batches(index, weighted and name not in NO_WEIGHTS)
            lists = [(t.tolist(), y.tolist(), None if w is None else w.tolist()) for t, y, w in data]
            asked.append((name, options, lists))
    return ask_keras(_KERAS, asked)


@by_case
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_results_are_those_of_keras_after_every_batch(index, weighted):
    expected = keras_answers()[0][2 * index + weighted]
    metric = make(index)
    for (y_true, y_pred, weight), value in zip(
        batches(index, weighted and CASES[index][0] not in NO_WEIGHTS), expected, strict=True
    ):
        metric.update_state(y_true, y_pred, weight)
        np.testing.assert_allclose(metric.result(), value, rtol=3e-5, atol=2e-6)


@by_case
def test_reset_config_and_pickle(index):
    metric = make(index)
    first, *others = batches(index, False)
    metric.update_state(*first)
    expected = metric.result()
    for batch in others:
        metric.update_state(*batch)
    metric.reset_state()
    assert not any(np.any(state.numpy()) for state in metric.variables)
    metric.update_state(*first)
    np.testing.assert_array_equal(metric.result(), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(metric)).result(), expected)
    config = json.loads(json.dumps(metrics.serialize(metric)))
    other = metrics.deserialize(config)
    assert other.name == metric.name
    assert other.get_config() == metric.get_config()
    np.testing.assert_array_equal(other(*first), expected)


def test_arguments_and_defaults_are_those_of_keras():
    _, signatures, _ = keras_answers()
    for name, expected in signatures.items():
        cls = getattr(metrics, name)
        own = [[p.name, repr(p.default)] for p in inspect.signature(cls).parameters.values()]
        if name not in ("Metric", "MeanMetricWrapper"):
            assert own == expected, name


def test_functions_are_those_of_keras():
    names = set(keras_answers()[2])
    missing = names - set(metrics.__all__)
    assert not missing


def test_results_are_those_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    y, p, w = rng.integers(0, 2, 500), rng.integers(0, 64, 500) / 64, rng.random(500)
    for weight in (None, w):
        thresholds = (np.arange(64) / 64).tolist()
        area = metrics.AUC(thresholds=thresholds)(y, p, weight)
        assert area == pytest.approx(sklearn.roc_auc_score(y, p, sample_weight=weight), rel=1e-6)
        decided = p > 0.5
        for ours, theirs in (
            (metrics.Precision(), sklearn.precision_score),
            (metrics.Recall(), sklearn.recall_score),
            (metrics.BinaryAccuracy(), sklearn.accuracy_score),
        ):
            assert ours(y, p, weight) == pytest.approx(theirs(y, decided, sample_weight=weight), rel=1e-6)
        classes, scores = rng.integers(0, 4, 500), rng.random((500, 4), np.float32)
        one_hot_rows, best = np.eye(4)[classes], scores.argmax(axis=1)
        for average in ("macro", "micro", "weighted", None):
            expected = sklearn.f1_score(classes, best, average=average, sample_weight=weight)
            np.testing.assert_allclose(metrics.F1Score(average)(one_hot_rows, scores, weight), expected, rtol=1e-5)
        for normalize in (None, "true", "pred", "all"):
            expected = sklearn.confusion_matrix(classes, best, sample_weight=weight, normalize=normalize)
            for truth in (classes, one_hot_rows):
                matrix = metrics.ConfusionMatrix(normalize=normalize)(truth, scores, weight)
                np.testing.assert_allclose(matrix, expected, rtol=1e-12)
        for k in (1, 2, 3):
            expected = sklearn.top_k_accuracy_score(classes, scores, k=k, sample_weight=weight)
            assert metrics.SparseTopKCategoricalAccuracy(k)(classes, scores, weight) == pytest.approx(expected)
        truth, guess = rng.standard_normal((2, 50, 3))
        part = None if weight is None else weight[:50]
        assert metrics.R2Score()(truth, guess, part) == pytest.approx(
            sklearn.r2_score(truth, guess, sample_weight=part), rel=1e-5
        )
