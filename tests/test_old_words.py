"""What scripts for Keras 2 write and Keras 3 calls differently."""

import json
import pickle

import numpy as np
import pytest

from cnncore import Sequential, optimizers
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
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    with pytest.warns(DeprecationWarning, match="'val_acc' 'val_accuracy'"):
        assert history["val_acc"] == history["val_accuracy"]
    with pytest.warns(DeprecationWarning, match="'acc' 'accuracy'"):
        assert history.get("acc") == history["accuracy"]
    with pytest.raises(KeyError, match="'lr'"):
        history["lr"]
    assert history.get("lr", 5) == 5
    assert "acc" not in history
    assert type(pickle.loads(pickle.dumps(history))) is dict
    assert json.loads(json.dumps(history)) == history


def test_the_other_way_round():
    history = classifier(["acc"]).fit(X, Y, verbose=0).history
    assert list(history) == ["loss", "acc"]
    with pytest.warns(DeprecationWarning, match="'accuracy' 'acc'"):
        assert history["accuracy"] == history["acc"]


def test_callbacks_find_old_names(tmp_path):
    seen = []

    class Watch(Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(logs.get("acc"))

    checkpoint = ModelCheckpoint(str(tmp_path / "{epoch}-{val_acc:.2f}.safetensors"), monitor="val_acc")
    with pytest.warns(DeprecationWarning, match="The logs call"):
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
    with pytest.raises(ValueError, match=r"dense.*/kernel of shape \(4, 3\)"):
        Sequential([Dense(3, weights=[kernel.T, bias], input_shape=(4,))])


def test_what_tensorboard_does_not_write(recwarn):
    TensorBoard(profile_batch=0, embeddings_freq=0, embeddings_metadata=None, batch_size=32, write_grads=False)
    assert not recwarn
    with pytest.warns(UserWarning, match="nothing here for embeddings_data, write_grads"):
        TensorBoard(write_grads=True, embeddings_data=np.zeros((2, 2)))
    with pytest.raises(TypeError, match="unexpected arguments"):
        TensorBoard(histogram=1)
