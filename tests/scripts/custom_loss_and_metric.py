"""A loss and a metric written in Python."""

import numpy as np

from cnncore import layers, losses, optimizers
from cnncore.models import Sequential


class Quartic(losses.Loss):
    def call(self, y_true, y_pred):
        return ((y_pred - y_true) ** 4).sum(axis=-1)

    def gradient(self, y_true, y_pred):
        return 4 * (y_pred - y_true) ** 3


def largest_error(y_true, y_pred):
    return np.abs(y_true - y_pred).max(axis=-1)


rng = np.random.default_rng(0)
x = rng.random((100, 3)).astype("float32")
y = x @ np.array([[1.0], [2.0], [-1.0]], dtype="float32")
model = Sequential([layers.Dense(1, input_shape=(3,))])
model.compile(optimizer=optimizers.Adam(0.02), loss=Quartic(), metrics=[largest_error, "mae"])
history = model.fit(x, y, epochs=40, verbose=0)
assert list(history.history) == ["largest_error", "loss", "mae"]
assert history.history["loss"][-1] < 0.2 * history.history["loss"][0]
