"""Sequences through one-dimensional convolutions, and an autoencoder of images with upsampling."""

import numpy as np

from cnncore import Sequential, layers
from cnncore.optimizers import Nadam
from cnncore.regularizers import l1_l2

rng = np.random.default_rng(0)
x = rng.standard_normal((300, 64, 2)).astype("float32")
y = rng.integers(0, 2, 300)
x[y == 1, :, 0] += np.sin(np.arange(64) / 2)
model = Sequential(
    [
        layers.Input((64, 2)),
        layers.Conv1D(8, 5, activation="relu", padding="causal"),
        layers.MaxPooling1D(2),
        layers.SpatialDropout1D(0.1),
        layers.SeparableConv1D(8, 3, padding="same", activation="swish"),
        layers.GlobalAveragePooling1D(),
        layers.Dense(1, activation="sigmoid", kernel_regularizer=l1_l2(1e-5, 1e-4)),
    ]
)
model.compile(Nadam(0.01), "binary_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, epochs=10, batch_size=16, verbose=0)
assert history.history["accuracy"][-1] > 0.8

images = rng.random((64, 12, 12, 1)).astype("float32")
autoencoder = Sequential(
    [
        layers.Conv2D(8, (3, 3), activation="relu", padding="same", input_shape=(12, 12, 1)),
        layers.MaxPooling2D((2, 2), padding="same"),
        layers.Conv2D(4, (3, 3), activation="relu", padding="same", activity_regularizer="l1"),
        layers.UpSampling2D((2, 2), interpolation="bilinear"),
        layers.Conv2D(1, (3, 3), activation="sigmoid", padding="same"),
    ]
)
autoencoder.compile(optimizer="adam", loss="binary_crossentropy")
autoencoder.fit(images, images, epochs=2, batch_size=16, verbose=0)
assert autoencoder.predict(images[:3], verbose=0).shape == (3, 12, 12, 1)
