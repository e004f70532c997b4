"""A training loop by hand, with train_on_batch, test_on_batch and predict_on_batch."""

import numpy as np

from cnncore import layers, optimizers
from cnncore.models import Sequential

rng = np.random.default_rng(0)
x = rng.random((256, 4)).astype("float32")
y = x.sum(axis=1, keepdims=True)
model = Sequential([layers.Dense(8, activation="relu", input_shape=(4,)), layers.Dense(1)])
model.compile(loss="mean_squared_error", optimizer=optimizers.Adam(0.02), metrics=["mae"])
first = model.test_on_batch(x, y, return_dict=True)
for _epoch in range(10):
    for start in range(0, 256, 32):
        loss, mae = model.train_on_batch(x[start : start + 32], y[start : start + 32])
last = model.test_on_batch(x, y, return_dict=True)
assert last["loss"] < 0.5 * first["loss"]
assert model.predict_on_batch(x[:7]).shape == (7, 1)
