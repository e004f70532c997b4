"""The figures of "Introduction to Convolutional Neural Networks" (G. Pavuluri), the text this library began with."""

import itertools

import numpy as np
import pytest

import reference as ref
from cnncore import Sequential, applications, datasets, ops, utils
from cnncore.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D

# --- the sample code, as it stands there but for the imports ------------------------------------------------------


def sample_model():
    # Create the CNN model
    model = Sequential()

    # Convolutional layer with 32 filters, a 3x3 kernel, and ReLU activation
    model.add(Conv2D(32, kernel_size=(3, 3), activation="relu", input_shape=(28, 28, 1)))

    # Max pooling layer with 2x2 pool size
    model.add(MaxPooling2D(pool_size=(2, 2)))

    # Convolutional layer with 64 filters and a 3x3 kernel
    model.add(Conv2D(64, kernel_size=(3, 3), activation="relu"))

    # Max pooling layer
    model.add(MaxPooling2D(pool_size=(2, 2)))

    # Flatten the output
    model.add(Flatten())

    # Fully Connected layer
    model.add(Dense(128, activation="relu"))

    # Output layer with 10 neurons (for 10 classes) and softmax activation
    model.add(Dense(10, activation="softmax"))
    return model


SUMMARY = [
    ("conv2d (Conv2D)", (None, 26, 26, 32), 320),
    ("max_pooling2d (MaxPooling2D)", (None, 13, 13, 32), 0),
    ("conv2d_1 (Conv2D)", (None, 11, 11, 64), 18496),
    ("max_pooling2d_1 (MaxPooling2D)", (None, 5, 5, 64), 0),
    ("flatten (Flatten)", (None, 1600), 0),
    ("dense (Dense)", (None, 128), 204928),
    ("dense_1 (Dense)", (None, 10), 1290),
]


def test_layers_shapes_and_parameters():
    model = sample_model()
    described = [(f"{x.name} ({type(x).__name__})", x.output_shape, x.count_params()) for x in model.layers]
    assert described == SUMMARY
    assert model.count_params() == 225034


def test_the_sample_model_predicts_probabilities():
    model = sample_model()
    y = model.predict(np.random.default_rng(0).random((3, 28, 28, 1), np.float32), verbose=0)
    assert y.shape == (3, 10)
    np.testing.assert_allclose(y.sum(axis=1), 1, atol=10 * ref.UNIT_ROUNDOFF)


# --- a node: output = f(x1 w1 + w0) -----------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", [None, "relu", "sigmoid", "tanh"])
def test_a_single_neuron(activation):
    x1, w1, w0 = 1.5, -0.75, 0.25
    model = Sequential([Input((1,)), Dense(1, activation=activation)])
    model.set_weights([[[w1]], [w0]])
    output = model.predict(np.array([[x1]]), verbose=0)
    assert output.shape == (1, 1)
    expected = ref.activation(x1 * w1 + w0, activation or "linear")
    assert output[0, 0] == pytest.approx(float(expected), abs=8 * ref.UNIT_ROUNDOFF)


@pytest.mark.parametrize(
    ("image", "weights"),
    [
        ((28, 28, 1), 784),
        # The text says 12288, which is 64 * 64 * 3; of the size it names there are 11163.
        ((61, 61, 3), 11163),
    ],
)
def test_weights_of_one_neuron_over_an_image(image, weights):
    model = Sequential([Input(image), Flatten(), Dense(1)])
    kernel, bias = model.get_weights()
    assert kernel.shape == (weights, 1)
    assert bias.shape == (1,)


def test_61x61x3_images_go_through():
    x = np.random.default_rng(0).random((2, 61, 61, 3), np.float32)
    model = Sequential([Input((61, 61, 3)), Conv2D(4, 3, activation="relu"), MaxPooling2D(), Flatten(), Dense(1)])
    kernel, bias, dense, dense_bias = model.get_weights()
    features = ref.max_pool2d(ref.activation(ref.conv2d(x, kernel, bias), "relu"), (2, 2), (2, 2))
    assert features.shape == (2, 29, 29, 4)
    expected = ref.dense(features.reshape(2, -1), dense, dense_bias)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)


