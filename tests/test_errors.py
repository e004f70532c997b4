"""Bad input of a model is refused. The message says what was expected and received, and the model does not change."""

import numpy as np
import pytest

from cnncore import Sequential, losses, metrics, optimizers, utils
from cnncore.layers import Conv2D, Dense, Flatten

X = np.zeros((12, 8, 8, 1), np.float32)
Y = np.arange(12) % 3
PRECISIONS = 'expected `precision` to be one of "float32", "bfloat16_3x", "bfloat16"'

BAD_DATA = [
    # x, y, message
    (X[0], Y, r'Input 0 of layer "rescaling" .* \(batch, 8, 8, 1\). For a single sample pass x\[None\]'),
    (X[:, :7], Y, r"expected x of shape \(batch, 8, 8, 1\). Received: x.shape=\(12, 7, 8, 1\)"),
    (np.zeros((12, 8, 8, 3)), Y, r"Received: x.shape=\(12, 8, 8, 3\)"),
    (np.zeros((12, 64)), Y, r"Received: x.shape=\(12, 64\)"),
    (5.0, Y, r"Received: x.shape=\(\)"),
    (X.astype(complex), Y, r"\[rescaling\] expected x to hold real numbers. Received: x.dtype=complex128"),
    (np.full(X.shape, "a"), Y, "x to hold real numbers"),
    ([[1, 2], [3]], Y, "x to be a rectangular array. Received: a ragged list"),
    (X, Y[:11], "expected x and y of the same length. Received: x: 12, y: 11"),
    (X[:0], Y[:0], "expected at least one sample. Received: x is empty"),
    (X, Y + 1, r"expected labels in \[0, 3\), as the model has 3 outputs. Received: labels from 1 to 3"),
    (X, Y - 1, "Received: labels from -1 to 1"),
    (X, np.where(Y == 1, np.nan, Y), r"\[sparse_categorical_crossentropy\] expected y to hold finite numbers. .* NaN"),
    (X, Y + 0.5, r"\[sparse_categorical_crossentropy\] expected integer labels in y. Received: numbers with fractions"),
    (X, utils.to_categorical(Y), 'For one-hot rows use loss="categorical_crossentropy". Received: y.shape=\\(12, 3\\)'),
    (X, ["a"] * 12, "expected y to hold real numbers"),
    (X, None, "expected targets. Received: y=None"),
]


@pytest.mark.parametrize(("x", "y", "message"), BAD_DATA)
@pytest.mark.parametrize("call", ["fit", "evaluate", "train_on_batch", "validation"])
def test_bad_data(make_model, x, y, message, call):
    model = make_model()
    before = model.get_weights()
    data = (X, Y) if call == "validation" else (x, y)
    options = {"validation_data": (x, y)} if call == "validation" else {}
    with pytest.raises((ValueError, TypeError), match=message):
        getattr(model, "fit" if call == "validation" else call)(*data, **options)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert model.optimizer.iterations == 0


@pytest.mark.parametrize(("x", "y", "message"), BAD_DATA[:8])
@pytest.mark.parametrize("call", ["predict", "predict_on_batch"])
def test_bad_images_for_prediction(make_model, x, y, message, call):
    with pytest.raises((ValueError, TypeError), match=message):
        getattr(make_model(), call)(x)
    with pytest.raises(ValueError, match="at least one sample"):
        getattr(make_model(), call)(X[:0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, r"\[fit\] expected `batch_size` >= 1"),
        ({"batch_size": 1.5}, "`batch_size` to be an integer"),
        ({"epochs": -1}, "`epochs` >= 0"),
        ({"initial_epoch": -1}, "`initial_epoch` >= 0"),
        ({"validation_split": 1.0}, r"`validation_split` to be a finite number in \[0, 1\)"),
        ({"validation_split": 0.99}, "samples on both sides. Received: validation_split=0.99, 12 samples"),
        ({"validation_data": X}, r"`validation_data` as \(x, y\) .* Received: ndarray"),
        ({"validation_data": (X,)}, "Received: tuple of 1"),
        ({"sample_weight": np.ones(11)}, "expected sample_weight and y of the same length"),
        ({"sample_weight": np.ones((12, 2))}, r"sample_weight of rank 1 \(samples\)"),
        ({"class_weight": [1.0, 2.0]}, "`class_weight` to be a dict"),
        ({"class_weight": {"a": 1.0}}, "`class_weight key` to be an integer"),
        ({"class_weight": {0: -1.0}}, "`class_weight value`"),
        ({"verbose": "yes"}, "`verbose` to be"),
        ({"callbacks": [None]}, "list of Callback objects"),
    ],
)
def test_bad_arguments_of_fit(make_model, options, message):
    model = make_model()
    before = model.get_weights()
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(X, Y, **options)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "crossentropy"}, "Unknown loss 'crossentropy'. Did you mean .* Known: binary_crossentropy, "),
        ({"loss": 3}, r"\[loss\] expected an object, its name or its config. Received: 3"),
        ({"loss": "mse", "optimizer": "adamix"}, "Unknown optimizer 'adamix'"),
        ({"loss": "mse", "metrics": ["precison"]}, "Unknown metric 'precison'. Did you mean \"precision\""),
        ({"loss": "mse", "metrics": "accuracy"}, "`metrics` to be a list. Received: metrics='accuracy'"),
        ({"loss": "mse", "precision": "float16"}, f"{PRECISIONS}. Received: precision='float16'"),
        ({"loss": "mse", "precision": "BFLOAT16"}, f"{PRECISIONS}. Received: precision='BFLOAT16'"),
        ({"loss": "mse", "precision": None}, f"{PRECISIONS}. Received: precision=None"),
        ({"loss": "mse", "precision": ["bfloat16"]}, f"{PRECISIONS}. Received: precision="),
        ({"loss": "mse", "optimizer": "adamix", "precision": "bfloat16"}, "Unknown optimizer 'adamix'"),
        ({"loss": "mse", "metrics": ["f1"], "precision": "bfloat16"}, "Unknown metric 'f1'"),
    ],
)
def test_bad_arguments_of_compile_leave_the_model_as_it_was(make_model, options, message):
    model = make_model()
    config = model.get_compile_config()
    with pytest.raises((ValueError, TypeError), match=message):
        model.compile(**options)
    assert model.get_compile_config() == config
    assert model.network.precision == "float32"


