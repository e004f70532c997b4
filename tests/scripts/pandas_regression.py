"""A table from pandas, standardised, with a dense network for regression."""

import numpy as np
import pandas as pd

from cnncore import layers
from cnncore.callbacks import EarlyStopping
from cnncore.models import Sequential

rng = np.random.default_rng(0)
table = pd.DataFrame(rng.random((150, 3)), columns=["weight", "power", "year"])
target = 3 * table["power"] - table["weight"]
train = table.sample(frac=0.8, random_state=0)
test = table.drop(train.index)
mean, std = train.mean(), train.std()

model = Sequential(
    [layers.Dense(16, activation="relu", input_shape=[len(train.keys())]), layers.Dense(16, "relu"), layers.Dense(1)]
)
model.compile(loss="mse", optimizer="rmsprop", metrics=["mae", "mse"])
history = model.fit(
    (train - mean) / std,
    target[train.index],
    epochs=30,
    validation_split=0.2,
    verbose=0,
    callbacks=[EarlyStopping(monitor="val_loss", patience=10)],
)
loss, mae, mse = model.evaluate((test - mean) / std, target[test.index], verbose=2)
assert mae < 1.0
assert abs(loss - mse) < 1e-4
