"""Weights and state equal Keras' over 20 steps, for every optimizer and every option."""

import inspect
import warnings

import numpy as np
import pytest

from cnncore import optimizers

pytest.importorskip("torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    keras = pytest.importorskip("keras")

# Keras' own conversions on the way to PyTorch
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SHAPES = {"kernel": (6, 9), "bias": (9,), "scale": (1,), "tall": (40, 5)}
STEPS = 20

# Our state by Keras' attribute.
STATES = {
    "SGD": {"velocity": "momentums"},
    "RMSprop": {"velocity": "_velocities", "momentum": "_momentums", "average_gradient": "_average_gradients"},
    "Adagrad": {"accumulator": "_accumulators"},
    "Adadelta": {"accumulated_grad": "_accumulated_grads", "accumulated_delta_var": "_accumulated_delta_vars"},
    "Adam": {"m": "_momentums", "v": "_velocities", "largest_v": "_velocity_hats"},
    "AdamW": {"m": "_momentums", "v": "_velocities", "largest_v": "_velocity_hats"},
    "Nadam": {"m": "_momentums", "v": "_velocities"},
    "Adamax": {"m": "_m", "u": "_u"},
    "Ftrl": {"accumulator": "_accumulators", "linear": "_linears"},
    "Lion": {"m": "_momentums"},
    "Muon": {"momentum": "momentums", "velocity": "adam_velocities"},
}
COMMON = {"gradient_accumulator": "_accumulated_gradients", "average": "_model_variables_moving_average"}

OWN = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("RMSprop", {}),
    ("RMSprop", {"rho": 0.8, "momentum": 0.9, "epsilon": 1e-3}),
    ("RMSprop", {"centered": True, "momentum": 0.5}),
    ("Adagrad", {}),
    ("Adagrad", {"initial_accumulator_value": 0.0, "epsilon": 1e-3}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adadelta", {"rho": 0.8, "epsilon": 1e-3}),
    ("Adam", {}),
    ("Adam", {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}),
    ("Adam", {"amsgrad": True, "beta_2": 0.5}),
    ("AdamW", {"weight_decay": 0.1}),
    ("AdamW", {"amsgrad": True}),
    ("Nadam", {}),
    ("Nadam", {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}),
    ("Adamax", {}),
    ("Adamax", {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}),
    ("Ftrl", {}),
    ("Ftrl", {"l1_regularization_strength": 0.05, "l2_regularization_strength": 0.1, "learning_rate": 0.1}),
    ("Ftrl", {"learning_rate_power": -0.7, "beta": 0.1, "l2_shrinkage_regularization_strength": 0.1}),
    ("Lion", {}),
    ("Lion", {"beta_1": 0.5, "beta_2": 0.7}),
    ("Muon", {}),
    ("Muon", {"nesterov": False, "ns_steps": 3, "rms_rate": None, "adam_lr_ratio": 0.5, "momentum": 0.8}),
    ("Muon", {"exclude_layers": ["tall|variable_3"], "weight_decay": None, "adam_weight_decay": 0.1}),
]
OPTIONS = [
    {"weight_decay": 0.3},
    {"clipnorm": 0.5},
    {"clipvalue": 0.1},
    {"global_clipnorm": 0.5},
    {"use_ema": True, "ema_momentum": 0.8},
    {"use_ema": True, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 4},
    {"gradient_accumulation_steps": 3, "use_ema": True, "ema_overwrite_frequency": 2, "clipnorm": 0.3},
    {"loss_scale_factor": 8.0},
    {"learning_rate": 0.05},
]
CASES = OWN + [(name, options) for name in ("SGD", "Adam", "Muon") for options in OPTIONS]
# Together these have every option, for every optimizer.
TOGETHER = [
    {"weight_decay": 0.2, "global_clipnorm": 0.4},
    {"clipnorm": 0.3, "gradient_accumulation_steps": 3, "use_ema": True, "ema_overwrite_frequency": 2},
    {"clipvalue": 0.1, "use_ema": True, "ema_momentum": 0.8},
]
CASES += [(name, options) for name in STATES for options in TOGETHER]


def gradients(seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(0, 0.5, shape).astype(np.float32) for shape in SHAPES.values()]


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=str)
def test_weights_and_state_equal_those_of_keras(name, arguments):
    ours = getattr(optimizers, name)(**arguments)
    theirs = getattr(keras.optimizers, name)(**arguments)
    weights = gradients(99)
    variables = [keras.Variable(value, name=key) for key, value in zip(SHAPES, weights, strict=True)]
    for step in range(STEPS):
        ours.apply_gradients(zip(gradients(step), weights, strict=True))
        theirs.apply_gradients(zip(map(keras.ops.convert_to_tensor, gradients(step)), variables, strict=True))
    # Keras takes powers of the decays in float32, so that its bias corrections are off by a few parts in 1e5
    tolerance = {"rtol": 2e-4, "atol": 2e-5}
    for ours_now, theirs_now in zip(weights, variables, strict=True):
        np.testing.assert_allclose(ours_now, theirs_now.value.detach().numpy(), **tolerance)
    assert ours.iterations == int(theirs.iterations)
    attributes = STATES[name] | COMMON
    for key, vector in ours.state.items():
        for part, theirs_now in zip(ours.trained_variables, getattr(theirs, attributes[key]), strict=True):
            if theirs_now is not None:  # Muon's matrices have no second moment
                mine = vector[part.slice].reshape(part.shape)
                np.testing.assert_allclose(mine, theirs_now.value.detach().numpy(), err_msg=key, **tolerance)


