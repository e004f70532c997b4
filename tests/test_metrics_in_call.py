"""Metrics that layers and models update in their ``call``, and models whose ``call`` runs in Python as a whole."""

import numpy as np
import pytest

import cnncore
from cnncore.graph.tensor import NotTraceableError

keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
RNG = np.random.default_rng(5)
X, Y = RNG.random((22, 4), np.float32), RNG.random((22, 3), np.float32)


def tracking_layer(k):
    class Tracking(k.layers.Layer):
        def __init__(self):
            super().__init__()
            self.spread = k.metrics.Mean(name="spread")
            self.parts = [k.metrics.Mean(name="positive")]

        def call(self, x):
            self.spread.update_state(k.ops.std(x))
            self.parts[0].update_state(k.ops.cast(x > 0, "float32"))
            return x

    return k.Sequential([k.Input((4,)), k.layers.Dense(5), Tracking(), k.layers.Dense(3)])


def tracking_model(k):
    class Tracking(k.Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = k.layers.Dense(5, activation="tanh"), k.layers.Dense(3)
            self.size = k.metrics.Mean(name="size")

        def call(self, x):
            h = self.first(x)
            size = k.ops.mean(k.ops.sum(k.ops.square(h), axis=1))
            self.add_loss(0.1 * size)
            self.size.update_state(size)
            return self.second(h)

    return Tracking()


def assigning_model(k):
    class Centred(k.Model):
        def __init__(self):
            super().__init__()
            self.first, self.drop, self.second = k.layers.Dense(5), k.layers.Dropout(0.0), k.layers.Dense(3)
            self.centre = self.add_weight(shape=(5,), initializer="zeros", trainable=False, name="centre")

        def call(self, x, training=False):
            h = self.drop(self.first(x), training=training)
            if training:
                self.centre.assign(0.5 * self.centre + 0.5 * k.ops.mean(h, axis=0))
            return self.second(h - self.centre)

    return Centred()


def losses_inside(k):
    class Penalty(k.layers.Layer):
        def call(self, x):
            self.add_loss(0.3 * k.ops.mean(k.ops.square(x)))
            return x

    class Outer(k.Model):
        def __init__(self):
            super().__init__()
            self.first, self.penalty = k.layers.Dense(5, kernel_regularizer="l2"), Penalty()
            self.second, self.seen = k.layers.Dense(3), k.metrics.Mean(name="seen")

        def call(self, x):
            h = self.penalty(self.first(x))
            self.seen.update_state(k.ops.max(h))
            return self.second(h)

    return Outer()


def fitted(k, make):
    model = make(k)
    model.compile(k.optimizers.SGD(0.1), "mse", metrics=["mae"])
    model.predict(X[:2], verbose=0)
    values = np.random.default_rng(1)
    model.set_weights([values.normal(0, 0.5, w.shape).astype(np.float32) for w in model.get_weights()])
    history = model.fit(X, Y, batch_size=6, epochs=2, shuffle=False, verbose=0, validation_data=(X[:8], Y[:8]))
    evaluated = model.evaluate(X, Y, batch_size=10, verbose=0, return_dict=True)
    batch = model.train_on_batch(X[:7], Y[:7], return_dict=True) if k is cnncore else None
    return history.history, evaluated, model, batch


@pytest.mark.parametrize("make", [tracking_layer, tracking_model, assigning_model, losses_inside])
def test_training_equals_that_of_keras(make):
    (ours, mine, model, _), (theirs, other, reference, _) = (fitted(k, make) for k in (cnncore, keras))
    assert ours.keys() == theirs.keys()
    assert mine.keys() == other.keys()
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, err_msg=name)
    for name in mine:
        np.testing.assert_allclose(mine[name], other[name], rtol=1e-4, err_msg=name)
    assert len(model.weights) == len(model.get_weights())
    assert [layer.name for layer in model.layers] == [layer.name for layer in model.layers if layer.name != model.name]
    reference.set_weights(model.get_weights())  # after a further step, without the metrics of Keras
    np.testing.assert_allclose(model.predict(X, verbose=0), reference.predict(X, verbose=0), rtol=1e-3, atol=1e-5)


def test_a_batch_and_the_names_of_the_values():
    _, _, model, batch = fitted(cnncore, tracking_layer)
    assert model.metrics_names == ["loss", "mae", "spread", "positive"]
    assert list(batch) == sorted(model.metrics_names)
    tracking = model.layers[1]
    assert [metric.name for metric in tracking.metrics] == ["spread", "positive"]
    hidden = model.layers[0](X[:7]).numpy()
    assert model.test_on_batch(X[:7], Y[:7], return_dict=True)["spread"] == pytest.approx(hidden.std(), rel=1e-5)


