"""What holds for every layer: it comes back from JSON, knows its output's shape, and says what is wrong with an
input.
"""

import json

import numpy as np
import pytest

import cnncore
import layer_cases
from cnncore.graph.tensor import KerasTensor
from cnncore.layers import builtin as layers
from cnncore.layers.base import registry
from layer_cases import IMAGE, SEQUENCE, VECTOR, case

OPTIONS = [
    case("Conv2D", IMAGE, filters=2, kernel_size=3, kernel_regularizer="l2", kernel_constraint="max_norm"),
    case(
        "Dense", IMAGE, units=2, bias_regularizer={"class_name": "L1", "config": {"l1": 0.5}}, bias_constraint="nonneg"
    ),
    case("Dense", IMAGE, units=2, activity_regularizer="l1_l2", trainable=False, dtype="float32"),
    case("DepthwiseConv2D", IMAGE, kernel_size=2, depthwise_initializer="he_normal", precision="bfloat16"),
    case(
        "SeparableConv2D", IMAGE, filters=2, kernel_size=2, pointwise_regularizer="l1", depthwise_constraint="unit_norm"
    ),
    case("BatchNormalization", IMAGE, gamma_regularizer="l2", beta_initializer="ones", activity_regularizer="l2"),
    case(
        "Conv2D",
        IMAGE,
        filters=2,
        kernel_size=2,
        activation={"class_name": "LeakyReLU", "config": {"negative_slope": 0.1}},
    ),
    case("Conv2D", IMAGE, filters=2, kernel_size=2, activation={"class_name": "elu", "config": {"alpha": 0.5}}),
]


@pytest.mark.parametrize("case", layer_cases.CASES + OPTIONS, ids=str)
def test_comes_back_from_json_and_knows_its_shape(case):
    layer = case.make(name="one")
    y = layer(case.inputs)
    assert layer.compute_output_shape(case.input_shape) == (None, *y.shape[1:])
    text = json.dumps(registry.serialize(layer))
    copy = registry.deserialize(json.loads(text))
    assert json.dumps(registry.serialize(copy)) == text
    copy.build(case.input_shape)
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(copy(case.inputs), y)


@pytest.mark.parametrize("case", layer_cases.CASES, ids=str)
def test_called_on_a_symbolic_tensor(case):
    layer = case.make()
    tensors = [KerasTensor((None, *shape)) for shape in case.shapes]
    y = layer(tensors if isinstance(case.inputs, list) else tensors[0])
    assert y.shape == layer.compute_output_shape(case.input_shape)
    assert layer.built


ARGUMENTS = [
    (lambda: layers.Conv2D(0, 3), ValueError, r"\[Conv2D\] expected `filters` >= 1 .* Received: filters=0"),
    (
        lambda: layers.Conv2D(2.5, 3),
        TypeError,
        r"\[Conv2D\] expected `filters` to be an integer. Received: filters=2.5",
    ),
    (lambda: layers.Conv2D(4, (3, 3, 3)), ValueError, "`kernel_size` to be an integer or two of them"),
    (lambda: layers.Conv1D(4, (3, 3)), ValueError, r"\[Conv1D\] expected `kernel_size` to be one integer"),
    (lambda: layers.Conv2D(4, 3, padding="full"), ValueError, '`padding` to be "valid" or "same"'),
    (lambda: layers.Conv1D(4, 3, padding="sane"), ValueError, 'one of "valid", "same", "causal".* Did you mean "same"'),
    (lambda: layers.Conv2D(4, 3, groups=3), ValueError, "divisible by `groups`. Received: filters=4, groups=3"),
    (lambda: layers.Conv2D(4, 3, data_format="channels_first"), ValueError, r"numpy.moveaxis\(x, 1, -1\)"),
    (lambda: layers.MaxPooling2D(data_format="channels_first"), ValueError, "channels_last"),
    (lambda: layers.Conv2D(4, 3, activation="reul"), ValueError, "Unknown activation 'reul'. Did you mean .relu."),
    (lambda: layers.Conv2D(4, 3, activation=3), TypeError, "`activation` to be a name, a function, a layer or None"),
    (lambda: layers.Dense(4, activation="relu", dtype="float16"), ValueError, '`dtype` to be "float32"'),
    (lambda: layers.Dense(4, kernel_regularizer="l3"), ValueError, "Unknown regularizer 'l3'"),
    (lambda: layers.Dense(4, kernel_regularizer=3), TypeError, "expected an object, its name or its config"),
    (lambda: layers.Dense(4, kernel_constraint="max"), ValueError, "Unknown constraint 'max'"),
    (lambda: layers.Dense(4, unit=3), TypeError, "unknown argument 'unit'"),
    (lambda: layers.Dropout(1.5), ValueError, r"`rate` to be a finite number in \[0, 1\]"),
    (lambda: layers.LeakyReLU(-1.0), ValueError, "`negative_slope`"),
    (lambda: layers.Reshape((-1, -1)), ValueError, "except for at most one -1"),
    (lambda: layers.Permute((0, 1)), ValueError, r"the numbers 1, 2, ... of axes in some order"),
    (lambda: layers.Permute(2.0), TypeError, "`dims` to be an integer"),
    (lambda: layers.Reshape(None), TypeError, "`target_shape` to be an integer"),
    (lambda: layers.Reshape((2, 0)), ValueError, "sizes of `target_shape` to be positive"),
    (lambda: layers.PReLU(shared_axes=1.5), TypeError, "`shared_axes` to be an integer"),
    (lambda: layers.Dropout(0.5, noise_shape=3), TypeError, "`noise_shape` to be a tuple"),
    (lambda: layers.LayerNormalization(axis=[]), ValueError, "`axis` to be an integer or several of them"),
    (lambda: layers.UnitNormalization(axis=[]), ValueError, "`axis` to be an integer or several of them"),
    (lambda: layers.Softmax(axis=9), ValueError, "expected `axis` >= -8 and <= 8"),
    (lambda: layers.Dense(3, batch_shape=5), ValueError, "`batch_shape` to be the batch axis, None, and the shape"),
    (lambda: layers.ArrayFunction("meen", [], {}), ValueError, 'Did you mean "mean"'),
    (lambda: layers.UpSampling2D(interpolation="cubic"), ValueError, '"nearest", "bilinear"'),
    (lambda: layers.BatchNormalization(renorm=True), ValueError, "`renorm` to be False"),
    (lambda: layers.Normalization(mean=1.0), ValueError, "both `mean` and `variance`"),
    (lambda: layers.Dot((1, 2, 3)), ValueError, "`axes` to be an integer or two of them"),
    (lambda: layers.Conv2DTranspose(2, 3, strides=2, output_padding=2), ValueError, "smaller than `strides`"),
]


