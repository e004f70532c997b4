"""MixUp and CutMix: on a dict of images and labels, and as the beginning of a model with one-hot labels."""

import numpy as np

from cnncore import Sequential, layers
from cnncore.datasets import mnist5k
from cnncore.utils import to_categorical

(x_train, y_train), (x_test, y_test) = mnist5k.load_data()
x_train, y_train = x_train[:1000, ..., None], to_categorical(y_train[:1000], 10)

mixed = layers.MixUp(alpha=0.4)({"images": x_train[:16], "labels": y_train[:16]})
np.testing.assert_allclose(mixed["labels"].sum(axis=1), 1, rtol=1e-5)

model = Sequential(
    [
        layers.Input((28, 28, 1)),
        layers.CutMix(0.5),
        layers.RandomErasing(0.2, fill_value=0),
        layers.Rescaling(1 / 255),
        layers.Conv2D(16, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, epochs=5, verbose=0)
_, accuracy = model.evaluate(x_test[..., None], to_categorical(y_test, 10), verbose=0)
assert accuracy > 0.8
