"""Freeze the first layers, train the last one, then train all layers with a small learning rate."""

import numpy as np

from cnncore import layers, optimizers
from cnncore.models import Sequential

x = np.random.rand(60, 8, 8, 1).astype("float32")
y = np.random.randint(0, 2, 60)
base = Sequential([layers.Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1)), layers.GlobalAveragePooling2D()])
base.trainable = False
model = Sequential([base, layers.Dense(2, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy")
before = base.get_weights()
model.fit(x, y, epochs=2, verbose=0)
assert all(np.array_equal(a, b) for a, b in zip(before, base.get_weights(), strict=True))
base.trainable = True
model.compile(optimizers.Adam(1e-5), "sparse_categorical_crossentropy")
model.fit(x, y, epochs=1, verbose=0)
assert not np.array_equal(before[0], base.get_weights()[0])