@pytest.mark.parametrize(("make", "error", "message"), ARGUMENTS)
def test_arguments_that_make_no_sense(make, error, message):
    with pytest.raises(error, match=message):
        make()


INPUTS = [
    (case("Conv1D", IMAGE, filters=2, kernel_size=3), r"expected rank 3 \(batch, steps, channels\)"),
    (
        case("Conv2DTranspose", SEQUENCE, filters=2, kernel_size=3),
        r"expected rank 4 \(batch, height, width, channels\)",
    ),
    (case("Conv1DTranspose", IMAGE, filters=2, kernel_size=3), "expected rank 3"),
    (case("DepthwiseConv2D", IMAGE, kernel_size=8), "expected a window that is not larger than the input"),
    (case("DepthwiseConv1D", VECTOR, kernel_size=2), "expected rank 3"),
    (case("SeparableConv2D", SEQUENCE, filters=2, kernel_size=2), "expected rank 4"),
    (case("SeparableConv1D", IMAGE, filters=2, kernel_size=2), "expected rank 3"),
    (case("Dense", (), units=2), r"at least one axis besides that of the batch; Reshape\(\(1,\)\) adds one"),
    (case("MaxPooling2D", SEQUENCE), "expected rank 4"),
    (case("AveragePooling2D", IMAGE, pool_size=9), "expected a window that is not larger than the input"),
    (case("AveragePooling1D", VECTOR), "expected rank 3"),
    (case("GlobalMaxPooling2D", SEQUENCE), "expected rank 4"),
    (case("GlobalAveragePooling2D", VECTOR), "expected rank 4"),
    (case("GlobalMaxPooling1D", IMAGE), "expected rank 3"),
    (case("GlobalAveragePooling1D", VECTOR), "expected rank 3"),
    (case("ZeroPadding2D", SEQUENCE), "expected rank 4"),
    (case("ZeroPadding1D", IMAGE), "expected rank 3"),
    (case("Cropping1D", SEQUENCE, cropping=5), "to leave at least one row and column, or one step"),
    (case("UpSampling2D", VECTOR), "expected rank 4"),
    (case("UpSampling1D", IMAGE), "expected rank 3"),
    (case("UnitNormalization", SEQUENCE, axis=3), "`axis` from 1 to 2 or from -2 to -1"),
    (case("SpatialDropout1D", IMAGE, rate=0.5), "expected rank 3"),
    (case("Multiply", [IMAGE, SEQUENCE]), "inputs of one shape, or of length 1"),
    (case("Average", [IMAGE, (6, 7, 3)]), "inputs of one shape, or of length 1"),
    (case("Maximum", [IMAGE, (5, 7, 4)]), "inputs of one shape, or of length 1"),
    (case("Minimum", IMAGE), "a list of at least 2 tensors"),
    (
        case("Conv2D", SEQUENCE, filters=2, kernel_size=3),
        r'layer "conv2d".* expected rank 4 .* Received: shape=\(None, 9, 4\)',
    ),
    (case("Conv2D", IMAGE, filters=2, kernel_size=9), "expected a window that is not larger than the input"),
    (case("Conv2D", IMAGE, filters=3, kernel_size=3, groups=3), "number of channels divisible by groups=3"),
    (case("MaxPooling1D", IMAGE), r"expected rank 3 \(batch, steps, channels\)"),
    *(
        (case(name, IMAGE), r"expected rank 5 \(batch, depth, height, width, channels\)")
        for name in ("MaxPooling3D", "AveragePooling3D", "GlobalMaxPooling3D", "GlobalAveragePooling3D")
    ),
    (case("Cropping2D", IMAGE, cropping=4), "to leave at least one row"),
    (case("Reshape", IMAGE, target_shape=(5, -1)), "expected an input whose 168 values fill the shape"),
    (case("Permute", IMAGE, dims=(2, 1)), "expected an input of rank 3"),
    (case("RepeatVector", IMAGE, n=2), r"expected rank 2 \(batch, features\)"),
    (case("BatchNormalization", IMAGE, axis=4), "`axis` from 1 to 3 or from -3 to -1"),
    (case("LayerNormalization", IMAGE, axis=[1, 2]), "one axis, or the last axes"),
    (case("GroupNormalization", IMAGE, groups=3), "number of channels divisible by groups=3"),
    (case("Softmax", IMAGE, axis=0), "axis 0 is that of the batch"),
    (case("PReLU", SEQUENCE, shared_axes=[3]), "`shared_axes` less than 3"),
    (case("Dropout", IMAGE, rate=0.5, noise_shape=(None, 2, 1, 1)), "for each axis .* 1 or its size"),
    (case("SpatialDropout2D", SEQUENCE, rate=0.5), "expected rank 4"),
    (case("Add", IMAGE), "a list of at least 2 tensors"),
    (case("Subtract", [IMAGE] * 3), "a list of 2 tensors"),
    (case("Add", [IMAGE, (6, 7, 3)]), "inputs of one shape, or of length 1"),
    (case("Concatenate", [IMAGE, (5, 7, 4)]), "differ only along axis -1"),
    (case("Dot", [IMAGE, SEQUENCE], axes=(1, 1)), "both inputs to have the same length along axes"),
    (case("Normalization", IMAGE, mean=[1.0, 2.0], variance=[1.0, 2.0]), "to broadcast to the axes"),
]


