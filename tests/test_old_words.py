"""Words of scripts for Keras 2 that have another name in Keras 3."""

import json
import pickle

import numpy as np
import pytest

from cnncore import Model, Sequential, activations, layers, ops, optimizers
from cnncore import backend as K  # noqa: N812 (as scripts call it)
from cnncore.callbacks import Callback, EarlyStopping, ModelCheckpoint, TensorBoard
from cnncore.layers import BatchNormalization, Dense

X = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
Y = np.arange(32) % 3


def classifier(metrics=("accuracy",)):
    model = Sequential([Dense(3, activation="softmax", input_shape=(4,))])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=list(metrics))
    return model


def test_history_answers_to_old_names():
    model = classifier()
    history = model.fit(X, Y, validation_data=(X, Y), verbose=0).history
    assert list(history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    with pytest.warns(DeprecationWarning, match="no 'val_acc', but 'val_accuracy'"):
        assert history["val_acc"] == history["val_accuracy"]
    with pytest.warns(DeprecationWarning, match="no 'acc', but 'accuracy'"):
        assert history.get("acc") == history["accuracy"]
    with pytest.raises(KeyError, match="'lr'"):
        history["lr"]
    assert history.get("lr", 5) == 5
    assert "acc" not in history
    assert type(pickle.loads(pickle.dumps(history))) is dict
    assert json.loads(json.dumps(history)) == history


def test_the_other_way_round():
    history = classifier(["acc"]).fit(X, Y, verbose=0).history
    assert list(history) == ["acc", "loss"]
    with pytest.warns(DeprecationWarning, match="no 'accuracy', but 'acc'"):
        assert history["accuracy"] == history["acc"]


def test_callbacks_find_old_names(tmp_path):
    seen = []

    class Watch(Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(logs.get("acc"))

    checkpoint = ModelCheckpoint(str(tmp_path / "{epoch}-{val_acc:.2f}.safetensors"), monitor="val_acc")
    with pytest.warns(DeprecationWarning, match="The logs have no"):
        history = classifier().fit(
            X, Y, validation_data=(X, Y), callbacks=[Watch(), checkpoint, EarlyStopping("val_acc")], verbose=0
        )
    assert seen == history.history["accuracy"]
    assert [path.name for path in tmp_path.iterdir()] == [f"1-{history.history['val_accuracy'][0]:.2f}.safetensors"]


@pytest.mark.parametrize("name", ["adadelta", "adagrad", "adam", "adamax", "nadam", "rmsprop", "sgd"])
def test_optimizers_in_lower_case(name):
    with pytest.warns(DeprecationWarning, match=f"`optimizers.{name}`") as record:
        optimizer = getattr(optimizers, name)(lr=0.25)
    assert len(record) == 1
    assert record[0].filename == __file__
    assert type(optimizer).__name__.lower() == name
    assert float(optimizer.learning_rate) == 0.25


def test_weights_of_the_constructor():
    kernel, bias = np.arange(12.0).reshape(4, 3), np.ones(3)
    model = Sequential([Dense(3, weights=[kernel, bias], input_shape=(4,))])
    np.testing.assert_array_equal(model.layers[0].kernel, kernel)
    np.testing.assert_array_equal(model.layers[0].bias, bias)
    later = Dense(3, weights=[kernel, bias])
    later.build((None, 4))
    np.testing.assert_array_equal(later.kernel, kernel)
    assert "weights" not in later.get_config()
    statistics = [np.full(4, value, np.float32) for value in range(1, 5)]
    layer = BatchNormalization(weights=statistics)
    layer(X)
    np.testing.assert_array_equal(layer.get_weights(), statistics)
    with pytest.raises(ValueError, match=r"shape \(4, 3\) for dense.*/kernel"):
        Sequential([Dense(3, weights=[kernel.T, bias], input_shape=(4,))])


def test_what_tensorboard_does_not_write(recwarn):
    TensorBoard(profile_batch=0, embeddings_freq=0, embeddings_metadata=None, batch_size=32, write_grads=False)
    assert not recwarn
    with pytest.warns(UserWarning, match="nothing here for embeddings_data, write_grads"):
        TensorBoard(write_grads=True, embeddings_data=np.zeros((2, 2)))
    with pytest.raises(TypeError, match="unexpected arguments"):
        TensorBoard(histogram=1)


def test_one_optimizer_for_two_models():
    optimizer = optimizers.Adam(0.01, beta_1=0.5)
    inner = Sequential([Dense(1, activation="sigmoid", input_shape=(4,))])
    inner.compile(optimizer, "binary_crossentropy")
    inner.trainable = False
    outer = Sequential([Dense(4, input_shape=(4,)), inner])
    outer.compile(optimizer, "binary_crossentropy")
    inner.trainable = True
    labels = np.ones((32, 1))
    inner.train_on_batch(X, labels)
    with pytest.warns(UserWarning, match=r"Adam is in use by another model, so 'sequential.*' trains with a copy"):
        outer.train_on_batch(X, labels)
    inner.train_on_batch(X, labels)
    outer.fit(X, labels, verbose=0)
    assert inner.optimizer is optimizer
    assert outer.optimizer is not optimizer
    assert outer.optimizer.get_config() == optimizer.get_config()
    assert (int(inner.optimizer.iterations), int(outer.optimizer.iterations)) == (2, 2)


def test_classes_and_probabilities():
    model = classifier()
    with pytest.warns(DeprecationWarning, match=r"np.argmax\(model.predict"):
        np.testing.assert_array_equal(model.predict_classes(X), model.predict(X).argmax(axis=-1))
    with pytest.warns(DeprecationWarning, match="`predict_proba` is now called `predict`"):
        np.testing.assert_array_equal(model.predict_proba(X), model.predict(X))
    binary = Sequential([Dense(1, activation="sigmoid", input_shape=(4,))])
    with pytest.warns(DeprecationWarning, match="predict_classes"):
        np.testing.assert_array_equal(binary.predict_classes(X), binary.predict(X) > 0.5)


def test_grey_pictures(tmp_path):
    image = pytest.importorskip("PIL.Image")
    from cnncore.utils import img_to_array, load_img

    image.new("RGB", (5, 4), (10, 10, 10)).save(tmp_path / "grey.png")
    with pytest.warns(DeprecationWarning, match="color_mode"):
        assert img_to_array(load_img(tmp_path / "grey.png", grayscale=True)).shape == (4, 5, 1)


def test_weights_in_the_form_of_keras_2(tmp_path):
    h5py = pytest.importorskip("h5py")
    model, other = classifier(), classifier()
    with pytest.warns(DeprecationWarning, match=r"end in .weights.h5 today"):
        model.save_weights(tmp_path / "weights.h5")
    with h5py.File(tmp_path / "weights.h5") as file:
        assert len(file.attrs["layer_names"]) == 1
    other.load_weights(tmp_path / "weights.h5")
    for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("cls", "arguments", "today"),
    [
        ("Conv2D", {"filters": 3, "kernel_size": 2, "border_mode": "same"}, "'border_mode' .* Keras 1: .* 'padding'"),
        ("Dense", {"units": 2, "init": "uniform"}, "'kernel_initializer'"),
        ("Dropout", {"rate": 0.5, "p": 0.5}, "'rate'"),
    ],
)
def test_arguments_of_keras_1_are_named(cls, arguments, today):
    with pytest.raises(TypeError, match=today):
        getattr(layers, cls)(**arguments)


class TestBackend:
    @pytest.mark.parametrize(
        ("shapes", "axes", "formula"),
        [
            ([(4, 3), (4, 3)], 1, "bi,bi->b"),
            ([(4, 2, 3), (4, 3, 5)], (2, 1), "bij,bjk->bik"),
            ([(4, 2, 3), (4, 3, 5)], None, "bij,bjk->bik"),
            ([(4, 3, 2), (4, 3, 5)], (1, 1), "bji,bjk->bik"),
            ([(4, 3, 2), (4, 5, 2)], 2, "bij,bkj->bik"),
            ([(4, 3), (4, 3, 5)], (1, 1), "bj,bjk->bk"),
            ([(4, 2, 3), (4, 3)], (2, 1), "bij,bj->bi"),
        ],
    )
    def test_batch_dot(self, shapes, axes, formula):
        x, y = (np.random.default_rng(1).normal(size=shape) for shape in shapes)
        expected = np.einsum(formula, x, y)
        np.testing.assert_allclose(
            K.batch_dot(x, y, axes=axes), expected[:, np.newaxis] if expected.ndim == 1 else expected
        )

    def test_cross_entropy_trains(self):
        model = Sequential([Dense(3, activation="softmax", input_shape=(4,))])
        model.compile("adam", lambda true, pred: K.sparse_categorical_crossentropy(true, pred))
        expected = -np.log(model.predict(X)[np.arange(32), Y])
        np.testing.assert_allclose(K.sparse_categorical_crossentropy(Y, model.predict(X)), expected, rtol=1e-5)
        before = model.get_weights()[0]
        model.fit(X, Y, verbose=0)
        assert (model.get_weights()[0] != before).any()

    def test_small_functions(self):
        values = np.array([[1.0, 1000.0], [-1000.0, 2.0]])
        np.testing.assert_allclose(K.logsumexp(values, axis=1), [1000.0, 2.0])
        assert K.logsumexp(values, axis=1, keepdims=True).shape == (2, 1)
        assert K.learning_phase() == 0
        with pytest.warns(DeprecationWarning, match="no effect: write layer"):
            K.set_learning_phase(1)
        with K.name_scope("block") as name:
            assert name == "block"
        with pytest.raises(AttributeError, match="'placeholder': a tensor without values is made by `Input"):
            K.placeholder()
        with pytest.raises(AttributeError, match='Did you mean "softmax"'):
            K.softmx()


def test_a_layer_whose_config_has_no_name():
    class Scale(layers.Layer):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def call(self, x):
            return x * self.factor

        def get_config(self):
            return {"factor": self.factor}

    x = layers.Input((3,))
    model = Model(x, Dense(2)(Scale(2)(Scale(3)(x))))
    copy = Model.from_config(model.get_config(), custom_objects={"Scale": Scale})
    assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(copy.predict(X[:, :3]), model.predict(X[:, :3]))


def test_activation_of_a_number_and_metrics_of_an_unused_model():
    assert float(ops.sigmoid(np.float32(0))) == 0.5
    assert float(activations.relu(-2.0)) == 0.0
    model = Sequential([Dense(2)])
    model.compile("sgd", "mse", metrics=["mae"])
    model.reset_metrics()


@pytest.mark.parametrize("nest", [list, tuple])
def test_a_list_of_one_output_is_that_output(nest):
    x = layers.Input((4,))
    y = Dense(2)(x)
    model, plain = Model(nest([x]), nest([y])), Model(x, y)
    expected = plain.predict(X)
    np.testing.assert_array_equal(model.predict(X), expected)
    np.testing.assert_array_equal(model.predict(X, batch_size=5), expected)
    np.testing.assert_array_equal(model.predict_on_batch([X]), expected)
    assert model(X).numpy().shape == (32, 2)
    assert isinstance(model.output, nest)
    assert isinstance(Model(x, [y, x]).predict(X), list)
    assert set(Model(x, {"y": y}).predict(X)) == {"y"}


@pytest.mark.parametrize("draw", [K.random_normal, K.random_uniform])
def test_random_values_of_a_seed(draw):
    """The argument seed= was accepted and ignored."""
    assert np.array_equal(draw((8,), seed=3), draw((8,), seed=3))
    assert not np.array_equal(draw((8,), seed=3), draw((8,), seed=4))
    assert not np.array_equal(draw((8,)), draw((8,)))
    with pytest.raises(TypeError, match="unexpected keyword argument 'sead'"):
        draw((8,), sead=3)
