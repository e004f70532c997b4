"""Training from a generator that never ends, with fit and with the old methods of Keras 2 for generators."""

import warnings

import numpy as np

from cnncore import layers, optimizers
from cnncore.models import Sequential

rng = np.random.default_rng(0)


def batches(size=16):
    while True:
        x = rng.random((size, 8)).astype("float32")
        yield x, (x.sum(axis=1) > 4).astype("float32")


model = Sequential([layers.Dense(16, activation="relu", input_dim=8), layers.Dense(1, activation="sigmoid")])
model.compile(optimizers.Adam(0.02), "binary_crossentropy", metrics=["acc"])
history = model.fit(batches(), steps_per_epoch=30, epochs=5, validation_data=batches(), validation_steps=5, verbose=0)
assert history.history["acc"][-1] > 0.7
assert len(history.history["val_acc"]) == 5

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    model.fit_generator(batches(), steps_per_epoch=2, epochs=1, verbose=0)
    loss, accuracy = model.evaluate_generator(batches(), steps=4)
assert 0 <= accuracy <= 1
