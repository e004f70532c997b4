"""A data set as a Sequence, which shuffles itself after each epoch."""

import math

import numpy as np

from cnncore import layers
from cnncore.models import Sequential
from cnncore.utils import Sequence


class Digits(Sequence):
    def __init__(self, x_set, y_set, batch_size, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.batch_size = x_set, y_set, batch_size

    def __len__(self):
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, idx):
        low = idx * self.batch_size
        high = min(low + self.batch_size, len(self.x))
        return self.x[low:high], self.y[low:high]

    def on_epoch_end(self):
        order = np.random.permutation(len(self.x))
        self.x, self.y = self.x[order], self.y[order]


x = np.random.rand(90, 6, 6, 1).astype("float32")
y = (x.mean(axis=(1, 2, 3)) > 0.5).astype("int64")
model = Sequential([layers.Flatten(input_shape=(6, 6, 1)), layers.Dense(2, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(Digits(x, y, 20), epochs=3, validation_data=Digits(x, y, 45), verbose=2)
assert len(history.history["val_accuracy"]) == 3
assert model.predict(Digits(x, y, 20)).shape == (90, 2)
