"""Models: what compile was given, prediction, evaluation and single steps. Structure has tests of its own."""

import json

import numpy as np
import pytest

import cnncore
from cnncore import Model, Sequential, losses
from cnncore.layers import Dense, Flatten


class TestConfig:
    def test_compile_config_round_trip(self, make_model):
        model = make_model(optimizer=cnncore.optimizers.SGD(0.1, momentum=0.5), metrics=["accuracy", "mae"])
        config = json.loads(json.dumps(model.get_compile_config()))
        copy = Sequential.from_config(model.get_config())
        copy.compile_from_config(config)
        assert copy.get_compile_config() == model.get_compile_config()
        assert copy.metrics_names == ["loss", "accuracy", "mae"]
        assert copy.optimizer.momentum == 0.5

    def test_what_cannot_be_described(self, make_model):
        model = make_model(metrics=[lambda y_true, y_pred: y_pred[:, 0]])
        with pytest.raises(ValueError, match="metric '<lambda>' is a function"):
            model.get_compile_config()
        model = make_model(optimizer=cnncore.optimizers.SGD(lambda step: 0.1))
        with pytest.raises(ValueError, match="expected a learning rate that can be saved"):
            model.get_compile_config()


def unaligned(x):
    """``x`` as floats that begin one byte behind where floats should."""
    floats = np.zeros(x.size * 4 + 1, np.uint8)[1:].view(np.float32).reshape(x.shape)
    floats[...] = x
    assert not floats.flags.aligned
    return floats


class TestPredict:
    def test_the_first_data_may_be_one_batch(self, stripes):
        model = Sequential([Flatten(), Dense(2)], seed=1)
        first = model.predict_on_batch(stripes[0][:1])
        assert np.array_equal(first, model.predict(stripes[0][:1]))

    def test_slices_do_not_change_results(self, make_model, stripes):
        model, x = make_model(), stripes[0]
        whole = model.predict(x)
        assert whole.shape == (len(x), 3)
        np.testing.assert_allclose(whole.sum(axis=1), 1.0, rtol=1e-5)
        one_by_one = np.concatenate([model.predict_on_batch(x[i : i + 1]) for i in range(5)])
        np.testing.assert_allclose(model.predict(x, batch_size=7), whole, rtol=1e-5)
        np.testing.assert_allclose(one_by_one, whole[:5], rtol=1e-5)
        assert np.array_equal(model.predict_on_batch(x), whole)

    @pytest.mark.parametrize(
        "convert",
        [
            lambda x: x,
            lambda x: x.astype(np.float32),
            lambda x: x.astype(np.float64),
            lambda x: x.astype(np.float16),
            lambda x: x.astype(np.int32),
            lambda x: x.astype(">f4"),
            lambda x: np.asfortranarray(x.astype(np.float32)),
            lambda x: np.repeat(x, 2, axis=2)[:, :, ::2],
            lambda x: x[..., 0],  # as in Keras, a channel axis of size one may be missing
            lambda x: x.tolist(),
            unaligned,
        ],
    )
    def test_arrays_of_all_kinds(self, make_model, stripes, convert):
        model, x = make_model(), stripes[0][:9]
        converted = convert(x)
        np.testing.assert_allclose(model.predict(converted), model.predict(x), rtol=1e-6, atol=1e-7)
        assert np.array_equal(model.predict_on_batch(converted), model.predict(converted))

    def test_read_only_arrays(self, make_model, stripes):
        x = stripes[0][:9].astype(np.float32)
        expected = make_model().predict(x)
        x.flags.writeable = False
        assert np.array_equal(make_model().predict(x), expected)
        assert np.array_equal(make_model().predict_on_batch(x), expected)


class TestEvaluate:
    def test_values(self, make_model, stripes):
        model, (x, y) = make_model(), stripes
        y_pred = model.predict(x)
        loss, accuracy = model.evaluate(x, y)
        assert accuracy == np.mean(y_pred.argmax(axis=1) == y)
        assert loss == pytest.approx(-np.log(y_pred[np.arange(len(y)), y]).mean(), rel=1e-5)
        assert model.evaluate(x, y, batch_size=7, return_dict=True) == pytest.approx(
            {"loss": loss, "accuracy": accuracy}, rel=1e-6
        )
        assert model.metrics_names == ["loss", "accuracy"]

    def test_loss_alone_is_a_number(self, make_model, stripes):
        assert isinstance(make_model(metrics=None).evaluate(*stripes), float)

    def test_sample_weight(self, make_model, stripes):
        model, (x, y) = make_model(), stripes
        weight = np.linspace(0, 2, len(x))
        y_pred = model.predict(x)
        expected = np.mean(weight * -np.log(y_pred[np.arange(len(y)), y]))
        assert model.evaluate(x, y, sample_weight=weight, return_dict=True)["loss"] == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize("from_logits", [False, True])
    @pytest.mark.parametrize("one_hot", [False, True])
    def test_losses_agree_with_numpy(self, stripes, from_logits, one_hot):
        x, y = stripes
        model = Sequential([Flatten(input_shape=(8, 8, 1)), Dense(3, activation=None if from_logits else "softmax")])
        kind = losses.CategoricalCrossentropy if one_hot else losses.SparseCategoricalCrossentropy
        model.compile(loss=kind(from_logits=from_logits))
        targets = np.eye(3)[y] if one_hot else y
        x = x / 255
        assert model.evaluate(x, targets) == pytest.approx(model.loss(targets, model.predict(x)), rel=1e-5)


class TestTrainOnBatch:
    def test_it_is_one_step(self, make_model, stripes):
        x, y = stripes
        model, other = make_model(), make_model()
        before = model.evaluate(x, y, return_dict=True)
        result = model.train_on_batch(x, y, return_dict=True)
        assert result == pytest.approx(before, rel=1e-5)
        other.fit(x, y, batch_size=len(x), shuffle=False)
        assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))
        assert model.optimizer.iterations == 1
        assert len(model.train_on_batch(x, y)) == 2


def test_model_is_the_base_class(make_model):
    assert isinstance(make_model(), Model)


def test_save_and_load(make_model, stripes, tmp_path):
    model = make_model()
    model.fit(*stripes)
    model.save(tmp_path / "model.safetensors")
    copy = cnncore.saving.load_model(tmp_path / "model.safetensors")
    assert np.array_equal(copy.predict(stripes[0]), model.predict(stripes[0]))
    model.save_weights(tmp_path / "weights.safetensors")
    other = make_model(seed=5)
    other.load_weights(tmp_path / "weights.safetensors")
    assert np.array_equal(other.predict(stripes[0]), model.predict(stripes[0]))


def test_the_network_is_reachable(make_model):
    network = make_model().network
    assert network.get_parameters().shape == network.gradients.shape == (network.parameter_count,)
    names = [f"{slot.layer}/{slot.name}" for slot in network.slots]
    assert names == ["conv2d/kernel", "conv2d/bias", "dense/kernel", "dense/bias"]
