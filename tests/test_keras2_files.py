"""HDF5 files as TensorFlow's Keras 2 writes them, made here by hand."""

import json
import re

import numpy as np
import pytest

from cnncore import Input, Model, Sequential, optimizers
from cnncore.layers import BatchNormalization, Conv2D, Dense, Flatten
from cnncore.models import load_model

h5py = pytest.importorskip("h5py")

RNG = np.random.default_rng(0)
GLOROT = {"class_name": "GlorotUniform", "config": {"seed": None, "dtype": "float32"}}
ZEROS, ONES = {"class_name": "Zeros", "config": {}}, {"class_name": "Ones", "config": {}}
X = RNG.normal(size=(4, 8, 8, 2)).astype(np.float32)


def weighted(name, **config):
    return {
        "name": name,
        "trainable": True,
        "dtype": "float32",
        "use_bias": True,
        "kernel_initializer": GLOROT,
        "bias_initializer": ZEROS,
        "kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.0}},
        "bias_regularizer": None,
        "activity_regularizer": None,
        "kernel_constraint": None,
        "bias_constraint": None,
        "activation": "linear",
        **config,
    }


def conv(name, filters, **config):
    window = {"kernel_size": [3, 3], "strides": [1, 1], "padding": "valid", "data_format": "channels_last"}
    return weighted(name, filters=filters, **window, dilation_rate=[1, 1], groups=1, **config)


def batch_normalization(name):
    return {
        "name": name,
        "trainable": True,
        "dtype": "float32",
        "axis": [3],
        "momentum": 0.99,
        "epsilon": 0.001,
        "center": True,
        "scale": True,
        "beta_initializer": ZEROS,
        "gamma_initializer": ONES,
        "moving_mean_initializer": ZEROS,
        "moving_variance_initializer": ONES,
        "beta_regularizer": None,
        "gamma_regularizer": None,
        "beta_constraint": None,
        "gamma_constraint": None,
    }


def plain(name, **config):
    return {"name": name, "trainable": True, "dtype": "float32", **config}


def arrays(*shapes):
    return [RNG.uniform(0.1, 0.4, shape).astype(np.float32) for shape in shapes]


WEIGHTS = {
    "conv2d": {
        "conv2d/kernel:0": arrays((3, 3, 2, 4))[0],
        "conv2d/bias:0": arrays((4,))[0],
    },
    "batch_normalization": {
        f"batch_normalization/{part}:0": arrays((4,))[0] for part in ("gamma", "beta", "moving_mean", "moving_variance")
    },
    "flatten": {},
    "dense": {"dense/kernel:0": arrays((144, 3))[0], "dense/bias:0": arrays((3,))[0]},
}


def entry(kind, config, **more):
    return {"class_name": kind, "config": config, **more}


def chain(first=None):
    """The layers of a Sequential model in the spelling of TensorFlow 2."""
    start = {"batch_input_shape": [None, 8, 8, 2], "dtype": "float32", "sparse": False, "ragged": False}
    head = [entry("InputLayer", {**start, "name": "conv2d_input"})] if first is None else []
    return [
        *head,
        entry("Conv2D", {**conv("conv2d", 4), **(first or {"batch_input_shape": [None, 8, 8, 2]})}),
        entry("BatchNormalization", batch_normalization("batch_normalization")),
        entry("LeakyReLU", plain("leaky_re_lu", alpha=0.25)),
        entry("Flatten", plain("flatten", data_format="channels_last")),
        entry("Dropout", plain("dropout", rate=0.5, noise_shape=None, seed=None)),
        entry("Dense", weighted("dense", units=3, activation="softmax")),
    ]


def write(path, config, training=None, state=None, weights=WEIGHTS, version="2.9.0"):
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = version, "tensorflow"
        file.attrs["model_config"] = json.dumps(config)
        if training is not None:
            file.attrs["training_config"] = json.dumps(training)
        fill(file.create_group("model_weights"), weights)
        if state is not None:
            group = file.create_group("optimizer_weights")
            group.attrs["weight_names"] = [name.encode() for name in state]
            for name, array in state.items():
                group.create_dataset(name, data=array)
    return path


def fill(group, weights):
    group.attrs["layer_names"] = [name.encode() for name in weights]
    group.attrs["backend"], group.attrs["keras_version"] = b"tensorflow", b"2.9.0"
    for layer, arrays_of in weights.items():
        inner = group.create_group(layer)
        inner.attrs["weight_names"] = [name.encode() for name in arrays_of]
        for name, array in arrays_of.items():
            inner.create_dataset(name, data=array)


def expected(x=X):
    """What the chain computes, in NumPy."""
    kernel, bias = WEIGHTS["conv2d"].values()
    gamma, beta, mean, variance = WEIGHTS["batch_normalization"].values()
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    y = np.einsum("nyxchw,hwco->nyxo", windows.astype(np.float64), kernel) + bias
    y = (y - mean) / np.sqrt(variance + 0.001) * gamma + beta
    y = np.where(y > 0, y, 0.25 * y).reshape(len(x), -1)
    kernel, bias = WEIGHTS["dense"].values()
    y = np.exp(y @ kernel + bias - (y @ kernel + bias).max(1, keepdims=True))
    return y / y.sum(1, keepdims=True)


class TestModels:
    def test_sequential(self, tmp_path):
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

    @pytest.mark.parametrize("kind", ["Functional", "Model"])
    @pytest.mark.parametrize("form", ["tf2", "flat"])
    def test_functional(self, kind, form, tmp_path):
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
    def test_compile(self, rate, metrics, loss, tmp_path):
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

    def test_decay(self, tmp_path):
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


