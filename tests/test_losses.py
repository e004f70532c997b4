"""Losses from Python: classes, functions, names, targets, weights, and the same numbers as Keras'."""

import copy
import functools
import inspect
import json
import pickle

import numpy as np
import pytest

from cnncore import _core, losses
from keras_process import ask_keras
from loss_oracles import numerical_gradient

CLASSES = [
    losses.BinaryCrossentropy,
    losses.BinaryFocalCrossentropy,
    losses.CategoricalCrossentropy,
    losses.CategoricalFocalCrossentropy,
    losses.CategoricalHinge,
    losses.CosineSimilarity,
    losses.Hinge,
    losses.Huber,
    losses.KLDivergence,
    losses.LogCosh,
    losses.MeanAbsoluteError,
    losses.MeanAbsolutePercentageError,
    losses.MeanSquaredError,
    losses.MeanSquaredLogarithmicError,
    losses.Poisson,
    losses.SparseCategoricalCrossentropy,
    losses.SquaredHinge,
]
SPARSE = losses.SparseCategoricalCrossentropy
by_class = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)


def data(cls, rng, shape=(6, 4)):
    y_pred = rng.uniform(0.1, 0.9, shape).astype(np.float32)
    if cls is SPARSE:
        return rng.integers(0, shape[-1], shape[:-1]), y_pred
    return rng.integers(0, 2, shape).astype(np.float32), y_pred


@by_class
def test_function_class_and_name_agree(cls):
    y_true, y_pred = data(cls, np.random.default_rng(1))
    loss = cls()
    name = {"huber_loss": "huber"}.get(loss.name, loss.name)
    function = getattr(losses, name)
    rows = function(y_true, y_pred)
    assert rows.dtype == np.float32
    assert rows.shape == (6,)
    assert loss(y_true, y_pred) == pytest.approx(rows.mean(), rel=1e-6)
    assert isinstance(loss(y_true, y_pred), float)
    for identifier in (cls, name, cls.__name__, name.upper(), function, losses.serialize(loss), loss):
        found = losses.get(identifier)
        assert type(found) is cls
        assert found(y_true, y_pred) == loss(y_true, y_pred)


@by_class
def test_configs_and_copies_are_the_same_loss(cls):
    y_true, y_pred = data(cls, np.random.default_rng(2))
    changed = {"delta": 0.1, "from_logits": True, "label_smoothing": 0.2, "gamma": 3.0, "alpha": 0.4}
    known = inspect.signature(cls).parameters
    loss = cls(reduction="sum", name="mine", **{key: value for key, value in changed.items() if key in known})
    config = json.loads(json.dumps(losses.serialize(loss)))
    for other in (losses.deserialize(config), copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert other.get_config() == loss.get_config()
        assert other(y_true, y_pred) == loss(y_true, y_pred)
    assert f"{cls.__name__}(" in repr(loss)


@by_class
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None])
@pytest.mark.parametrize("weighted", [False, True])
def test_reductions_of_weighted_and_plain_losses(cls, reduction, weighted):
    rng = np.random.default_rng(3)
    y_true, y_pred = data(cls, rng, (3, 5, 4))
    weight = rng.random((3, 5)) if weighted else None
    rows = cls(reduction=None)(y_true, y_pred).astype(np.float64) * (1 if weight is None else weight)
    expected = {
        "sum": rows.sum(),
        "mean_with_sample_weight": rows.sum() / (15 if weight is None else weight.sum()),
        "none": rows,
        None: rows,
    }.get(reduction, rows.mean())
    np.testing.assert_allclose(cls(reduction=reduction)(y_true, y_pred, weight), expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 1, 1), (3, 5), (3, 5, 1)])
