"""A graph of layers, in cnncore and in Keras, and data for it."""

import numpy as np
import pytest

from cnncore import Input, Model, Sequential
from cnncore.layers import Add, BatchNormalization, Conv2D, Dense, Dropout, Flatten, SeparableConv2D

pytest.importorskip("h5py")
pytest.importorskip("torch")
keras = pytest.importorskip("keras")


def graph():
    x = Input((8, 8, 3), name="img")
    a = Conv2D(4, 3, padding="same", activation="relu", kernel_regularizer="l2")(x)
    b = BatchNormalization()(SeparableConv2D(4, 1)(x))
    inner = Sequential([Flatten(), Dense(5), Dropout(0.5)])
    model = Model(x, Dense(3, activation="softmax")(inner(Add()([a, b]))))
    rng = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(rng.uniform(0.1, 0.2, variable.shape))
    return model


def keras_graph():
    layers = keras.layers
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = layers.Dense(3, activation="tanh")
    inner = keras.Model(a, {"y": layers.Dense(4)(a) * 2 - 1})
    out = layers.Add()([shared(inner(a)["y"]), shared(b)]) / 2
    return keras.Model([a, b], {"y": out, "z": 1 - layers.Dense(1)(b)})


X = np.random.default_rng(1).random((2, 8, 8, 3), np.float32)