def test_not_compiled():
    model = Sequential([Flatten(input_shape=(8, 8, 1)), Dense(3)])
    for call in ("fit", "evaluate", "train_on_batch"):
        with pytest.raises(ValueError, match=rf"\[{call}\] expected a compiled model: call model.compile"):
            getattr(model, call)(X, Y)
    assert not model.compiled
    with pytest.raises(ValueError, match=r"\[optimizer\] expected a compiled model"):
        _ = model.optimizer


def test_failures_leave_an_unbuilt_model_unbuilt():
    model = Sequential([Conv2D(2, 3), Flatten(), Dense(3, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy")
    for x, y, message in [
        (X[..., 0], Y, r'Input 0 of layer "conv2d" .* \(batch, height, width, channels\).*\(None, 8, 8\)'),
        (X[:, :2], Y, 'Layer "conv2d": expected a window that is not larger than'),
        (np.zeros(12), Y, "`shape of a sample of x` to be a non-empty tuple"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.fit(x, y)
        assert not model.built
    with pytest.raises(ValueError, match=r"Input 0 of layer .* Received: x.shape=\(12, 9, 9, 1\)"):
        model.fit(X, Y, validation_data=(np.zeros((12, 9, 9, 1)), Y))
    model.fit(X, Y)
    assert model.built


@pytest.mark.parametrize(
    ("loss", "y", "message"),
    [
        ("categorical_crossentropy", Y, r"expected y of shape \(samples, 3\).*to_categorical. Received: .*\(12,\)"),
        ("mse", np.zeros((12, 4)), r"\[mean_squared_error\] expected y of shape \(samples, 3\), .*\(12, 4\)"),
        ("mse", Y, r"Received: y.shape=\(12,\)"),
    ],
)
def test_targets_that_do_not_fit_the_loss(make_model, loss, y, message):
    with pytest.raises(ValueError, match=message):
        make_model(loss=loss).fit(X, y)


def test_metrics_that_do_not_fit_the_targets(make_model):
    model = make_model(metrics=["mae"])
    with pytest.raises(ValueError, match=r"\[mae\] expected y_true of the shape of the predictions, \(samples, 3\)"):
        model.fit(X, Y)
    assert model.optimizer.iterations == 0

    def mean_of(y_true, y_pred):
        return y_pred[1:, 0]

    model = make_model(metrics=[mean_of])
    with pytest.raises(ValueError, match=r"\[mean_of\] expected the metric to return one value for each of 12 samples"):
        model.evaluate(X, Y)
    with pytest.raises(ValueError, match="expected y_true and y_pred of the same length"):
        metrics.MeanAbsoluteError()([[1.0]], [[1.0], [2.0]])
    with pytest.raises(ValueError, match=r"expected y_true of shape \(samples,\) with integer labels"):
        metrics.SparseCategoricalAccuracy()([[1.0, 0.0]], [[1.0, 0.0]])


def test_sparse_labels_of_images_are_images():
    model = Sequential([Conv2D(3, 3, activation="softmax", input_shape=(8, 8, 1))])
    model.compile(loss="sparse_categorical_crossentropy")
    with pytest.raises(
        ValueError, match=r"y of shape \(samples, 6, 6\) with integer labels. Received: y.shape=\(12,\)"
    ):
        model.fit(X, Y)


def test_configs_that_make_no_sense(make_model):
    model = make_model()
    with pytest.raises(ValueError, match="Unknown loss 'Hing'"):
        model.compile_from_config({"optimizer": "sgd", "loss": {"class_name": "Hing", "config": {}}})
    with pytest.raises(ValueError, match="expected a config that 'SGD' takes"):
        optimizers.deserialize({"class_name": "SGD", "config": {"speed": 3}})
    with pytest.raises(ValueError, match="expected the config of 'MeanSquaredError' to be a dict"):
        metrics.deserialize({"class_name": "MeanSquaredError", "config": [1]})
    with pytest.raises(ValueError, match=r'\[loss\] expected {"class_name", "config"}'):
        losses.deserialize({"config": {}})