def test_excluded_variables_do_not_decay_as_in_keras():
    ours, theirs = optimizers.AdamW(0.01, weight_decay=0.5), keras.optimizers.AdamW(0.01, weight_decay=0.5)
    weights = gradients(99)
    variables = [keras.Variable(value, name=key) for key, value in zip(SHAPES, weights, strict=True)]
    ours.exclude_from_weight_decay(var_names=["variable_1"])
    theirs.exclude_from_weight_decay(var_names=["bias"])
    for step in range(STEPS):
        ours.apply_gradients(zip(gradients(step), weights, strict=True))
        theirs.apply_gradients(zip(map(keras.ops.convert_to_tensor, gradients(step)), variables, strict=True))
    for ours_now, theirs_now in zip(weights, variables, strict=True):
        np.testing.assert_allclose(ours_now, theirs_now.value.detach().numpy(), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", [*STATES, "Optimizer"])
def test_arguments_have_keras_names_order_and_defaults(name):
    ours = inspect.signature(getattr(optimizers, name).__init__).parameters
    theirs = inspect.signature(getattr(keras.optimizers, name).__init__).parameters
    own = [key for key, value in ours.items() if value.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert own == list(theirs)
    assert {key: ours[key].default for key in own} == {key: value.default for key, value in theirs.items()}


SCHEDULES = [
    ("ExponentialDecay", (0.1, 7, 0.5), {}),
    ("ExponentialDecay", (0.1, 7, 0.5), {"staircase": True}),
    ("InverseTimeDecay", (0.1, 7, 0.5), {}),
    ("InverseTimeDecay", (0.1, 7, 0.5), {"staircase": True}),
    ("PolynomialDecay", (0.1, 20), {}),
    ("PolynomialDecay", (0.1, 20), {"end_learning_rate": 0.01, "power": 2.0}),
    ("PolynomialDecay", (0.1, 20), {"cycle": True, "power": 0.5}),
    ("PiecewiseConstantDecay", ([5, 10, 30], [1.0, 0.5, 0.1, 0.05]), {}),
    ("CosineDecay", (0.1, 40), {}),
    ("CosineDecay", (0.1, 40), {"alpha": 0.2}),
    ("CosineDecay", (0.0, 40), {"warmup_target": 0.2, "warmup_steps": 10, "alpha": 0.1}),
    ("CosineDecayRestarts", (0.1, 10), {}),
    ("CosineDecayRestarts", (0.1, 10), {"t_mul": 1.0, "m_mul": 0.5}),
    ("CosineDecayRestarts", (0.1, 7), {"t_mul": 1.5, "m_mul": 0.9, "alpha": 0.1}),
]


@pytest.mark.parametrize(("name", "positional", "named"), SCHEDULES, ids=str)
def test_schedules_equal_those_of_keras(name, positional, named):
    ours = getattr(optimizers.schedules, name)(*positional, **named)
    theirs = getattr(keras.optimizers.schedules, name)(*positional, **named)
    rates = [float(theirs(step)) for step in range(100)]
    np.testing.assert_allclose([ours(step) for step in range(100)], rates, rtol=1e-5, atol=1e-7)
    assert ours.get_config() == theirs.get_config()


@pytest.mark.parametrize("name", sorted({name for name, _, _ in SCHEDULES}))
def test_schedules_have_keras_arguments(name):
    ours = inspect.signature(getattr(optimizers.schedules, name).__init__).parameters
    theirs = inspect.signature(getattr(keras.optimizers.schedules, name).__init__).parameters
    assert list(ours) == list(theirs)
    assert [value.default for value in ours.values()] == [value.default for value in theirs.values()]
