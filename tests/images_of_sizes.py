"""Images of several sizes, and models that take any size."""

import numpy as np

import cnncore
from cnncore.models import clone_model

ANY = (None, None, None)


def images(count, height, width, channels=2, seed=0):
    return np.random.default_rng(seed).standard_normal((count, height, width, channels)).astype(np.float32)


def two_headed(k, shape=(None, None, 2)):
    """Images of one shape and classes from images of any size, with a connection that skips a pooling."""
    x = k.layers.Input(shape)
    y = k.layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
    y = k.layers.ReLU()(k.layers.BatchNormalization()(y))
    z = k.layers.MaxPooling2D()(y)
    z = k.layers.Conv2D(6, 3, padding="same", activation="tanh")(z)
    y = k.layers.Concatenate()([y, k.layers.UpSampling2D()(z)])
    y = k.layers.Conv2DTranspose(3, 3, padding="same")(y)
    pixels = k.layers.Conv2D(1, 1, name="pixels")(y)
    classes = k.layers.Dense(3, activation="softmax", name="classes")(k.layers.GlobalAveragePooling2D()(y))
    return k.Model(x, [pixels, classes])


def with_weights_of(model, shape):
    """The same model for images of one size."""
    fixed = two_headed(cnncore, shape)
    fixed.set_weights(model.get_weights())
    return fixed


def batches(sizes=((3, 8, 10), (2, 12, 8), (4, 8, 10), (1, 6, 6), (2, 12, 8))):
    rng = np.random.default_rng(1)
    for count, height, width in sizes:
        x = rng.standard_normal((count, height, width, 2)).astype(np.float32)
        y = rng.standard_normal((count, height, width, 1)).astype(np.float32), rng.integers(0, 3, count)
        yield x, y


def compiled(k, model):
    losses, metrics = ["mse", "sparse_categorical_crossentropy"], [["mae"], ["accuracy"]]
    model.compile(k.optimizers.SGD(0.1, momentum=0.9), losses, metrics=metrics)
    return model


def clone_with_weights(model):
    clone = clone_model(model)
    clone.set_weights(model.get_weights())
    return clone


def squares(*sizes):
    for size in sizes:
        x = images(2, size, size, 1, seed=size)
        yield x, x
