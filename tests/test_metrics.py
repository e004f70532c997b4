"""Metrics against Keras batch by batch, against scikit-learn, and on their own."""

import functools
import importlib.util
import inspect
import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from cnncore import losses, metrics
from cnncore._custom_objects import custom_object_scope

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
    if not all(importlib.util.find_spec(name) for name in ("keras", "torch")):
        pytest.skip("Keras with PyTorch is not installed")
    asked = []
    for index, (name, options, _) in enumerate(CASES):
        for weighted in (False, True):
            data = batches(index, weighted and name not in NO_WEIGHTS)
            lists = [(t.tolist(), y.tolist(), None if w is None else w.tolist()) for t, y, w in data]
            asked.append((name, options, lists))
    run = subprocess.run(
        [sys.executable, "-c", _KERAS],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KERAS_BACKEND": "torch"},
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


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


def test_ignored_labels_count_in_no_metric():
    # They do not count in the loss either. Keras without weights divides by the number of all labels.
    rng = np.random.default_rng(5)
    y_true, y_pred = pixels(rng, 6)
    weight = rng.random(6)
    for w in (None, weight):
        metric = metrics.SparseCategoricalCrossentropy(ignore_class=2)
        reduced = losses.SparseCategoricalCrossentropy(ignore_class=2, reduction="mean_with_sample_weight")
        rows = None if w is None else np.broadcast_to(w.reshape(6, 1, 1), (6, 2, 5))
        assert metric(y_true.reshape(60), y_pred.reshape(60, 3), None if w is None else rows.ravel()) == pytest.approx(
            reduced(y_true, y_pred, rows), rel=1e-6
        )


def test_ignored_labels_and_a_column_of_weights():
    y_true, y_pred, weight = [0, 2, 1], np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.3, 0.6, 0.1]]), [1.0, 2.0, 3.0]
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=2)
    expected = -(np.log(0.2) + 3 * np.log(0.6)) / 4
    assert metric(y_true, y_pred, weight) == pytest.approx(expected)
    metric.reset_state()
    assert metric(y_true, y_pred, np.reshape(weight, (3, 1))) == pytest.approx(expected)
    with pytest.raises(ValueError, match="sample_weight of the shape"):
        metric(y_true, y_pred, weight[:2])


def test_mean_and_sum():
    mean, total = metrics.Mean(), metrics.Sum()
    for metric in (mean, total):
        metric.update_state([1, 2, 3])
        metric.update_state(5)
        metric.update_state([[2, 4], [6, 8]], sample_weight=[1, 0.5])
    assert mean.result() == pytest.approx((1 + 2 + 3 + 5 + 3 + 3.5) / (3 + 1 + 1.5))
    assert total.result() == 1 + 2 + 3 + 5 + 6 + 7
    assert metrics.Mean().result() == 0
    with pytest.raises(ValueError, match=r"sample_weight of the shape \(3,\) of the values. Received: .*\(2,\)"):
        mean.update_state([1, 2, 3], sample_weight=[1, 2])


def test_sums_of_millions_stay_exact():
    metric = metrics.SparseCategoricalAccuracy()
    metric.total.assign(2.0**26)
    metric.count.assign(2.0**26 + 1)
    metric.update_state(np.array([0]), np.array([[1, 0]], np.float32))
    assert float(metric.total) == 2.0**26 + 1


@pytest.mark.parametrize(
    ("identifier", "loss", "output", "target", "kind"),
    [
        ("accuracy", losses.SparseCategoricalCrossentropy(), (10,), None, metrics.SparseCategoricalAccuracy),
        ("acc", losses.CategoricalCrossentropy(), (10,), None, metrics.CategoricalAccuracy),
        ("accuracy", losses.CategoricalFocalCrossentropy(), (10,), None, metrics.CategoricalAccuracy),
        ("Accuracy", losses.BinaryCrossentropy(), (1,), None, metrics.BinaryAccuracy),
        ("accuracy", losses.MeanSquaredError(), (1,), None, metrics.BinaryAccuracy),
        ("accuracy", losses.MeanSquaredError(), (3,), None, metrics.CategoricalAccuracy),
        ("accuracy", losses.MeanSquaredError(), (3,), (), metrics.SparseCategoricalAccuracy),
        ("accuracy", losses.MeanSquaredError(), (3,), (1,), metrics.SparseCategoricalAccuracy),
        ("accuracy", losses.MeanSquaredError(), (3,), (3,), metrics.CategoricalAccuracy),
        ("accuracy", None, None, None, metrics.BinaryAccuracy),
    ],
)
def test_accuracy_means_what_fits(identifier, loss, output, target, kind):
    metric = metrics.get(identifier, loss, output, target)
    assert type(metric) is kind
    assert metric.name == identifier


