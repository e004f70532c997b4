"""Layers and models that the user writes: a layer with weights and no hand-written gradient, a subclass of Model."""

import numpy as np

import cnncore as keras
from cnncore import layers, ops


class Linear(layers.Layer):
    def __init__(self, units=32, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal", trainable=True)
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", trainable=True)

    def call(self, inputs):
        return ops.matmul(inputs, self.w) + self.b

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = layers.Dense(16, activation="relu")
        self.drop = layers.Dropout(0.1)
        self.last = layers.Dense(1)

    def call(self, x, training=False):
        y = self.drop(self.first(x), training=training)
        y = ops.concatenate([y, ops.square(x)], axis=-1)
        return self.last(y - ops.mean(y, axis=-1, keepdims=True))


def log_cosh(y_true, y_pred):
    return ops.mean(ops.log(ops.cosh(y_true - y_pred)), axis=-1)


rng = np.random.default_rng(0)
x = rng.standard_normal((400, 5)).astype("float32")
y = (x @ np.arange(1, 6) / 5)[:, None] + x[:, :1] ** 2
sequential = keras.Sequential([keras.Input((5,)), Linear(16), layers.Activation(lambda t: t * np.tanh(t)), Linear(1)])
for model in (sequential, Net()):
    model.compile(keras.optimizers.Adam(0.02), loss=log_cosh, metrics=["mae"])
    history = model.fit(x, y, epochs=20, batch_size=32, verbose=0)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
