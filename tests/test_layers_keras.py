"""Each layer against Keras: names of arguments, their order and defaults, configs, output shapes, outputs."""

import inspect

import numpy as np
import pytest

import layer_cases
from cnncore.layers import builtin as layers

pytest.importorskip("torch")
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore")  # Keras' own

CASES = [case for case in layer_cases.CASES if hasattr(keras.layers, case.name)]
CLASSES = sorted({case.name for case in CASES} | {"InputLayer", "Lambda"})

# Arguments of Keras that say nothing here: adapters of large models, ragged and sparse tensors, and the like.
NOT_HERE = {
    "Dense": {"lora_rank", "lora_alpha", "quantization_config"},
    "InputLayer": {"sparse", "ragged", "input_tensor", "optional"},
}
# Entries of configs that Keras has and we have not, and the other way round.
CONFIG_NOT_HERE = {"dtype", "quantization_config", "lora_rank", "rms_scaling", "synchronized"}
CONFIG_NOT_HERE |= {"renorm", "renorm_clipping", "renorm_momentum"}
CONFIG_OURS = {"precision", "activity_regularizer", "trainable"}


def arguments_of(cls):
    """Names and defaults of what a constructor takes by position."""
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    by_position = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    return [(p.name, p.default) for p in by_position]


def normal(value):
    """Defaults that mean the same as one value: (1, 1) and 1, "Zeros" and "zeros"."""
    if isinstance(value, tuple) and value and len(set(value)) == 1:
        return normal(value[0])
    return value.lower() if isinstance(value, str) else value


@pytest.mark.parametrize("name", CLASSES)
def test_arguments_have_keras_order_and_defaults(name):
    theirs = [item for item in arguments_of(getattr(keras.layers, name)) if item[0] not in NOT_HERE.get(name, ())]
    ours = arguments_of(getattr(layers, name))
    known = dict(ours)
    for argument, default in theirs:
        if argument in ("name", "dtype"):  # every layer takes them by keyword
            continue
        assert argument in known, argument
        if default is not inspect.Parameter.empty:
            assert normal(known[argument]) == normal(default), argument
    order = [argument for argument, _ in theirs if argument in known]
    assert [argument for argument, _ in ours if argument in order] == order


def theirs_like(case, ours):
    """Keras' layer with the same weights."""
    theirs = getattr(keras.layers, case.name)(**case.arguments)
    theirs.build(case.input_shape)
    if theirs.weights:
        theirs.set_weights(ours.get_weights())
    return theirs


def with_random_weights(layer, input_shape):
    layer.build(input_shape)
    rng = np.random.default_rng(1)
    if not isinstance(layer, layers.Normalization):
        layer.set_weights(
            [rng.uniform(0.2, 1.0, w.shape) * rng.choice([-1, 1], w.shape[-1:]) for w in layer.get_weights()]
        )
    if isinstance(layer, layers.BatchNormalization):
        layer.moving_variance.assign(abs(layer.moving_variance.numpy()))
    return layer


@pytest.mark.parametrize("case", CASES, ids=str)
class TestValues:
    def test_outputs_in_inference_are_those_of_keras(self, case):
        ours = with_random_weights(case.make(), case.input_shape)
        theirs = theirs_like(case, ours)
        expected = keras.ops.convert_to_numpy(theirs(case.inputs, training=False))
        actual = ours(case.inputs)
        assert ours.compute_output_shape(case.input_shape) == (None, *expected.shape[1:])
        np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=2e-5)

    def test_configs_have_the_entries_of_keras(self, case):
        ours, theirs = case.make(), getattr(keras.layers, case.name)(**case.arguments)
        assert set(theirs.get_config()) - set(ours.get_config()) <= CONFIG_NOT_HERE
        assert set(ours.get_config()) - set(theirs.get_config()) <= CONFIG_OURS


def test_batch_normalization_in_training():
    case = layer_cases.case("BatchNormalization", (5, 5, 3), momentum=0.9)
    ours = with_random_weights(case.make(), case.input_shape)
    expected = keras.ops.convert_to_numpy(theirs_like(case, ours)(case.inputs, training=True))
    np.testing.assert_allclose(ours(case.inputs, training=True), expected, rtol=1e-4, atol=1e-5)
