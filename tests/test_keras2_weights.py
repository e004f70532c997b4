"""Weights without their model in HDF5 files of Keras 2."""

import numpy as np
import pytest

from cnncore import Input, Model, Sequential
from cnncore.layers import BatchNormalization, Conv2D, Dense, Flatten
from cnncore.models import load_model
from keras2_files import WEIGHTS, chain, entry, fill, write

h5py = pytest.importorskip("h5py")


class TestWeightsAlone:
    def model(self):
        return Sequential(
            [
                Conv2D(4, 3, name="conv2d", input_shape=(8, 8, 2)),
                BatchNormalization(),
                Flatten(),
                Dense(3, name="dense"),
            ]
        )

    def saved(self, path, weights=WEIGHTS):
        with h5py.File(path, "w") as file:
            fill(file, weights)
        return path

    @pytest.mark.parametrize("name", ["w.h5", "w.weights.h5", "w.hdf5"])
    def test_by_order(self, name, tmp_path):
        model = self.model()
        model.load_weights(self.saved(tmp_path / name))
        for one, two in zip(model.get_weights(), [a for g in WEIGHTS.values() for a in g.values()], strict=True):
            assert np.array_equal(one, two)

    def test_by_name(self, tmp_path):
        model = Sequential([Flatten(input_shape=(8, 8, 2)), Dense(7, name="other"), Dense(3, name="dense")])
        path = self.saved(tmp_path / "w.h5")
        before = [array.copy() for array in model.get_weights()]
        with pytest.raises(ValueError, match=r"expected stored numbers of shape \(7, 3\)"):
            model.load_weights(path, by_name=True)
        with pytest.warns(UserWarning, match="dense/kernel"):
            model.load_weights(path, by_name=True, skip_mismatch=True)
        assert np.array_equal(model.get_weights()[-1], WEIGHTS["dense"]["dense/bias:0"])
        for one, two in zip(model.get_weights()[:3], before[:3], strict=True):
            assert np.array_equal(one, two)

    def test_from_a_whole_model(self, tmp_path):
        config = entry("Sequential", {"name": "sequential", "layers": chain()})
        model = self.model()
        model.load_weights(write(tmp_path / "m.h5", config))
        assert np.array_equal(model.get_weights()[0], WEIGHTS["conv2d"]["conv2d/kernel:0"])

    def test_other_layers(self, tmp_path):
        model = Sequential([Flatten(input_shape=(8, 8, 2)), Dense(3)])
        before = model.get_weights()[0].copy()
        with pytest.raises(ValueError, match=r"w.h5: expected weights of 1 layers. Received: weights of 3"):
            model.load_weights(self.saved(tmp_path / "w.h5"))
        assert np.array_equal(model.get_weights()[0], before)

    def test_long_lists_of_names(self, tmp_path):
        x = Input((2,))
        y = x
        for number in range(100):
            y = Dense(2, name=f"{'a' * 800}_{number}")(y)  # together, the names are longer than an attribute may be
        model = Model(x, y)
        model.save(tmp_path / "m.h5")
        other = load_model(tmp_path / "m.h5")
        for one, two in zip(other.get_weights(), model.get_weights(), strict=True):
            assert np.array_equal(one, two)
