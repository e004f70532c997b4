"""Models inside models inside models: up to a limit everything works, and beyond it the model is refused."""

import copy

import numpy as np
import pytest

from cnncore import Input, Model, Sequential, saving
from cnncore.layers import Dense, TimeDistributed
from cnncore.models import clone_model

DEEPEST = 64
X = np.random.default_rng(0).random((2, 3), np.float32)


def graph_of(inner):
    x = Input((3,))
    return Model(x, inner(x))


def chain_of(inner):
    return Sequential([Input((3,)), inner])


def nested(depth, around):
    """Models inside each other, ``depth`` in all with the layer in the innermost one."""
    model = Dense(3)
    for _ in range(depth - 1):
        model = around(model)
    return model


@pytest.fixture(params=[graph_of, chain_of], ids=["Model", "Sequential"])
def around(request):
    return request.param


class TestDeepest:
    @pytest.mark.parametrize("ending", ["safetensors", "keras", "h5"])
    def test_files(self, ending, around, tmp_path):
        if ending != "safetensors":
            pytest.importorskip("h5py")
        model = graph_of(nested(DEEPEST, around))
        model.save(tmp_path / f"m.{ending}")
        assert np.array_equal(saving.load_model(tmp_path / f"m.{ending}").predict(X), model.predict(X))

    def test_copies_and_training(self, around):
        model = graph_of(nested(DEEPEST, around))
        assert np.array_equal(copy.deepcopy(model).predict(X), model.predict(X))
        assert clone_model(model).count_params() == 12
        model.compile("sgd", "mse")
        before = model.evaluate(X, X)
        model.fit(X, X, epochs=3, verbose=0)
        assert model.evaluate(X, X) < before


def test_more_are_refused(around):
    inner = nested(DEEPEST, around)
    for _ in range(2):  # the first attempt leaves nothing behind
        with pytest.raises(ValueError, match=rf"expected at most {DEEPEST} models inside each other"):
            around(around(inner))
    assert around(inner).predict(X).shape == (2, 3)


def test_layers_around_layers_count():
    layer = Dense(3)
    for _ in range(DEEPEST - 1):
        layer = TimeDistributed(layer)
    with pytest.raises(ValueError, match="models inside each other"):
        Sequential([TimeDistributed(layer)])
