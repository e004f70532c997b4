"""One place finds things by name, a loss has one definition, and there is one way to a prediction."""

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest

import cnncore
from cnncore import activations, constraints, initializers, layers, losses, metrics, optimizers, regularizers
from cnncore._registry import Registry
from cnncore.layers import Conv2D, Dense, Flatten
from cnncore.models import Sequential
from cnncore.utils import custom_object_scope

# module: its kind, a name with a typo, what its message offers, and a name that the module knows
NAMES = {
    activations: ("activation", "rleu", "relu", "gelu"),
    constraints: ("constraint", "nonneg_", "nonneg", "max_norm"),
    initializers: ("initializer", "he_nrmal", "he_normal", "zeros"),
    layers: ("layer", "Dnese", "dense", "Flatten"),
    losses: ("loss", "mean_squared_eror", "mean_squared_error", "mse"),
    metrics: ("metric", "acuracy", "accuracy", "mae"),
    optimizers: ("optimizer", "adm", "adam", "sgd"),
    regularizers: ("regularizer", "l1l", "l1l2", "l2"),
}


def sources():
    root = Path(cnncore.__file__).parent
    for path in sorted(root.rglob("*.py")):
        yield path.relative_to(root).as_posix(), ast.parse(path.read_text())


@pytest.mark.parametrize("module", NAMES, ids=lambda module: module.__name__)
def test_one_message_for_an_unknown_name(module):
    kind, typo, offered, _ = NAMES[module]
    message = rf"Unknown {kind} '{typo}'\. Did you mean \"{offered}\"\? Known: \w+, "
    with pytest.raises(ValueError, match=message) as by_get:
        module.get(typo)
    assert by_get.traceback[-1].frame.code.name == "named", "the registry finds names, and nothing else does"


@pytest.mark.parametrize("module", NAMES, ids=lambda module: module.__name__)
def test_there_and_back(module):
    _, _, _, name = NAMES[module]
    config = module.serialize(module.get(name))
    assert module.serialize(module.deserialize(config)) == config
    assert config == name or set(config) == {"class_name", "config"}


@pytest.mark.parametrize("module", [activations, losses, metrics], ids=lambda module: module.__name__)
def test_names_of_the_user(module):
    def mine(*arrays):
        return np.abs(arrays[-1])

    with custom_object_scope({"mine": mine}):
        found = module.get("mine")
    expected = mine if module is activations else module.get(mine)
    assert type(found) is type(expected)
    assert found.name == "mine" if module is not activations else found is mine


def test_a_class_of_the_user_as_a_loss():
    class Mine(losses.MeanSquaredError):
        pass

    with custom_object_scope({"Mine": Mine}):
        assert type(losses.get("Mine")) is Mine


def test_names_are_looked_up_in_one_module():
    """Only the registry says "Unknown ..." and offers the nearest name of a class or a function."""
    lookups = {
        name
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name in ("serialize", "deserialize", "get")
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "nearest"
    }
    assert lookups == set()
    assert "nearest(" in inspect.getsource(Registry.named)


def test_models_have_no_stubs():
    """Methods that only say "not implemented": the two that a network asks of its model, and a layer's place in it."""
    stubs = [
        f"{name}: {node.name}"
        for name, tree in sources()
        if name.startswith("models/")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and isinstance(node.body[-1], ast.Raise)
        and "NotImplementedError" in ast.unparse(node.body[-1])
    ]
    assert len(stubs) <= 3, stubs
    assert not any("sequential" in stub or "model.py" in stub for stub in stubs)


def small(loss, last="softmax"):
    model = Sequential([Conv2D(2, 3, activation="relu", input_shape=(6, 6, 1)), Flatten(), Dense(3, activation=last)])
    model.compile("sgd", loss, weighted_metrics=[])
    return model


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "mse", "categorical_hinge"])
@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 0.0, 1.0, 3.0]])
def test_one_definition_of_the_loss(loss, weights):
    """With and without weights, training reports the loss that evaluation gives for the same weights of the model."""
    rng = np.random.default_rng(0)
    x = rng.random((5, 6, 6, 1), np.float32)
    y = np.arange(5) % 3
    if not loss.startswith("sparse"):
        y = np.eye(3, dtype=np.float32)[y]
    weights = None if weights is None else np.array(weights, np.float32)
    model = small(loss)
    evaluated = model.evaluate(x, y, sample_weight=weights, batch_size=5, verbose=0)
    tested = model.test_on_batch(x, y, sample_weight=weights)
    trained = model.train_on_batch(x, y, sample_weight=weights)
    assert evaluated == tested
    np.testing.assert_allclose(trained, evaluated, rtol=1e-6)


def test_evaluation_calls_the_loss_that_training_takes(monkeypatch):
    """Evaluation computes the loss in the core, also with weights of samples, and never in NumPy."""
    model = small("mse", last=None)
    called = []
    built_in = type(losses.get("mse"))
    original = built_in.call
    monkeypatch.setattr(built_in, "call", lambda self, *arrays: called.append(1) or original(self, *arrays))
    model.evaluate(np.ones((4, 6, 6, 1)), np.ones((4, 3)), sample_weight=np.arange(4.0), verbose=0)
    assert called == []


@pytest.mark.parametrize(
    ("module", "name", "known"),
    [
        (optimizers, "adam", "Adam"),
        (losses, "mean_squared_error", "MeanSquaredError"),
        (initializers, "he_normal", "HeNormal"),
        (regularizers, "l2", "L2"),
        (constraints, "max_norm", "MaxNorm"),
    ],
)
def test_configs_may_name_classes_as_strings_do(module, name, known):
    assert type(module.get({"class_name": name, "config": {}})).__name__ == known


def test_one_way_to_a_prediction(monkeypatch):
    """A call of predict with few samples is predict_on_batch, and both give the same bits."""
    model = small("mse")
    x = np.random.default_rng(1).random((4, 6, 6, 1), np.float32)
    expected = model.predict_on_batch(x)
    assert np.array_equal(model.predict(x, verbose=0), expected)
    assert np.array_equal(model.predict(x, batch_size=1, verbose=0), expected)
    assert not hasattr(model, "_prepare_input")
    monkeypatch.setattr(type(model), "predict_on_batch", lambda self, x: "called")
    assert model.predict(x, verbose=0) == "called"