class TestWeightsAlone:
    def model(self):
        return Sequential(
            [
                Conv2D(4, 3, name="conv2d", input_shape=(8, 8, 2)),
                BatchNormalization(),
                Flatten(),
                Dense(3, name="dense"),
            ]
        )

    def saved(self, path, weights=WEIGHTS):
        with h5py.File(path, "w") as file:
            fill(file, weights)
        return path

    @pytest.mark.parametrize("name", ["w.h5", "w.weights.h5", "w.hdf5"])
    def test_by_order(self, name, tmp_path):
        model = self.model()
        model.load_weights(self.saved(tmp_path / name))
        for one, two in zip(model.get_weights(), [a for g in WEIGHTS.values() for a in g.values()], strict=True):
            assert np.array_equal(one, two)

    def test_by_name(self, tmp_path):
        model = Sequential([Flatten(input_shape=(8, 8, 2)), Dense(7, name="other"), Dense(3, name="dense")])
        path = self.saved(tmp_path / "w.h5")
        before = [array.copy() for array in model.get_weights()]
        with pytest.raises(ValueError, match=r"expected stored numbers of shape \(7, 3\)"):
            model.load_weights(path, by_name=True)
        with pytest.warns(UserWarning, match="dense/kernel"):
            model.load_weights(path, by_name=True, skip_mismatch=True)
        assert np.array_equal(model.get_weights()[-1], WEIGHTS["dense"]["dense/bias:0"])
        for one, two in zip(model.get_weights()[:3], before[:3], strict=True):
            assert np.array_equal(one, two)

    def test_from_a_whole_model(self, tmp_path):
        config = entry("Sequential", {"name": "sequential", "layers": chain()})
        model = self.model()
        model.load_weights(write(tmp_path / "m.h5", config))
        assert np.array_equal(model.get_weights()[0], WEIGHTS["conv2d"]["conv2d/kernel:0"])

    def test_other_layers(self, tmp_path):
        model = Sequential([Flatten(input_shape=(8, 8, 2)), Dense(3)])
        before = model.get_weights()[0].copy()
        with pytest.raises(ValueError, match=r"w.h5: expected weights of 1 layers. Received: weights of 3"):
            model.load_weights(self.saved(tmp_path / "w.h5"))
        assert np.array_equal(model.get_weights()[0], before)

    def test_long_lists_of_names(self, tmp_path):
        x = Input((2,))
        y = x
        for number in range(100):
            y = Dense(2, name=f"{'a' * 800}_{number}")(y)  # together, the names are longer than an attribute may be
        model = Model(x, y)
        model.save(tmp_path / "m.h5")
        other = load_model(tmp_path / "m.h5")
        for one, two in zip(other.get_weights(), model.get_weights(), strict=True):
            assert np.array_equal(one, two)


def read_or_refused(path):
    load_model(path)
    raise ValueError(f"{path} does no harm")


def refused(path):
    """Reading such a file either works or raises a ValueError that names the file."""
    with pytest.raises(ValueError, match=re.escape(str(path))) as caught:
        read_or_refused(path)
    assert len(str(caught.value)) < 2000


class TestHostile:
    @pytest.fixture
    def path(self, tmp_path):
        return write(tmp_path / "m.h5", entry("Sequential", {"name": "sequential", "layers": chain()}))

    @pytest.mark.parametrize(
        "change",
        [
            lambda f: f.attrs.pop("model_config"),
            lambda f: f.attrs.__setitem__("model_config", "{"),
            lambda f: f.attrs.__setitem__("model_config", "[]"),
            lambda f: f.attrs.__setitem__("model_config", np.zeros(3)),
            lambda f: f.attrs.__setitem__("model_config", json.dumps(entry("Sequential", "x"))),
            lambda f: f.attrs.__setitem__("model_config", json.dumps(entry("Sequential", {"layers": [[], 1]}))),
            lambda f: f.attrs.__setitem__(
                "model_config", json.dumps(entry("Functional", {"layers": [{"config": {}}]}))
            ),
            lambda f: f.attrs.__setitem__("training_config", "[1]"),
            lambda f: f.attrs.__setitem__("training_config", json.dumps({"optimizer_config": entry("Adam", [])})),
            lambda f: f.attrs.__setitem__("training_config", json.dumps({"optimizer_config": entry("Evil", {})})),
            lambda f: f.pop("model_weights"),
            lambda f: f["model_weights"].pop("dense"),
            lambda f: f["model_weights"].attrs.pop("layer_names"),
            lambda f: f["model_weights"].attrs.__setitem__("layer_names", np.arange(3)),
            lambda f: f["model_weights/dense"].attrs.__setitem__("weight_names", [b"../dense", b"//"]),
            lambda f: f["model_weights/dense"].attrs.__setitem__("weight_names", [b"dense/kernel:0"]),
            lambda f: f["model_weights"].__setitem__("dense2", h5py.SoftLink("/model_weights/dense")),
        ],
    )
    def test_damage(self, path, change):
        with h5py.File(path, "a") as file:
            change(file)
        refused(path)

    def test_cut_and_flipped(self, path):
        content = path.read_bytes()
        rng = np.random.default_rng(0)
        for number in range(150):
            damaged = bytearray(content[: rng.integers(1, len(content))] if number % 3 == 0 else content)
            for place in rng.integers(0, len(damaged), 3):
                damaged[place] ^= 1 << rng.integers(0, 8)
            path.write_bytes(damaged)
            refused(path)
