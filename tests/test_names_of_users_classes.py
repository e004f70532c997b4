"""Classes of users with the name of a class of the package, in files."""

import numpy as np
import pytest

import cnncore
from cnncore import Input, layers, losses, metrics, ops, saving


class RootMeanSquaredError(metrics.Metric):
    """As in a book: it takes labels."""

    def __init__(self, name="rmse", **options):
        super().__init__(name=name, **options)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.one_hot(np.ravel(y_true), num_classes=ops.shape(y_pred)[1])
        self.total.assign_add(ops.sum(ops.square(y_true - y_pred)))
        self.count.assign_add(ops.shape(y_pred)[0])

    def result(self):
        return ops.sqrt(self.total / self.count)


class Huber(losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_pred), axis=-1)


X = np.eye(3, dtype=np.float32)
CUSTOM = {"RootMeanSquaredError": RootMeanSquaredError, "Huber": Huber}


@pytest.mark.parametrize("suffix", ["safetensors", "keras", "h5"])
def test_a_file_means_the_class_of_the_user(tmp_path, suffix):
    if suffix != "safetensors":
        pytest.importorskip("h5py")
    model = cnncore.Sequential([Input((3,)), layers.Dense(3)])
    model.compile("sgd", Huber(), metrics=[RootMeanSquaredError()])
    path = tmp_path / f"m.{suffix}"
    model.save(path)
    expected = model.evaluate(X, np.float32([[0], [1], [2]]), verbose=0)
    other = saving.load_model(path, custom_objects=CUSTOM)
    assert isinstance(other.loss, Huber)
    np.testing.assert_allclose(other.evaluate(X, np.float32([[0], [1], [2]]), verbose=0), expected, rtol=1e-6)
    with saving.custom_object_scope(CUSTOM):
        assert isinstance(saving.load_model(path).loss, Huber)
    with pytest.raises(ValueError, match="Custom>"):
        saving.load_model(path)
