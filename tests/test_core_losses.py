"""The core's losses: values and gradients against float64 formulas, against Keras, and one definition everywhere."""

import numpy as np
import pytest

from cnncore import _core
from loss_oracles import FORMULAS, cases, keras_losses, numerical_gradient

SPARSE = "sparse_categorical_crossentropy"


def make(case):
    return _core.Loss(case.kind, **case.parameters)


def formula(case):
    """(y_true, y_pred) -> the loss of each row, in float64."""

    def rows(y_true, y_pred):
        targets = y_true if y_true.dtype.kind == "i" else y_true.astype(np.float64)
        return FORMULAS[case.kind](targets, y_pred.astype(np.float64), **case.parameters)

    return rows


def tolerance(case):
    """Losses are computed in float64, but binary crossentropy in float32, with an error of a few last places."""
    return 2e-6 if case.kind == "binary_crossentropy" else 1e-9


@pytest.mark.parametrize("case", cases(), ids=str)
def test_values_are_the_formulas(case):
    rng = np.random.default_rng(case.seed)
    for shape in ((7, 5), (1, 1), (3, 1), (2, 4, 3, 6)):
        y_true, y_pred = case.data(rng, shape)
        values = make(case).values(y_true, y_pred)
        expected = formula(case)(y_true, y_pred)
        assert values.shape == shape[:-1]
        np.testing.assert_allclose(values, expected, rtol=tolerance(case), atol=tolerance(case) / 100)


@pytest.mark.parametrize("case", cases(), ids=str)
def test_gradients_are_the_numerical_ones(case):
    rng = np.random.default_rng(case.seed)
    y_true, y_pred = case.data(rng, (6, 5))
    weight = rng.uniform(0.2, 2, 6).astype(np.float32)
    value, gradient = make(case).value_and_gradient(y_true, y_pred, weight)
    losses = formula(case)(y_true, y_pred)
    counted = case.counted(y_true)
    assert value == pytest.approx((losses * weight).sum() / counted, rel=tolerance(case))

    def total(y):
        return (formula(case)(y_true, y) * weight).sum() / counted

    expected = numerical_gradient(total, y_pred.astype(np.float64))
    np.testing.assert_allclose(gradient, expected, rtol=2e-5, atol=2e-6 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("case", cases(), ids=str)
def test_values_are_those_of_keras(case):
    for y_true, y_pred, expected in keras_losses(case):
        np.testing.assert_allclose(make(case).values(y_true, y_pred), expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("from_logits", [False, True])
def test_binary_crossentropy_of_every_size_and_magnitude(from_logits):
    rng = np.random.default_rng(7)
    loss = _core.Loss("binary_crossentropy", from_logits=from_logits)
    for cols in (1, 7, 255, 256, 257, 600):
        y_true = rng.integers(0, 2, (3, cols)).astype(np.float32)
        if from_logits:
            y_pred = (rng.standard_normal((3, cols)) * 10.0 ** rng.integers(-6, 2, (3, cols))).astype(np.float32)
        else:
            y_pred = (10.0 ** rng.uniform(-8, 0, (3, cols))).astype(np.float32)
            y_pred = np.where(rng.random((3, cols)) < 0.5, y_pred, 1 - y_pred)
        each = [loss.values(y_true[:, [j]], y_pred[:, [j]].copy()) for j in range(cols)]
        expected = FORMULAS["binary_crossentropy"](
            y_true.astype(np.float64)[..., None], y_pred.astype(np.float64)[..., None], from_logits=from_logits
        )
        np.testing.assert_allclose(np.transpose(each), expected, rtol=2e-6, atol=1e-30)
        np.testing.assert_allclose(loss.values(y_true, y_pred), expected.mean(axis=-1), rtol=2e-6)


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [("sum_over_batch_size", 25.5 / 3), ("sum", 25.5), ("mean_with_sample_weight", 25.5 / 3.5)],
)
def test_reductions_of_weighted_rows(reduction, expected):
    loss = _core.Loss("mean_squared_error", reduction=reduction)
    y_true, y_pred = np.zeros((3, 1), np.float32), np.array([[1], [2], [3]], np.float32)
    weight = np.array([0.5, 1.75, 2], np.float32)  # 0.5 * 1 + 1.75 * 4 + 2 * 9
    value, gradient = loss.value_and_gradient(y_true, y_pred, np.array([0.5, 1, 2], np.float32))
    assert loss(y_true, y_pred, weight) == pytest.approx(
        25.5 * (expected / 25.5) * (3.5 / 4.25 if "with" in reduction else 1)
    )
    share = value / (0.5 * 1 + 1 * 4 + 2 * 9)
    np.testing.assert_allclose(gradient[:, 0], np.array([0.5 * 2, 1 * 4, 2 * 6]) * share, rtol=1e-6)


def test_weights_of_samples_hold_for_all_their_pixels():
    rng = np.random.default_rng(3)
    y_true, y_pred = rng.random((2, 3, 4, 5), np.float32), rng.random((2, 3, 4, 5), np.float32)
    loss = _core.Loss("mean_squared_error")
    expected = (loss.values(y_true, y_pred) * np.array([1, 3]).reshape(2, 1, 1)).mean()
    assert loss(y_true, y_pred, np.array([1, 3], np.float32)) == pytest.approx(expected, rel=1e-12)
    per_pixel = np.broadcast_to(np.array([1, 3], np.float32).reshape(2, 1, 1), (2, 3, 4)).copy()
    assert loss(y_true, y_pred, per_pixel) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(
        ValueError, match=r"sample_weight of shape \(2, 3, 4\), or of its first axes. Received: shape \(3,\)"
    ):
        loss(y_true, y_pred, np.ones(3, np.float32))


def test_ignored_rows_have_no_loss_no_gradient_and_do_not_count():
    rng = np.random.default_rng(4)
    y_pred, labels = rng.standard_normal((4, 3)).astype(np.float32), np.array([0, -1, 2, -1])
    loss = _core.Loss(SPARSE, from_logits=True, ignore_class=-1)
    kept = _core.Loss(SPARSE, from_logits=True)
    value, gradient = loss.value_and_gradient(labels, y_pred)
    expected, expected_gradient = kept.value_and_gradient(labels[::2].copy(), y_pred[::2].copy())
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_array_equal(gradient[1::2], 0)
    np.testing.assert_array_equal(gradient[::2], expected_gradient)
    all_ignored = np.full(4, -1)
    value, gradient = loss.value_and_gradient(all_ignored, y_pred)
    assert value == 0
    assert not gradient.any()


def test_infinite_and_nan_predictions_are_no_number():
    y_true = np.array([[0.0, 1.0]], np.float32)
    for kind in FORMULAS:
        for bad in (np.nan, np.inf):
            y_pred = np.array([[0.5, bad]], np.float32)
            target = np.array([1]) if kind == SPARSE else y_true
            if bad == np.inf and kind in (
                "kl_divergence",
                "binary_crossentropy",
                "binary_focal_crossentropy",
                "hinge",
                "squared_hinge",
                "categorical_hinge",
            ):
                continue  # clipped, or on the right side of the margin
            assert not np.isfinite(_core.Loss(kind).values(target, y_pred)).all(), kind


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "hing"}, r"\[loss\] expected one of sparse_categorical_crossentropy, .* Received: 'hing'"),
        ({"kind": "huber", "delta": 0.0}, r"\[huber\] expected delta > 0. Received: 0"),
        ({"kind": "categorical_crossentropy", "label_smoothing": 1.5}, r"label_smoothing in \[0, 1\]. Received: 1.5"),
        ({"kind": "binary_focal_crossentropy", "gamma": -1.0}, "gamma >= 0. Received: -1"),
        ({"kind": "poisson", "reduction": "average"}, "expected reduction to be sum_over_.* Received: 'average'"),
    ],
)
def test_parameters_that_make_no_sense(arguments, message):
    with pytest.raises(ValueError, match=message):
        _core.Loss(**arguments)


