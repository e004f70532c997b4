"""Residual blocks with squeeze and excitation, several outputs, normalizations, layers called as functions."""

import numpy as np

import cnncore as keras
from cnncore import layers, ops

inputs = keras.Input(shape=(16, 16, 3))
x = layers.Rescaling(1.0 / 127.5, offset=-1)(inputs)
x = layers.Conv2D(8, 3, padding="same")(x)
for filters in (8, 16):
    shortcut = x
    strides = 1 if filters == 8 else 2
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.Conv2D(filters, 3, padding="same", strides=strides)(x)
    x = layers.Activation("gelu")(layers.GroupNormalization(4)(x))
    x = layers.Conv2D(filters, 3, padding="same")(x)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Dense(4, activation="silu")(gate)
    gate = layers.Dense(filters, activation="sigmoid")(gate)
    x = layers.Multiply()([x, gate])
    if strides > 1:
        shortcut = layers.Conv2D(filters, 1, strides=2)(shortcut)
    x = layers.add([x, shortcut])
branches = [
    layers.Conv2D(4, 1, activation=keras.activations.elu)(x),
    layers.DepthwiseConv2D(3, padding="same")(x),
    layers.MaxPooling2D(3, strides=1, padding="same")(x),
]
x = layers.concatenate(branches)
x = layers.LayerNormalization()(x) + 0.5 * ops.square(layers.LayerNormalization()(x)) ** 0.5
x = layers.SpatialDropout2D(0.1)(x)
x = layers.GlobalMaxPooling2D()(x)
classes = layers.Dense(3, name="class")(x)
brightness = layers.Dense(1, name="brightness")(x)
model = keras.Model(inputs, [classes, brightness])
model.compile(
    optimizer=keras.optimizers.AdamW(1e-2),
    loss={"class": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "brightness": "mse"},
    loss_weights={"class": 1.0, "brightness": 0.1},
    metrics={"class": ["accuracy"]},
)
rng = np.random.default_rng(0)
labels = rng.integers(0, 3, 300)
images = rng.integers(0, 80, (300, 16, 16, 3)).astype("uint8")
images[np.arange(300), 4:12, 4:12, labels] += 150
targets = {"class": labels, "brightness": images.mean(axis=(1, 2, 3)) / 255}
history = model.fit(images, targets, epochs=4, batch_size=32, verbose=0)
assert history.history["loss"][-1] < history.history["loss"][0]
assert history.history["class_accuracy"][-1] > 0.8
maps = keras.Model(model.inputs, [layer.output for layer in model.layers if "conv2d" in layer.name][:2])
assert [array.shape for array in maps.predict(images[:2], verbose=0)] == [(2, 16, 16, 8)] * 2
