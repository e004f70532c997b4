"""Layers in Python that read and write their weights while a network computes."""

import threading

import numpy as np

from cnncore import Input, Sequential
from cnncore.layers import Dense, Layer


class Counting(Layer):
    """A layer that adds a weight, which counts the calls in training."""

    def build(self, input_shape):
        self.calls = self.add_weight(name="calls", shape=(1,), initializer="zeros", trainable=False)

    def call(self, x, training=False):
        self.calls.assign(self.calls.numpy() + 1)
        return x * 1

    def backward(self, x, dy):
        return dy

    def compute_output_shape(self, input_shape):
        return input_shape


def finishes(call):
    """Whether ``call`` returns in time. Otherwise it waits for a lock for ever, which nothing can interrupt."""
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(60)
    return not thread.is_alive()


def test_it_may_assign_to_its_own_weight_in_training_and_inference():
    model = Sequential([Input((3,)), Dense(4), Counting(), Dense(1)])
    other = Sequential([Input((3,)), *model.layers[:2]])  # another network with the same weights
    model.compile("sgd", "mse")
    x, y = np.ones((8, 3), np.float32), np.ones((8, 1), np.float32)

    def use():
        for _ in range(3):
            model.fit(x, y, verbose=0)
            model.predict(x, verbose=0)
            other.predict(x, verbose=0)
            model.layers[1](np.ones((2, 4), np.float32))

    assert finishes(use)
    assert model.layers[1].calls.numpy()[0] > 0
    threads = [threading.Thread(target=use, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        model.set_weights(model.get_weights())
        other.set_weights(other.get_weights())
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
