"""Training models whose inputs have sizes that are not known."""

import numpy as np
import pytest

import cnncore
from cnncore import Input, Model, Sequential, layers
from images_of_sizes import batches, compiled, images, squares, two_headed, with_weights_of


class TestTraining:
    @pytest.mark.filterwarnings("ignore")
    def test_equals_keras(self):
        keras = pytest.importorskip("keras")
        model, oracle = two_headed(cnncore), two_headed(keras)
        oracle.set_weights(model.get_weights())
        histories = [
            compiled(k, m).fit(batches(), steps_per_epoch=5, verbose=0).history
            for k, m in ((cnncore, model), (keras, oracle))
        ]
        for name, values in histories[1].items():
            np.testing.assert_allclose(histories[0][name], values, rtol=1e-4, err_msg=name)
        for ours, theirs in zip(model.get_weights(), oracle.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=2e-5)
        x = images(2, 10, 14)
        for ours, theirs in zip(model.predict(x), oracle.predict(x, verbose=0), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)

    @pytest.mark.parametrize("optimizer", ["adam", "soap", "lion", "kfac"])
    def test_equals_models_of_each_size(self, optimizer):
        """The weights and the optimizer's state are carried from size to size by hand in the other model."""
        model, state = two_headed(cnncore), None
        weights = model.get_weights()
        model.compile(optimizer, ["mse", "sparse_categorical_crossentropy"])
        for step, (x, y) in enumerate(batches()):
            loss = model.train_on_batch(x, list(y))
            fixed = two_headed(cnncore, x.shape[1:])
            fixed.seed, fixed.steps_done = model.seed, step  # which decide what KFAC draws
            fixed.compile(optimizer, ["mse", "sparse_categorical_crossentropy"])
            fixed.set_weights(weights)
            fixed.build_optimizer()
            if state is not None:
                fixed.optimizer.load_state_dict(state)
            assert fixed.train_on_batch(x, list(y)) == loss
            weights, state = fixed.get_weights(), fixed.optimizer.state_dict()
            for ours, theirs in zip(model.get_weights(), weights, strict=True):
                np.testing.assert_array_equal(ours, theirs)

    def test_the_same_bits_at_any_number_of_threads(self):
        start, before, found = two_headed(cnncore).get_weights(), cnncore.get_num_threads(), []
        try:
            for threads in (1, 2, 5):
                cnncore.set_num_threads(threads)
                model = compiled(cnncore, two_headed(cnncore))
                model.set_weights(start)
                logs = model.fit(batches(), verbose=0).history
                found.append([*model.get_weights(), *logs.values(), *model.predict(images(3, 14, 6))])
        finally:
            cnncore.set_num_threads(before)
        for other in found[1:]:
            for a, b in zip(found[0], other, strict=True):
                np.testing.assert_array_equal(a, b)

    def test_own_steps_on_a_tape(self):
        """A subclass whose call is followed, whose train_step is its own, and whose batches have several sizes."""

        class Net(Model):
            def __init__(self):
                super().__init__()
                self.conv = layers.Conv2D(1, 3, padding="same")

            def call(self, x):
                return self.conv(x)

            def train_step(self, data):
                x, y = data
                with cnncore.GradientTape() as tape:
                    loss = self.compute_loss(y=y, y_pred=self(x, training=True))
                gradients = tape.gradient(loss, self.trainable_variables)
                self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
                return {"loss": loss}

        own, plain = Net(), Sequential([layers.Conv2D(1, 3, padding="same")])
        for model in (own, plain):
            model.build((None, 5, 5, 1))
            model.compile("adam", "mse")
        own.set_weights(plain.get_weights())
        for model in (own, plain):
            model.fit(squares(5, 7, 6), verbose=0)
        np.testing.assert_allclose(own.conv.kernel, plain.layers[0].kernel, rtol=1e-4, atol=1e-6)

    def test_dropout_counts_the_steps_of_all_sizes(self):
        model = Sequential([Input((None, None, 1)), layers.Dropout(0.5), layers.Conv2D(1, 1)], seed=3)
        model.compile("sgd", "mse")
        for x, _ in batches():
            model.train_on_batch(x[..., :1], x[..., 1:])
        assert model.network.step == model.steps_done == 5

    def test_validation_and_evaluation(self):
        model = compiled(cnncore, two_headed(cnncore))
        x, (pixels, classes) = next(batches())
        held_out = images(2, 20, 6), [images(2, 20, 6, 1), np.array([0, 2])]
        history = model.fit(x, [pixels, classes], epochs=2, validation_data=held_out, verbose=0).history
        fixed = compiled(cnncore, with_weights_of(model, (20, 6, 2)))
        expected = fixed.evaluate(*held_out, return_dict=True)
        assert {name: values[-1] for name, values in history.items() if name.startswith("val_")} == {
            f"val_{name}": value for name, value in expected.items()
        }

    def test_frozen_layers(self):
        model = compiled(cnncore, two_headed(cnncore))
        data = list(batches())
        model.train_on_batch(data[0][0], list(data[0][1]))
        model.layers[1].trainable = False
        before = model.layers[1].get_weights()
        for x, y in data:
            model.train_on_batch(x, list(y))
        np.testing.assert_array_equal(model.layers[1].get_weights(), before)

    def test_products_with_curvature(self):
        model = Sequential([Input((None, None, 2)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()])
        fixed = Sequential([Input((9, 7, 2)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()])
        fixed.set_weights(model.get_weights())
        x, y, v = images(4, 9, 7), np.ones((4, 2)), np.ones(38, np.float32)
        products = []
        for m in (model, fixed):
            m.compile("sgd", "mse")
            products.append(cnncore.curvature.HessianOperator(m, x, y) @ v)
        np.testing.assert_array_equal(*products)

    def test_gradients_are_those_of_a_model_of_that_size(self):
        model = compiled(cnncore, two_headed(cnncore))
        for x, y in batches():
            expected = compiled(cnncore, with_weights_of(model, x.shape[1:])).gradients(x, list(y))
            for ours, theirs in zip(model.gradients(x, list(y)), expected, strict=True):
                np.testing.assert_array_equal(ours, theirs)
