"""A training loop written by hand: gradients of a batch, clipped, and applied by an optimizer."""

import numpy as np

from cnncore import Input, Model
from cnncore.layers import Dense
from cnncore.optimizers import Adam
from cnncore.optimizers.schedules import ExponentialDecay

rng = np.random.default_rng(1)
x = rng.standard_normal((256, 4)).astype("float32")
y = np.tanh(x @ rng.standard_normal((4, 1))).astype("float32")

inputs = Input(shape=(4,))
model = Model(inputs, Dense(1, activation="tanh")(Dense(8, activation="tanh")(inputs)))
optimizer = Adam(ExponentialDecay(0.05, decay_steps=50, decay_rate=0.9), clipnorm=1.0)
model.compile(optimizer=optimizer, loss="mse")

first = model.evaluate(x, y, verbose=0)
for _ in range(5):
    order = rng.permutation(len(x))
    for start in range(0, len(x), 64):
        batch = order[start : start + 64]
        gradients = model.gradients(x[batch], y[batch])
        assert len(gradients) == len(model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
assert model.evaluate(x, y, verbose=0) < 0.5 * first