def test_names_classes_functions_and_losses():
    for name in ("mse", "rmse", "auc", "AUC", "f1_score", "fbeta_score", "kld", "Precision", "cosine_similarity"):
        assert metrics.get(name).name == name
    y_true, y_pred = [[0.0], [1.0]], [[1.0], [3.0]]
    assert metrics.get(losses.MeanSquaredError())(y_true, y_pred) == 2.5
    assert metrics.get(metrics.mean_absolute_error).name == "mean_absolute_error"
    assert metrics.get(metrics.mean_absolute_error)(y_true, y_pred) == 1.5
    assert metrics.get(lambda t, p: np.abs(p - t).max())(y_true, y_pred) == 2
    assert metrics.MeanMetricWrapper(losses.huber, delta=10.0)(y_true, y_pred) == 1.25
    assert metrics.unique_names(["auc", "auc", "auc_1", "auc"]) == ["auc", "auc_1", "auc_1_1", "auc_2"]
    with pytest.raises(ValueError, match=r"Unknown metric 'acuracy'. Did you mean \"accuracy\""):
        metrics.get("acuracy")
    with pytest.raises(ValueError, match="is a function without a name, so it cannot be described in a file"):
        metrics.serialize(metrics.get(lambda t, p: p))


def test_functions_are_described_by_their_name():
    def largest(y_true, y_pred, least):
        return np.maximum(y_pred.max(axis=-1), least)

    built_in = metrics.deserialize(json.loads(json.dumps(metrics.serialize(metrics.get(losses.huber)))))
    assert built_in([[0.0]], [[3.0]]) == 2.5
    config = json.loads(json.dumps(metrics.serialize(metrics.MeanMetricWrapper(largest, name="most", least=2))))
    with custom_object_scope({"largest": largest}):
        metric = metrics.deserialize(config)
    assert (metric.name, metric([0], [[1.0, 0.5]])) == ("most", 2.0)
    with pytest.raises(ValueError, match="has 'largest' as a metric, but no function of that name"):
        metrics.deserialize(config)


def test_objects_of_a_class_get_names_of_their_own():
    first, second = metrics.Recall(), metrics.Recall()
    assert second.name != first.name
    assert second.name.startswith("recall_")


