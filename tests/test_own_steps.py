"""Classes with a ``train_step``, ``test_step`` or ``compute_metrics`` of their own, as Keras' guides write them."""

import numpy as np
import pytest

import cnncore
from cnncore import Input, Model, callbacks, layers, losses, metrics, ops

RNG = np.random.default_rng(2)
X, Y = RNG.random((40, 3), np.float32), RNG.random((40, 1), np.float32)


class Stepping(Model):
    def train_step(self, data):
        x, y, sample_weight = data if len(data) == 3 else (*data, None)
        with cnncore.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred, sample_weight=sample_weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=len(x))
            else:
                metric.update_state(y, y_pred, sample_weight=sample_weight)
        return {metric.name: metric.result() for metric in self.metrics}


class Untouched(Model):
    """Calls the steps of the base class."""

    def train_step(self, data):
        return super().train_step(data)

    def test_step(self, data):
        return super().test_step(data)


def made(cls, **kwargs):
    cnncore.utils.set_random_seed(1)
    x = Input((3,))
    hidden = layers.Dense(4, activation="tanh", kernel_regularizer=kwargs.pop("regularizer", None))(x)
    model = cls(x, layers.Dense(1)(hidden), seed=4)
    model.compile(**{"optimizer": "adam", "loss": "mse", "metrics": ["mae"]} | kwargs)
    return model


@pytest.mark.parametrize("cls", [Stepping, Untouched])
@pytest.mark.parametrize("regularizer", [None, "l1_l2"])
def test_the_same_as_the_core(cls, regularizer):
    own, core = made(cls, regularizer=regularizer), made(Model, regularizer=regularizer)
    arguments = {"epochs": 3, "batch_size": 8, "shuffle": False, "verbose": 0, "validation_data": (X[:9], Y[:9])}
    mine, expected = own.fit(X, Y, **arguments).history, core.fit(X, Y, **arguments).history
    assert list(mine) == list(expected)
    for name in expected:
        np.testing.assert_allclose(mine[name], expected[name], rtol=2e-4, err_msg=name)
    np.testing.assert_allclose(own.predict(X), core.predict(X), atol=1e-4)
    np.testing.assert_allclose(own.evaluate(X, Y, verbose=0), core.evaluate(X, Y, verbose=0), rtol=1e-4)


def test_weights_of_samples_and_classes():
    weight = RNG.random(40)
    own, core = made(Stepping), made(Model)
    for model in (own, core):
        model.fit(X, Y, sample_weight=weight, batch_size=10, shuffle=False, verbose=0)
    np.testing.assert_allclose(own.predict(X), core.predict(X), atol=1e-5)
    seen = []

    class Seeing(Model):
        def train_step(self, data):
            seen.append(data)
            return {"loss": 0.0}

    labels = np.tile([0, 1], 20)
    made(Seeing).fit(X, labels, class_weight={1: 5.0}, batch_size=40, shuffle=False, verbose=0)
    np.testing.assert_array_equal(seen[0][2], np.where(labels, 5.0, 1.0))


def test_what_a_step_is_given():
    seen = []

    class Seeing(Model):
        def train_step(self, data):
            seen.append(data)
            return {"loss": 1.0, "more": {"inner": np.float32(2)}}

    model = Seeing()
    model.compile()
    history = model.fit(np.arange(6, dtype=np.float64)[:, None], batch_size=4, shuffle=False, verbose=0)
    assert [len(batch) for batch in seen] == [4, 2]
    assert seen[0].dtype == np.float32
    assert seen[0].numpy().shape == (4, 1)
    assert history.history == {"loss": [1.0], "inner": [2.0]}
    seen.clear()
    model.fit(({"a": X}, Y) for _ in range(3))
    assert len(seen) == 3
    assert seen[0][0]["a"].shape == X.shape
    seen.clear()
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    first, second = (np.concatenate([x for x, _ in seen[i : i + 5]]) for i in (0, 5))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, X)
    np.testing.assert_array_equal(np.sort(first, axis=0), np.sort(X, axis=0))
    assert model.train_on_batch(X, Y, return_dict=True) == {"loss": 1.0, "inner": 2.0}


