"""A functional model with two inputs and two outputs, losses and metrics by name."""

import numpy as np

from cnncore import Input, Model, layers

rng = np.random.default_rng(0)
images, extra = rng.random((128, 12, 12, 1)).astype("float32"), rng.random((128, 3)).astype("float32")
labels, amount = (images.mean(axis=(1, 2, 3)) > 0.5).astype("int64"), extra.sum(axis=1)

image_input = Input(shape=(12, 12, 1), name="image")
extra_input = Input(shape=(3,), name="extra")
x = layers.Conv2D(4, 3, activation="relu")(image_input)
x = layers.GlobalAveragePooling2D()(x)
x = layers.concatenate([x, extra_input])
label_output = layers.Dense(2, activation="softmax", name="label")(x)
amount_output = layers.Dense(1, name="amount")(x)

model = Model(inputs=[image_input, extra_input], outputs=[label_output, amount_output])
model.compile(
    optimizer="rmsprop",
    loss={"label": "sparse_categorical_crossentropy", "amount": "mse"},
    loss_weights={"label": 1.0, "amount": 0.5},
    metrics={"label": ["accuracy"], "amount": ["mae"]},
)
history = model.fit(
    {"image": images, "extra": extra}, {"label": labels, "amount": amount}, epochs=4, batch_size=16, verbose=2
)
assert set(history.history) == {"loss", "label_loss", "amount_loss", "label_accuracy", "amount_mae"}
assert history.history["amount_loss"][-1] < history.history["amount_loss"][0]
label, amount = model.predict([images, extra])
assert label.shape == (128, 2)
assert amount.shape == (128, 1)
