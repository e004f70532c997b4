"""fit, evaluate and predict over every kind of data: arrays by order and name, other libraries, sources of batches."""

import threading

import numpy as np
import pytest

from cnncore import Input, Model, Sequential, optimizers, preprocessing, utils
from cnncore.callbacks import LambdaCallback
from cnncore.layers import Dense, Flatten


def weights_of(model):
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


def batches(x, y, size=30, repeat=False, weight=None):
    """A generator of (x, y) or (x, y, sample_weight)."""
    while True:
        for start in range(0, len(x), size):
            part = slice(start, start + size)
            yield (x[part], y[part]) if weight is None else (x[part], y[part], weight[part])
        if not repeat:
            return


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


class TestSourcesThatFail:
    """The error names the batch, and the model keeps the weights of the last step."""

    def check(self, make_model, stripes, source, error, message, steps_done, **options):
        model, reference = make_model(), make_model()
        with pytest.raises(error, match=message):
            model.fit(source, **options)
        if steps_done:
            reference.fit(stripes[0][: 30 * steps_done], stripes[1][: 30 * steps_done], batch_size=30, shuffle=False)
        assert model.optimizer.iterations == steps_done
        assert np.array_equal(weights_of(model), weights_of(reference))

    def test_it_raises(self, make_model, stripes):
        def source():
            yield from list(batches(*stripes))[:2]
            raise OSError("the disk is gone")

        message = r"\[fit\] the data source failed at batch 3 of epoch 1: OSError: the disk is gone"
        self.check(make_model, stripes, source(), RuntimeError, message, 2)

    def test_it_ends_early(self, make_model, stripes):
        message = r"the data source ended after batch 4 of 5 of epoch 1. An iterator can be read once only"
        self.check(make_model, stripes, batches(*stripes), ValueError, message, 4, steps_per_epoch=5)

    def test_it_has_nothing_for_the_second_epoch(self, make_model, stripes):
        message = r"the data source ended after batch 0 of 4 of epoch 2"
        self.check(make_model, stripes, batches(*stripes), ValueError, message, 4, epochs=2)

    @pytest.mark.parametrize(
        ("change", "error", "message"),
        [
            (lambda x, y: (x[:, :7], y), ValueError, r"batch 2 of epoch 1 does not fit: .*=\(30, 7, 8, 1\)"),
            (lambda x, y: (x, y[:-1]), ValueError, "batch 2 of epoch 1 does not fit: .* x: 30, y: 29"),
            (lambda x, y: (x, y + 3), ValueError, "batch 2 of epoch 1 does not fit: .* labels"),
            (lambda x, y: (x, None), ValueError, "batch 2 of epoch 1 does not fit: .* y=None"),
            (lambda x, y: (x, y, y, y), ValueError, "batch 2 .* a tuple of 4"),
            (lambda x, y: (x.astype(str), y), TypeError, "batch 2 of epoch 1 .* real numbers"),
        ],
    )
    def test_a_batch_does_not_fit(self, make_model, stripes, change, error, message):
        def source():
            for index, (x, y) in enumerate(batches(*stripes)):
                yield change(x, y) if index == 1 else (x, y)

        self.check(make_model, stripes, source(), error, message, 1)

    @pytest.mark.parametrize("options", [{"y": np.zeros(4)}, {"sample_weight": np.ones(4)}, {"validation_split": 0.5}])
    def test_arguments_that_make_no_sense(self, make_model, stripes, options):
        name = next(iter(options))
        with pytest.raises(ValueError, match=rf"\[fit\] expected `{name}`"):
            make_model().fit(batches(*stripes), **options)

    def test_validation_data_has_a_name_of_its_own(self, make_model, stripes):
        def source():
            yield from list(batches(*stripes))[:1]
            raise OSError("the disk is gone")

        for data, error, message in [
            (source(), RuntimeError, r"the validation data failed at batch 2: OSError"),
            (batches(*stripes), ValueError, r"the validation data ended after batch 4 of 5\. An iterator"),
            (
                iter([(stripes[0], stripes[1] + 3)]),
                ValueError,
                "batch 1 of the validation data does not fit: .* labels",
            ),
        ]:
            steps = 5 if error is ValueError and "ended" in message else None
            with pytest.raises(error, match=message):
                make_model().fit(*stripes, validation_data=data, validation_steps=steps, verbose=0)

    def test_evaluation_has_no_epochs(self, make_model, stripes):
        with pytest.raises(ValueError, match=r"\[evaluate\] batch 1 does not fit: .* labels"):
            make_model().evaluate(iter([(stripes[0], stripes[1] + 3)]), verbose=0)

    def test_the_first_batch_does_not_fit(self, make_model, stripes):
        class Nothing:
            def __len__(self):
                return 2

            def __getitem__(self, index):
                return None

        with pytest.raises(ValueError, match=r"batch 1 does not fit: \[fit\] expected data for every input"):
            make_model().fit(Nothing())

    @pytest.mark.parametrize("data", [batches, dict])
    def test_data_that_was_not_called(self, make_model, data):
        with pytest.raises(TypeError, match=rf"Received: the (function|class) '{data.__name__}'. Call it"):
            make_model().fit(data)

    @pytest.mark.parametrize(
        ("setting", "error"),
        [({"workers": -1}, ValueError), ({"workers": "2"}, TypeError), ({"max_queue_size": 0}, ValueError)],
    )
    def test_settings_of_a_data_set(self, make_model, stripes, setting, error):
        class Data:
            def __len__(self):
                return 1

            def __getitem__(self, index):
                return stripes

        data = Data()
        vars(data).update(setting)
        with pytest.raises(error, match=rf"\[fit\] expected `{next(iter(setting))}`"):
            make_model().fit(data)

    def test_nothing_at_all(self, make_model):
        with pytest.raises(ValueError, match="at least one batch"):
            make_model().fit(iter([]))


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
        history = make_model().fit(x, y, batch_size=100, steps_per_epoch=3)
        assert history.model.optimizer.iterations == 3  # more than the data set has: it begins again

    @pytest.mark.parametrize("shuffle", [False, True])
    def test_an_epoch_goes_on_where_the_one_before_ended(self, make_model, stripes, shuffle):
        """As in Keras: 4 batches of 32, 32, 32 and 24 samples, 3 of them in an epoch."""
        seen = []

        def record(y_true, y_pred):
            seen.append(len(y_true))
            return y_true == y_pred.argmax(axis=1)

        x, y = stripes
        short, long = make_model(metrics=[record]), make_model()
        short.fit(x, y, steps_per_epoch=3, epochs=4, shuffle=shuffle)
        long.fit(x, y, epochs=3, shuffle=shuffle)
        assert seen == [96, 88, 88, 88]
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


