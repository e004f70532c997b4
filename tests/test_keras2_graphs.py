"""Graphs of layers as TensorFlow's Keras 2 describes them in JSON, made here by hand."""

import json

import numpy as np
import pytest

from cnncore import Input, Model, models
from cnncore.layers import MultiHeadAttention

X = np.random.default_rng(0).random((3, 4), np.float32)


def start(name, *shape):
    config = {"name": name, "batch_input_shape": [None, *shape], "dtype": "float32", "sparse": False, "ragged": False}
    return {"class_name": "InputLayer", "name": name, "config": config, "inbound_nodes": []}


def layer(kind, name, *nodes, **config):
    return {
        "class_name": kind,
        "name": name,
        "config": {"name": name, "trainable": True, **config},
        "inbound_nodes": list(nodes),
    }


def graph(layers, inputs, outputs, name="model"):
    config = {"name": name, "layers": layers, "input_layers": inputs, "output_layers": outputs}
    return {"class_name": "Functional", "config": config, "keras_version": "2.15.0", "backend": "tensorflow"}


def read(layers, inputs, outputs):
    return models.model_from_json(json.dumps(graph(layers, inputs, outputs)))


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("kind", ["Sequential", "Functional"])
def test_calls_of_models_inside_are_counted_from_zero_or_one(kind, first):
    inside = [start("in", 4), layer("Dense", "dense", [["in", 0, 0, {}]], units=2)]
    inner = graph(inside, [["in", 0, 0]], [["dense", 0, 0]], "inner")
    inner = {**inner, "class_name": kind, "name": "inner", "inbound_nodes": [[["a", 0, 0, {}]], [["b", 0, 0, {}]]]}
    if kind == "Sequential":
        for item in inside:
            del item["inbound_nodes"]
    calls = [["inner", first, 0, {}], ["inner", first + 1, 0, {}]]
    layers = [start("a", 4), start("b", 4), inner, layer("Subtract", "difference", calls)]
    model = read(layers, [["a", 0, 0], ["b", 0, 0]], [["difference", 0, 0], ["inner", first + 1, 0]])
    difference, second = model.predict([X, X[::-1]])
    kernel = model.get_layer("inner").layers[-1].kernel
    np.testing.assert_allclose(difference, (X - X[::-1]) @ np.asarray(kernel), atol=1e-6)
    np.testing.assert_allclose(second, X[::-1] @ np.asarray(kernel), atol=1e-6)


def test_numbers_as_operands_and_slashes_in_names():
    layers = [
        start("in/put", 4),
        layer("TFOpLambda", "tf.sub", ["_CONSTANT_VALUE", -1, 1.0, {"y": ["in/put", 0, 0]}], function="math.subtract"),
        layer("Dense", "block/dense", [["tf.sub", 0, 0, {}]], units=2),
    ]
    model = read(layers, [["in/put", 0, 0]], [["block/dense", 0, 0]])
    np.testing.assert_allclose(model.predict(X), (1 - X) @ np.asarray(model.get_layer("block_dense").kernel), atol=1e-6)


def test_arguments_of_keras_2_alone():
    inner = {"class_name": "LSTM", "config": {"name": "l", "units": 3, "implementation": 2, "time_major": False}}
    shapes = {f"{name}_shape": [None, 5, 4] for name in ("query", "key", "value")}
    layers = [
        start("x", 5, 4),
        layer("MultiHeadAttention", "mha", [["x", 0, 0, {"value": ["x", 0, 0]}]], num_heads=2, key_dim=3, **shapes),
        layer("Bidirectional", "both", [["mha", 0, 0, {}]], layer=inner, merge_mode="concat"),
    ]
    assert read(layers, [["x", 0, 0]], [["both", 0, 0]]).output_shape == (None, 6)


def test_several_cells_of_keras_2():
    cells = [
        {"class_name": "LSTMCell", "config": {"name": "a", "units": 3, "implementation": 2}},
        {"class_name": "GRUCell", "config": {"name": "b", "units": 4, "implementation": 2, "reset_after": False}},
    ]
    stacked = {"class_name": "StackedRNNCells", "config": {"name": "cells", "cells": cells}}
    layers = [start("x", 5, 4), layer("RNN", "rnn", [["x", 0, 0, {}]], cell=stacked, time_major=False)]
    assert read(layers, [["x", 0, 0]], [["rnn", 0, 0]]).output_shape == (None, 4)


def test_private_names_of_dense_layers_in_attention(tmp_path):
    h5py = pytest.importorskip("h5py")
    sequence, tensor = np.random.default_rng(1).random((2, 5, 4), np.float32), Input((5, 4))
    model = Model(tensor, MultiHeadAttention(2, 3)(tensor, tensor))
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "r+") as file:
        place = file["layers/multi_head_attention"]
        for name in list(place):
            if name.endswith("_dense"):
                place.move(name, f"_{name}")
    again = Model(tensor, MultiHeadAttention(2, 3)(tensor, tensor))
    again.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(again.predict(sequence), model.predict(sequence))
