"""What scripts for Keras write that is easily forgotten: old arguments and paths, small functions, missing modules."""

import importlib

import numpy as np
import pytest

import cnncore
from cnncore import backend, layers, ops, optimizers, saving
from cnncore.preprocessing import image

RNG = np.random.default_rng(0)


@pytest.fixture
def model():
    model = cnncore.Sequential([cnncore.Input((4,)), layers.Dense(3), layers.Dropout(0.9), layers.Dense(2)])
    model.compile("adam", "mse")
    model.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0)
    return model


@pytest.mark.filterwarnings("ignore:.*HDF5 files have no state of")
def test_save_without_the_optimizer(model, tmp_path):
    model.save(tmp_path / "model.h5", include_optimizer=False)
    assert not saving.load_model(tmp_path / "model.h5").compiled
    with pytest.warns(DeprecationWarning, match="save_format"):
        model.save(tmp_path / "all.h5", save_format="h5")
    assert saving.load_model(tmp_path / "all.h5").compiled
    with pytest.warns(DeprecationWarning, match="save_format"):
        model.save_weights(tmp_path / "all.weights.h5", save_format="h5")
    for name, save_format in (("model", "tf"), ("model.keras", "h5")):
        with pytest.raises(ValueError, match=r"\[save\] expected no `save_format`"):
            model.save(tmp_path / name, save_format=save_format)
    with pytest.raises(AttributeError, match="`to_json` describes a model"):
        model.to_yaml()


def test_function_with_a_learning_phase(model):
    x = np.ones((5, 4), np.float32)
    function = backend.function([model.input, backend.learning_phase()], [model.layers[1].output])
    hidden = backend.function(model.input, model.layers[0].output)(x)[0]
    np.testing.assert_allclose(function([x, 0])[0], hidden, rtol=1e-6)
    assert (function([x, 1])[0] == 0).any()
    assert (function([x])[0] != 0).all()


@pytest.mark.parametrize("name", ["Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Nadam", "RMSprop"])
def test_no_epsilon_is_the_default(name):
    assert getattr(optimizers, name)(epsilon=None).epsilon == getattr(optimizers, name)().epsilon


@pytest.mark.parametrize(
    ("path", "name"),
    [("adam_v2", "Adam"), ("gradient_descent_v2", "SGD"), ("rmsprop_v2", "RMSprop"), ("experimental", "AdamW")],
)
def test_old_paths_of_optimizers(path, name):
    with pytest.warns(DeprecationWarning, match=rf"cnncore.optimizers.{name} today"):
        assert getattr(getattr(optimizers, path), name) is getattr(optimizers, name)
    assert importlib.import_module(f"cnncore.optimizers.{path}") is getattr(optimizers, path)


def test_names_that_are_not_here_say_why():
    with pytest.raises(ValueError, match=r"Unknown optimizer 'schedulefreeadamw'. It is not available: use `AdamW`"):
        optimizers.get("schedulefreeadamw")
    with pytest.raises(ValueError, match=r"Unknown optimizer 'adan'. Did you mean"):
        optimizers.get("adan")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("applications.vgg16", "large networks"),
        ("applications.imagenet_utils", "small images are scaled"),
        ("utils.layer_utils", r"`model.summary\(\)` prints"),
        ("layers.cudnn_recurrent", "recurrent layers are in"),
    ],
)
def test_modules_that_are_not_here_say_why(path, message):
    with pytest.raises(ModuleNotFoundError, match=message) as raised:
        importlib.import_module(f"cnncore.{path}")
    assert raised.value.name == f"cnncore.{path}"
    with pytest.raises(ModuleNotFoundError, match=message):
        exec(f"from cnncore.{path} import anything")


def test_other_modules_are_not_explained():
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'cnncore.layers.nothing'$"):
        importlib.import_module("cnncore.layers.nothing")
    assert importlib.util.find_spec("cnncore.nothing") is None
    with pytest.raises(ImportError, match="of the layers for volumes, only"):
        exec("from cnncore.layers import UpSampling3D")


def test_flip_axis():
    np.testing.assert_array_equal(image.flip_axis(np.arange(6).reshape(1, 2, 3), 2), [[[2, 1, 0], [5, 4, 3]]])
    with pytest.raises(ValueError, match="flip_axis"):
        image.flip_axis(np.ones(3), 1)


def test_words_of_data_sets(pictures):
    images, labels = next(iter(pictures))
    assert images.numpy().shape == (4, 8, 8, 3)
    assert labels.numpy().shape == (4,)
    assert pictures.cardinality() == len(pictures) == 3
    singles = pictures.unbatch()
    assert [x.shape for x, _ in singles] == [(8, 8, 3)] * 10
    assert [len(x) for x, _ in singles.batch(3)] == [3, 3, 3, 1]
    assert [len(x) for x, _ in singles.batch(3, drop_remainder=True)] == [3, 3, 3]
    assert all(type(x) is np.ndarray for x, _ in pictures.as_numpy_iterator())


