"""Metrics of users that compute one number for a batch: their mean is that over batches, as in Keras."""

import os

import numpy as np
import pytest

import cnncore

os.environ.setdefault("KERAS_BACKEND", "torch")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # of PyTorch
RNG = np.random.default_rng(6)
X, Y = RNG.random((70, 4), np.float32), RNG.integers(0, 2, (70, 3)).astype(np.float32)


def logs_of(k):
    def recall(y_true, y_pred):
        hits = k.ops.sum(k.ops.round(k.ops.clip(y_true * y_pred, 0, 1)))
        return hits / (k.ops.sum(y_true) + 1e-7)

    class Peaks(k.metrics.Metric):
        def __init__(self):
            super().__init__(name="peaks")
            self.total = self.add_variable(shape=(), initializer="zeros", name="total")
            self.count = self.add_variable(shape=(), initializer="zeros", name="count")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.total.assign_add(k.ops.max(y_pred))
            self.count.assign_add(1.0)

        def result(self):
            return self.total / self.count

    model = k.Sequential([k.Input((4,)), k.layers.Dense(3, activation="sigmoid")])
    values = np.random.default_rng(1)
    model.set_weights([values.normal(0, 2, w.shape).astype(np.float32) for w in model.get_weights()])
    model.compile(k.optimizers.SGD(0.5), "mse", metrics=[recall, Peaks(), "mae"])
    history = model.fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0, validation_split=0.3).history
    return {**history, **model.evaluate(X, Y, verbose=0, return_dict=True)}


def test_results_are_those_of_keras():
    keras = pytest.importorskip("keras")
    ours, theirs = logs_of(cnncore), logs_of(keras)
    assert ours.keys() == theirs.keys()
    for name, values in ours.items():
        np.testing.assert_allclose(values, theirs[name], rtol=1e-4, err_msg=name)


@pytest.mark.parametrize("result", [None, "text", 1j])
def test_functions_that_return_no_real_numbers(result):
    def own(y_true, y_pred):
        return result

    model = cnncore.Sequential([cnncore.layers.Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse", metrics=[own])
    with pytest.raises(TypeError, match=r"\[own\] expected values to hold real numbers"):
        model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
