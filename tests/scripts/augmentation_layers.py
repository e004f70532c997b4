"""Layers of augmentation at the beginning of a model, and called on images to look at them."""

from cnncore import Sequential, layers
from cnncore.datasets import mnist5k

(x_train, y_train), (x_test, y_test) = mnist5k.load_data()
x_train, x_test = x_train[:1000, ..., None], x_test[:200, ..., None]

data_augmentation = Sequential(
    [
        layers.RandomTranslation(0.1, 0.1, input_shape=(28, 28, 1)),
        layers.RandomRotation(0.05),
        layers.RandomZoom(0.1),
    ]
)
augmented = data_augmentation(x_train[:9])
assert augmented.shape == (9, 28, 28, 1)

model = Sequential(
    [
        data_augmentation,
        layers.Rescaling(1.0 / 255),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train[:1000], batch_size=32, epochs=5, verbose=0)
_, accuracy = model.evaluate(x_test, y_test[:200], verbose=0)
assert accuracy > 0.8
