"""Logs in a folder for TensorBoard, a CSV file beside them, and checkpoints of the best epoch."""

import os

import numpy as np

from cnncore.callbacks import CSVLogger, ModelCheckpoint, TensorBoard
from cnncore.layers import Conv2D, Dense, Flatten, Input
from cnncore.models import Sequential, load_model

x, y = np.random.rand(64, 8, 8, 1).astype("float32"), np.random.randint(0, 3, 64)
model = Sequential([Input((8, 8, 1)), Conv2D(4, 3, activation="relu"), Flatten(), Dense(3, activation="softmax")])
model.compile(optimizer="rmsprop", loss="sparse_categorical_crossentropy", metrics=["acc"])
callbacks = [
    TensorBoard(log_dir="logs", histogram_freq=1),
    CSVLogger("training.csv"),
    ModelCheckpoint("best.keras", monitor="val_loss", save_best_only=True),
]
history = model.fit(x, y, batch_size=16, epochs=2, validation_split=0.25, callbacks=callbacks, verbose=0)
assert sorted(history.history) == ["acc", "loss", "val_acc", "val_loss"]
assert any("tfevents" in name for _, _, names in os.walk("logs") for name in names)
with open("training.csv") as file:
    assert len(file.read().splitlines()) == 3
best = min(history.history["val_loss"])
assert np.isclose(load_model("best.keras").evaluate(x[48:], y[48:], verbose=0)[0], best, rtol=1e-4)
