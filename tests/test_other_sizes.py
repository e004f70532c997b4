"""Data of other sizes than those a model was built for."""

import pickle

import numpy as np
import pytest

import cnncore
from cnncore import Input, Model, Sequential, layers
from images_of_sizes import images, squares


def chain(k, *first):
    return k.Sequential([*first, k.layers.Conv2D(4, 3, padding="same"), k.layers.Conv2D(1, 3, padding="same")])


class TestOtherSizesThanBefore:
    """A model whose size was fixed by its first data or by its Input."""

    @pytest.mark.filterwarnings("ignore")
    def test_equals_keras(self):
        keras = pytest.importorskip("keras")
        x = images(2, 12, 10, 1)
        model = chain(cnncore)
        model.build((None, 8, 8, 1))
        oracle = chain(keras)
        oracle.build((None, 8, 8, 1))
        oracle.set_weights(model.get_weights())
        for k, m in ((cnncore, model), (keras, oracle)):
            m.compile(k.optimizers.SGD(0.1, momentum=0.9), "mse", metrics=["mae"])
        results = []
        for m in (model, oracle):
            history = m.fit(squares(8, 8, 12, 8, 10), verbose=0).history
            logs = m.evaluate(squares(8, 12), verbose=0, return_dict=True)
            results.append([m.input_shape, m.output_shape, m.predict(x, verbose=0), *history.values(), *logs.values()])
            m.fit(x, x, verbose=0)
            results[-1] += [m.evaluate(x, x, verbose=0)[0], *m.get_weights()]
        for ours, theirs in zip(*results, strict=True):
            if isinstance(ours, tuple):
                assert ours == theirs
            else:
                np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)

    def test_an_input_of_one_size(self):
        model = chain(cnncore, Input((8, 8, 1)))
        x = images(2, 12, 10, 1)
        assert model(x).shape == model.predict(x).shape == (2, 12, 10, 1)
        assert model.input_shape == (None, 8, 8, 1)
        wide = chain(cnncore, Input((None, None, 1)))
        wide.set_weights(model.get_weights())
        np.testing.assert_array_equal(model.predict(x), wide.predict(x))
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(x), model.predict(x))

    def test_steps_and_state_go_on(self):
        model, wide = chain(cnncore, layers.Dropout(0.3)), chain(cnncore, Input((None, None, 1)), layers.Dropout(0.3))
        for m in (model, wide):
            m.seed = 5
            m.compile("adam", "mse", metrics=["mae"])
            m.build((None, 8, 8, 1)) if m is model else None
        wide.set_weights(model.get_weights())
        logs = [m.fit(squares(8, 8, 12, 8, 10), verbose=0, shuffle=False).history for m in (model, wide)]
        assert logs[0] == logs[1]
        assert model.steps_done == model.optimizer.step == 5
        for ours, theirs in zip(model.get_weights(), wide.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)

    def test_the_state_of_the_optimizer_when_a_size_comes_late(self):
        """A batch of another size comes after steps that nobody prepared ahead."""
        data = [(x, x) for x, _ in squares(8, 8, 12, 8)]

        class Lazy(cnncore.utils.PyDataset):
            workers = 0

            def __len__(self):
                return len(data)

            def __getitem__(self, index):
                return data[index]

        model, wide = chain(cnncore, Input((8, 8, 1))), chain(cnncore, Input((None, None, 1)))
        wide.set_weights(model.get_weights())
        for m in (model, wide):
            m.compile("adam", "mse")
            m.fit(Lazy(), shuffle=False, verbose=0)
        assert model.optimizer.step == model.steps_done == 4
        for ours, theirs in zip(model.get_weights(), wide.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)

    def test_a_subclass(self):
        class Net(Model):
            def __init__(self):
                super().__init__()
                self.conv, self.pool, self.head = layers.Conv2D(4, 3), layers.GlobalMaxPooling2D(), layers.Dense(2)

            def call(self, x):
                return self.head(self.pool(self.conv(x)))

        model = Net()
        small, large = images(2, 8, 8, 1), images(2, 9, 12, 1)
        assert model(small).shape == model.predict(large).shape == (2, 2)
        np.testing.assert_allclose(model(large), model.head(model.pool(model.conv(large))), rtol=1e-5, atol=1e-6)

    def test_a_subclass_that_computes_with_sizes(self):
        class Net(Model):
            def __init__(self):
                super().__init__()
                self.conv = layers.Conv2D(2, 1)

            def call(self, inputs):
                x = inputs["image"]
                y = self.conv(x) / (x.shape[1] * x.shape[2])
                return layers.MaxPooling2D()(y) if x.shape[1] > 8 else y

        model = Net()
        model.compile("sgd", "mse")
        for height, width, rows, columns in ((8, 8, 8, 8), (9, 12, 4, 6), (7, 8, 7, 8), (8, 8, 8, 8)):
            x = {"image": images(2, height, width, 1)}
            y = model.conv(x["image"]) / (height * width)
            y = layers.MaxPooling2D()(y) if height > 8 else y
            assert y.shape == (2, rows, columns, 2)
            np.testing.assert_allclose(model(x), y, rtol=1e-5, atol=1e-6)
            model.fit(x, np.zeros(y.shape), verbose=0)
        assert model.steps_done == 4

    @pytest.mark.parametrize(
        ("make", "shape"),
        [
            (lambda: Sequential([Input((8, 8, 1)), layers.Flatten(), layers.Dense(2)]), (9, 9, 1)),
            (lambda: chain(cnncore, Input((8, 8, 1))), (9, 9, 2)),
            (lambda: Sequential([Input((8, 8, 1)), layers.Conv2D(1, 5)]), (4, 8, 1)),
            (lambda: Model(x := Input((8, 8, 1)), layers.Conv2D(2, 3)(x)), (9, 9, 1)),
        ],
    )
    def test_what_does_not_fit_is_refused(self, make, shape):
        model = make()
        with pytest.raises(ValueError, match=r"incompatible.*expected x of shape \(batch, 8, 8, 1\)"):
            model.predict(np.zeros((2, *shape)))
        with pytest.raises(ValueError, match=r"expected shape \(None, 8, 8, 1\)"):
            model(np.zeros((2, *shape)))
        assert model.predict(np.zeros((2, 8, 8, 1))).shape[0] == 2
