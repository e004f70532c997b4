"""A file that the first version of cnncore wrote is read by every later one, and its training goes on.

That version had nothing but chains of eleven kinds of layers. It made ``first_version.safetensors`` of a network that
was trained for two epochs on the digits below. The figures are its own.
"""

from pathlib import Path

import numpy as np
import pytest

from cnncore.models import load_model

pytestmark = pytest.mark.names_precision

FILE = Path(__file__).with_name("first_version.safetensors")
X = (np.arange(6 * 64).reshape(6, 8, 8, 1) * 37 % 256).astype(np.uint8)
Y = np.arange(6) % 3
PREDICTIONS = [[0.5235102, 0.3355320, 0.14095782], [0.5168392, 0.33890224, 0.14425851]]
SUMS_AFTER_ANOTHER_EPOCH = [1.36872828, -0.01430039, 1.36624587, 2.32924795, -0.00652937, 0.85092551, -0.00023094]


def test_predicts_and_trains_on():
    model = load_model(FILE)
    assert [type(layer).__name__ for layer in model.layers] == [
        *("Rescaling", "Conv2D", "MaxPooling2D", "Conv2D", "Activation", "AveragePooling2D", "Dropout", "Flatten"),
        *("Dense", "ReLU", "Dense"),
    ]
    np.testing.assert_allclose(model.predict(X[:2], verbose=0), PREDICTIONS, atol=1e-6)
    loss, accuracy = model.evaluate(X, Y, verbose=0)
    assert loss == pytest.approx(1.22235556, abs=1e-6)
    assert accuracy == pytest.approx(1 / 3)
    assert int(model.optimizer.step) == 6
    model.fit(X, Y, batch_size=2, initial_epoch=2, epochs=3, verbose=0)
    sums = [weight.sum() for weight in model.get_weights()]
    np.testing.assert_allclose(sums, SUMS_AFTER_ANOTHER_EPOCH, atol=1e-6)
