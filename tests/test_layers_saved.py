"""Each layer in a file: the model that is read gives the same bits, and goes on training with the same bits."""

import numpy as np
import pytest

import layer_cases
from cnncore import Model
from cnncore.layers import builtin as layers
from cnncore.saving import load_model


def model_of(case):
    inputs = [layers.Input(shape) for shape in case.shapes]
    before = [layers.PReLU()(x) for x in inputs]  # every model has something to train
    output = case.make()(before if isinstance(case.inputs, list) else before[0])
    model = Model(inputs if len(inputs) > 1 else inputs[0], output)
    model.compile(optimizer="adam", loss="mse")
    return model


@pytest.mark.parametrize("case", layer_cases.CASES, ids=str)
def test_same_bits_from_a_file(case, tmp_path):
    model, x = model_of(case), case.inputs
    x = x[0] if isinstance(x, list) and len(x) == 1 else x
    y = np.zeros_like(model.predict(x, verbose=0))
    model.fit(x, y, epochs=1, verbose=0)
    model.save(tmp_path / "model.safetensors")
    copy = load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(copy.predict(x, verbose=0), model.predict(x, verbose=0))
    assert [type(layer) for layer in copy.layers] == [type(layer) for layer in model.layers]
    for one in (model, copy):
        one.fit(x, y, epochs=2, verbose=0, shuffle=False)
    for ours, theirs in zip(model.get_weights(), copy.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("case", layer_cases.CASES, ids=str)
def test_the_summary_counts_weights(case, capsys):
    model = model_of(case)
    model.summary()
    text = capsys.readouterr().out
    assert f"{model.count_params():,}" in text
    assert sum(np.size(weight) for weight in model.get_weights()) == model.count_params()