def test_the_mean_is_that_of_batches_as_in_keras():
    """The default sizes of batches are those of Keras where a metric of a call may depend on them."""
    ours, theirs = (tracking_layer(k) for k in (cnncore, keras))
    theirs.set_weights(ours.get_weights())
    many, targets = np.tile(X, (3, 1)) * np.arange(66)[:, None], np.zeros((66, 3))
    for model in (ours, theirs):
        model.compile(loss="mse")
    logs, reference = (model.evaluate(many, targets, verbose=0, return_dict=True) for model in (ours, theirs))
    assert logs["spread"] == pytest.approx(reference["spread"], rel=1e-5)
    history = ours.fit(many, targets, batch_size=22, epochs=1, verbose=0, validation_split=0.5)
    assert history.history["val_spread"][0] == pytest.approx(
        np.mean([ours.layers[0](part).numpy().std() for part in (many[33:55], many[55:])]), rel=1e-5
    )


def test_metrics_of_layers_are_in_steps_of_ones_own():
    class Own(cnncore.Model):
        def train_step(self, data):
            return super().train_step(data)

    inner = tracking_layer(cnncore)
    model = Own(inner.inputs, inner.outputs)
    model.compile("sgd", "mse")
    logs = model.fit(X, Y, batch_size=22, epochs=1, verbose=0).history
    assert set(logs) == {"loss", "spread", "positive"}
    assert logs["spread"][0] > 0


def test_a_metric_of_compile_that_is_an_attribute_is_reported_once():
    model = cnncore.Sequential([cnncore.Input((4,)), cnncore.layers.Dense(3)])
    model.kept = cnncore.metrics.MeanAbsoluteError(name="error")
    model.compile("sgd", "mse", metrics=[model.kept])
    assert model.metrics == [model.kept]
    assert model.evaluate(X, Y, return_dict=True)["error"] == pytest.approx(np.abs(model.predict(X) - Y).mean(), 1e-5)


def test_metrics_of_an_inner_model_are_its_own():
    """As in Keras: an inner model may train by steps of its own, and metrics of these are not those of the outer."""
    inner = tracking_layer(cnncore)
    inner.own = cnncore.metrics.Mean(name="own")
    x = cnncore.Input((4,))
    outer = cnncore.Model(x, inner(x))
    outer.compile("sgd", "mse")
    assert outer.metrics_names == ["loss", "spread", "positive"]