def test_a_pair_of_models_with_two_optimizers():
    class Pair(Model):
        def __init__(self, generator, judge):
            super().__init__()
            self.generator, self.judge = generator, judge
            self.mean = metrics.Mean(name="g_loss")
            self.built = True

        def compile(self, g_optimizer, d_optimizer, loss_fn):
            super().compile()
            self.g_optimizer, self.d_optimizer, self.loss_fn = g_optimizer, d_optimizer, loss_fn

        def train_step(self, real):
            noise = cnncore.random.normal((len(real), 2))
            both = np.concatenate([self.generator(noise), real])
            labels = np.repeat([[1.0], [0.0]], len(real), axis=0)
            with cnncore.GradientTape() as tape:
                d_loss = self.loss_fn(labels, self.judge(both))
            self.d_optimizer.apply(tape.gradient(d_loss, self.judge.trainable_weights), self.judge.trainable_weights)
            with cnncore.GradientTape() as tape:
                g_loss = self.loss_fn(np.zeros((len(real), 1)), self.judge(self.generator(noise)))
            weights = self.generator.trainable_weights
            self.g_optimizer.apply(tape.gradient(g_loss, weights), weights)
            self.mean.update_state(g_loss)
            return self.get_metrics_result()

    generator = cnncore.Sequential([Input((2,)), layers.Dense(3)])
    judge = cnncore.Sequential([Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(1)])
    pair = Pair(generator, judge)
    pair.compile("adam", "adam", losses.BinaryCrossentropy(from_logits=True))
    pair.g_optimizer = pair.d_optimizer = None
    pair.compile(cnncore.optimizers.Adam(), cnncore.optimizers.Adam(), losses.BinaryCrossentropy(from_logits=True))
    before = [model.get_weights() for model in (generator, judge)]
    history = pair.fit(X, epochs=2, verbose=0).history
    assert list(history) == ["g_loss"]
    assert len(history["g_loss"]) == 2
    for model, weights in zip((generator, judge), before, strict=True):
        assert all((new != old).any() for new, old in zip(model.get_weights(), weights, strict=True))


def test_evaluation_and_early_stopping():
    class Testing(Model):
        def test_step(self, data):
            x, y = data
            error = np.abs(np.asarray(self(x, training=False)) - y).max()
            return {"largest": error}

    model = made(Testing)
    expected = np.abs(model.predict(X) - Y)[-8:].max()
    assert model.evaluate(X, Y, batch_size=32, verbose=0) == pytest.approx(expected)
    assert model.test_on_batch(X[-8:], Y[-8:]) == pytest.approx(expected)
    stop = cnncore.callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: setattr(model, "stop_training", True))
    assert "val_largest" in model.fit(X, Y, epochs=5, callbacks=[stop], validation_split=0.25, verbose=0).history
    stepping = made(Stepping)
    stop = cnncore.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(stepping, "stop_training", epoch == 1)
    )
    history = stepping.fit(X, Y, epochs=5, callbacks=[stop], validation_split=0.25, verbose=0).history
    assert list(history) == ["loss", "mae", "val_loss", "val_mae"]
    assert len(history["loss"]) == 2


def test_metrics_say_the_result():
    class Measured(Model):
        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            return {**super().compute_metrics(x, y, y_pred, sample_weight), "rows": len(y)}

    model = made(Measured)
    history = model.fit(X, Y, verbose=0, validation_data=(X, Y)).history
    assert list(history) == ["loss", "mae", "rows", "val_loss", "val_mae", "val_rows"]
    plain = made(Model)
    plain.evaluate(X, Y, verbose=0)
    assert list(plain.get_metrics_result()) == ["mae"]


def test_results_of_equal_metrics_have_the_names_of_their_outputs():
    inputs = Input((3,))
    outputs = [layers.Dense(1, name=name)(inputs) for name in ("first", "second")]
    model = Model(inputs, outputs)
    model.compile("sgd", "mse", metrics=["mae", "mae"], weighted_metrics=["mae", []])
    x, y = np.ones((4, 3)), np.arange(4.0)[:, np.newaxis]
    logs = model.evaluate(x, [y, y - 9], return_dict=True, verbose=0)
    expected = {name: value for name, value in logs.items() if not name.endswith("loss")}
    assert list(expected) == ["first_mae", "first_weighted_mae", "second_mae"]
    assert model.get_metrics_result() == pytest.approx(expected)


def test_words_of_keras_2():
    class Old(Model):
        def train_step(self, data):
            x, y = data
            with cnncore.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compiled_loss(y, y_pred, regularization_losses=self.losses)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            self.compiled_metrics.update_state(y, y_pred)
            return {metric.name: metric.result() for metric in self.metrics}

    own, core = made(Old, regularizer="l2"), made(Model, regularizer="l2")
    with pytest.warns(DeprecationWarning, match="compiled_(loss|metrics)"):
        mine = own.fit(X, Y, verbose=0, shuffle=False).history
    expected = core.fit(X, Y, verbose=0, shuffle=False).history
    for name in expected:
        np.testing.assert_allclose(mine[name], expected[name], rtol=1e-4)