class TestSeveralInputsAndOutputs:
    @pytest.fixture
    def data(self):
        rng = np.random.default_rng(0)
        left, right = rng.random((40, 3)), rng.random((40, 2)).astype(np.float32)
        return {"left": left, "right": right}, {"kind": rng.integers(0, 3, 40), "size": rng.random((40, 1))}

    def make(self, **options):
        from cnncore.layers import Concatenate

        left, right = Input((3,), name="left"), Input((2,), name="right")
        hidden = Dense(4, activation="tanh")(Concatenate()([left, right]))
        kind, size = Dense(3, activation="softmax", name="kind")(hidden), Dense(1, name="size")(hidden)
        model = Model([left, right], [kind, size], seed=0)
        model.set_weights([np.random.default_rng(1).random(w.shape) - 0.5 for w in model.get_weights()])
        arguments = {"loss": ["sparse_categorical_crossentropy", "mse"], "metrics": [["accuracy"], ["mae"]]}
        model.compile("sgd", **{**arguments, **options})
        return model

    def test_lists_and_dicts_mean_the_same(self, data):
        x, y = data
        expected = self.make().fit(list(x.values()), list(y.values()), epochs=2).history
        assert list(expected) == ["loss", "kind_loss", "size_loss", "kind_accuracy", "size_mae"]
        assert self.make().fit(x, y, epochs=2).history == expected
        reordered = dict(reversed(x.items())), dict(reversed(y.items()))
        assert self.make().fit(*reordered, epochs=2).history == expected
        assert self.make().fit(tuple(x.values()), y, epochs=2).history == expected

        def source():
            for _ in range(2):
                for start in range(0, 40, 32):
                    yield tuple({k: v[start : start + 32] for k, v in part.items()} for part in (x, y))

        model, arrays = self.make(), self.make()
        streamed = model.fit(source(), steps_per_epoch=2, epochs=2).history
        for name, values in arrays.fit(x, y, epochs=2, shuffle=False).history.items():
            assert streamed[name] == pytest.approx(values)

    def test_losses_and_metrics_by_name(self, data):
        expected = self.make().fit(*data).history
        losses = {"size": "mse", "kind": "sparse_categorical_crossentropy"}
        metrics = {"size": "mae", "kind": ["accuracy"]}
        assert self.make(loss=losses, metrics=metrics).fit(*data).history == expected

    def test_the_total_is_the_weighted_sum(self, data):
        for weights in ([1.0, 0.25], {"size": 0.25, "kind": 1.0}):
            model = self.make(loss_weights=weights)
            result = model.evaluate(*data, return_dict=True)
            assert result["loss"] == pytest.approx(result["kind_loss"] + 0.25 * result["size_loss"])
            step = model.train_on_batch(*data, return_dict=True)
            assert step["loss"] == pytest.approx(result["loss"], rel=1e-5)
            assert step["size_mae"] == pytest.approx(result["size_mae"], rel=1e-5)

    def test_order_of_results(self, data):
        model = self.make(weighted_metrics=[["accuracy"], ["mse"]])
        assert model.metrics_names == [
            "loss",
            "kind_loss",
            "size_loss",
            "kind_accuracy",
            "kind_weighted_accuracy",
            "size_mae",
            "size_mse",
        ]
        result = model.evaluate(*data, return_dict=True)
        assert list(result) == model.metrics_names
        assert model.evaluate(*data) == list(result.values())

    def test_names_that_occur_twice_are_counted(self, data):
        model = self.make(metrics=[["accuracy", "accuracy"], ["mae", "mse", "mae"]])
        names = ["kind_accuracy", "kind_accuracy_1", "size_mae", "size_mse", "size_mae_1"]
        assert model.metrics_names[3:] == names
        result = model.evaluate(*data, return_dict=True)
        assert result["size_mae"] == result["size_mae_1"]

    def test_an_output_without_a_loss_is_measured_only(self, data):
        model = self.make(loss={"kind": "sparse_categorical_crossentropy"}, metrics={"size": ["mae"]})
        history = model.fit(*data).history
        assert list(history) == ["loss", "kind_loss", "size_mae"]
        assert history["loss"] == history["kind_loss"]

    def test_weights_of_samples(self, data):
        x, y = data
        ones, half = np.ones(40), np.r_[np.full(20, 2.0), np.zeros(20)]
        first = {k: v[:20] for k, v in x.items()}, {k: v[:20] for k, v in y.items()}
        model = self.make()
        both = model.evaluate(x, y, sample_weight=half, return_dict=True)
        some = model.evaluate(*first, return_dict=True)
        assert both["loss"] == pytest.approx(some["loss"])
        one = model.evaluate(x, y, sample_weight={"kind": half, "size": ones}, return_dict=True)
        assert one["kind_loss"] == pytest.approx(some["kind_loss"])
        assert one["size_loss"] == pytest.approx(model.evaluate(x, y, return_dict=True)["size_loss"])
        with pytest.raises(ValueError, match="`class_weight` only for a model with one output"):
            model.fit(x, y, class_weight={0: 1.0})

    def test_predictions_have_the_structure_of_the_outputs(self, data):
        model = self.make()
        kind, size = model.predict(data[0])
        assert (kind.shape, size.shape) == ((40, 3), (40, 1))
        batch = model.predict_on_batch(list(data[0].values()))
        np.testing.assert_array_equal(batch[0], kind)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda x, y: (x["left"], y), r"`x` as a list of 2 arrays or a dict of them, for left, right"),
            (lambda x, y: ([x["left"]], y), r"`x` to have 2 arrays, for left, right. Received: 1"),
            (lambda x, y: ({"left": x["left"]}, y), "data for every input. Received: none for right"),
            (lambda x, y: ({**x, "rigth": x["right"]}, y), r'left, right. Did you mean "right"\? Received: \'rigth\''),
            (lambda x, y: (x, {"kind": y["kind"]}), "targets for every output. Received: none for size"),
            (lambda x, y: (x, [y["kind"], y["size"][:9]]), "expected x and y of size of the same length"),
        ],
    )
    def test_data_that_does_not_fit(self, data, change, message):
        with pytest.raises(ValueError, match=message):
            self.make().fit(*change(*data))

    def test_arguments_of_compile_that_do_not_fit(self):
        with pytest.raises(ValueError, match=r"keys of `loss` among kind, size.* Received: 'sise'"):
            self.make(loss={"kind": "mse", "sise": "mse"})
        with pytest.raises(ValueError, match="`loss` to have 2 arrays"):
            self.make(loss=["mse", "mse", "mse"])
        with pytest.raises(ValueError, match="`metrics`"):
            self.make(metrics={"knd": ["mae"]})