class TestAddMetric:
    def test_of_a_layer(self):
        class Logging(cnncore.layers.Layer):
            def call(self, x):
                self.add_metric(cnncore.ops.max(x), name="largest")
                return x

        with pytest.warns(DeprecationWarning, match="Keep a Mean as an attribute"):
            model = cnncore.Sequential([cnncore.Input((4,)), Logging()])
        model.compile(loss="mse")
        model.evaluate(X, X)
        logs = model.evaluate(X, X, batch_size=11, return_dict=True)
        assert logs == {"loss": 0.0, "largest": pytest.approx((X[:11].max() + X[11:].max()) / 2)}
        model.predict(X)
        assert model.evaluate(X[:11], X[:11], return_dict=True)["largest"] == pytest.approx(X[:11].max())

    def test_of_the_result_of_a_metric(self):
        """It is reported by the name of the metric, as in Keras 2, and not averaged once more."""

        class Endpoint(cnncore.layers.Layer):
            def __init__(self):
                super().__init__()
                self.loss_fn, self.error = cnncore.losses.MeanSquaredError(), cnncore.metrics.MeanAbsoluteError()

            def call(self, targets, outputs):
                self.add_loss(self.loss_fn(targets, outputs))
                self.add_metric(self.error(targets, outputs), name="ignored")
                return outputs

        x, y = cnncore.Input((4,), name="x"), cnncore.Input((3,), name="y")
        dense = cnncore.layers.Dense(3)
        model = cnncore.Model([x, y], Endpoint()(y, dense(x)))
        model.compile("sgd")
        expected = np.abs(dense(X).numpy() - Y).mean()
        logs = model.fit({"x": X, "y": Y}, batch_size=22, epochs=1, verbose=0).history
        assert logs["mean_absolute_error"] == [pytest.approx(expected, rel=1e-5)]
        assert "ignored" not in logs

    def test_of_a_model_of_tensors(self):
        x = cnncore.Input((4,))
        h = cnncore.layers.Dense(5)(x)
        model = cnncore.Model(x, cnncore.layers.Dense(3)(h))
        model.add_metric(h, name="hidden", aggregation="mean")
        model.add_metric(2 * np.mean(np.sum(np.square(h), axis=-1)), name="size")
        model.compile("sgd", "mse")
        hidden = cnncore.Model(x, h).predict(X)
        logs = model.fit(X, Y, batch_size=22, epochs=1, verbose=0, validation_data=(X, Y)).history
        assert logs["hidden"] == [pytest.approx(hidden.mean(), rel=1e-4)]
        assert logs["size"] == [pytest.approx(2 * np.square(hidden).sum(axis=-1).mean(), rel=1e-4)]
        assert set(logs) == {"loss", "hidden", "size", "val_loss", "val_hidden", "val_size"}
        plain = cnncore.Model(x, model.output)  # the metrics change nothing in training
        weights = model.get_weights()
        model.train_on_batch(X, Y)
        after = model.get_weights()
        plain.compile("sgd", "mse")
        plain.set_weights(weights)
        plain.train_on_batch(X, Y)
        for one, other in zip(plain.get_weights(), after, strict=True):
            np.testing.assert_array_equal(one, other)

    @pytest.mark.parametrize(
        "number", [cnncore.backend.std, cnncore.backend.max, lambda x: cnncore.backend.sqrt(cnncore.backend.mean(x))]
    )
    def test_other_numbers_of_a_batch_are_computed_in_a_layer(self, number):
        x = cnncore.Input((4,))
        model = cnncore.Model(x, cnncore.layers.Dense(5)(x))
        with pytest.raises(cnncore.graph.tensor.NotTraceableError, match="in the `call` of a Layer"):
            model.add_metric(number(model.output), name="number")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [({}, "expected a name for the logs"), ({"name": "a", "aggregation": "max"}, 'aggregation="mean"')],
    )
    def test_arguments_that_make_no_sense(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            cnncore.layers.Dense(2).add_metric(1.0, **arguments)


class TestWholeModels:
    def test_conditions_on_values(self):
        class Branching(cnncore.Model):
            def __init__(self):
                super().__init__()
                self.dense = cnncore.layers.Dense(3, use_bias=False, kernel_initializer="ones")

            def call(self, x):
                return self.dense(x) if cnncore.ops.mean(x) > 0 else x[:, :3] * 0

        model = Branching()
        assert np.all(model.predict(np.ones((2, 4))) == 4)
        assert np.all(model.predict(-np.ones((2, 4))) == 0)

    def test_weights_are_saved_and_the_graph_is_not_shown(self, tmp_path, capsys):
        model = assigning_model(cnncore)
        model.build((None, 4))
        model.compile("sgd", "mse")
        model.fit(X, Y, epochs=1, verbose=0)
        model.save_weights(tmp_path / "a.weights.h5")
        other = assigning_model(cnncore)
        other.build((None, 4))
        other.load_weights(tmp_path / "a.weights.h5")
        np.testing.assert_array_equal(other.predict(X), model.predict(X))
        model.summary()
        printed = capsys.readouterr().out
        assert "dense" in printed
        assert "whole" not in printed.lower()

    def test_inside_another_model(self):
        x = cnncore.Input((4,))
        inner = assigning_model(cnncore)
        outer = cnncore.Model(x, inner(x))
        outer.compile("sgd", "mse")
        outer.fit(X, Y, epochs=1, verbose=0)
        assert np.any(inner.centre.numpy() != 0)
        assert len(outer.trainable_weights) == 4
        np.testing.assert_allclose(outer.predict(X), inner(X).numpy(), rtol=1e-6)

    def test_under_a_tape(self):
        model = assigning_model(cnncore)
        with cnncore.GradientTape() as tape:
            loss = cnncore.ops.mean(cnncore.ops.square(model(X, training=True) - Y))
        gradients = tape.gradient(loss, model.trainable_variables)
        assert len(gradients) == 4
        assert all(np.any(gradient != 0) for gradient in gradients)
        assert np.any(model.centre.numpy() != 0)

    def test_what_cannot_be_called_says_the_reason_of_the_graph(self):
        class Wrong(cnncore.Model):
            def call(self, x):
                return np.linalg.svd(np.asarray(x))[1] + undefined  # noqa: F821

        with pytest.raises(NotTraceableError, match="a call that uses layers"):
            Wrong()(X)
