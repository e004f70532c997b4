"""Functions of ``keras.ops`` inside functional models, from Keras' files and to them."""

import json

import numpy as np
import pytest

import cnncore
from cnncore import Input, Model, saving

keras = pytest.importorskip("keras", reason="Keras is not installed")
pytest.importorskip("h5py", reason="h5py is not installed")

pytestmark = pytest.mark.filterwarnings("ignore")  # Keras' own, and logarithms of negative numbers

RNG = np.random.default_rng(0)
XS = [RNG.uniform(0.1, 0.9, (5, 4, 6, 3)).astype("float32") for _ in range(2)]
VECTOR, MATRIX = np.float32([0.2, 0.5, 0.7]), np.ones((3, 2), "float32")
ELEMENTWISE = (
    *("abs", "exp", "expm1", "log10", "log2", "rsqrt", "sin", "tan", "arcsin", "arctan", "sinh", "arcsinh", "sign"),
    *("floor", "trunc", "round", "negative", "reciprocal", "relu6", "gelu", "log_sigmoid", "hard_tanh", "hard_shrink"),
    *("soft_shrink", "sparse_plus", "sparse_sigmoid", "squareplus", "tanh_shrink", "erf", "isnan", "isfinite"),
    *("logical_not", "stop_gradient", "ones_like", "exp2", "deg2rad", "sinc", "tanh"),
)
REDUCTIONS = ("any", "all", "median", "logsumexp", "nansum", "nanmean", "amax", "ptp", "argmax", "norm", "prod")
BINARY = (
    "mod",
    "floor_divide",
    "arctan2",
    "logaddexp",
    "logical_xor",
    "equal",
    "fmax",
    "divide_no_nan",
    "power",
    "isclose",
)
OTHERS = {
    "moments": lambda o, x, y: o.moments(x, axes=[1, 2], keepdims=True)[1] + x,
    "split": lambda o, x, y: o.add(*o.split(x, 2, axis=1)),
    "second part": lambda o, x, y: o.split(x, [1, 3], axis=2)[1],
    "unstack": lambda o, x, y: o.unstack(x, axis=1)[2],
    "take": lambda o, x, y: o.take(x, [0, 2], axis=2),
    "diff": lambda o, x, y: o.diff(x, axis=1),
    "cumsum": lambda o, x, y: o.cumsum(x, axis=1),
    "select": lambda o, x, y: o.where(o.logical_and(x > 0.3, y < 0.8), x, 0.0),
    "einsum": lambda o, x, y: o.einsum("bijc,cd->bijd", x, MATRIX),
    "tensordot": lambda o, x, y: o.tensordot(x, MATRIX, axes=1),
    "pad": lambda o, x, y: o.pad(x, ((0, 0), (1, 1), (2, 0), (0, 0)), constant_values=3.0),
    "reflected": lambda o, x, y: o.pad(x, ((0, 0), (1, 1), (2, 0), (0, 0)), mode="reflect"),
    "stacked": lambda o, x, y: o.append(o.hstack([x, y]), o.hstack([y, x]), axis=1),
    "norm 1": lambda o, x, y: o.norm(x, ord=1, axis=-1, keepdims=True),
    "normalize": lambda o, x, y: o.normalize(x, axis=-1),
    "conv": lambda o, x, y: o.conv(x, np.ones((2, 2, 3, 4), "float32"), padding="same"),
    "pool": lambda o, x, y: o.max_pool(x, 2, strides=1, padding="same"),
    "depth_to_space": lambda o, x, y: o.depth_to_space(o.concatenate([x] * 4, -1), 2),
    "normalization": lambda o, x, y: o.nn.batch_normalization(x, VECTOR, VECTOR, -1, offset=VECTOR, scale=VECTOR),
    "layer normalization": lambda o, x, y: o.nn.layer_normalization(x, gamma=VECTOR, axis=-1, epsilon=1e-3),
    "rms": lambda o, x, y: o.rms_normalization(x, VECTOR, axis=-1),
    "crossentropy": lambda o, x, y: o.binary_crossentropy(x, y),
    "attention": lambda o, x, y: o.dot_product_attention(x, y, x),
    "patches": lambda o, x, y: o.image.extract_patches(x, (2, 2)),
    "gray": lambda o, x, y: o.image.rgb_to_grayscale(x),
    "trace": lambda o, x, y: o.trace(x, axis1=1, axis2=2),
    "average": lambda o, x, y: o.average(x, axis=-1, weights=VECTOR),
    "inverse": lambda o, x, y: o.det(x[:, :3, :3]) + 0 * x[:, 0, :3, 0],
    "names": lambda o, x, y: o.maximum(x1=o.mean(x=x, axis=2, keepdims=True), x2=o.clip(y, x_min=0.2, x_max=0.3)),
    "names of lists": lambda o, x, y: o.where(x > y, x1=o.concatenate(xs=[x, y], axis=3)[..., 1:4], x2=y),
}
ONLY_KERAS = {  # symbolic tensors do not have these here
    "top_k": lambda o, x, y: o.top_k(x, 2)[0],
    "cast": lambda o, x, y: o.take_along_axis(x, o.cast(o.floor(o.cast(x * 10, "int32") / 4), "int32"), axis=1),
    "nanmax": lambda o, x, y: o.nanmax(x, axis=1),
    "cumprod": lambda o, x, y: o.cumprod(x, axis=1),
    "one_hot": lambda o, x, y: o.one_hot(o.argmax(x, axis=-1), 4),
}


