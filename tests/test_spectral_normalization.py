"""SpectralNormalization beside Keras: training, its vector, and files in both directions."""

import numpy as np
import pytest

import cnncore
from cnncore import layers, saving

keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
RNG = np.random.default_rng(3)
IMAGES, Y = RNG.random((8, 6, 6, 2), np.float32), RNG.random((8, 1), np.float32)


def model_of(k):
    new = k.layers
    body = [new.SpectralNormalization(new.Conv2D(3, 3)), new.Flatten(), new.SpectralNormalization(new.Dense(1), 3)]
    model = k.Sequential([k.Input((6, 6, 2)), *body])
    model.compile(k.optimizers.Adam(0.01), "mse")
    return model


def test_training_and_files_as_in_keras(tmp_path):
    theirs = model_of(keras)
    theirs.save(tmp_path / "theirs.keras")
    ours = saving.load_model(tmp_path / "theirs.keras")
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    for model in (ours, theirs):
        model.fit(IMAGES, Y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=2e-3, atol=1e-4)
    ours.save(tmp_path / "ours.keras")
    again = keras.saving.load_model(tmp_path / "ours.keras")
    np.testing.assert_allclose(again.predict(IMAGES, verbose=0), ours.predict(IMAGES, verbose=0), rtol=1e-4, atol=1e-5)


def test_weights_in_hdf5_files(tmp_path):
    theirs = model_of(keras)
    theirs.save(tmp_path / "k.h5")
    ours = saving.load_model(tmp_path / "k.h5")
    np.testing.assert_allclose(ours.predict(IMAGES), theirs.predict(IMAGES, verbose=0), rtol=1e-4, atol=1e-5)
    ours.save(tmp_path / "ours.h5")
    again = keras.saving.load_model(tmp_path / "ours.h5")
    np.testing.assert_allclose(again.predict(IMAGES, verbose=0), ours.predict(IMAGES), rtol=1e-4, atol=1e-5)


def test_own_files(tmp_path):
    model = model_of(cnncore)
    model.fit(IMAGES, Y, verbose=0)
    model.save(tmp_path / "m.safetensors")
    again = saving.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict(IMAGES), model.predict(IMAGES))
    assert again.layers[2].power_iterations == 3


def test_what_is_refused():
    with pytest.raises(ValueError, match="power_iterations"):
        layers.SpectralNormalization(layers.Dense(3), 0)
    with pytest.raises(ValueError, match="a kernel or embeddings"):
        layers.SpectralNormalization(layers.Flatten())(IMAGES)


def test_kernels_of_zeros_stay_zeros():
    layer = layers.SpectralNormalization(layers.Dense(3, kernel_initializer="zeros"))
    layer(Y, training=True)
    assert not layer.layer.kernel.numpy().any()
