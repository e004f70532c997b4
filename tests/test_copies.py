"""copy, deepcopy, pickle and joblib of models."""

import copy
import pickle

import numpy as np
import pytest

from cnncore import Input, Model, Sequential
from cnncore.layers import Add, BatchNormalization, Conv2D, Dense, Dropout, Flatten, Lambda, Layer


def chain():
    return Sequential([Conv2D(2, 3, input_shape=(5, 5, 1)), BatchNormalization(), Flatten(), Dropout(0.5), Dense(3)])


def graph():
    x = Input((5, 5, 1), name="x")
    shared = Dense(4, activation="relu")
    inner = Sequential([Flatten(), shared])
    return Model(x, {"y": Add()([inner(x), shared(Flatten()(x))]) * 2})


class Net(Model):
    def __init__(self):
        super().__init__()
        self.layer = Dense(3)
        self.flatten = Flatten()

    def call(self, x):
        return self.layer(self.flatten(x))


class Scale(Layer):
    def build(self, input_shape):
        self.factor = self.add_weight(shape=(), initializer="ones", name="factor")

    def call(self, x):
        return x * self.factor.numpy()


def subclassed():
    model = Net()
    model(np.ones((1, 5, 5, 1)))
    return model


def custom():
    model = Sequential([Flatten(input_shape=(5, 5, 1)), Scale(), Lambda(np.tanh)])
    model.layers[1].factor.assign(0.25)
    return model


def unbuilt():
    return Sequential([Flatten(), Dense(3)], seed=3)


def joblib_round_trip(model):
    joblib = pytest.importorskip("joblib")
    import io

    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


DUPLICATES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "joblib": joblib_round_trip,
}
X = np.random.default_rng(0).random((4, 5, 5, 1), np.float32)


def outputs(model):
    result = model(X)
    return result["y"] if isinstance(result, dict) else result


@pytest.mark.parametrize("make", [chain, graph, subclassed, custom, unbuilt], ids=lambda f: f.__name__)
@pytest.mark.parametrize("how", DUPLICATES)
def test_duplicates_are_equal_and_independent(how, make):
    model = make()
    other = DUPLICATES[how](model)
    assert type(other) is type(model)
    assert other.name == model.name
    expected = outputs(model)
    assert np.array_equal(outputs(other), expected)
    for variable in model.weights:
        variable[...] = 0
    assert np.array_equal(outputs(other), expected)
    if make is not unbuilt:
        assert [variable.path for variable in other.weights] == [variable.path for variable in model.weights]


@pytest.mark.parametrize("make", [chain, graph], ids=lambda f: f.__name__)
def test_a_shallow_copy_shares_weights_but_not_the_structure(make):
    model = make()
    other = copy.copy(model)
    expected = outputs(model)
    assert np.array_equal(outputs(other), expected)
    model.weights[0][...] = 0
    assert np.array_equal(outputs(other), outputs(model))
    if make is chain:
        other.pop()
        assert other.output_shape == (None, 18)
        assert model.output_shape == (None, 3)
        assert outputs(model).shape == (4, 3)


def test_a_shallow_copy_trains_on_its_own():
    model = chain()
    model.compile("adam", "mse", metrics=["mae"])
    y = np.zeros((4, 3), np.float32)
    model.fit(X, y, verbose=0)
    other = copy.copy(model)
    other.fit(X, y, epochs=3, verbose=0)
    assert (model.optimizer.iterations, other.optimizer.iterations) == (1, 4)
    model.fit(X, y, verbose=0)
    assert np.array_equal(model.get_weights()[0], other.get_weights()[0])


def test_a_copy_goes_on_where_the_model_was():
    model = chain()
    model(X)
    model.steps_done = 7
    assert copy.deepcopy(model).steps_done == 7
    assert copy.deepcopy(model).network.step == 7


def test_frozen_layers_stay_frozen():
    model = chain()
    model.layers[0].trainable = False
    other = copy.deepcopy(model)
    assert not other.layers[0].trainable
    assert [slot.trainable for slot in other.network.slots][:2] == [False, False]


def test_deep_models_do_not_exhaust_the_stack():
    model = Sequential([Input((2,))] + [Dense(2) for _ in range(2000)])
    other = pickle.loads(pickle.dumps(model))
    assert other.count_params() == model.count_params()
