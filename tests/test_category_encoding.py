"""CategoryEncoding beside Keras."""

import numpy as np
import pytest

import cnncore
from cnncore import layers, saving

keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
NUMBERS = np.random.default_rng(0).integers(0, 5, (6, 3))


@pytest.mark.parametrize("mode", ["multi_hot", "one_hot", "count"])
@pytest.mark.parametrize("numbers", [NUMBERS, NUMBERS[:, :1]], ids=["several", "one"])
def test_values_and_files_as_in_keras(mode, numbers, tmp_path):
    expected = keras.layers.CategoryEncoding(5, mode)(numbers)
    np.testing.assert_array_equal(layers.CategoryEncoding(5, mode)(numbers), expected)
    body = [layers.CategoryEncoding(5, mode), layers.Flatten(), layers.Dense(2)]
    model = cnncore.Sequential([cnncore.Input(numbers.shape[1:]), *body])
    model.compile("sgd", "mse")
    model.fit(numbers.astype(np.float32), np.zeros((6, 2), np.float32), verbose=0)
    model.save(tmp_path / "m.keras")
    for again in (keras.saving.load_model(tmp_path / "m.keras"), saving.load_model(tmp_path / "m.keras")):
        found = again.predict(numbers.astype(np.float32), verbose=0)
        np.testing.assert_allclose(found, model.predict(numbers.astype(np.float32)), rtol=1e-5, atol=1e-6)


def test_what_is_refused():
    with pytest.raises(ValueError, match="whole numbers from 0 to 4"):
        layers.CategoryEncoding(5)(np.array([[5]]))
    with pytest.raises(TypeError, match="`num_tokens`"):
        layers.CategoryEncoding()
    with pytest.raises(ValueError, match="expected sparse=False"):
        layers.CategoryEncoding(5, sparse=True)
