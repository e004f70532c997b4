"""What metrics count, their names, and their errors. ``test_metrics_keras.py`` compares them with Keras."""

import functools
import json
import sys

import numpy as np
import pytest

from cnncore import losses, metrics
from cnncore._custom_objects import custom_object_scope
from cnncore.metrics.accuracy import AccuracyByShape
from metric_cases import pixels


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
    ("identifier", "loss", "output", "kind"),
    [
        ("accuracy", losses.SparseCategoricalCrossentropy(), (10,), metrics.SparseCategoricalAccuracy),
        ("acc", losses.CategoricalCrossentropy(), (10,), metrics.CategoricalAccuracy),
        ("accuracy", losses.CategoricalFocalCrossentropy(), (10,), metrics.CategoricalAccuracy),
        ("Accuracy", losses.BinaryCrossentropy(), (1,), metrics.BinaryAccuracy),
        ("accuracy", losses.MeanSquaredError(), (1,), metrics.BinaryAccuracy),
        ("accuracy", losses.MeanSquaredError(), (3,), AccuracyByShape),
        ("accuracy", None, None, metrics.BinaryAccuracy),
    ],
)
def test_accuracy_means_what_fits(identifier, loss, output, kind):
    metric = metrics.get(identifier, loss, output)
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


@pytest.mark.parametrize(("given", "expected"), [("PSNR", "psnr"), ("topK_2acc", "top_k_2acc"), ("dice", "dice")])
def test_functions_have_the_names_in_logs_that_keras_gives_them(given, expected):
    def function(y_true, y_pred):
        return y_pred

    class Largest:
        def __call__(self, y_true, y_pred):
            return y_pred

    function.__name__ = given
    assert metrics.get(function).name == expected
    assert metrics.get(metrics.MeanMetricWrapper(function, "Mine")).name == "Mine"
    others = [lambda y_true, y_pred: y_pred, functools.partial(function), Largest()]
    assert [metrics.get(other).name for other in others] == ["lambda", "partial", "largest"]


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


def test_the_score_of_predictions_that_are_nan_is_nan():
    """Targets that are all equal have no spread, which gave a score of 0 for any prediction."""
    score = metrics.R2Score()
    assert np.isnan(score(np.ones((3, 1)), np.full((3, 1), np.nan)))
    assert metrics.R2Score()(np.ones((3, 1)), np.full((3, 1), 2.0)) == 0


def test_accuracy_goes_by_the_shape_of_the_targets_if_the_loss_does_not_say():
    metric = metrics.get("accuracy", losses.MeanSquaredError(), output_shape=(3,))
    scores = np.array([[0.1, 0.7, 0.2], [0.6, 0.3, 0.1]], np.float32)
    for targets in ([1, 2], [[1], [2]], [[0, 1, 0], [0, 0, 1]]):
        metric.reset_state()
        metric.update_state(targets, scores)
        assert (metric.name, metric.result()) == ("accuracy", 0.5)
    with pytest.raises(ValueError, match=r"\[accuracy\] expected y_true .* Received: shape \(2, 4\)"):
        metric.update_state(np.zeros((2, 4)), scores)