# --- the convolutional layer ------------------------------------------------------------------------------------------


def test_the_worked_convolution():
    """A 6x6 image, padding 1, kernel 3x3: 2(0)+2(0)+0(0)+1(1)+2(-1)+1(0)+2(1)+1(1)+1(-1) = 1."""
    patch = np.array([[2, 2, 0], [1, 2, 1], [2, 1, 1]])
    kernel = np.array([[0, 0, 0], [1, -1, 0], [1, 1, -1]])
    assert np.sum(patch * kernel) == 1
    image = np.random.default_rng(0).integers(0, 3, (6, 6))
    image[1:4, 2:5] = patch
    y = ops.conv2d(image[None, :, :, None], kernel[:, :, None, None], padding=1)[0, :, :, 0]
    assert y.shape == (6, 6)
    assert y[2, 3] == 1
    bordered = np.pad(image, 1)
    for row, column in np.ndindex(6, 6):
        assert y[row, column] == np.sum(bordered[row : row + 3, column : column + 3] * kernel)


@pytest.mark.parametrize("stride", [1, 2, 3, 7])
@pytest.mark.parametrize("padding", [0, 1, 2, 3])
def test_output_size_formula(padding, stride):
    """(W - F + 2P) / S + 1, by the formula, by an op, by a layer; rounded down where it does not divide."""
    for size, kernel in itertools.product((1, 2, 5, 6, 13, 28), (1, 2, 3, 5)):
        expected = (size - kernel + 2 * padding) // stride + 1
        if size + 2 * padding < kernel:
            with pytest.raises(ValueError, match="kernel"):
                ops.conv_output_size(size, kernel, padding, stride)
            continue
        assert ops.conv_output_size(size, kernel, padding, stride) == expected
        x, weights = np.zeros((1, size, size, 1)), np.zeros((kernel, kernel, 1, 2))
        assert ops.conv2d(x, weights, strides=stride, padding=padding).shape == (1, expected, expected, 2)
        layer = Conv2D(2, kernel, strides=stride, padding=padding)
        assert layer.compute_output_shape((None, size, size, 1)) == (None, expected, expected, 2)


# --- the pooling layer ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(28, 28, 1), (26, 26, 32), (12, 8, 65)])
def test_2x2_pooling_keeps_a_quarter_of_the_positions_and_the_depth(shape):
    height, width, depth = shape
    x = np.random.default_rng(0).random((2, *shape), np.float32)
    y = ops.max_pool2d(x, pool_size=2, strides=2)
    assert 4 * y[0, :, :, 0].size == x[0, :, :, 0].size
    assert y.shape == (2, height // 2, width // 2, depth)
    np.testing.assert_array_equal(y[:, 0, 0], x[:, :2, :2].max(axis=(1, 2)))
    assert MaxPooling2D(pool_size=(2, 2)).compute_output_shape((None, *shape)) == (None, *y.shape[1:])


# --- O'Shea and Nash's network of five layers -------------------------------------------------------------------------


def test_the_five_layer_network_trains():
    """Input, convolution, pooling, fully connected with ReLU, fully connected: it learns real digits."""
    utils.set_random_seed(0)
    model = applications.oshea_nash()
    kinds = [
        type(layer).__name__ for layer in model.layers if layer.count_params() or "Pooling" in type(layer).__name__
    ]
    assert kinds == ["Conv2D", "MaxPooling2D", "Dense", "Dense"]  # after the input
    (x, y), (x_val, y_val) = datasets.mnist5k.load_data()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x[:2000], y[:2000], batch_size=32, epochs=2, verbose=0)
    assert history.history["loss"][1] < history.history["loss"][0] / 2
    _, accuracy = model.evaluate(x_val, y_val, verbose=0)
    assert accuracy > 0.9
