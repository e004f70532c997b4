"""Names that Keras has and this package does not have. Asking for one says why."""

import numpy as np
import pytest

import cnncore
from cnncore import callbacks, layers, losses, ops, utils
from cnncore._keras_names.absent import REASONS, UNCALLED


@pytest.mark.parametrize(
    ("module", "name", "message"),
    [
        (cnncore, "dtype_policies", r"'dtype_policies': everything is float32; `compile\(precision=...\)`"),
        (cnncore, "Sequentail", r"'Sequentail'\. Did you mean \"Sequential\"\?"),
        (cnncore, "xyz", r"has no attribute 'xyz'$"),
        (layers, "ConvLSTM3D", "'ConvLSTM3D': write ConvLSTM2D"),
        (layers, "ThresholdedReLU", r"write ReLU\(threshold=theta\)"),
        (losses, "CTC", "'CTC': it compares sequences"),
        (callbacks, "RemoteMonitor", "it needs a server"),
        (utils, "model_to_dot", "draws a model without it"),
        (ops, "conv2", r"Did you mean \"conv2d\"\?"),
    ],
)
def test_modules_say_why(module, name, message):
    with pytest.raises(AttributeError, match=message):
        getattr(module, name)


def test_layers_and_models_say_why():
    class Measured(cnncore.Layer):
        def call(self, x):
            return x * len(self.metrics_variables)

    with pytest.raises(AttributeError, match=r"'metrics_variables': `layer\.metrics` lists"):
        Measured()(np.ones((2, 3)))
    model = cnncore.Sequential([layers.Dense(1, input_shape=(2,))])
    with pytest.raises(AttributeError, match=r"'export': `model.save` writes a file"):
        model.export("x")
    assert not hasattr(model, "export")
    assert not hasattr(cnncore.Model, "stateless_compute_loss")


def test_attributes_of_users_come_first():
    """The names are not reserved: a layer of a user may have an attribute with such a name."""

    class Logging(cnncore.Layer):
        def __init__(self):
            super().__init__()
            self.metrics_variables = ["mine"]

        def add_metric(self, value):
            return value

    assert Logging().metrics_variables == ["mine"]
    assert Logging().add_metric(2) == 2


@pytest.mark.parametrize("name", UNCALLED)
def test_methods_that_would_never_be_called_are_refused(name):
    """Keras trains by ``train_step`` and the like. Ignoring a user's own in silence would train another model."""
    own = type("Own", (cnncore.Model,), {name: lambda self, *args: None, "call": lambda self, x: x})
    with pytest.raises(TypeError, match=rf"\[compile\] Own\.{name} would never be called: a step of training"):
        own().compile("sgd", "mse")


def test_reasons_name_each_once():
    for module, reasons in REASONS.items():
        names = [name for group in reasons.values() for name in group]
        assert len(names) == len(set(names)), module


def test_the_package_has_keras_classes():
    assert cnncore.Layer is layers.Layer
    assert cnncore.Loss is losses.Loss
    assert cnncore.Metric.__name__ == "Metric"
    assert cnncore.Optimizer.__name__ == "Optimizer"
    assert cnncore.Initializer.__name__ == "Initializer"
    assert cnncore.Regularizer.__name__ == "Regularizer"


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (
            "from cnncore.layers import UpSampling3D",
            "cannot import name 'UpSampling3D' .*: of the layers for volumes",
        ),
        ("from cnncore.datasets import imdb", "cannot import name 'imdb' from 'cnncore.datasets': they hold no images"),
        ("from cnncore import dtype_policies", "everything is float32"),
        ("from cnncore.applications import VGG16", "weights of ImageNet are out of scope"),
    ],
)
def test_an_import_statement_says_why(statement, reason):
    with pytest.raises(ImportError, match=reason):
        exec(statement, {})


def test_asking_whether_a_name_is_here():
    assert not hasattr(layers, "UpSampling3D")
    assert getattr(layers, "ConvLSTM3D", None) is None
    with pytest.raises(ImportError, match="cannot import name 'NoSuchLayer'"):
        exec("from cnncore.layers import NoSuchLayer", {})
