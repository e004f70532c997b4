"""Callbacks that tutorials use together: early stopping, checkpoints, a lower rate on a plateau, a log file."""

import csv
import os

import numpy as np

from cnncore import layers
from cnncore.callbacks import CSVLogger, EarlyStopping, LambdaCallback, ModelCheckpoint, ReduceLROnPlateau
from cnncore.models import Sequential, load_model

rng = np.random.default_rng(1)
x = rng.random((200, 6)).astype("float32")
y = (x[:, 0] > x[:, 1]).astype("int64")

model = Sequential([layers.Dense(8, activation="relu", input_shape=(6,)), layers.Dense(2, activation="softmax")])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
callbacks = [
    EarlyStopping(monitor="val_loss", patience=2, restore_best_weights=True, verbose=1),
    ModelCheckpoint("best.safetensors", monitor="val_accuracy", save_best_only=True, mode="max"),
    ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=1, min_lr=1e-5),
    CSVLogger("training.csv"),
    LambdaCallback(on_epoch_end=lambda epoch, logs: print("learning rate", logs["learning_rate"])),
]
history = model.fit(x, y, epochs=15, validation_split=0.2, callbacks=callbacks, verbose=0)
assert os.path.exists("best.safetensors")
with open("training.csv") as file:
    rows = list(csv.DictReader(file))
assert len(rows) == len(history.epoch)
assert load_model("best.safetensors").evaluate(x, y, verbose=0)[1] > 0.5