def test_steps_that_return_or_do_the_wrong_thing_are_named():
    class Silent(Model):
        def train_step(self, data):
            pass

    with pytest.raises(TypeError, match=r"\[Silent.train_step\] expected a dict of values"):
        made(Silent).fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="expected arrays of the same length"):
        made(Stepping).fit(X, Y[:3], verbose=0)
    with pytest.raises(ValueError, match="expected a compiled model"):
        Stepping(x := Input((3,)), layers.Dense(1)(x)).fit(X, Y)
    with pytest.raises(ValueError, match="only with arrays"):
        made(Stepping).fit(iter([(X, Y)]), validation_split=0.5)


def test_a_file_keeps_what_was_trained(tmp_path):
    model = made(Stepping)
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "model.keras")
    again = cnncore.saving.load_model(tmp_path / "model.keras", custom_objects={"Stepping": Stepping})
    np.testing.assert_array_equal(model.predict(X), again.predict(X))
    again.fit(X, Y, verbose=0)


@pytest.mark.parametrize("suffix", ["keras", "safetensors"])
def test_files_of_models_that_were_trained_in_a_loop_of_the_user(tmp_path, suffix):
    """The optimizer's state is that of a list of variables then, and is not written."""
    model = made(Model)
    with cnncore.GradientTape() as tape:
        loss = model.loss(Y, model(X, training=True))
    gradients = tape.gradient(loss, model.trainable_weights)
    model.optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
    model.save(tmp_path / f"model.{suffix}")
    np.testing.assert_array_equal(model.predict(X), cnncore.saving.load_model(tmp_path / f"model.{suffix}").predict(X))


def test_missing_gradients_are_named():
    model = made(Model)
    with cnncore.GradientTape() as tape:
        loss = model.layers[1](X)
    weights = model.trainable_weights
    with pytest.raises(ValueError, match=r"None for 2 of them, the first is dense.*kernel: the loss does not depend"):
        model.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))


def test_a_fit_that_was_killed_continues(tmp_path):
    """BackupAndRestore takes up a ``train_step`` at the batch at which it was interrupted."""

    class Stop(callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if self.model.optimizer.iterations == 7:
                raise RuntimeError("power failure")

    def trained(*more):
        cnncore.utils.set_random_seed(0)
        x = cnncore.Input((3,))
        model = Untouched(x, layers.Dense(1)(x))
        model.compile("adam", "mse")
        rng = np.random.default_rng(0)
        try:
            model.fit(rng.random((20, 3)), rng.random((20, 1)), batch_size=4, epochs=3, verbose=0, callbacks=[*more])
        except RuntimeError:
            return None
        return model

    whole = trained()
    assert trained(callbacks.BackupAndRestore(tmp_path / "b", save_freq=2), Stop()) is None
    again = trained(callbacks.BackupAndRestore(tmp_path / "b", save_freq=2))
    assert again.optimizer.iterations == whole.optimizer.iterations == 15
    for a, b in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("frequency", [0, "often"])
def test_a_frequency_of_validation_that_makes_no_sense(frequency):
    x = cnncore.Input((3,))
    model = Untouched(x, layers.Dense(1)(x))
    model.compile("adam", "mse")
    data = np.ones((4, 3)), np.ones((4, 1))
    with pytest.raises((TypeError, ValueError), match="validation_freq"):
        model.fit(*data, validation_data=data, validation_freq=frequency, verbose=0)


@pytest.mark.parametrize(
    ("x", "logs", "message"),
    [
        (np.ones((3, 4)), {"loss": "a"}, "expected numbers or arrays of numbers. Received: loss='a' of type str"),
        ("abc", {"loss": 1.0}, "expected arrays of numbers. Received: <U3"),
        (None, {"loss": 1.0}, "expected samples. Received: x=None"),
    ],
)
def test_what_steps_cannot_take_or_return(x, logs, message):
    class Own(cnncore.Model):
        def train_step(self, data):
            return logs

    inputs = cnncore.Input((4,))
    model = Own(inputs, cnncore.layers.Dense(1)(inputs))
    model.compile("sgd", "mse")
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(x, verbose=0)


# --- predict_step ---------------------------------------------------------------------------------------------------


class Classes(cnncore.Model):
    """Predicts classes and their probabilities, and counts its steps."""

    steps = 0

    def predict_step(self, data):
        self.steps += 1
        y = super().predict_step(data)
        return {"class": np.argmax(y, axis=-1), "p": ops.max(y, axis=-1)}


def test_predict_calls_predict_step():
    x = Input((6,))
    model = Classes(x, layers.Dense(3, activation="softmax")(layers.Dropout(0.5)(x)))
    values = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    expected = np.asarray(model(values))
    seen = []
    hooks = cnncore.callbacks.LambdaCallback(on_predict_batch_end=lambda index, logs: seen.append(logs["outputs"]))
    found = model.predict(values, batch_size=20, verbose=0, callbacks=[hooks])
    assert model.steps == 3
    assert [len(outputs["p"]) for outputs in seen] == [20, 20, 10]
    np.testing.assert_array_equal(found["class"], expected.argmax(axis=-1))
    np.testing.assert_allclose(found["p"], expected.max(axis=-1), rtol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(values)["p"], found["p"], rtol=1e-6)
    assert model.steps == 4
    np.testing.assert_array_equal(model.predict(zip([values], [values], strict=True))["class"], found["class"])
    assert len(model.predict(values, batch_size=10, steps=2)["p"]) == 20


def test_predict_step_must_return_arrays():
    class Wrong(cnncore.Model):
        def predict_step(self, data):
            return "nothing" if len(data) > 3 else 3.0

    x = Input((2,))
    model = Wrong(x, x)
    for count in (4, 2):
        with pytest.raises(TypeError, match=r"\[Wrong.predict_step\] expected arrays with the batch axis in front"):
            model.predict(np.ones((count, 2)))


def test_functions_of_one_step():
    x = Input((2,))
    model = cnncore.Model(x, layers.Dense(1)(x))
    model.compile("sgd", "mse")
    batch = np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)
    np.testing.assert_array_equal(model.make_predict_function()(iter([batch])), model(batch[0]))
    before = model.make_test_function()(iter([batch]))["loss"]
    model.make_train_function()(iter([batch]))
    assert model.make_test_function()(batch)["loss"] < before
    with pytest.warns(DeprecationWarning, match="make_predict_function"):
        model._make_predict_function()


