"""Class weights: the samples of a rare class count more."""

import numpy as np

from cnncore import layers
from cnncore.models import Sequential

rng = np.random.default_rng(0)
y = (rng.random(400) < 0.1).astype("int64")
x = (rng.standard_normal((400, 2)) + y[:, None]).astype("float32")


def recall(class_weight):
    model = Sequential([layers.Dense(2, activation="softmax", input_shape=(2,))], seed=0)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=20, batch_size=16, verbose=0, class_weight=class_weight)
    return (model.predict(x, verbose=0).argmax(axis=1) == 1)[y == 1].mean()


assert recall({0: 1.0, 1: 9.0}) > recall(None)