def test_data_sets_repeat(pictures):
    assert pictures.repeat() is pictures
    twice = pictures.take(2).repeat(2)
    assert len(twice) == twice.cardinality() == 4
    labels = [np.asarray(y).tolist() for _, y in twice]
    assert labels[:2] == labels[2:]
    assert len(pictures.repeat(3).skip(1)) == 3 * len(pictures) - 1


def test_mistakes_with_data_sets(pictures):
    with pytest.raises(ValueError, match="buffer_size"):
        pictures.shuffle(-1)
    with pytest.raises(ValueError, match="Received: batches of 4"):
        pictures.batch(2)
    with pytest.raises(ValueError, match="count"):
        pictures.repeat(-2)
    with pytest.raises(AttributeError, match=r"'element_spec': next\(iter\(dataset\)\) is a batch"):
        _ = pictures.element_spec
    with pytest.raises(AttributeError, match=r"no attribute 'nothing'$"):
        _ = pictures.nothing


def test_normalize_gives_rows_of_norm_one():
    x = RNG.normal(size=(3, 4)).astype(np.float32)
    np.testing.assert_allclose(np.linalg.norm(ops.normalize(x), axis=-1), 1, rtol=1e-6)
    np.testing.assert_allclose(np.abs(ops.normalize(x, axis=0, order=1)).sum(axis=0), 1, rtol=1e-6)
    np.testing.assert_array_equal(ops.normalize(np.zeros((2, 2), np.float32)), 0)
    with cnncore.GradientTape() as tape:
        watched = ops.convert_to_tensor(x)
        tape.watch(watched)
        y = ops.normalize(watched)
    gradient = tape.gradient(y, watched, output_gradients=np.asarray(y))
    np.testing.assert_allclose(gradient, 0, atol=1e-6)  # the length of a row does not matter


def test_loops_and_choices():
    assert ops.while_loop(lambda i, s: i < 4, lambda i, s: (i + 1, s + i), (0, 0)) == (4, 6)
    assert ops.while_loop(lambda i: True, lambda i: i + 1, 0, maximum_iterations=3) == 3
    assert ops.cond(np.bool_(False), lambda: 1, lambda: 2) == 2
    mapped = ops.vectorized_map(lambda pair: {"sum": pair[0] + pair[1]}, (np.arange(3), np.arange(3)))
    assert mapped["sum"].tolist() == [0, 2, 4]
    assert ops.in_top_k([2, 0], [[1.0, 3.0, 2.0], [0.0, 1.0, 2.0]], k=2).tolist() == [True, False]
    assert ops.amax(np.float32([1, 5])) == 5


def test_mistakes_with_functions():
    with pytest.raises(ValueError, match=r"\[slice\] expected a part inside"):
        ops.slice(np.ones((2, 2)), (1, 1), (2, 1))
    with pytest.raises(ValueError, match="labels in"):
        ops.in_top_k([3], [[1.0, 2.0]], k=1)
    with pytest.raises(ValueError, match="labels below 2"):
        ops.multi_hot([[2]], 2)
    with pytest.raises(ValueError, match=r"\[resize\] expected a result of at most 64 GiB"):
        ops.image.resize(np.ones((2, 8, 8, 3)), (10**6, 10**6))


def test_a_sum_in_place_after_a_tape():
    x = ops.convert_to_tensor(np.float32([1.0, 2.0]))
    with cnncore.GradientTape() as tape:
        tape.watch(x)
        y = x
        y += 1.0
        total = ops.sum(y * x)
    assert tape.gradient(total, x).tolist() == [3.0, 5.0]
    x += 1.0
    assert x.tolist() == [2.0, 3.0]


class Totals(layers.Layer):
    """Keras' guide to layers has this one: a result without the axis of the batch."""

    def __init__(self):
        super().__init__()
        self.total = self.add_weight(shape=(2,), initializer="zeros", trainable=False)

    def call(self, x, training=None):
        self.total.assign_add(ops.sum(x, axis=0))
        return self.total


def test_a_call_on_arrays_may_sum_over_the_batch():
    layer = Totals()
    for expected in (3.0, 6.0):
        np.testing.assert_array_equal(layer(np.ones((3, 2), np.float32)), expected)
    with pytest.raises(ValueError, match="batch axis in front"):
        layer(cnncore.Input((2,)))


class Penalized(layers.Layer):
    def call(self, x):
        self.add_loss(0.5 * ops.mean(ops.square(x)))
        return x


def test_losses_of_the_last_call():
    layer = Penalized()
    assert layer.losses == []
    for value in (2.0, 4.0):
        layer(np.full((3, 2), value, np.float32))
        assert layer.losses == [0.5 * value**2]