def results(ops, x, y, others):
    """A result of each function, by name."""
    found = {name: getattr(ops, name)(x - 0.2) for name in ELEMENTWISE}
    found |= {f"{name} of two": getattr(ops, name)(x, y) for name in BINARY}
    found |= {f"{name} of a number": getattr(ops, name)(0.5, x) for name in BINARY}
    found |= {f"{name} of an array": getattr(ops, name)(x, VECTOR) for name in BINARY}
    found |= {f"{name} of rows": getattr(ops, name)(x, axis=2, keepdims=True) for name in REDUCTIONS}
    return found | {name: function(ops, x, y) for name, function in others.items()}


def compare(first, second):
    assert first.keys() == second.keys()
    for name, y in first.items():
        np.testing.assert_allclose(np.float32(y), np.float32(second[name]), rtol=2e-5, atol=2e-5, err_msg=name)


@pytest.fixture(scope="module")
def of_keras():
    tensors = [keras.Input((4, 6, 3), name=name) for name in "ab"]
    return keras.Model(tensors, results(keras.ops, *tensors, OTHERS | ONLY_KERAS))


def test_keras_files_here_and_back(of_keras, tmp_path):
    of_keras.save(tmp_path / "k.keras")
    y = of_keras.predict(XS, verbose=0)
    ours = saving.load_model(tmp_path / "k.keras")
    compare(ours.predict(XS), y)
    ours.save(tmp_path / "o.keras")
    ours.save(tmp_path / "o.safetensors")
    compare(keras.models.load_model(tmp_path / "o.keras").predict(XS, verbose=0), y)
    for name in ("o.keras", "o.safetensors"):
        again = saving.load_model(tmp_path / name).predict(XS)
        assert all(np.array_equal(again[key], value, equal_nan=True) for key, value in ours.predict(XS).items())


def test_our_files_in_keras(tmp_path):
    tensors = [Input((4, 6, 3), name=name) for name in "ab"]
    ours = Model(tensors, results(cnncore.ops, *tensors, OTHERS))
    ours.save(tmp_path / "o.keras")
    again = saving.load_model(tmp_path / "o.keras").predict(XS)
    assert all(np.array_equal(again[key], value, equal_nan=True) for key, value in ours.predict(XS).items())
    compare(keras.models.load_model(tmp_path / "o.keras").predict(XS, verbose=0), ours.predict(XS))


def test_operations_of_files_train(tmp_path):
    x = keras.Input((4,))
    y = keras.ops.logsumexp(keras.layers.Dense(3)(x), axis=-1, keepdims=True)
    keras.Model(x, keras.ops.split(keras.ops.hstack([y, 2 * y]), 2, axis=1)[1]).save(tmp_path / "k.keras")
    model = saving.load_model(tmp_path / "k.keras")
    model.compile("sgd", "mse")
    data = RNG.random((16, 4), np.float32)
    losses = model.fit(data, np.full((16, 1), 3.0, np.float32), epochs=3, verbose=0).history["loss"]
    assert losses[2] < losses[0]


def test_activations_with_arguments(tmp_path):
    x = Input((4,))
    ours = Model(x, cnncore.ops.celu(cnncore.ops.gelu(cnncore.ops.hard_shrink(x, 0.1), approximate=True), 0.3))
    ours.save(tmp_path / "o.keras")
    data = RNG.normal(size=(5, 4)).astype("float32")
    np.testing.assert_allclose(
        keras.models.load_model(tmp_path / "o.keras").predict(data, verbose=0), ours.predict(data), atol=1e-6
    )


def test_words_of_numpy_and_of_keras():
    x = XS[0]
    np.testing.assert_array_equal(cnncore.ops.clip(x, x_max=0.5), np.clip(x, None, 0.5))
    np.testing.assert_array_equal(cnncore.ops.reshape(x, newshape=(5, -1)), x.reshape(5, -1))
    np.testing.assert_array_equal(cnncore.ops.pad(x=[1.0], pad_width=1, constant_values=2), [2, 1, 2])
    with pytest.raises(TypeError):
        cnncore.ops.add(x, x1=x, x2=x)


@pytest.mark.parametrize(("ord", "expected"), [(1, 7.0), (np.inf, 4.0), (-np.inf, 3.0), (0, 2.0), (3, 91 ** (1 / 3))])
def test_norms_of_vectors(ord, expected):  # noqa: A002 (Keras' name)
    assert float(cnncore.ops.norm(np.float32([3, -4]), ord=ord, axis=0)) == pytest.approx(expected)


@pytest.mark.parametrize("ord", [1, -1, np.inf, -np.inf])
def test_norms_of_matrices(ord):  # noqa: A002 (Keras' name)
    matrix = np.float32([[1, -2, 3], [4, 5, -7]])
    assert float(cnncore.ops.norm(matrix, ord=ord)) == np.linalg.norm(matrix, ord)


@pytest.mark.parametrize("ord", [0, 3])
def test_norms_that_only_vectors_have(ord):  # noqa: A002 (Keras' name)
    with pytest.raises(ValueError, match=r"\[norm\] expected `ord`"):
        cnncore.ops.norm(np.eye(2), ord=ord)


def test_operations_that_do_not_fit_are_refused(tmp_path, of_keras):
    config = json.loads(of_keras.to_json())
    for layer in config["config"]["layers"]:
        if layer["class_name"] == "TopK":
            layer["config"]["k"] = {"class_name": "function", "config": "os.system"}
    with pytest.raises(ValueError, match="expected operands that are tensors, arrays or numbers"):
        cnncore.models.model_from_json(json.dumps(config))
