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
PREDICTIONS = [[0.33860001, 0.33009273, 0.33130726], [0.35789636, 0.31681690, 0.32528678]]
SUMS_AFTER_ANOTHER_EPOCH = [0.58413297, 0.00755799, 2.20085216, 3.67196274, 0.00754729, -0.72146976, 0.00154341]


def test_predicts_and_trains_on():
    model = load_model(FILE)
    assert [type(layer).__name__ for layer in model.layers] == [
        *("Rescaling", "Conv2D", "MaxPooling2D", "Conv2D", "Activation", "AveragePooling2D", "Dropout", "Flatten"),
        *("Dense", "ReLU", "Dense"),
    ]
    np.testing.assert_allclose(model.predict(X[:2], verbose=0), PREDICTIONS, atol=1e-6)
    loss, accuracy = model.evaluate(X, Y, verbose=0)
    assert loss == pytest.approx(1.10986175, abs=1e-6)
    assert accuracy == pytest.approx(1 / 6)
    assert int(model.optimizer.step) == 6
    model.fit(X, Y, batch_size=2, initial_epoch=2, epochs=3, verbose=0)
    sums = [weight.sum() for weight in model.get_weights()]
    np.testing.assert_allclose(sums, SUMS_AFTER_ANOTHER_EPOCH, atol=1e-6)
