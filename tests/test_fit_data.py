"""fit, evaluate and predict over every kind of data: arrays by order and name, other libraries, sources of batches."""

import threading

import numpy as np
import pytest

from batch_sources import batches, weights_of
from cnncore import Sequential, optimizers, preprocessing, utils
from cnncore.callbacks import LambdaCallback
from cnncore.layers import Dense, Flatten


class Batches(utils.PyDataset):
    def __init__(self, x, y, size=30, **options):
        super().__init__(**options)
        self.x, self.y, self.size, self.epochs, self.asked = x, y, size, 0, []

    def __len__(self):
        return -(-len(self.x) // self.size)

    def __getitem__(self, index):
        self.asked.append(index)
        part = slice(index * self.size, (index + 1) * self.size)
        return self.x[part], self.y[part]

    def on_epoch_end(self):
        self.epochs += 1


class KerasLike:
    """A source of batches without a base class, as old scripts write it."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return 4

    def __getitem__(self, index):
        part = slice(index * 30, (index + 1) * 30)
        return self.x[part], self.y[part]


class TestSourcesOfBatches:
    """Training on each source gives the same as training on arrays that are not shuffled."""

    @pytest.fixture
    def expected(self, make_model, stripes):
        model = make_model()
        history = model.fit(*stripes, batch_size=30, epochs=2, shuffle=False)
        return weights_of(model), history.history

    def check(self, model, history, expected):
        assert np.array_equal(weights_of(model), expected[0])
        assert history.history["loss"] == pytest.approx(expected[1]["loss"])
        assert history.history["accuracy"] == pytest.approx(expected[1]["accuracy"])

    def test_endless_generator(self, make_model, stripes, expected):
        model = make_model()
        self.check(model, model.fit(batches(*stripes, repeat=True), epochs=2, steps_per_epoch=4), expected)

    @pytest.mark.parametrize("workers", [0, 1])
    def test_py_dataset(self, make_model, stripes, expected, workers):
        model, data = make_model(), Batches(*stripes, workers=workers)
        self.check(model, model.fit(data, epochs=2, shuffle=False), expected)
        assert data.epochs == 2

    def test_several_workers_are_ahead_and_in_order(self, make_model, stripes, expected):
        class Slow(Batches):
            def __getitem__(self, index):
                started.append(index)
                everyone.wait(timeout=60)  # breaks unless both workers come here at the same time
                return super().__getitem__(index)

        started, everyone = [], threading.Barrier(2)
        model = make_model()
        data = Slow(*stripes, workers=2)
        everyone_free = threading.Thread(target=everyone.wait)  # for the first batch, which is looked at alone
        everyone_free.start()
        self.check(model, model.fit(data, epochs=2, shuffle=False), expected)
        everyone_free.join()
        assert sorted(started) == sorted([0, *range(4), *range(4)])

    def test_image_data_generator(self, make_model, stripes):
        flow = preprocessing.image.ImageDataGenerator(horizontal_flip=True).flow(*stripes, batch_size=30, seed=1)
        model = make_model()
        history = model.fit(flow, epochs=2, validation_data=flow)
        assert model.optimizer.iterations == 8
        assert len(history.history["val_loss"]) == 2

    def test_an_object_with_getitem_and_len(self, make_model, stripes, expected):
        model = make_model()
        self.check(model, model.fit(KerasLike(*stripes), epochs=2, shuffle=False), expected)

    def test_an_iterable_begins_again_for_each_epoch(self, make_model, stripes, expected):
        model = make_model()
        self.check(model, model.fit(AnyIterable(*stripes), epochs=2), expected)

    def test_data_loader(self, make_model, stripes, expected):
        torch = pytest.importorskip("torch")
        data = torch.utils.data.TensorDataset(*(torch.from_numpy(array) for array in stripes))
        model = make_model()
        self.check(model, model.fit(torch.utils.data.DataLoader(data, batch_size=30), epochs=2), expected)

    def test_batches_of_a_py_dataset_are_shuffled(self, make_model, stripes):
        data = Batches(*stripes, size=10)
        make_model().fit(data, epochs=2)
        first, second = data.asked[-24:-12], data.asked[-12:]
        assert sorted(first) == sorted(second) == list(range(12))
        assert first != second

    def test_weights_of_samples_and_classes(self, make_model, stripes):
        x, y = stripes
        weight = np.linspace(0, 2, len(x)).astype(np.float32)
        arrays, stream = make_model(), make_model()
        arrays.fit(x, y, batch_size=30, shuffle=False, sample_weight=weight, class_weight={1: 2.0})
        stream.fit(batches(x, y, weight=weight), class_weight={1: 2.0})
        assert np.array_equal(weights_of(arrays), weights_of(stream))

    def test_validation_evaluation_and_prediction(self, make_model, stripes):
        model = make_model()
        history = model.fit(*stripes, validation_data=Batches(*stripes)).history
        result = model.evaluate(*stripes)
        assert [history["val_loss"][0], history["val_accuracy"][0]] == pytest.approx(result)
        assert model.evaluate(batches(*stripes)) == pytest.approx(result)
        assert model.evaluate(batches(*stripes, repeat=True), steps=4) == pytest.approx(result)
        expected = model.predict(stripes[0])
        np.testing.assert_allclose(model.predict(Batches(*stripes)), expected, rtol=1e-6)
        np.testing.assert_allclose(model.predict(x for x, _ in batches(*stripes)), expected, rtol=1e-6)
        np.testing.assert_allclose(model.predict(batches(*stripes), steps=2), expected[:60], rtol=1e-6)

    def test_the_model_is_built_from_the_first_batch(self, stripes):
        model = Sequential([Flatten(), Dense(3, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(batches(stripes[0] / 255.0, stripes[1]))
        assert model.input_shape == (None, 8, 8, 1)
        assert model.optimizer.iterations == 4  # the batch that was looked at is trained on as well

    def test_only_as_many_batches_are_read_as_are_used(self, make_model, stripes):
        read = []

        def counted():
            for batch in batches(*stripes, repeat=True):
                read.append(1)
                yield batch

        make_model().fit(counted(), steps_per_epoch=3, epochs=2)
        assert len(read) == 6

    def test_steps_are_told_to_callbacks(self, make_model, stripes):
        seen = []
        callback = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(callback.params["steps"]))
        make_model().fit(Batches(*stripes), callbacks=[callback])
        make_model().fit(batches(*stripes), callbacks=[callback])
        make_model().fit(batches(*stripes), steps_per_epoch=2, callbacks=[callback])
        assert seen == [4, None, 2]


class AnyIterable:
    def __init__(self, x, y):
        self.data = x, y

    def __iter__(self):
        return batches(*self.data)


class TestOtherLibraries:
    def test_torch_tensors(self, make_model, stripes):
        torch = pytest.importorskip("torch")
        expected = make_model().fit(*stripes).history
        assert make_model().fit(torch.from_numpy(stripes[0]), torch.from_numpy(stripes[1])).history == expected
        x = torch.from_numpy(stripes[0].astype(np.float32)).requires_grad_()
        model = make_model()
        np.testing.assert_allclose(model.predict(x), model.predict(stripes[0]), rtol=1e-6)

    def test_pandas_frames(self):
        pandas = pytest.importorskip("pandas")
        rng = np.random.default_rng(0)
        frame = pandas.DataFrame(rng.random((60, 3)), columns=list("abc"))
        target = frame["a"] * 2 - frame["b"]
        first, second = (Sequential([Dense(1, input_shape=(3,))], seed=0) for _ in range(2))
        for model in (first, second):
            model.compile("sgd", "mse")
        expected = first.fit(frame.to_numpy(), target.to_numpy(), epochs=2).history
        assert second.fit(frame, target, epochs=2).history == expected

    @pytest.mark.parametrize("kind", ["csr_matrix", "coo_matrix", "csr_array"])
    def test_sparse_matrices(self, kind):
        sparse = getattr(pytest.importorskip("scipy.sparse"), kind)
        x, y = np.eye(6), np.eye(3)[[0, 1, 2, 0, 1, 2]]
        options = {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}, "validation_split": 0.5, "verbose": 0}
        results = []
        for made in (np.asarray, sparse):
            model = Sequential([Dense(3, activation="softmax", input_shape=(6,))], seed=0)
            model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
            history = model.fit(made(x), made(y), **options).history
            results.append((history, model.train_on_batch(made(x), made(y)), model.evaluate(made(x), made(y))))
            results[-1] += (model.predict(made(x)).tolist(),)
        assert results[0] == results[1]

    def test_only_dlpack(self, make_model, stripes):
        class Tensor:
            def __init__(self, array):
                self.array, self.shape = array, array.shape

            def __dlpack__(self, **options):
                return self.array.__dlpack__(**options)

            def __dlpack_device__(self):
                return self.array.__dlpack_device__()

        x = stripes[0].astype(np.float32)
        model = make_model()
        np.testing.assert_array_equal(model.predict(Tensor(x)), model.predict(x))

    def test_a_channel_axis_may_be_left_out_or_be_too_many(self, make_model, stripes):
        model = make_model()
        expected = model.predict(stripes[0])
        np.testing.assert_array_equal(model.predict(stripes[0][..., 0]), expected)
        np.testing.assert_array_equal(model.predict(stripes[0][..., None]), expected)
        vector = Sequential([Dense(1, input_shape=(1,))])
        assert vector.predict(np.zeros(5)).shape == (5, 1)

    def test_uint8_stays(self, make_model, stripes):
        """No copy of the data set is made: the network gets the array itself."""
        model = make_model()
        assert model._inputs(stripes[0], "fit")[0] is stripes[0]


class TestSteps:
    def test_steps_per_epoch_of_arrays(self, make_model, stripes):
        x, y = stripes
        some, all_of_them = make_model(), make_model()
        some.fit(x, y, batch_size=30, steps_per_epoch=2, shuffle=False)
        all_of_them.fit(x[:60], y[:60], batch_size=30, shuffle=False)
        assert np.array_equal(weights_of(some), weights_of(all_of_them))
        model = make_model()
        with pytest.warns(UserWarning, match=r"\[fit\] x ended after batch 2 of 3 of epoch 1, which ends there"):
            model.fit(x, y, batch_size=100, steps_per_epoch=3)
        assert model.optimizer.iterations == 2

    @pytest.mark.parametrize("shuffle", [False, True])
    def test_an_epoch_goes_on_where_the_one_before_ended(self, make_model, stripes, shuffle):
        """As in Keras: of 4 batches with 32, 32, 32 and 24 samples, 3 are an epoch, and the last one is the next."""
        seen = []

        def record(y_true, y_pred):
            seen.append(len(y_true))
            return y_true == y_pred.argmax(axis=1)

        x, y = stripes
        short, long = make_model(metrics=[record]), make_model()
        with pytest.warns(UserWarning, match="x ended after batch 1 of 3 of epoch"):
            short.fit(x, y, steps_per_epoch=3, epochs=6, shuffle=shuffle)
        long.fit(x, y, epochs=3, shuffle=shuffle)
        assert seen == [32, 32, 32, 24] * 3
        assert np.array_equal(weights_of(short), weights_of(long))

    def test_steps_of_evaluation_and_prediction(self, make_model, stripes):
        x, y = stripes
        model = make_model()
        assert model.evaluate(x, y, batch_size=25, steps=2) == pytest.approx(model.evaluate(x[:50], y[:50]))
        assert model.predict(x, batch_size=25, steps=2).shape == (50, 3)

    def test_validation_options(self, make_model, stripes):
        x, y = stripes
        model = make_model(optimizer=optimizers.SGD(0.0))
        history = model.fit(
            x, y, epochs=5, validation_data=(x, y), validation_steps=1, validation_batch_size=20, validation_freq=2
        ).history
        assert history["val_loss"] == [pytest.approx(model.evaluate(x[:20], y[:20])[0])] * 2
        history = model.fit(x, y, epochs=5, validation_split=0.5, validation_freq=[1, 5]).history
        assert len(history["val_loss"]) == 2
        with pytest.raises(ValueError, match="`validation_freq` >= 1"):
            model.fit(x, y, validation_split=0.5, validation_freq=0)

    def test_no_epochs(self, make_model, stripes):
        model = make_model()
        before = weights_of(model)
        history = model.fit(*stripes, epochs=0)
        assert history.history == {}
        assert np.array_equal(before, weights_of(model))
        assert model.history is history

    def test_batch_size_none_is_32(self, make_model, stripes):
        assert make_model().fit(*stripes, batch_size=None).params["steps"] == 4
