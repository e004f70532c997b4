"""Which weights are trained where ``trainable`` changes after ``compile``: in one model, in two with common layers."""

import copy
import gc
import weakref

import numpy as np
import pytest

import cnncore
from cnncore import Input, Sequential, layers

X = np.random.default_rng(0).random((8, 3), np.float32)


def moved(model, train):
    before = model.get_weights()
    train()
    return [bool((new != old).any()) for new, old in zip(model.get_weights(), before, strict=True)]


@pytest.fixture
def pair():
    """A discriminator, and a model that contains it frozen, as scripts for Keras 2 make them."""
    judge = Sequential([Input((4,)), layers.Dense(4), layers.Dense(1, activation="sigmoid")])
    judge.compile("adam", "binary_crossentropy")
    judge.trainable = False
    both = Sequential([Input((3,)), layers.Dense(4), judge])
    both.compile("adam", "binary_crossentropy")
    return judge, both


def test_each_model_trains_what_it_was_compiled_with(pair):
    judge, both = pair
    fakes, labels = np.ones((8, 4), np.float32), np.ones((8, 1))
    for _ in range(2):
        assert moved(judge, lambda: judge.train_on_batch(fakes, labels)) == [True] * 4
        assert moved(both, lambda: both.train_on_batch(X, labels)) == [True, True, False, False, False, False]
    assert judge.trainable_weights == []  # as it is now; the optimizer has state for the others
    assert len(judge.optimizer.trained_variables) == 4
    judge.compile("adam", "binary_crossentropy")
    with pytest.warns(UserWarning, match="has no trainable weights"):
        assert moved(judge, lambda: judge.fit(fakes, labels, verbose=0)) == [False] * 4


def test_one_model_alone_follows_at_once():
    model = Sequential([Input((3,)), layers.Dense(2), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.layers[0].trainable = False
    Sequential([Input((3,)), layers.Dense(2)]).compile("sgd", "mse")  # has none of its layers
    assert moved(model, lambda: model.train_on_batch(X, np.ones((8, 1)))) == [False, False, True, True]
    model.layers[0].trainable = True
    assert moved(model, lambda: model.train_on_batch(X, np.ones((8, 1)))) == [True] * 4


def test_a_copy_begins_anew(pair):
    judge, _ = pair
    other = copy.deepcopy(judge)
    with pytest.warns(UserWarning, match="has no trainable weights"):
        assert moved(other, lambda: other.train_on_batch(np.ones((8, 4)), np.ones((8, 1)))) == [False] * 4


def test_constraints_and_penalties_hold_where_a_model_trains():
    judge = Sequential([Input((3,)), layers.Dense(1, kernel_constraint=cnncore.constraints.MaxNorm(0.01))])
    judge.compile("sgd", "mse")
    judge.layers[0].trainable = False
    Sequential([judge]).compile("sgd", "mse")
    judge.train_on_batch(X, np.ones((8, 1)))
    assert np.linalg.norm(judge.layers[0].kernel) <= 0.010001


def test_a_new_layer_does_not_inherit_the_flag_of_a_layer_that_is_gone():
    model = Sequential([Input((3,)), layers.Dense(4), layers.Dense(2)])
    model.compile("sgd", "mse")
    removed = weakref.ref(model.layers[-1])
    model.pop()
    gc.collect()
    assert removed() is not None, "the id of the removed layer could become that of a new one"
    model.compile("sgd", "mse")
    gc.collect()
    assert removed() is None
