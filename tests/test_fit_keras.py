"""What fit records, evaluate returns and train_on_batch does, against an installed Keras with the same weights."""

import numpy as np
import pytest

import cnncore

keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

RNG = np.random.default_rng(0)
X, EXTRA = RNG.random((50, 6), np.float32), RNG.random((50, 2), np.float32)
LABELS, AMOUNT = RNG.integers(0, 3, 50), RNG.random((50, 1)).astype(np.float32)
WEIGHT = RNG.random(50).astype(np.float32) * 2


def two_outputs(library, **options):
    """The same model in either library."""
    layers = library.layers
    x, extra = library.Input((6,), name="x"), library.Input((2,), name="extra")
    hidden = layers.Concatenate()([layers.Dense(5, activation="tanh", kernel_regularizer="l2")(x), extra])
    outputs = [layers.Dense(3, activation="softmax", name="kind")(hidden), layers.Dense(1, name="size")(hidden)]
    model = library.Model([x, extra], outputs)
    model.set_weights([np.random.default_rng(1).random(w.shape) - 0.5 for w in model.get_weights()])
    model.compile(
        library.optimizers.SGD(0.1),
        loss=["sparse_categorical_crossentropy", "mse"],
        loss_weights=[1.0, 0.25],
        metrics=[["accuracy"], ["mae"]],
        weighted_metrics=[["accuracy"], ["mse"]],
        **options,
    )
    return model


def one_output(library, loss="sparse_categorical_crossentropy", metrics=("accuracy",), units=3):
    layers = library.layers
    activation = "softmax" if units > 1 else "sigmoid"
    model = library.Sequential(
        [library.Input((6,)), layers.Dense(5, activation="relu"), layers.Dense(units, activation=activation)]
    )
    model.set_weights([np.random.default_rng(1).random(w.shape) - 0.5 for w in model.get_weights()])
    model.compile(library.optimizers.SGD(0.1), loss=loss, metrics=list(metrics), weighted_metrics=["accuracy"])
    return model


def assert_same(ours, theirs):
    assert set(ours) == set(theirs)
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name], values, rtol=2e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_several_outputs(weight):
    x, y = [X, EXTRA], [LABELS, AMOUNT]
    results, evaluations = [], []
    for library in (cnncore, keras):
        model = two_outputs(library)
        weights = None if weight is None else [weight, weight]
        history = model.fit(
            x, y, batch_size=16, epochs=3, shuffle=False, verbose=0, validation_data=(x, y), sample_weight=weights
        )
        results.append(history.history)
        evaluations.append(model.evaluate(x, y, verbose=0, sample_weight=weights))
    assert_same(*results)
    np.testing.assert_allclose(*evaluations, rtol=2e-4, atol=1e-5)  # in Keras' order


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sample_weight": WEIGHT},
        {"class_weight": {0: 2.0, 2: 0.5}},
        {"validation_split": 0.3},
        {"steps_per_epoch": 2},
        {"validation_data": (X, LABELS, WEIGHT), "validation_freq": 2},
        {"initial_epoch": 2},
    ],
    ids=str,
)
def test_one_output(options):
    results = []
    for library in (cnncore, keras):
        history = one_output(library).fit(X, LABELS, batch_size=16, epochs=4, shuffle=False, verbose=0, **options)
        results.append(history.history)
    assert_same(*results)


@pytest.mark.parametrize("loss", ["binary_crossentropy", "mse", "mae", "huber"])
def test_class_weights_of_binary_labels_as_in_keras(loss):
    y = (LABELS > 0).astype(np.float32)
    results = []
    for library in (cnncore, keras):
        model = one_output(library, loss, ["accuracy", "mae"], units=1)
        history = model.fit(X, y, epochs=2, shuffle=False, verbose=0, class_weight={1: 3.0})
        results.append({**history.history, "loss of evaluate": model.evaluate(X, y, verbose=0)[0]})
    assert_same(*results)


def test_a_batch():
    results = []
    for library in (cnncore, keras):
        model = one_output(library)
        first = model.train_on_batch(X, LABELS, return_dict=True)
        results.append((first, model.predict_on_batch(X)))
    assert_same(results[0][0], results[1][0])
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-4, atol=1e-6)


def test_predictions_of_a_generator():
    def source():
        for start in range(0, 50, 20):
            yield (X[start : start + 20],)

    ours, theirs = (one_output(library).predict(source(), verbose=0) for library in (cnncore, keras))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("targets", ["labels", "a column of labels", "one-hot"])
@pytest.mark.parametrize("kind", ["function", "class"])
def test_accuracy_with_a_loss_of_the_user(targets, kind):
    # such a loss does not say whether targets are labels; their shape does
    y = {"labels": LABELS, "a column of labels": LABELS[:, None], "one-hot": np.eye(3, dtype=np.float32)[LABELS]}[
        targets
    ]
    results = []
    for library in (cnncore, keras):
        name = "categorical_crossentropy" if targets == "one-hot" else "sparse_categorical_crossentropy"
        function = getattr(library.ops, name)

        class Own(library.losses.Loss):
            def call(self, y_true, y_pred, function=function):
                return 2.0 * function(y_true, y_pred)

        loss = Own() if kind == "class" else lambda y_true, y_pred, function=function: 2.0 * function(y_true, y_pred)
        model = one_output(library, loss, ["acc"])
        history = model.fit(X, y, batch_size=16, epochs=2, shuffle=False, verbose=0, validation_data=(X, y))
        results.append(history.history | {"evaluate": model.evaluate(X, y, verbose=0)})
    assert_same(*results)


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_metrics_beside_a_hinge_get_the_targets_that_were_given(loss):
    # the loss takes 0 for -1, but the metrics must not
    results = []
    for library in (cnncore, keras):
        model = library.Sequential([library.Input((6,)), library.layers.Dense(1)])
        model.set_weights([np.linspace(-1, 1, 6)[:, None], np.zeros(1)])
        model.compile(library.optimizers.SGD(0.1), loss, metrics=["accuracy", "mae"])
        history = model.fit(X, (LABELS > 0).astype(int), batch_size=16, epochs=2, shuffle=False, verbose=0)
        results.append(history.history)
    assert_same(*results)


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "own"])
def test_metrics_of_users_get_labels_in_the_shape_that_was_given(loss):
    shapes = []
    for library in (cnncore, keras):

        def hits(y_true, y_pred, ops=library.ops):
            shapes.append(tuple(y_true.shape[1:]))
            labels = ops.cast(ops.squeeze(y_true, axis=-1), "int32")
            return ops.cast(ops.equal(labels, ops.cast(ops.argmax(y_pred, axis=-1), "int32")), "float32")

        def own(y_true, y_pred, ops=library.ops):
            return ops.sparse_categorical_crossentropy(ops.squeeze(y_true, axis=-1), y_pred)

        model = one_output(library, own if loss == "own" else loss, ["accuracy", hits])
        history = model.fit(X, LABELS[:, None], batch_size=16, epochs=2, shuffle=False, verbose=0).history
        np.testing.assert_allclose(history["hits"], history["accuracy"], rtol=1e-6)
    assert set(shapes) == {(1,)}