def test_an_optimizer_that_was_built_for_variables_before_compile():
    """As in Keras' guides: ``optimizer.build(model.trainable_variables)``."""
    x = np.ones((4, 2), np.float32)
    models = [cnncore.Sequential([Input((2,)), layers.Dense(1, kernel_initializer="ones")]) for _ in range(2)]
    rates = []
    for model, builds in zip(models, (True, False), strict=True):
        optimizer = cnncore.optimizers.Adam(0.01)
        if builds:
            optimizer.build(model.trainable_variables)
        model.compile(optimizer, "mse")
        model.train_on_batch(x, x[:, :1])
        model.fit(x, x[:, :1], verbose=0)
        rates.append(model.get_weights()[0])
    np.testing.assert_array_equal(*rates)


def test_class_weights_are_not_those_of_the_validation_split():
    inputs = Input((3,))
    model = Stepping(inputs, layers.Dense(1, activation="sigmoid")(inputs))
    model.compile("sgd", "binary_crossentropy")
    labels = np.tile([0.0, 1.0], 20).astype(np.float32)[:, None]
    history = model.fit(X, labels, epochs=1, validation_split=0.25, class_weight={0: 9.0, 1: 1.0}, verbose=0).history
    assert history["val_loss"] == [pytest.approx(model.evaluate(X[30:], labels[30:]), rel=1e-5)]
    assert history["loss"][0] > 2 * history["val_loss"][0]


class OwnTest(Untouched):
    """Its evaluations are its own, too."""

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, y, y_pred, sample_weight)


class OwnTraining(Model):
    def train_step(self, data):
        return super().train_step(data)


@pytest.mark.parametrize("cls", [OwnTest, OwnTraining])
@pytest.mark.parametrize("options", [{"validation_data": (X, Y)}, {"validation_split": 0.5}])
def test_callbacks_hear_of_validation_and_averages_are_used(cls, options):
    """As in a model whose steps are those of the core."""

    class Heard(callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.calls = []

        def on_test_begin(self, logs=None):
            self.calls.append("begin")

        def on_test_batch_end(self, batch, logs=None):
            self.calls.append((batch, list(logs)))

        def on_test_end(self, logs=None):
            self.calls.append(("end", list(logs)))

    results = []
    for made_class in (cls, Model):
        cnncore.utils.set_random_seed(1)
        inputs = Input((3,))
        model = made_class(inputs, layers.Dense(1)(inputs))
        model.compile(cnncore.optimizers.SGD(0.3, use_ema=True, ema_momentum=0.9), "mse", metrics=["mae"])
        heard = Heard()
        swap = callbacks.SwapEMAWeights()
        history = model.fit(X, Y, batch_size=15, epochs=2, shuffle=False, verbose=0, callbacks=[heard, swap], **options)
        results.append((heard.calls, history.history, model.get_weights()))
    (calls, history, weights), (expected_calls, expected_history, expected_weights) = results
    assert calls == expected_calls
    assert calls.count("begin") == 2
    assert list(history) == list(expected_history)
    for name, values in history.items():
        np.testing.assert_allclose(values, expected_history[name], rtol=1e-5)
    for ours, expected in zip(weights, expected_weights, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)
