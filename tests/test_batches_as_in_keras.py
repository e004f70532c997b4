"""Which batches epochs and evaluations have, and in which order logs are, compared with an installed Keras."""

import warnings

import numpy as np
import pytest

import cnncore


def batches_of_data(make_data, library):
    """For each epoch, the sizes of the batches of training and of evaluation, and the names of the history."""
    rng = np.random.default_rng(0)
    x, y = rng.random((50, 4)).astype("float32"), rng.integers(0, 3, 50)
    model = library.Sequential([library.Input((4,)), library.layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])

    epochs = []

    class Record(library.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.trained = self.tested = 0

        def on_train_batch_end(self, batch, logs=None):
            self.trained += 1

        def on_test_batch_end(self, batch, logs=None):
            self.tested += 1

        def on_epoch_end(self, epoch, logs=None):
            epochs.append((self.trained, self.tested, list(logs)))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        history = model.fit(**make_data(library, x, y), epochs=4, verbose=0, callbacks=[Record()])
    return epochs, list(history.history)


def a_data_set(library, x, y):
    class Data(library.utils.PyDataset):
        def __len__(self):
            return 5

        def __getitem__(self, index):
            return x[10 * index : 10 * index + 10], y[10 * index : 10 * index + 10]

    return Data()


def endless(x, y):
    while True:
        yield x[:5], y[:5]


CASES = {
    "steps": lambda library, x, y: {"x": x, "y": y, "batch_size": 5, "steps_per_epoch": 3},
    "all steps": lambda library, x, y: {"x": x, "y": y, "batch_size": 5, "steps_per_epoch": 10},
    "more steps": lambda library, x, y: {"x": x, "y": y, "batch_size": 5, "steps_per_epoch": 20},
    "data set": lambda library, x, y: {"x": a_data_set(library, x, y), "steps_per_epoch": 3},
    "more of a data set": lambda library, x, y: {"x": a_data_set(library, x, y), "steps_per_epoch": 7},
    "validation": lambda library, x, y: {"x": x, "y": y, "batch_size": 5, "validation_data": (x, y)},
    "split": lambda library, x, y: {"x": x, "y": y, "batch_size": 5, "validation_split": 0.5},
    "validation of a data set": lambda library, x, y: {"x": a_data_set(library, x, y), "validation_data": (x, y)},
    "its steps": lambda library, x, y: {
        **{"x": x, "y": y, "batch_size": 5, "validation_data": (x, y), "validation_steps": 3}
    },
    "steps of an endless one": lambda library, x, y: {
        **{"x": x, "y": y, "validation_data": endless(x, y), "validation_steps": 2}
    },
    "steps of a data set": lambda library, x, y: {
        **{"x": x, "y": y, "validation_data": a_data_set(library, x, y), "validation_steps": 7}
    },
}


@pytest.mark.parametrize("case", CASES)
def test_batches_are_those_of_keras(case):
    keras = pytest.importorskip("keras")
    assert batches_of_data(CASES[case], cnncore) == batches_of_data(CASES[case], keras)


@pytest.mark.parametrize("steps", [None, 1])
def test_steps_of_validation_count_batches_of_training(steps):
    """Nobody sees the batches here, but their number matters."""
    rng = np.random.default_rng(0)
    x, y = rng.random((50, 4)).astype("float32"), rng.random((50, 1)).astype("float32")
    model = cnncore.Sequential([cnncore.layers.Dense(1, input_shape=(4,))])
    model.compile(cnncore.optimizers.SGD(0.0), "mse")
    history = model.fit(x, y, batch_size=8, validation_data=(x, y), validation_steps=steps, verbose=0).history
    rows = 50 if steps is None else 8
    assert history["val_loss"][0] == pytest.approx(model.evaluate(x[:rows], y[:rows]))


def layers_that_mix_samples(library):
    """Layers in which a sample depends on its batch, or on how many batches there were."""
    ops = library.ops

    class Centred(library.layers.Layer):
        def call(self, x):
            return x - ops.mean(x, axis=0, keepdims=True)

    class Neighbours(library.layers.Layer):
        def call(self, x):
            return ops.matmul(ops.softmax(ops.matmul(x, ops.transpose(x))), x)

    class Counting(library.layers.Layer):
        def build(self, shape):
            self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, x):
            self.calls.assign(self.calls + 1.0)
            return x * self.calls

    return {
        "mean of a batch": Centred(),
        "neighbours": Neighbours(),
        "count of batches": Counting(),
        "lambda": library.layers.Lambda(lambda x: x - ops.mean(x, axis=0, keepdims=True)),
    }


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("kind", layers_that_mix_samples(cnncore))
@pytest.mark.parametrize("sizes", [4, None])
def test_batches_that_layers_see_are_those_of_keras(kind, sizes):
    """Here samples are computed 1,024 at a time by default, but not if that gives other results."""
    keras = pytest.importorskip("keras")
    rng = np.random.default_rng(0)
    x, y = rng.random((100, 4, 2)).astype("float32"), rng.random((100, 1)).astype("float32")
    results = []
    for library in (cnncore, keras):
        inputs = library.Input((sizes, 2))
        hidden = layers_that_mix_samples(library)[kind](library.layers.GlobalAveragePooling1D()(inputs))
        model = library.Model(inputs, library.layers.Dense(1, kernel_initializer="ones")(hidden))
        model.compile(library.optimizers.SGD(0.0), "mse")
        found = [model.predict(x, verbose=0), model.predict(x[:70], batch_size=20, verbose=0)]
        found.append(model.evaluate(x, y, verbose=0))
        history = model.fit(x, y, batch_size=40, validation_data=(x, y), shuffle=False, verbose=0).history
        results.append([*found, history["val_loss"], model.predict(x, verbose=0)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)


def test_own_steps_have_the_same_batches():
    """A class with a train_step of its own divides the data like any other, and sees each sample once in a pass."""
    seen = []

    class Own(cnncore.Sequential):
        def train_step(self, data):
            seen[-1].append(data[0][:, 0].tolist())
            return {"loss": 0.0}

    class NewEpoch(cnncore.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append([])

    model = Own([cnncore.layers.Dense(1, input_shape=(1,))])
    model.compile("sgd", "mse")
    x = np.arange(20, dtype="float32")[:, None]
    with pytest.warns(UserWarning, match="x ended after batch 1 of 3 of epoch"):
        model.fit(x, x, batch_size=5, steps_per_epoch=3, epochs=4, verbose=0, callbacks=[NewEpoch()])
    assert [[len(batch) for batch in epoch] for epoch in seen] == [[5, 5, 5], [5], [5, 5, 5], [5]]
    for first in (0, 2):
        samples = [sample for batch in seen[first] + seen[first + 1] for sample in batch]
        assert sorted(samples) == list(range(20))
    assert seen[0] != seen[2]


def test_a_batch_gives_its_own_loss_and_metrics():
    keras = pytest.importorskip("keras")
    x = np.arange(24, dtype="float32").reshape(8, 3) / 24
    results = []
    for library in (cnncore, keras):
        model = library.Sequential([library.Input((3,)), library.layers.Dense(2, kernel_initializer="ones")])
        model.compile(library.optimizers.SGD(0.0), "mse", metrics=["mae"])
        batches = [x[:4], 3 * x[4:], x[:4]]
        results.append([model.train_on_batch(batch, batch[:, :2]) for batch in batches])
        results[-1].append(model.test_on_batch(batches[1], batches[1][:, :2]))
    np.testing.assert_allclose(*results, rtol=1e-5)
    assert results[0][0] == results[0][2] != results[0][1]