def test_weights_of_samples_and_of_rows(shape):
    rng = np.random.default_rng(4)
    y_true, y_pred, weight = rng.random((3, 5, 4)), rng.random((3, 5, 4)), rng.random(shape)
    rows = losses.mean_squared_error(y_true, y_pred)
    full = weight.reshape(3, -1)
    assert losses.MeanSquaredError()(y_true, y_pred, weight) == pytest.approx((rows * full).mean(), rel=1e-5)


def test_weights_that_do_not_fit():
    with pytest.raises(ValueError, match=r"sample_weight of shape \(3,\), like the losses.*sample_weight.shape=\(4,\)"):
        losses.MeanSquaredError()(np.zeros((3, 2)), np.zeros((3, 2)), np.ones(4))


@pytest.mark.parametrize("cls", [SPARSE, losses.CategoricalCrossentropy, losses.CosineSimilarity])
@pytest.mark.parametrize("axis", [1, 2, -2, -3, 3, -1])
def test_any_axis(cls, axis):
    rng = np.random.default_rng(5)
    y_true, y_pred = data(cls, rng, (2, 3, 5, 4))
    moved = np.moveaxis(y_pred, -1, axis)
    target = y_true if cls is SPARSE else np.moveaxis(y_true, -1, axis)
    assert cls(axis=axis)(target, moved) == pytest.approx(cls()(y_true, y_pred), rel=1e-12)
    prepared = cls(axis=axis).prepare_targets(target, moved.shape[1:])
    weight = np.array([1, 2], np.float32)
    value, gradient = cls(axis=axis).value_and_gradient(prepared, np.ascontiguousarray(moved), weight)
    expected, expected_gradient = cls().value_and_gradient(cls().prepare_targets(y_true, (3, 5, 4)), y_pred, weight)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(np.moveaxis(gradient, axis, -1), expected_gradient, rtol=1e-6)
    assert isinstance(cls(axis=axis).core((3, 5, 4)), _core.Loss) == (axis in (-1, 3))


def test_an_axis_that_is_none():
    with pytest.raises(ValueError, match=r"expected `axis` of predictions of rank 2\. Received: axis=5"):
        losses.CosineSimilarity(axis=5)([[1.0]], [[1.0]])


