"""fit: what it computes, what it records, that it can be repeated, resumed and interrupted."""

import math

import numpy as np
import pytest

from cnncore import Sequential, TrainingError, losses, metrics, optimizers, utils
from cnncore.callbacks import Callback, LambdaCallback
from cnncore.layers import Conv2D, Dense, Dropout, Flatten
from cnncore.metrics.accuracy import AccuracyByShape
from cnncore.models.data.class_weights import weights_of_classes


def same_weights(a, b):
    return all(np.array_equal(u, v) for u, v in zip(a.get_weights(), b.get_weights(), strict=True))


def test_it_learns(make_model, stripes):
    model = make_model(optimizer=optimizers.Adam(0.01))
    history = model.fit(*stripes, batch_size=16, epochs=15)
    assert history.history["accuracy"][-1] > 0.95
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    assert history.epoch == list(range(15))
    assert model.evaluate(*stripes)[1] > 0.95


class TestLogs:
    def test_are_means_over_samples(self, make_model, stripes):
        """With a learning rate of zero, loss and metrics are those of evaluate, whatever the batches are."""
        x, y = stripes
        y = utils.to_categorical(y)
        options = {"loss": "categorical_crossentropy", "metrics": ["accuracy", "mae", metrics.MeanSquaredError()]}
        model = make_model(optimizer=optimizers.SGD(0.0), **options)
        expected = model.evaluate(x, y, return_dict=True)
        for batch_size in (7, 32, 500):
            history = model.fit(x, y, batch_size=batch_size).history
            assert list(history) == ["accuracy", "loss", "mae", "mean_squared_error"]
            assert {name: values[0] for name, values in history.items()} == pytest.approx(expected, rel=1e-5)

    def test_metrics_see_every_sample_once(self, make_model, stripes):
        """With more predictions than the buffer holds, the metric is updated several times."""
        seen = []

        def count(y_true, y_pred):
            seen.append(len(y_true))
            return y_true == y_pred.argmax(axis=1)

        x, y = np.tile(stripes[0], (900, 1, 1, 1)), np.tile(stripes[1], 900)
        model = make_model(optimizer=optimizers.SGD(0.0), metrics=[count])
        history = model.fit(x, y, batch_size=1000)
        assert len(seen) > 1
        assert sum(seen) == len(x)
        assert history.history["count"][0] == model.evaluate(x, y)[1]

    def test_validation_data(self, make_model, stripes):
        x, y = stripes
        model = make_model()
        history = model.fit(x[:90], y[:90], epochs=2, validation_data=(x[90:], y[90:])).history
        assert list(history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
        assert [history["val_loss"][-1], history["val_accuracy"][-1]] == model.evaluate(x[90:], y[90:])

    def test_validation_split_takes_the_end(self, make_model, stripes):
        x, y = stripes
        split, explicit = make_model(), make_model()
        a = split.fit(x, y, epochs=2, validation_split=0.25).history
        b = explicit.fit(x[:90], y[:90], epochs=2, validation_data=(x[90:], y[90:])).history
        assert a == b

    def test_weighted_validation(self, make_model, stripes):
        x, y = stripes
        model, weight = make_model(), np.linspace(0, 1, len(x))
        history = model.fit(x, y, validation_data=(x, y, weight)).history
        assert history["val_loss"][0] == pytest.approx(model.evaluate(x, y, sample_weight=weight)[0])


class TestRepeatability:
    def test_same_seed_same_bits(self, make_model, stripes):
        histories = [make_model(seed=3).fit(*stripes, epochs=3).history for _ in range(2)]
        assert histories[0] == histories[1]
        assert histories[0] != make_model(seed=4).fit(*stripes, epochs=3).history

    def test_epochs_in_one_go_or_one_by_one(self, make_model, stripes):
        together, apart = make_model(extra=[Dropout(0.3)]), make_model(extra=[Dropout(0.3)])
        together.fit(*stripes, epochs=3)
        for epoch in range(3):
            apart.fit(*stripes, epochs=epoch + 1, initial_epoch=epoch)
        assert same_weights(together, apart)

    def test_resuming_from_a_file_gives_the_same_bits(self, make_model, stripes, tmp_path):
        from cnncore.saving import load_model

        def new():
            schedule = optimizers.schedules.CosineDecay(0.01, decay_steps=20)
            return make_model(optimizer=optimizers.Adam(schedule), extra=[Dropout(0.3)])

        whole = new()
        whole.fit(*stripes, epochs=4)
        first = new()
        first.fit(*stripes, epochs=2)
        first.save(tmp_path / "model")
        second = load_model(tmp_path / "model")
        second.fit(*stripes, epochs=4, initial_epoch=2)
        assert same_weights(second, whole)
        assert not same_weights(first, whole)

    def test_every_epoch_has_its_own_order(self, stripes):
        orders = []
        x = np.arange(50, dtype=np.float32).reshape(50, 1)
        model = Sequential([Dense(1, input_shape=(1,))], seed=0)
        model.compile(optimizers.SGD(0.0), "mse", metrics=[lambda y_true, y_pred: orders.append(y_true) or y_pred])
        model.fit(x, x, epochs=2)
        model.fit(x, x, shuffle=False)
        first, second, plain = np.concatenate(orders).reshape(3, 50)  # each epoch has two batches
        assert not np.array_equal(first, second)
        assert np.array_equal(np.sort(first), x[:, 0])
        assert np.array_equal(np.sort(second), x[:, 0])
        assert np.array_equal(plain, x[:, 0])


class TestData:
    @pytest.mark.parametrize(
        "convert",
        [
            lambda x: x.astype(np.float32),
            lambda x: x.astype(np.float64),
            lambda x: x.astype(np.int16),
            lambda x: np.asfortranarray(x.astype(np.float32)),
            lambda x: np.repeat(x.astype(np.float32), 2, axis=1)[:, ::2],
            lambda x: x[..., 0],
        ],
    )
    def test_images_of_all_kinds(self, make_model, stripes, convert):
        x, y = stripes
        expected = make_model().fit(x, y).history["loss"]
        assert make_model().fit(convert(x), y).history["loss"] == pytest.approx(expected, rel=1e-5)

    def test_read_only_data(self, make_model, stripes):
        x, y = (array.copy() for array in stripes)
        expected = make_model().fit(x, y).history
        x.flags.writeable = y.flags.writeable = False
        assert make_model().fit(x, y).history == expected

    @pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.int64, np.uint64, np.float32])
    @pytest.mark.parametrize("column", [False, True])
    def test_labels_of_all_kinds(self, make_model, stripes, dtype, column):
        x, y = stripes
        expected = make_model().fit(x, y).history
        labels = y.astype(dtype)[:, None] if column else y.astype(dtype)
        assert make_model().fit(x, labels).history == expected

    def test_one_hot_labels(self, make_model, stripes):
        x, y = stripes
        sparse = make_model().fit(x, y).history
        one_hot = make_model(loss="categorical_crossentropy").fit(x, utils.to_categorical(y)).history
        assert one_hot["loss"] == pytest.approx(sparse["loss"], rel=1e-6)
        assert one_hot["accuracy"] == sparse["accuracy"]

    def test_regression_on_a_column(self):
        """Y of shape (n,) fits an output of shape (1,), as in Keras; least squares is found."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((200, 3))
        y = x @ [1.0, -2.0, 0.5] + 3.0
        model = Sequential([Dense(1, input_shape=(3,))])
        model.compile(optimizers.SGD(0.1), loss="mse", metrics=["mae"])
        history = model.fit(x, y, epochs=40).history
        np.testing.assert_allclose(model.layers[0].kernel[:, 0], [1.0, -2.0, 0.5], atol=1e-3)
        assert model.layers[0].bias.item() == pytest.approx(3.0, abs=1e-3)
        assert history["mae"][-1] < 1e-3


class TestWeighting:
    def test_sample_weight_of_zero_leaves_out(self, make_model, stripes):
        """Weights 2 and 0 over pairs of equal batches are the mean over the first halves."""
        x, y = stripes
        weight = np.r_[np.full(60, 2.0), np.zeros(60)]
        weighted, half = make_model(), make_model()
        weighted.fit(x, y, batch_size=120, sample_weight=weight, shuffle=False)
        half.fit(x[:60], y[:60], batch_size=60, shuffle=False)
        for a, b in zip(weighted.get_weights(), half.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)

    def test_class_weight_is_a_sample_weight(self, make_model, stripes):
        x, y = stripes
        by_class, by_sample, by_both = make_model(), make_model(), make_model()
        by_class.fit(x, y, class_weight={0: 0.5, 2: 3.0})
        by_sample.fit(x, y, sample_weight=np.array([0.5, 1.0, 3.0])[y])
        by_both.fit(x, y, class_weight={0: 0.5}, sample_weight=np.array([1.0, 1.0, 3.0])[y])
        assert same_weights(by_class, by_sample)
        assert same_weights(by_class, by_both)
        one_hot = make_model(loss="categorical_crossentropy")
        one_hot.fit(x, utils.to_categorical(y), class_weight={0: 0.5, 2: 3.0})
        assert same_weights(by_class, one_hot)

    def test_class_weight_holds_for_training_only(self, make_model, stripes):
        x, y = stripes
        x, y = x[:100], y[:100]
        weighted, parts = (make_model(optimizer=optimizers.SGD(0.0), weighted_metrics=["accuracy"]) for _ in range(2))
        part = weighted.fit(x, y, validation_split=0.2, class_weight={0: 9.0}, verbose=0).history
        given = parts.fit(
            x[:80], y[:80], validation_data=(x[80:], y[80:]), class_weight={0: 9.0}, verbose=0
        ).history  # validation data of their own have no class weights
        assert part == given
        assert part["val_loss"] == [pytest.approx(weighted.evaluate(x[80:], y[80:], return_dict=True)["loss"])]

    @pytest.mark.parametrize("shape", [(4,), (4, 1)])
    def test_the_class_of_a_target_that_is_not_whole_is_the_nearest(self, shape):
        """As in Keras: 0.9, a smoothed 1, has the weight of class 1."""
        targets = np.array([0.1, 0.9, 1.0, 0.0], np.float32).reshape(shape)
        assert weights_of_classes({1: 5.0}, targets, (1,), "fit").tolist() == [1.0, 5.0, 5.0, 1.0]


class TestNonFiniteLoss:
    def make(self, **options):
        model = Sequential([Conv2D(2, 3, input_shape=(8, 8, 1)), Flatten(), Dense(3, activation="softmax")], seed=0)
        model.compile(loss="sparse_categorical_crossentropy", **options)
        return model

    def test_weights_stay_those_before_the_step(self, stripes):
        x, y = stripes[0].astype(np.float32), stripes[1]
        x[64:96] = np.nan
        model, reference = self.make(), self.make()
        with pytest.raises(TrainingError, match=r"nan in epoch 1, step 3: .* 'input' is not finite") as caught:
            model.fit(x, y, shuffle=False)
        assert (caught.value.epoch, caught.value.step) == (1, 3)
        assert math.isnan(caught.value.loss)
        assert isinstance(caught.value, ValueError)
        reference.fit(x[:64], y[:64], shuffle=False)
        assert same_weights(model, reference)
        assert model.optimizer.iterations == 2
        model.fit(x[:64], y[:64])  # and the model can be trained on
        assert np.isfinite(model.predict(x[:64])).all()

    def test_the_layer_is_named(self, stripes):
        model = self.make()
        model.layers[2].kernel[0, 0] = np.inf
        with pytest.raises(TrainingError, match=r"epoch 1, step 1: the output of layer 'dense\w*' is not finite"):
            model.fit(*stripes)

    def test_weights_of_samples_are_named(self, stripes):
        with pytest.raises(TrainingError, match=r"all predictions are finite, but .* is not"):
            self.make().fit(*stripes, sample_weight=np.full(120, np.nan))

    def test_on_a_batch(self, stripes):
        model = self.make()
        before = model.get_weights()
        with pytest.raises(TrainingError, match="step 1"):
            model.train_on_batch(np.full((4, 8, 8, 1), np.inf), [0, 1, 2, 0])
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


class TestInterruption:
    def test_control_c_leaves_the_weights_of_the_last_step(self, make_model, stripes):
        def interrupt(batch, logs):
            if batch == 1:
                raise KeyboardInterrupt

        model, reference = make_model(), make_model()
        with pytest.raises(KeyboardInterrupt):
            model.fit(*stripes, shuffle=False, callbacks=[LambdaCallback(on_train_batch_end=interrupt)], verbose=1)
        reference.fit(stripes[0][:64], stripes[1][:64], shuffle=False)
        assert same_weights(model, reference)
        model.fit(*stripes)
        assert model.optimizer.iterations == 2 + 4

    def test_stop_training_ends_after_the_batch(self, make_model, stripes):
        class Stop(Callback):
            def on_train_batch_end(self, batch, logs=None):
                self.model.stop_training = batch == 2

        model = make_model()
        history = model.fit(*stripes, epochs=5, callbacks=[Stop()])
        assert history.epoch == [0]
        assert model.optimizer.iterations == 3


class TestOwnOptimizer:
    class Descent(optimizers.Optimizer):
        def update(self, params, grads, step):
            velocity = self.state.setdefault("velocity", np.zeros_like(params))
            velocity *= np.float32(0.9)
            velocity -= np.float32(self.learning_rate) * grads
            params += velocity
            self.seen = step

    def test_it_equals_the_built_in_one(self, make_model, stripes):
        own, built_in = self.Descent(0.05), optimizers.SGD(0.05, momentum=0.9)
        a, b = make_model(optimizer=own), make_model(optimizer=built_in)
        a.fit(*stripes, epochs=2)
        b.fit(*stripes, epochs=2)
        assert own.seen == own.iterations == built_in.iterations == 8
        for u, v in zip(a.get_weights(), b.get_weights(), strict=True):
            np.testing.assert_allclose(u, v, rtol=1e-4, atol=1e-6)

    def test_schedules_work_too(self, make_model, stripes):
        rates = []

        class Recorder(self.Descent):
            def update(self, params, grads, step):
                rates.append(self.learning_rate)

        make_model(optimizer=Recorder(lambda step: 1.0 / (1 + step))).fit(*stripes)
        assert rates == [1.0, 1 / 2, 1 / 3, 1 / 4]


def test_learning_rate_can_be_assigned(make_model, stripes):
    model = make_model()
    model.fit(*stripes)
    before = model.get_weights()
    model.optimizer.learning_rate = 0.0
    model.fit(*stripes)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert model.optimizer.learning_rate == 0.0


def test_the_network_is_built_from_the_first_data(stripes):
    model = Sequential([Flatten(), Dense(3, activation="softmax")])
    model.compile(loss=losses.SparseCategoricalCrossentropy())
    model.fit(stripes[0] / 255, stripes[1])
    assert model.input_shape == (None, 8, 8, 1)


@pytest.mark.parametrize(
    ("loss", "outputs", "expected"),
    [
        ("sparse_categorical_crossentropy", 3, metrics.SparseCategoricalAccuracy),
        ("categorical_crossentropy", 3, metrics.CategoricalAccuracy),
        ("mse", 3, AccuracyByShape),
        ("mse", 1, metrics.BinaryAccuracy),
    ],
)
def test_accuracy_means_what_fits_the_loss(loss, outputs, expected):
    model = Sequential([Dense(outputs, activation="softmax" if outputs > 1 else "sigmoid", input_shape=(2,))])
    model.compile(loss=loss, metrics=["accuracy", "acc"])
    assert [type(metric) for metric in model.metrics] == [expected, expected]
    assert model.metrics_names == ["loss", "accuracy", "acc"]