class Hits(metrics.Metric):
    """A metric as Keras' guide writes one."""

    def __init__(self, name="hits", **kwargs):
        super().__init__(name=name, **kwargs)
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.seen = self.add_variable(shape=(2,), initializer="ones", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.hits.assign(self.hits + np.sum(y_true == y_pred))
        self.seen.assign_add([len(y_true), 1])

    def result(self):
        return self.hits / self.seen[0]


def test_custom_metrics():
    metric = Hits()
    metric.update_state(np.array([1, 2, 3]), np.array([1, 2, 4]))
    assert float(metric.result()) == 0.5
    assert [state.name for state in metric.variables] == ["hits", "seen"]
    assert metric.seen.numpy().tolist() == [4.0, 2.0]
    metric.reset_state()
    assert metric.seen.numpy().tolist() == [1.0, 1.0]
    assert np.ndim(metric.hits) == 0
    with pytest.raises(ValueError, match=r"\[seen\] expected a value of shape \(2,\). Received: shape \(3,\)"):
        metric.seen.assign([1, 2, 3])
    keras_2 = metrics.Metric(name="m").add_weight("total", initializer="zeros")
    assert (keras_2.name, keras_2.shape) == ("total", ())

    class Both(metrics.Metric):
        def __init__(self):
            super().__init__(name="both")
            self.inner = Hits()

    assert len(Both().variables) == 2
    with pytest.raises(NotImplementedError, match="Both must implement update_state"):
        Both().update_state([], [])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: metrics.Precision(thresholds=[0.1, 2]), ValueError, r"one or more numbers in \[0, 1\]. Received"),
        (lambda: metrics.AUC(curve="roc curve"), ValueError, '`curve` to be one of "ROC", "PR", "PRGAIN". Received'),
        (lambda: metrics.AUC(num_thresholds=1), ValueError, "`num_thresholds` >= 2"),
        (lambda: metrics.AUC(num_labels=3), ValueError, "`num_labels` only with multi_label=True"),
        (lambda: metrics.F1Score(average="mean"), ValueError, '`average` to be None, "micro", "macro" or "weighted"'),
        (lambda: metrics.FBetaScore(beta=0.0), ValueError, "`beta` > 0"),
        (lambda: metrics.F1Score(threshold=0.0), ValueError, r"`threshold` in \(0, 1\]"),
        (lambda: metrics.R2Score("mean"), ValueError, "`class_aggregation` to be None"),
        (lambda: metrics.IoU(2, [2]), ValueError, "`target_class_ids` >= 0"),
        (lambda: metrics.MeanIoU("two"), TypeError, "`num_classes` to be an integer. Received: num_classes='two'"),
        (
            lambda: metrics.OneHotIoU(2, [0], axis=5)(np.eye(2), np.eye(2)),
            ValueError,
            r"y_true with an axis 5. Received: shape \(2, 2\)",
        ),
        (
            lambda: metrics.SparseCategoricalCrossentropy(ignore_class=0)(np.eye(2, dtype=int), np.eye(2)),
            ValueError,
            r"integer labels. .* Received: y.shape=\(2, 2\)",
        ),
        (lambda: metrics.ConfusionMatrix(normalize="rows"), ValueError, '`normalize` to be None, "true"'),
        (lambda: metrics.SensitivityAtSpecificity(1.5), ValueError, r"`specificity` in \[0, 1\]"),
        (lambda: metrics.TopKCategoricalAccuracy(0), ValueError, "`k` >= 1"),
        (lambda: metrics.Recall(class_id=5)(np.eye(3), np.eye(3)), ValueError, "class_id=5 among the classes"),
        (
            lambda: metrics.Recall()([0, 1], np.eye(2)),
            ValueError,
            r"y_true of the shape of the predictions, \(samples, 2",
        ),
        (
            lambda: metrics.MeanIoU(2)([0, 1, 1], [0, 1]),
            ValueError,
            "as many targets as predictions. Received: 3 and 2",
        ),
        (
            lambda: metrics.Metric().add_variable(initializer="normal"),
            ValueError,
            '`initializer` to be "zeros" or "ones"',
        ),
    ],
)
def test_what_makes_no_sense(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_accuracy_of_odd_predictions():
    nan = np.array([[0, np.nan, 2], [1, 0, 0]], np.float32)
    assert metrics.SparseCategoricalAccuracy()(np.array([1, 0]), nan) == 1.0  # the place of the NaN, as in NumPy
    assert metrics.SparseTopKCategoricalAccuracy(3)([2, 0], nan) == 0.5
    ties = np.ones((1, 4), np.float32)
    assert metrics.SparseCategoricalAccuracy()(np.array([0]), ties) == 1.0
    assert metrics.SparseTopKCategoricalAccuracy(1)([3], ties) == 1.0
    assert metrics.SparseTopKCategoricalAccuracy(1)([-1], ties) == 0.0
    assert metrics.SparseTopKCategoricalAccuracy(2, from_sorted_ids=True)([7, 8], [[7, 1, 2], [1, 2, 8]]) == 0.5
    for dtype in (np.int64, np.int32, np.uint8, np.float64):
        assert metrics.SparseCategoricalAccuracy()(np.array([2, 0], dtype), np.eye(3)[[2, 1]]) == 0.5


def test_accuracy_of_a_batch_takes_few_calls():
    """They stand for its time, which a test cannot measure on a busy machine."""
    rng = np.random.default_rng(2)
    labels_, scores = rng.integers(0, 10, 32), rng.random((32, 10), np.float32)
    rows = np.eye(10, dtype=np.float32)[labels_]
    for metric, y_true in ((metrics.SparseCategoricalAccuracy(), labels_), (metrics.CategoricalAccuracy(), rows)):
        metric.update_state(y_true, scores)
        events = []
        sys.setprofile(lambda frame, event, arg, events=events: events.append(event))
        try:
            metric.update_state(y_true, scores)
        finally:
            sys.setprofile(None)
        assert sum(event in ("call", "c_call") for event in events) < 20, events
