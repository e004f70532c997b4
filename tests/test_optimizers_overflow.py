"""Gradients, weights and states of optimizers that are not finite: errors say so."""

import numpy as np
import pytest

from cnncore import Sequential, TrainingError, optimizers
from cnncore.layers import Dense
from cnncore.optimizers import SGD, Adam
from test_optimizer_options import PlainDescent


class TestStepsThatOverflow:
    """After the last step no further loss is computed, which would show that weights have become infinite."""

    def model(self, optimizer):
        model = Sequential([Dense(1, use_bias=False, kernel_initializer="ones", input_shape=(1,))])
        model.compile(optimizer, "mse")
        return model

    def test_infinite_weights(self):
        model = self.model(SGD(1e38))
        with pytest.raises(TrainingError, match="epoch 1, step 1 left weights or optimizer state that are not finite"):
            model.fit([[100.0]], [[0.0]], verbose=0)

    def test_a_second_moment_that_would_freeze_its_weight(self):
        model = self.model(Adam())
        with pytest.raises(TrainingError, match="left weights or optimizer state that are not finite") as caught:
            model.train_on_batch([[1e11]], [[0.0]])
        assert np.isfinite(model.get_weights()[0]).all()
        assert np.isfinite(caught.value.loss)
        assert not model.optimizer.finite

    def test_own_optimizer(self):
        model = self.model(PlainDescent(1e38))
        with pytest.raises(TrainingError, match="left weights"):
            model.train_on_batch([[100.0]], [[0.0]])


@pytest.mark.parametrize("gradient", [np.float32([np.nan, 0.0]), np.float32([np.inf, 0.0])])
def test_gradients_that_are_not_finite_change_nothing(gradient):
    weights = np.ones(2, np.float32)
    with pytest.raises(ValueError, match="expected finite gradients"):
        optimizers.Adam().apply([gradient], [weights])
    assert weights.tolist() == [1.0, 1.0]
    with pytest.raises(TypeError, match="expected gradients as a list"):
        optimizers.Adam().apply(None, [weights])