@by_class
def test_gradients_of_losses(cls):
    rng = np.random.default_rng(6)
    y_true, y_pred = data(cls, rng)
    gradient = cls().gradient(y_true, y_pred)
    summed = cls(reduction="sum")
    expected = numerical_gradient(lambda y: summed(y_true, y), y_pred.astype(np.float64), step=2e-3)
    np.testing.assert_allclose(gradient, expected, rtol=2e-2, atol=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize(
    "labels",
    [
        [2, 0, 1],
        np.array([2, 0, 1], np.uint8),
        np.array([2.0, 0, 1]),
        np.array([[2], [0], [1]]),
        np.array([2, 0, 1], ">i4"),
    ],
    ids=["list", "uint8", "float64", "column", "other byte order"],
)
def test_labels_of_any_kind(labels):
    y = SPARSE().prepare_targets(labels, (3,))
    assert y.dtype == np.int64
    assert y.tolist() == np.array(labels).tolist()
    assert SPARSE()(labels, np.eye(3)[[2, 0, 1]]) < 1e-6


def test_labels_of_booleans_and_frames():
    pandas = pytest.importorskip("pandas")
    assert SPARSE().prepare_targets([True, False], (2,)).tolist() == [1, 0]
    assert SPARSE().prepare_targets(pandas.Series([1, 0]), (2,)).tolist() == [1, 0]
    frame = pandas.DataFrame({"a": [1.0, 0.0], "b": [0.0, 1.0]})
    np.testing.assert_array_equal(losses.CategoricalCrossentropy().prepare_targets(frame, (2,)), np.eye(2))
    assert losses.MeanSquaredError().prepare_targets(pandas.Series([1, 0]), (1,)).shape == (2, 1)


@pytest.mark.parametrize(
    ("loss", "y", "shape", "message"),
    [
        (SPARSE(), np.eye(3), (3,), 'For one-hot rows use loss="categorical_crossentropy". Received: y.shape='),
        (SPARSE(), [0, 3], (3,), r"labels in \[0, 3\), as the model has 3 outputs. Received: labels from 0 to 3"),
        (SPARSE(ignore_class=-1), [-1, -2], (3,), "3 outputs or -1, which is ignored. Received: labels from -2 to -2"),
        (SPARSE(), [0.5, 1], (3,), "expected integer labels in y. Received: numbers with fractions, y.dtype=float64"),
        (SPARSE(), [0, np.nan], (3,), "expected y to hold finite numbers. Received: y with NaN"),
        (SPARSE(), [0, np.inf], (3,), "expected y to hold finite numbers. Received: y with infinity"),
        (SPARSE(), np.zeros((2, 4)), (4, 3), r"expected y of shape \(samples, 4\)"),
        (
            losses.CategoricalCrossentropy(),
            [0, 1],
            (3,),
            r"\(samples, 3\), like the predictions. For integer labels use",
        ),
        (
            losses.MeanSquaredError(),
            np.zeros((2, 3)),
            (4,),
            r"\(samples, 4\), like the predictions. Received: .*\(2, 3\)",
        ),
        (losses.MeanSquaredError(), [[np.nan]], (1,), "Received: y with NaN"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_targets_that_do_not_fit(loss, y, shape, message):
    if "ignored" not in message and shape == (4, 3):
        assert loss.prepare_targets(y, shape).shape == (2, 4)
        y = np.zeros((2, 5))
    with pytest.raises(ValueError, match=message):
        loss.prepare_targets(y, shape)


def test_hinge_takes_labels_of_0_and_1():
    y_pred = np.array([[0.3], [-2.0]])
    for cls in (losses.Hinge, losses.SquaredHinge):
        assert cls()([[0], [1]], y_pred) == cls()([[-1], [1]], y_pred)
    assert losses.hinge([[-1, 0]], [[0.5, 0.5]]).tolist() == [1.25]  # not all of them are 0 or 1


def test_partial_functions_and_short_names():
    assert losses.get(functools.partial(losses.huber, delta=3.0)).delta == 3.0
    for short, cls in {
        "mse": losses.MeanSquaredError,
        "BCE": losses.BinaryCrossentropy,
        "kld": losses.KLDivergence,
        "MAPE": losses.MeanAbsolutePercentageError,
        "msle": losses.MeanSquaredLogarithmicError,
        "mae": losses.MeanAbsoluteError,
        "logcosh": losses.LogCosh,
    }.items():
        assert type(losses.get(short)) is cls
    with pytest.warns(DeprecationWarning, match=r"losses.mse is Keras 2's name of losses.mean_squared_error"):
        assert losses.mse is losses.mean_squared_error
    with pytest.warns(DeprecationWarning, match="Today reductions are strings"):
        assert losses.Reduction.SUM == "sum"
    with pytest.warns(DeprecationWarning, match='Keras 2\'s word for "sum_over_batch_size"'):
        assert losses.MeanSquaredError(reduction="auto").reduction == "sum_over_batch_size"
    with pytest.raises(AttributeError, match="no attribute 'mean'"):
        _ = losses.mean


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: losses.MeanSquaredError(reduction="average"), ValueError, "`reduction` to be one of 'sum_over_batch"),
        (lambda: losses.MeanSquaredError(dtype="float16"), ValueError, '`dtype` to be None or "float32"'),
        (lambda: losses.BinaryCrossentropy(from_logits=1), TypeError, "`from_logits` to be True or False"),
        (lambda: losses.BinaryCrossentropy(label_smoothing=2), ValueError, r"label_smoothing in \[0, 1\]. Received: 2"),
        (lambda: losses.Huber(delta="1"), TypeError, r"\[Huber\] expected `delta` to be a number"),
        (lambda: losses.Huber(delta=0), ValueError, r"\[huber\] expected delta > 0"),
        (lambda: SPARSE(ignore_class=0.5), TypeError, "`ignore_class` to be an integer"),
        (lambda: losses.get("mean_square_error"), ValueError, 'Did you mean "mean_squared_error"?'),
        (lambda: losses.MeanSquaredError(reduction=None).core((1,)), ValueError, "expected a reduction .* in training"),
        (lambda: losses.MeanSquaredError()(1.0, 1.0), ValueError, "expected y_pred of rank 1 or more"),
    ],
)
def test_arguments_that_make_no_sense(make, error, message):
    with pytest.raises(error, match=message):
        make()


OVERLAP = [
    ("Dice", {}),
    ("Dice", {"axis": [1, 2]}),
    ("Dice", {"axis": 1}),
    ("Tversky", {"alpha": 0.3, "beta": 0.9}),
    ("Tversky", {"axis": 2, "reduction": "sum"}),
]


@pytest.mark.parametrize(("name", "options"), OVERLAP)
def test_losses_of_overlap(name, options):
    rng = np.random.default_rng(10)
    loss = getattr(losses, name)(**options)
    t, y = rng.integers(0, 2, (3, 4, 5)).astype(np.float32), rng.uniform(0.1, 0.9, (3, 4, 5)).astype(np.float32)
    axis = tuple(options["axis"]) if isinstance(options.get("axis"), list) else options.get("axis")
    alpha, beta = options.get("alpha", 0.5), options.get("beta", 0.5)
    common = (t * y).sum(axis=axis)
    whole = common + alpha * (t * (1 - y)).sum(axis=axis) + beta * ((1 - t) * y).sum(axis=axis)
    expected = 1 - common / whole
    assert loss(t, y) == pytest.approx(expected.sum() if "reduction" in options else expected.mean(), rel=1e-5)
    value, gradient = loss.core((4, 5))(t, y)
    assert value == pytest.approx(loss(t, y), rel=1e-6)
    numbers = numerical_gradient(lambda x: loss(t, x), y.astype(np.float64), 1e-2)
    np.testing.assert_allclose(gradient, numbers, rtol=2e-2, atol=1e-4)
    if axis is not None:
        weight = rng.random(3).astype(np.float32)
        value, gradient = loss.core((4, 5))(t, y, weight)
        assert value == pytest.approx(loss(t, y, weight), rel=1e-6)
        numbers = numerical_gradient(lambda x: loss(t, x, weight), y.astype(np.float64), 1e-2)
        np.testing.assert_allclose(gradient, numbers, rtol=2e-2, atol=1e-4)
    if axis == 1:
        with pytest.raises(ValueError, match="one for each sample, since the losses have other axes than y_pred"):
            loss.core((4, 5))(t, y, np.ones((3, 5), np.float32))
    other = losses.deserialize(json.loads(json.dumps(losses.serialize(loss))))
    assert other(t, y) == loss(t, y)
    assert type(losses.get(getattr(losses, name.lower()))) is type(loss)


def test_generalized_crossentropy():
    loss = losses.CategoricalGeneralizedCrossEntropy(q=0.7)
    y = np.array([[0.2, 0.8], [0.6, 0.4]], np.float32)
    assert loss([1, 0], y) == pytest.approx(np.mean([(1 - 0.8**0.7) / 0.7, (1 - 0.6**0.7) / 0.7]), rel=1e-6)
    _, gradient = loss.core((2,))(np.array([1, 0]), y, np.array([1, 3], np.float32))
    np.testing.assert_allclose(gradient, [[0, -(0.8**-0.3) / 2], [-3 * 0.6**-0.3 / 2, 0]], rtol=1e-5)
    with pytest.raises(ValueError, match=r"expected `q` in \(0, 1\). Received: q=1.5"):
        losses.CategoricalGeneralizedCrossEntropy(1.5)
    with pytest.raises(ValueError, match=r"expected y_pred of shape \(samples, ..., classes\). Received: \(samples,\)"):
        loss([1, 0], np.ones(2))


@pytest.mark.parametrize(
    ("loss", "activation", "shape", "message"),
    [
        (
            SPARSE(),
            "linear",
            (10,),
            "has activation 'linear', so its outputs are not the probabilities.*from_logits=True",
        ),
        (SPARSE(), "relu", (10,), "'relu', so its outputs are not the probabilities"),
        (losses.CategoricalCrossentropy(), "tanh", (10,), 'Use activation="softmax" in that layer'),
        (losses.BinaryCrossentropy(), "linear", (1,), 'Use activation="sigmoid" in that layer'),
        (SPARSE(from_logits=True), "softmax", (10,), "from_logits=True applies softmax once more"),
        (losses.BinaryCrossentropy(from_logits=True), "sigmoid", (1,), "applies sigmoid once more"),
        (SPARSE(from_logits=True), "relu", (10,), "cuts off all negative logits"),
        (losses.CategoricalCrossentropy(), "softmax", (1,), "a softmax over one output is always 1"),
        (SPARSE(), "softmax", (10,), None),
        (SPARSE(), None, (10,), None),
        (SPARSE(from_logits=True), "linear", (10,), None),
        (losses.BinaryCrossentropy(), "sigmoid", (1,), None),
        (losses.MeanSquaredError(), "relu", (1,), None),
    ],
)
def test_outputs_that_do_not_fit_the_loss(loss, activation, shape, message):
    if message is None:
        losses.check_output(loss, activation, shape)
        return
    with pytest.warns(UserWarning, match=message):
        losses.check_output(loss, activation, shape)


_KERAS = """
import inspect, json, sys
import numpy as np
import keras
results = []
asked = json.load(sys.stdin)
for name, options, y_true, y_pred, weight in asked:
    y_true, y_pred = np.array(y_true), np.array(y_pred, "float32")
    weight = None if weight is None else np.array(weight, "float32")
    results.append(np.asarray(getattr(keras.losses, name)(**options)(y_true, y_pred, weight)).tolist())
signatures = {}
for name in {name for name, *_ in asked}:
    parameters = inspect.signature(getattr(keras.losses, name)).parameters.values()
    signatures[name] = [[p.name, repr(p.default)] for p in parameters]
json.dump([results, signatures], sys.stdout)
"""


@functools.cache
def keras_results():
    """(what was asked, Keras' losses with weights and reductions, the signatures of its classes)."""
    rng = np.random.default_rng(8)
    asked = []
    for cls in CLASSES:
        for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight", None):
            for shape, weights in (((4, 3), (4,)), ((2, 3, 4), (2, 3)), ((4, 3), None)):
                y_true, y_pred = data(cls, rng, shape)
                weight = None if weights is None else rng.random(weights).tolist()
                options = {"reduction": reduction}
                if cls is SPARSE and weights is None:
                    options["ignore_class"] = 1
                asked.append((cls.__name__, options, y_true.tolist(), y_pred.tolist(), weight))
    return asked, *ask_keras(_KERAS, asked)


def test_numbers_are_those_of_keras():
    asked, results, _ = keras_results()
    for (name, options, y_true, y_pred, weight), expected in zip(asked, results, strict=True):
        value = getattr(losses, name)(**options)(y_true, y_pred, weight)
        np.testing.assert_allclose(value, expected, rtol=3e-5, atol=1e-6, err_msg=f"{name} {options}")


@by_class
def test_arguments_and_defaults_are_those_of_keras(cls):
    expected = keras_results()[2][cls.__name__]
    own = [[p.name, repr(p.default)] for p in inspect.signature(cls).parameters.values()]
    assert own[: len(expected)] == expected
    assert [name for name, _ in own[len(expected) :]] == (["label_smoothing"] if cls is SPARSE else [])