@pytest.mark.parametrize(("case", "message"), INPUTS, ids=str)
def test_inputs_that_do_not_fit(case, message):
    layer = case.make()
    with pytest.raises(ValueError, match=message):
        layer(case.inputs)
    with pytest.raises(ValueError, match=message):
        layer(
            [KerasTensor((None, *shape)) for shape in case.shapes]
            if len(case.shapes) > 1
            else KerasTensor(case.input_shape)
        )


# Layers that take samples of any shape: only values that are no tensor of numbers do not fit.
TAKE_ANY_SHAPE = {
    *("Activation", "ActivityRegularization", "AlphaDropout", "ELU", "Flatten", "GaussianDropout"),
    *("GaussianNoise", "Identity", "LeakyReLU", "ReLU", "Rescaling"),
}


def test_the_table_of_inputs_has_every_layer():
    assert {case.name for case, _ in INPUTS} | TAKE_ANY_SHAPE == {case.name for case in layer_cases.CASES}


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ([np.zeros((2, 3)), np.zeros((2, 3))], ValueError, "expected one tensor as its input. Received: a list of 2"),
        ({"a": np.zeros((2, 3))}, ValueError, "expected one tensor as its input. Received: a dict of 1"),
        ("text", TypeError, "expected tensors or arrays. Received: str"),
        (np.zeros((2, 3), complex), TypeError, "expected inputs to hold real numbers"),
        ([[1.0], [1.0, 2.0]], ValueError, "expected inputs to be a rectangular array. Received: a ragged list"),
        ([["a"]], TypeError, "expected inputs to hold real numbers"),
    ],
    ids=lambda value: str(value)[:20],
)
@pytest.mark.parametrize("name", sorted(TAKE_ANY_SHAPE))
def test_values_that_are_no_tensor(name, value, error, message):
    layer = next(case for case in layer_cases.CASES if case.name == name).make()
    with pytest.raises(error, match=message):
        layer(value)


