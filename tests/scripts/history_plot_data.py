"""The numbers that scripts read from the history to plot learning curves."""

import pickle

import numpy as np

from cnncore import layers
from cnncore.models import Sequential

x = np.random.rand(100, 4).astype("float32")
y = np.random.randint(0, 3, 100)
model = Sequential([layers.Dense(3, activation="softmax", input_shape=(4,))])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, epochs=3, validation_split=0.25, verbose=0)
acc, val_acc = history.history["accuracy"], history.history["val_accuracy"]
epochs = range(1, len(acc) + 1)
assert list(epochs) == [epoch + 1 for epoch in history.epoch]
assert len(val_acc) == 3
assert pickle.loads(pickle.dumps(history.history)) == model.history.history