def test_arrays_that_make_no_sense():
    sparse, squares = _core.Loss(SPARSE), _core.Loss("mean_squared_error")
    y_pred = np.full((2, 3), 1 / 3, np.float32)
    with pytest.raises(ValueError, match=r"expected labels in \[0, 3\). Received: 3"):
        sparse(np.array([0, 3]), y_pred)
    with pytest.raises(TypeError, match=r"expected labels of dtype int64. Received: float32"):
        sparse(np.zeros(2, np.float32), y_pred)
    with pytest.raises(ValueError, match=r"expected y_true of shape \(2,\). Received: \(3,\)"):
        sparse(np.zeros(3, np.int64), y_pred)
    with pytest.raises(TypeError, match=r"expected y_true of dtype float32. Received: float64"):
        squares(np.zeros((2, 3)), y_pred)
    with pytest.raises(ValueError, match=r"expected one alpha for each of 3 classes. Received: 2"):
        _core.Loss("categorical_focal_crossentropy", alpha=[0.5, 0.5])(y_pred, y_pred)


def network(last, kernel):
    """A dense layer over three inputs."""
    graph, units = _core.GraphBuilder(), kernel.shape[1]
    y = graph.add("dense", [graph.input((3,))], "dense", units=units, use_bias=False, activation=last)
    parameters = _core.Parameters([(3, units)])
    parameters.write(0, kernel.astype(np.float32))
    return _core.Network(graph, [y], {"dense": parameters})


@pytest.mark.parametrize("scale", [1.0, 60.0], ids=["plain", "saturated"])
@pytest.mark.parametrize("last", ["linear", "softmax", "sigmoid"])
@pytest.mark.parametrize("case", cases(), ids=str)
def test_training_and_evaluation_report_the_same_number(case, last, scale):
    rng = np.random.default_rng(case.seed)
    net = network(last, scale * rng.standard_normal((3, 4)))
    x = rng.standard_normal((9, 3)).astype(np.float32)
    y_true, _ = case.data(rng, (9, 4))
    loss = make(case)
    trained = net.train_step(x=[x], y=[y_true], losses=[loss])[1]
    evaluated = loss(y_true, net.forward([x])[0])
    if np.isfinite(evaluated):
        assert trained == pytest.approx(evaluated, rel=1e-12)


def test_a_confident_wrong_row_still_learns():
    net = network("softmax", np.array([[50, -50], [0, 0], [0, 0]]))
    x = np.array([[1, 0, 0]], np.float32)
    value = net.train_step(x=[x], y=[np.array([1])], losses=[_core.Loss(SPARSE)])[1]
    assert value == pytest.approx(-np.log(1e-7), rel=1e-6)  # Keras' bound, in training as in evaluation
    np.testing.assert_allclose(net.gradients[:2], [1, -1])
