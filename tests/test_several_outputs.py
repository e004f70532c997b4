"""Training with several inputs and outputs."""

import re

import numpy as np
import pytest

from cnncore import Input, Model
from cnncore.layers import Dense


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
        assert list(expected) == ["kind_accuracy", "kind_loss", "loss", "size_loss", "size_mae"]
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
        assert list(result) == sorted(model.metrics_names)
        assert model.evaluate(*data) == [result[name] for name in model.metrics_names]

    def test_names_that_occur_twice_are_counted(self, data):
        model = self.make(metrics=[["accuracy", "accuracy"], ["mae", "mse", "mae"]])
        names = ["kind_accuracy", "kind_accuracy_1", "size_mae", "size_mse", "size_mae_1"]
        assert model.metrics_names[3:] == names
        result = model.evaluate(*data, return_dict=True)
        assert result["size_mae"] == result["size_mae_1"]

    def test_an_output_without_a_loss_is_measured_only(self, data):
        model = self.make(loss={"kind": "sparse_categorical_crossentropy"}, metrics={"size": ["mae"]})
        history = model.fit(*data).history
        assert list(history) == ["loss", "size_mae"]  # as in Keras: the loss of the only output that has one
        assert model.metrics_names == ["loss", "size_mae"]

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


X_BY_NAME = {"b": np.full((4, 1), 10.0), "a": np.ones((4, 1))}
Y_BY_NAME = {"z": np.zeros((4, 1)), "y": np.ones((4, 1))}


class TestDictsWithoutSortedKeys:
    """Keras takes lists for dicts in the order of sorted keys, so that lists are refused where the keys differ."""

    @pytest.fixture
    def model(self):
        inputs = {name: Input((1,), name=name) for name in "ba"}
        outputs = {"z": Dense(1, name="first")(inputs["b"]), "y": Dense(1, name="second")(inputs["a"])}
        model = Model(inputs, outputs)
        model.compile("sgd", {"z": "mse", "y": "mae"})
        return model

    def test_dicts(self, model):
        def batches():
            yield X_BY_NAME, Y_BY_NAME

        expected = model.evaluate(X_BY_NAME, Y_BY_NAME, return_dict=True)
        assert model.evaluate(batches(), return_dict=True) == expected
        assert model.test_on_batch(X_BY_NAME, Y_BY_NAME, return_dict=True) == expected
        assert model.train_on_batch(X_BY_NAME, Y_BY_NAME, return_dict=True) == pytest.approx(expected)
        assert np.isfinite(model.fit(X_BY_NAME, Y_BY_NAME, validation_split=0.5, verbose=0).history["val_loss"]).all()
        assert np.isfinite(model.fit(batches(), verbose=0).history["loss"]).all()
        assert set(model.predict(X_BY_NAME)) == set(model(X_BY_NAME)) == {"z", "y"}

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda m, x, y: m.predict(x), "[predict] expected `x` as a dict with the keys b, a,"),
            (lambda m, x, y: m(x), "expected `inputs` as a dict with the keys b, a,"),
            (lambda m, x, y: m.fit(X_BY_NAME, y), "[fit] expected `y` as a dict with the keys z, y,"),
            (lambda m, x, y: m.compile("sgd", ["mse", "mae"]) or m.fit(x, y), "[compile] expected `loss` as a dict"),
        ],
    )
    def test_lists(self, model, call, message):
        with pytest.raises(ValueError, match=re.escape(message)):
            call(model, list(X_BY_NAME.values()), list(Y_BY_NAME.values()))