def test_old_spellings_say_the_new_ones():
    with pytest.warns(DeprecationWarning, match="`alpha` is called `negative_slope` today"):
        assert layers.LeakyReLU(alpha=0.1).negative_slope == 0.1


def test_names_that_are_not_here_say_why():
    with pytest.raises(AttributeError, match="'UpSampling3D': of the layers for volumes, only"):
        _ = cnncore.layers.UpSampling3D
    with pytest.raises(AttributeError, match=r"'Cnov2D'\. Did you mean"):
        _ = cnncore.layers.Cnov2D


def test_old_paths_lead_to_the_layers():
    with pytest.warns(DeprecationWarning, match=r"cnncore.layers.convolutional.Conv2D is called cnncore.layers.Conv2D"):
        from cnncore.layers.convolutional import Conv2D
    assert Conv2D is cnncore.layers.Conv2D
    from cnncore.layers import core

    with pytest.raises(AttributeError, match="no attribute 'Dnese'"):
        _ = core.Dnese


def test_other_names_are_the_same_classes():
    for name, other in {
        "Convolution2D": "Conv2D",
        "Convolution1D": "Conv1D",
        "MaxPool2D": "MaxPooling2D",
        "AvgPool2D": "AveragePooling2D",
        "GlobalAvgPool2D": "GlobalAveragePooling2D",
        "GlobalMaxPool1D": "GlobalMaxPooling1D",
        "SeparableConvolution2D": "SeparableConv2D",
        "Deconvolution2D": "Conv2DTranspose",
        "Convolution2DTranspose": "Conv2DTranspose",
    }.items():
        assert getattr(layers, name) is getattr(layers, other)


class TestNormalization:
    def test_adapt_takes_arrays_and_batches(self):
        rng = np.random.default_rng(0)
        x = rng.normal(3.0, 2.0, (50, 4, 4, 3)).astype(np.float32)
        whole, parts = layers.Normalization(), layers.Normalization()
        whole.adapt(x)
        parts.adapt((x[i : i + 8], None) for i in range(0, 50, 8))
        np.testing.assert_allclose(whole.mean.ravel(), x.mean(axis=(0, 1, 2)), rtol=1e-5)
        np.testing.assert_allclose(whole.variance.ravel(), x.var(axis=(0, 1, 2)), rtol=1e-5)
        np.testing.assert_allclose(whole.get_weights(), parts.get_weights(), rtol=1e-5)
        y = whole(x)
        np.testing.assert_allclose([y.mean(), y.std()], [0, 1], atol=1e-5)
        inverse = layers.Normalization(mean=whole.mean.ravel(), variance=whole.variance.ravel(), invert=True)
        np.testing.assert_allclose(inverse(y), x, rtol=1e-4, atol=1e-4)

    def test_statistics_of_every_pixel(self):
        x = np.random.default_rng(0).standard_normal((20, 3, 2, 2)).astype(np.float32)
        layer = layers.Normalization(axis=(1, 2, 3))
        layer.adapt(x)
        assert layer.mean.shape == (1, 3, 2, 2)
        np.testing.assert_allclose(layer(x), (x - x.mean(axis=0)) / x.std(axis=0), rtol=1e-4, atol=1e-4)

    def test_other_samples_are_refused(self):
        layer = layers.Normalization()
        layer.adapt(np.ones((2, 3)))
        with pytest.raises(ValueError, match="expected samples of shape"):
            layer.adapt(np.ones((2, 4)))
        with pytest.raises(ValueError, match="at least one sample"):
            layers.Normalization().adapt(iter([]))


def test_an_activation_with_weights_is_refused():
    layer = layers.Conv2D(2, 3, activation=layers.PReLU())
    with pytest.raises(ValueError, match="expected an activation without weights; add PReLU as a layer"):
        layer(np.zeros((1, 4, 4, 1), np.float32))


def test_layer_normalization_along_another_axis():
    x = np.random.default_rng(0).standard_normal((2, 5, 3)).astype(np.float32)
    y = layers.LayerNormalization(axis=1)(x)
    expected = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-3)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


def test_functional_forms():
    a, b = np.float32([[1.0, 2.0]]), np.float32([[3.0, 5.0]])
    results = {
        "add": [4, 7],
        "subtract": [-2, -3],
        "multiply": [3, 10],
        "average": [2, 3.5],
        "maximum": [3, 5],
        "minimum": [1, 2],
        "concatenate": [1, 2, 3, 5],
        "dot": [13],
    }
    for name, expected in results.items():
        np.testing.assert_array_equal(getattr(layers, name)([a, b]), [expected], err_msg=name)
