"""Models and their training in HDF5 files of Keras 2."""

import warnings

import numpy as np
import pytest

from cnncore import Input, Sequential, optimizers
from cnncore.layers import Dense
from cnncore.models import load_model
from keras2_files import RNG, WEIGHTS, X, arrays, batch_normalization, chain, entry, expected, plain, weighted, write

h5py = pytest.importorskip("h5py")


class TestModels:
    def test_a_sequential_model_predicts_the_same(self, tmp_path):
        config = entry("Sequential", {"name": "sequential", "layers": chain()})
        model = load_model(write(tmp_path / "m.h5", config))
        assert isinstance(model, Sequential)
        np.testing.assert_allclose(model.predict(X, verbose=0), expected(), rtol=1e-5, atol=1e-6)
        assert [layer.name for layer in model.layers][:2] == ["conv2d", "batch_normalization"]

    @pytest.mark.parametrize("listed", [True, False])
    def test_sequential_of_keras_2_0(self, listed, tmp_path):
        layers = chain({"batch_input_shape": [None, 8, 8, 2]})
        config = entry("Sequential", layers if listed else {"name": "s", "layers": layers})
        model = load_model(write(tmp_path / "m.hdf5", config, version="2.1.6"))
        np.testing.assert_allclose(model.predict(X, verbose=0), expected(), rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("version", ["1.2.2", "2.9.0", "3.0.0"])
    def test_an_activation_that_had_another_meaning(self, version, tmp_path):
        config = entry("Sequential", {"name": "s", "layers": [*chain(), entry("Activation", plain("a"))]})
        config["config"]["layers"][-1]["config"]["activation"] = "hard_sigmoid"
        weights = WEIGHTS | {"a": {}}
        path = write(tmp_path / "m.h5", config, version=version, weights=weights)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            load_model(path)
        told = [str(item.message) for item in caught if "clip(0.2 * x + 0.5, 0, 1)" in str(item.message)]
        assert len(told) == (version[0] != "3")

    @pytest.mark.parametrize("kind", ["Functional", "Model"])
    @pytest.mark.parametrize("form", ["tf2", "flat"])
    def test_a_functional_model_predicts_the_same(self, kind, form, tmp_path):
        layers, before = [], None
        for item in chain():
            name = item["config"]["name"]
            node = [] if before is None else [[[before, 0, 0, {}]]] if form == "tf2" else [[before, 0, 0, {}]]
            layers.append(item | {"name": name, "inbound_nodes": node})
            before = name
        ends = {"input_layers": [["conv2d_input", 0, 0]], "output_layers": [["dense", 0, 0]]}
        config = entry(kind, {"name": "model", "layers": layers, **ends})
        model = load_model(write(tmp_path / "m.h5", config))
        np.testing.assert_allclose(model.predict(X, verbose=0), expected(), rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize(
        ("function", "settings", "expected"),
        [
            ("nn.relu", {}, lambda x: np.maximum(x, 0)),
            ("nn.leaky_relu", {"alpha": 0.5}, lambda x: np.maximum(x, x / 2)),
            ("math.maximum", {"y": 0.5}, lambda x: np.maximum(x, 0.5)),
            ("math.maximum", {"y": ["x", 0, 0]}, lambda x: x),
            ("clip_by_value", {"clip_value_min": -1, "clip_value_max": 1}, lambda x: np.clip(x, -1, 1)),
            ("math.reduce_mean", {"axis": [1, 2], "keepdims": None}, lambda x: x.mean((1, 2))),
            ("reshape", {"shape": [-1, 128]}, lambda x: x.reshape(4, 128)),
            ("cast", {"dtype": "float32"}, lambda x: x),
            (
                "__operators__.getitem",
                {"slice_spec": [{"start": None, "stop": None, "step": None}, 1, {"start": 2, "stop": 7, "step": 2}]},
                lambda x: x[:, 1, 2:7:2],
            ),
        ],
    )
    def test_functions_of_tensorflow(self, function, settings, expected, tmp_path):
        kind = "SlicingOpLambda" if "getitem" in function else "TFOpLambda"
        nodes = [["x", 0, 0, {**settings, "name": None}]]
        layers = [
            entry("InputLayer", plain("x", batch_input_shape=[None, 8, 8, 2]), name="x", inbound_nodes=[]),
            entry(kind, plain("f", function=function), name="f", inbound_nodes=nodes),
        ]
        ends = {"input_layers": [["x", 0, 0]], "output_layers": [["f", 0, 0]]}
        config = entry("Functional", {"name": "model", "layers": layers, **ends})
        model = load_model(write(tmp_path / "m.h5", config, weights={"x": {}, "f": {}}))
        np.testing.assert_allclose(model.predict(X, verbose=0), expected(X), rtol=1e-6)
        nodes[0][3]["unknown"] = 1
        with pytest.raises(ValueError, match="has no argument 'unknown' here"):
            load_model(write(tmp_path / "m.h5", config, weights={"x": {}, "f": {}}))

    @pytest.mark.parametrize("kind", ["BatchNormalizationV1", "BatchNormalizationV2"])
    def test_layers_of_other_names(self, kind, tmp_path):
        layers = chain()
        for item in layers:
            if item["class_name"] == "BatchNormalization":
                item["class_name"] = kind
                item["config"] |= {"fused": True, "renorm": False, "virtual_batch_size": None}
        more = [entry("ThresholdedReLU", plain("t", theta=0.3)), entry("Softmax", plain("s", axis=[-1]))]
        config = entry("Sequential", {"name": "sequential", "layers": layers + more})
        model = load_model(write(tmp_path / "m.h5", config, weights={**WEIGHTS, "t": {}, "s": {}}))
        y = np.exp(np.where(expected() > 0.3, expected(), 0))
        np.testing.assert_allclose(model.predict(X, verbose=0), y / y.sum(1, keepdims=True), rtol=1e-5, atol=1e-6)

    def test_branches_operators_and_models_inside(self, tmp_path):
        start = plain("a", batch_input_shape=[None, 5], sparse=False, ragged=False)
        inner = {
            "name": "inner",
            "layers": [
                entry("InputLayer", start, name="a", inbound_nodes=[]),
                entry("Dense", weighted("d", units=4), name="d", inbound_nodes=[[["a", 0, 0, {}]]]),
            ],
            "input_layers": [["a", 0, 0]],
            "output_layers": [["d", 0, 0]],
        }
        layers = [
            entry("InputLayer", {**start, "name": "x"}, name="x", inbound_nodes=[]),
            entry("InputLayer", {**start, "name": "y"}, name="y", inbound_nodes=[]),
            entry("Functional", inner, name="inner", inbound_nodes=[[["x", 0, 0, {}]], [["y", 0, 0, {}]]]),
            entry(
                "TFOpLambda",
                plain("tf.__operators__.add", function="__operators__.add"),
                name="tf.__operators__.add",
                inbound_nodes=[["inner", 0, 0, {"y": ["inner", 1, 0], "name": None}]],
            ),
            entry(
                "TFOpLambda",
                plain("tf.math.multiply", function="math.multiply"),
                name="tf.math.multiply",
                inbound_nodes=[["tf.__operators__.add", 0, 0, {"y": 3.0, "name": None}]],
            ),
            entry(
                "Concatenate",
                plain("c", axis=-1),
                name="c",
                inbound_nodes=[[["tf.math.multiply", 0, 0, {}], ["inner", 1, 0, {}]]],
            ),
        ]
        ends = {"input_layers": [["x", 0, 0], ["y", 0, 0]], "output_layers": [["c", 0, 0], ["inner", 0, 0]]}
        kernel, bias = arrays((5, 4), (4,))
        weights = {"x": {}, "y": {}, "inner": {"d/kernel:0": kernel, "d/bias:0": bias}, "c": {}}
        config = entry("Functional", {"name": "model", "layers": layers, **ends})
        model = load_model(write(tmp_path / "m.h5", config, weights=weights))
        x, y = RNG.normal(size=(2, 3, 5)).astype(np.float32)
        joined, left = model.predict([x, y], verbose=0)
        p, q = x @ kernel + bias, y @ kernel + bias
        np.testing.assert_allclose(joined, np.concatenate([3 * (p + q), q], 1), rtol=1e-5)
        np.testing.assert_allclose(left, p, rtol=1e-5)

    def test_weights_of_models_inside_with_frozen_layers(self, tmp_path):
        """Trained weights of all layers come first, then all others."""
        inner = [
            entry("InputLayer", plain("i", batch_input_shape=[None, 4])),
            entry("BatchNormalization", {**batch_normalization("bn"), "axis": [1]}),
            entry("Dense", weighted("d", units=3)),
        ]
        config = [
            entry("InputLayer", plain("o", batch_input_shape=[None, 4])),
            entry("Sequential", {"name": "inner", "layers": inner}),
        ]
        gamma, beta, mean, variance, kernel, bias = arrays((4,), (4,), (4,), (4,), (4, 3), (3,))
        names = ["bn/gamma:0", "bn/beta:0", "d/kernel:0", "d/bias:0", "bn/moving_mean:0", "bn/moving_variance:0"]
        values = [gamma, beta, kernel, bias, mean, variance]
        weights = {"inner": dict(zip(names, values, strict=True))}
        description = entry("Sequential", {"name": "outer", "layers": config})
        model = load_model(write(tmp_path / "m.h5", description, weights=weights))
        x = RNG.normal(size=(3, 4)).astype(np.float32)
        y = ((x - mean) / np.sqrt(variance + 0.001) * gamma + beta) @ kernel + bias
        np.testing.assert_allclose(model.predict(x, verbose=0), y, rtol=1e-4)


SETTINGS = {"name": "Adam", "decay": 0.0, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-07, "amsgrad": False}


class TestTraining:
    @pytest.mark.parametrize(
        ("rate", "metrics", "loss"),
        [
            (
                {"learning_rate": 0.01},
                [[entry("MeanMetricWrapper", {"name": "accuracy", "dtype": "float32", "fn": "categorical_accuracy"})]],
                entry("CategoricalCrossentropy", {"reduction": "auto", "name": "c", "from_logits": False, "axis": -1}),
            ),
            ({"lr": 0.01}, ["accuracy"], "categorical_crossentropy"),
            ({"learning_rate": 0.01, "jit_compile": True, "is_legacy_optimizer": False}, None, {"dense": "mse"}),
        ],
    )
    def test_optimizer_loss_and_metrics_are_restored(self, rate, metrics, loss, tmp_path):
        config = entry("Sequential", {"name": "sequential", "layers": chain()})
        training = {
            "optimizer_config": entry("Adam", {**SETTINGS, **rate}),
            "loss": loss,
            "metrics": metrics,
            "weighted_metrics": None,
            "sample_weight_mode": None,
            "loss_weights": None,
        }
        model = load_model(write(tmp_path / "m.h5", config, training))
        assert model.optimizer.get_config()["learning_rate"] == pytest.approx(0.01)
        assert (model.optimizer.beta_1, model.optimizer.beta_2) == (0.8, 0.9)
        y = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
        loss_value = model.evaluate(X, y, verbose=0, return_dict=True)["loss"]
        wanted = ((expected() - y) ** 2).mean() if isinstance(loss, dict) and "dense" in loss else None
        if wanted is None:
            wanted = -np.log((expected() * y).sum(1)).mean()
        assert loss_value == pytest.approx(wanted, rel=1e-4)
        assert not load_model(tmp_path / "m.h5", compile=False).compiled

    def test_decay_becomes_a_schedule(self, tmp_path):
        config = entry("Sequential", {"name": "sequential", "layers": chain()})
        settings = {"lr": 0.1, "decay": 0.5, "momentum": 0.0, "nesterov": False}
        training = {"optimizer_config": entry("SGD", settings), "loss": "mse", "metrics": [], "loss_weights": None}
        model = load_model(write(tmp_path / "m.h5", config, training))
        schedule = model.optimizer.get_config()["learning_rate"]
        assert schedule["class_name"] == "InverseTimeDecay"
        assert schedule["config"]["decay_rate"] == 0.5

    @pytest.mark.parametrize("spelling", ["2.9", "2.12"])
    def test_state_of_the_optimizer(self, spelling, tmp_path):
        reference = Sequential([Input((4,)), Dense(3), Dense(2)])
        reference.compile(optimizers.Adam(0.05), "mse")
        x, y = RNG.normal(size=(8, 4)).astype(np.float32), RNG.normal(size=(8, 2)).astype(np.float32)
        for _ in range(3):
            reference.train_on_batch(x, y)
        slots = dict(zip(("k0", "b0", "k1", "b1"), ((4, 3), (3,), (3, 2), (2,)), strict=True))
        paths = {"k0": "dense/kernel", "b0": "dense/bias", "k1": "dense_1/kernel", "b1": "dense_1/bias"}
        vectors, state, offset = reference.optimizer.state_dict(), {}, {}
        start = 0
        for slot in reference.network.slots:
            offset[tuple(slot.shape)] = slot.offset
        state["Adam/iter:0" if spelling == "2.9" else "iteration:0"] = np.array(3, np.int64)

        def part(vector, key):
            begin = offset[slots[key]]
            return vectors[vector][begin : begin + int(np.prod(slots[key]))].reshape(slots[key])

        if spelling == "2.9":
            for vector in ("m", "v"):
                for key, path in paths.items():
                    state[f"Adam/{path}/{vector}:0"] = part(vector, key)
        else:
            for key, path in paths.items():
                for vector in ("m", "v"):
                    state[f"Adam/{vector}/{path}:0"] = part(vector, key)
        assert start == 0
        layers = [
            entry("InputLayer", plain("i", batch_input_shape=[None, 4])),
            entry("Dense", weighted("dense", units=3)),
            entry("Dense", weighted("dense_1", units=2)),
        ]
        values = iter(reference.get_weights())
        weights = {
            name: {f"{name}/kernel:0": next(values), f"{name}/bias:0": next(values)} for name in ("dense", "dense_1")
        }
        settings = {"name": "Adam", "learning_rate": 0.05, "decay": 0.0, "beta_1": 0.9, "beta_2": 0.999}
        training = {"optimizer_config": entry("Adam", settings), "loss": "mse", "metrics": None, "loss_weights": None}
        config = entry("Sequential", {"name": "s", "layers": layers})
        model = load_model(write(tmp_path / "m.h5", config, training, state, weights))
        assert model.optimizer.iterations == 3
        for _ in range(3):
            assert model.train_on_batch(x, y) == pytest.approx(reference.train_on_batch(x, y), rel=1e-5)
