"""Penalties and limits of weights, dropout, and early stopping against overfitting."""

import numpy as np

from cnncore.callbacks import EarlyStopping
from cnncore.constraints import MaxNorm
from cnncore.layers import Dense, Dropout
from cnncore.models import Sequential
from cnncore.optimizers import SGD
from cnncore.regularizers import l1_l2, l2

rng = np.random.default_rng(0)
x, y = rng.random((120, 10)).astype("float32"), rng.integers(0, 2, (120, 1))

model = Sequential()
model.add(Dense(24, activation="relu", kernel_regularizer=l2(0.01), kernel_constraint=MaxNorm(1.0), input_dim=10))
model.add(Dropout(0.5))
model.add(Dense(1, activation="sigmoid", kernel_regularizer=l1_l2(l1=1e-4, l2=1e-3), bias_regularizer="l2"))
model.compile(loss="binary_crossentropy", optimizer=SGD(0.1, momentum=0.9, nesterov=True), metrics=["accuracy"])
stop = EarlyStopping(monitor="val_loss", patience=2, restore_best_weights=True, verbose=0)
history = model.fit(x, y, validation_split=0.25, epochs=30, batch_size=16, callbacks=[stop], verbose=0)
assert len(history.history["val_loss"]) <= 30
norms = np.linalg.norm(model.layers[0].get_weights()[0], axis=0)
assert norms.max() <= 1.0 + 1e-5
assert model.evaluate(x, y, verbose=0)[0] > 0
