"""Layers that several models, or one model twice, have in common stay one layer in files, clones and copies."""

import copy
import pickle

import numpy as np
import pytest

from cnncore import Input, Model, Sequential
from cnncore.layers import Add, BatchNormalization, Dense, ReLU
from cnncore.models import clone_model, load_model, model_from_json

X = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)


def inside_and_outside():
    shared = Dense(6, name="shared")
    start = Input((6,))
    inner = Model(start, ReLU()(shared(start)))
    x = Input((6,))
    return Model(x, Add()([inner(x), shared(x)]))


def in_two_models():
    shared, first, second, x = Dense(6), Input((6,)), Input((6,)), Input((6,))
    left = Model(first, shared(first))
    right = Sequential([second, shared, ReLU()])
    return Model(x, Add()([left(x), right(x)]))


def twice_in_a_chain():
    shared = Dense(6)
    return Sequential([Input((6,)), shared, ReLU(), shared])


def named_twice_in_a_chain():
    shared = Dense(6, name="mine")
    return Sequential([Input((6,)), shared, ReLU(), shared])


def trained(model):
    model.compile("adam", "mse")
    model.fit(X, X, epochs=2, verbose=0, shuffle=False)
    return [array.copy() for array in model.get_weights()]


def saved(model, tmp_path):
    model.save(tmp_path / "m.safetensors")
    return load_model(tmp_path / "m.safetensors")


MAKERS = (inside_and_outside, in_two_models, twice_in_a_chain, named_twice_in_a_chain)
WAYS = {
    "saved": saved,
    "json": lambda model, _: model_from_json(model.to_json()),
    "clone": lambda model, _: clone_model(model),
    "pickle": lambda model, _: pickle.loads(pickle.dumps(model)),
    "deepcopy": lambda model, _: copy.deepcopy(model),
}


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("way", WAYS)
def test_one_layer_stays_one(make, way, tmp_path):
    model = make()
    other = WAYS[way](model, tmp_path)
    assert other.count_params() == model.count_params() == 42
    other.set_weights(model.get_weights())
    assert np.array_equal(other(X), model(X))
    for one, two in zip(trained(model), trained(other), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-7)


def test_pop_of_a_layer_that_is_there_twice():
    model = named_twice_in_a_chain()
    shared = model.pop()
    with pytest.raises(ValueError, match="different names"):
        model.add(Dense(6, name="mine"))
    model.add(shared)
    assert model.count_params() == 42


def test_what_is_not_shared_has_no_mark():
    assert "shared" not in Sequential([Dense(2, input_shape=(3,)), Dense(2)]).to_json()


def test_a_number_that_means_two_kinds_of_layers():
    config = inside_and_outside().get_config()
    inner = next(entry for entry in config["layers"] if entry["class_name"] == "Model")
    for entry in inner["config"]["layers"]:
        entry["shared"] = 0
    with pytest.raises(ValueError, match="expected layers with different names"):
        Model.from_config(config)


def test_calls_that_are_farther_from_the_outputs_change_moving_means_first():
    """As in Keras: the layer sees a, then b, and then its own result for a, whose mean is zero."""
    shared = BatchNormalization(momentum=0.5)
    start = Input((3,))
    a, b = start + 1.0, start + 5.0
    outputs = [shared(shared(a)), shared(b)]
    model = Model(start, [Dense(1)(output) for output in outputs])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    model.train_on_batch(x, [np.zeros((8, 1), np.float32)] * 2)
    mean = x.mean(0)
    np.testing.assert_allclose(shared.moving_mean, (mean + 1) / 8 + (mean + 5) / 4, rtol=1e-4)
