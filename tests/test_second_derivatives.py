"""Gradients of gradients: tapes inside tapes, compared with PyTorch's double backward pass."""

import numpy as np
import pytest

from cnncore import GradientTape, Input, Model, Sequential, layers, losses, ops
from cnncore.differentiation import NotDifferentiableError

RNG = np.random.default_rng(11)
FIRST_STATE = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def _numbers_begin_anew():
    """Draw the same numbers in a test whichever tests ran before: a difference across a kink is no slope."""
    RNG.bit_generator.state = FIRST_STATE


def penalty(discriminator, x, training=None):
    """The gradient penalty of WGAN-GP plus the mean of the results, which also has gradients of first order."""
    with GradientTape() as inner:
        inner.watch(x)
        result = discriminator(x, training=training)
    gradient = inner.gradient(result, [x])[0]
    norm = ops.sqrt(ops.sum(ops.square(gradient), axis=tuple(range(1, gradient.ndim))) + 1e-6)
    return ops.mean((norm - 1.0) ** 2) + ops.mean(result)


def gradients_of_penalty(discriminator, images, training=None):
    with GradientTape() as tape:
        loss = penalty(discriminator, ops.convert_to_tensor(images), training)
    return float(loss), tape.gradient(loss, discriminator.trainable_variables)


def random_discriminator(rng):
    """Some layers drawn at random, with dropout that the comparison turns off."""
    choices = [
        lambda: layers.Conv2D(int(rng.integers(2, 6)), 3, strides=int(rng.integers(1, 3)), padding="same"),
        lambda: layers.Conv2D(3, 3, activation="tanh"),
        lambda: layers.DepthwiseConv2D(3, padding="same"),
        lambda: layers.LeakyReLU(negative_slope=0.2),
        lambda: layers.Activation(str(rng.choice(["tanh", "sigmoid", "softplus", "silu", "elu"]))),
        lambda: layers.LayerNormalization(),
        lambda: layers.AveragePooling2D(2),
        lambda: layers.MaxPooling2D(2),
        lambda: layers.Dropout(0.3),
        lambda: layers.BatchNormalization(trainable=False),
        lambda: layers.Rescaling(0.5, 0.1),
    ]
    stack = [choices[i]() for i in rng.integers(0, len(choices), 4)]
    head = [layers.Flatten(), layers.Dense(5, activation="softplus"), layers.Dense(1)]
    model = Sequential([Input((9, 9, 2)), layers.Conv2D(4, 3), *stack, *head])
    for weight in model.weights:
        offset = 1.0 if weight.name in ("moving_variance", "gamma") else 0.0
        weight.assign(np.abs(offset + rng.normal(0, 0.3, weight.shape)) if offset else rng.normal(0, 0.3, weight.shape))
    return model


def torch_penalty(model, images, path):
    """The same in PyTorch, by Keras' layers, which are read from a file."""
    torch = pytest.importorskip("torch")
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "torch":
        pytest.skip("compares with Keras on PyTorch")
    model.save(path)
    other = keras.models.load_model(path)
    x = torch.tensor(images, requires_grad=True)
    result = other(x, training=False)
    (gradient,) = torch.autograd.grad(result.sum(), x, create_graph=True)
    norm = torch.sqrt((gradient**2).sum(dim=(1, 2, 3)) + 1e-6)
    loss = ((norm - 1.0) ** 2).mean() + result.mean()
    found = torch.autograd.grad(loss, [weight.value for weight in other.trainable_weights])
    return float(loss.detach()), [item.detach().numpy() for item in found]


@pytest.mark.parametrize("seed", range(12))
def test_random_discriminators(seed, tmp_path):
    rng = np.random.default_rng(seed)
    model, images = random_discriminator(rng), rng.normal(size=(7, 9, 9, 2)).astype(np.float32)
    expected_loss, expected = torch_penalty(model, images, tmp_path / "discriminator.keras")
    loss, found = gradients_of_penalty(model, images, training=False)
    assert loss == pytest.approx(expected_loss, rel=1e-4)
    for mine, theirs, weight in zip(found, expected, model.trainable_variables, strict=True):
        scale = max(1.0, float(np.abs(theirs).max()))
        np.testing.assert_allclose(np.ravel(mine), np.ravel(theirs), atol=2e-4 * scale, err_msg=weight.path)


def differences(function, weights, step=2e-2):
    """The gradients of a function of the values of weights, by differences along random directions.

    Two central differences are combined so that the error grows with the fourth power of the step (Richardson, 1911).
    """
    found = []
    for weight in weights:
        values, direction = weight.numpy().copy(), RNG.normal(size=weight.shape).astype(np.float32)

        def slope(distance, weight=weight, values=values, direction=direction):
            ends = []
            for sign in (1, -1):
                weight.assign(values + sign * distance * direction)
                ends.append(function())
            weight.assign(values)
            return (ends[0] - ends[1]) / (2 * distance)

        found.append((direction, (4 * slope(step / 2) - slope(step)) / 3))
    return found


def same_slopes(gradients, slopes, tolerance):
    for gradient, (direction, slope) in zip(gradients, slopes, strict=True):
        assert float(np.sum(np.asarray(gradient) * direction)) == pytest.approx(slope, rel=2e-2, abs=tolerance)


def smooth(*more):
    return Sequential([Input((4,)), layers.Dense(6, activation="tanh"), *more, layers.Dense(1)])


def test_dropout_and_noise_are_those_of_the_inner_gradient():
    more = [layers.Dropout(0.4), layers.GaussianNoise(0.3), layers.GaussianDropout(0.2), layers.SpatialDropout1D(0.3)]
    model = Sequential([Input((5, 4)), layers.Dense(6, activation="tanh"), *more, layers.Flatten(), layers.Dense(1)])
    x = ops.convert_to_tensor(RNG.normal(size=(30, 5, 4)).astype(np.float32))
    with GradientTape() as tape:
        with GradientTape() as inner:
            inner.watch(x)
            result = model(x, training=True)
        loss = ops.sum(ops.square(inner.gradient(result, x)))
    found = tape.gradient(loss, model.trainable_variables)
    head = model.trainable_variables[2].numpy()
    assert float(np.sum(found[2] * head)) == pytest.approx(2 * float(loss), rel=1e-4)  # of degree 2 in this kernel


def test_the_source_of_the_inner_gradient_may_depend_on_weights():
    first, second = Sequential([Input((4,)), layers.Dense(4, activation="tanh")]), smooth()
    images = RNG.normal(size=(8, 4)).astype(np.float32)

    def loss():
        x = first(images)
        with GradientTape() as inner:
            inner.watch(x)
            y = ops.tanh(second(x)) * 2.0
        return ops.sum(ops.square(inner.gradient(y, x)))

    weights = [*first.trainable_variables, *second.trainable_variables]
    with GradientTape() as tape:
        value = loss()
    found = tape.gradient(value, weights)

    def value_of_loss():
        with GradientTape():
            return float(loss())

    same_slopes(found, differences(value_of_loss, weights), tolerance=5e-3)


def test_a_penalty_on_the_gradient_of_weights():
    model = smooth()
    x, y = RNG.normal(size=(8, 4)).astype(np.float32), RNG.normal(size=(8, 1)).astype(np.float32)

    def loss():
        with GradientTape() as inner:
            error = ops.mean(ops.square(model(x) - y))
        gradients = inner.gradient(error, model.trainable_variables)
        return error + sum(ops.sum(ops.square(gradient)) for gradient in gradients)

    with GradientTape() as tape:
        value = loss()
    found = tape.gradient(value, model.trainable_variables)

    def value_of_loss():
        with GradientTape():
            return float(loss())

    same_slopes(found, differences(value_of_loss, model.trainable_variables), tolerance=5e-3)


def bend(function, x, step=0.1):
    """The second derivative by differences of fourth order."""
    values = [np.float64(function(np.float32(x + place * step))) for place in (-2, -1, 0, 1, 2)]
    return np.dot([-1, 16, -30, 16, -1], values) / (12 * step**2)


class Own(losses.Loss):
    def call(self, y_true, y_pred):
        return ops.sum(ops.log(1.0 + ops.square(y_true - y_pred)), axis=-1)


CLASSES = np.eye(3, dtype=np.float32)[[0, 2, 1, 1, 0, 2]]
VALUES = RNG.normal(size=(6, 3)).astype(np.float32)
LOSSES = [
    (losses.MeanSquaredError(), VALUES),
    (losses.Huber(reduction="sum"), VALUES),
    (losses.CategoricalCrossentropy(from_logits=True), CLASSES),
    (losses.SparseCategoricalCrossentropy(from_logits=True), CLASSES.argmax(axis=-1)),
    (losses.BinaryCrossentropy(from_logits=True, reduction="mean_with_sample_weight"), CLASSES),
    (losses.LogCosh(reduction=None), VALUES),
    (Own(), VALUES),
    (Own(reduction=None), VALUES),
]


@pytest.mark.parametrize("weight", [None, np.linspace(0.5, 2, 6).astype(np.float32)], ids=["plain", "weighted"])
@pytest.mark.parametrize(("loss", "y"), LOSSES, ids=lambda item: getattr(item, "name", ""))
def test_losses_in_the_inner_tape(loss, y, weight):
    model = Sequential([Input((4,)), layers.Dense(5, activation="tanh"), layers.Dense(3)])
    x = ops.convert_to_tensor(RNG.normal(size=(6, 4)).astype(np.float32))

    def squares():
        with GradientTape() as inner:
            inner.watch(x)
            error = ops.sum(ops.square(loss(y, model(x), sample_weight=weight)))
        return ops.sum(ops.square(inner.gradient(error, x)))

    with GradientTape() as tape:
        value = squares()
    found = tape.gradient(value, model.trainable_variables)

    def value_of_squares():
        with GradientTape():
            return float(squares())

    scale = max(1.0, max(float(np.abs(item).max()) for item in found))
    same_slopes(found, differences(value_of_squares, model.trainable_variables, 1e-2), tolerance=2e-2 * scale)


@pytest.mark.parametrize(
    ("function", "second"),
    [
        (lambda x: ops.sum(x**3), lambda x: 6 * x),
        (lambda x: ops.sum(ops.exp(x) * ops.sin(x)), lambda x: 2 * np.exp(x) * np.cos(x)),
        (lambda x: ops.sum(ops.sqrt(x) / x), lambda x: 0.75 * x**-2.5),
        (lambda x: ops.sum(ops.log(1 + x[1:])), lambda x: np.where(np.arange(3) > 0, -1 / (1 + x) ** 2, 0)),
        (lambda x: ops.sum(ops.tanh(ops.reshape(x, (3, 1)))), lambda x: -2 * np.tanh(x) * (1 - np.tanh(x) ** 2)),
        (lambda x: ops.mean(ops.concatenate([x, x * x])), lambda x: np.full(3, 2 / 6)),
        (lambda x: ops.sum(ops.matmul(ops.reshape(x, (1, 3)), ops.reshape(x, (3, 1)))), lambda x: np.full(3, 2.0)),
        (lambda x: ops.sum(ops.einsum("i,i->", x, x)), lambda x: np.full(3, 2.0)),
        (
            lambda x: ops.sum(ops.repeat(x, 2) ** 2 + ops.take(ops.repeat(x, 2), [0, 2, 4, 0, 2, 4])),
            lambda x: np.full(3, 4.0),
        ),
        (lambda x: ops.sum(ops.sigmoid(x)), lambda x: -np.tanh(x / 2) / (2 * np.cosh(x / 2)) ** 2),
        (lambda x: ops.sum(ops.softplus(x - 1)), lambda x: 1 / (2 * np.cosh((x - 1) / 2)) ** 2),
        (lambda x: ops.sum(ops.leaky_relu(x - 1) * x), lambda x: np.where(x > 1, 2.0, 0.4)),
        (lambda x: ops.sum(ops.elu(x - 1)), lambda x: np.where(x > 1, 0.0, np.exp(x - 1))),
        (lambda x: ops.sum(ops.softsign(x)), lambda x: -2 / (1 + x) ** 3),
        (lambda x: ops.sum(ops.log_softmax(x)), lambda x: np.zeros(3)),
        (lambda x: ops.sum(ops.square(ops.softmax(x) - ops.softmax(x))), lambda x: np.zeros(3)),
        (lambda x: ops.sum(ops.selu(x - 1)), lambda x: np.where(x > 1, 0.0, 1.0507 * 1.67326 * np.exp(x - 1))),
        (lambda x: ops.sum(ops.celu(x - 1, 2.0)), lambda x: np.where(x > 1, 0.0, np.exp((x - 1) / 2) / 2)),
        (lambda x: ops.sum(ops.gelu(x, approximate=False)), lambda x: (2 - x**2) * np.exp(-(x**2) / 2) / 2.5066283),
        (lambda x: ops.sum(ops.gelu(x, approximate=True)), lambda x: bend(lambda z: ops.gelu(z, approximate=True), x)),
        (lambda x: ops.sum(ops.mish(x)), lambda x: bend(ops.mish, x)),
        (lambda x: ops.max(x) ** 2, lambda x: np.where(x == x.max(), 2.0, 0.0)),
    ],
)
@pytest.mark.parametrize("persistent", [False, True])
def test_functions_of_ops(function, second, persistent):
    values = np.array([0.3, 1.2, 0.7], np.float32)
    x = ops.convert_to_tensor(values)
    with GradientTape(persistent=persistent) as outer:
        outer.watch(x)
        if persistent:
            gradient = outer.gradient(function(x), x)
        else:
            with GradientTape() as inner:
                inner.watch(x)
                y = function(x)
            gradient = inner.gradient(y, x)
    np.testing.assert_allclose(outer.gradient(gradient, x), second(values), rtol=1e-3, atol=1e-4)


class Written(layers.Layer):
    """A layer that computes its gradient itself, so that its gradient has no gradient."""

    def call(self, x):
        return x**2

    def backward(self, x, dy):
        return 2 * x * dy


class Deviation(layers.Layer):
    """Appends the deviation over the batch, like the discriminator of a progressive GAN, and has a weight."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(1,), initializer="ones", name="scale")

    def call(self, x):
        deviation = ops.mean(ops.std(x, axis=0)) * self.scale
        return ops.concatenate([x, ops.ones_like(x[:, :1]) * deviation], axis=-1)


class Twice(layers.Layer):
    """Calls layers, of which one computes in Python."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense, self.own = layers.Dense(4), layers.Lambda(lambda x: ops.tanh(x) * x)

    def call(self, x):
        return self.own(self.dense(x)) / (1.5 + ops.square(x)) + 1.0 / (2.0 + ops.sigmoid(x))


def models_in_python():
    inputs = Input((4,))
    hidden = layers.Dense(4, activation="tanh")(inputs)
    return {
        "functions": Model(inputs, ops.sum(ops.square(hidden) * hidden, axis=-1)),
        "lambda": Sequential([Input((4,)), layers.Dense(4), layers.Lambda(lambda x: ops.sin(x)), layers.Dense(1)]),
        "weight": Sequential([Input((4,)), layers.Dense(4, activation="tanh"), Deviation(), layers.Dense(1)]),
        "layers": Sequential([Input((4,)), Twice(), layers.Dense(1)]),
        "model": Sequential([Input((4,)), Model(inputs, ops.exp(-hidden)), layers.Dense(1, activation="tanh")]),
    }


@pytest.mark.parametrize("name", ["functions", "lambda", "weight", "layers", "model"])
def test_layers_that_compute_in_python(name):
    model = models_in_python()[name]
    images = RNG.normal(size=(6, 4)).astype(np.float32)

    def value_of_loss():
        return gradients_of_penalty(model, images)[0]

    _, found = gradients_of_penalty(model, images)
    same_slopes(found, differences(value_of_loss, model.trainable_variables, 1e-2), tolerance=1e-2)
    again = gradients_of_penalty(model, images)[1]
    for mine, theirs in zip(again, found, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_batch_normalization_in_training():
    images = RNG.normal(size=(6, 3, 3, 2)).astype(np.float32)
    norm = layers.BatchNormalization(momentum=0.8)
    head = [layers.Flatten(), layers.Dense(1, activation="tanh")]
    model = Sequential([Input((3, 3, 2)), layers.Conv2D(3, 2), norm, layers.Activation("tanh"), *head])
    before = norm.moving_mean.numpy().copy()
    _, found = gradients_of_penalty(model, images, training=True)
    mean = np.asarray(model.layers[0](images)).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(norm.moving_mean, 0.8 * before + 0.2 * mean, rtol=1e-4, atol=1e-6)

    def value_of_loss():
        return gradients_of_penalty(model, images, training=True)[0]

    variables = model.trainable_variables
    same_slopes(found, differences(value_of_loss, variables, 1e-2), tolerance=2e-2)
    moving = norm.moving_mean.numpy()
    assert gradients_of_penalty(model, images, training=False)[1][0].shape == (2, 2, 2, 3)
    np.testing.assert_array_equal(norm.moving_mean, moving)


def test_third_derivatives_of_functions():
    x = ops.convert_to_tensor([2.0])
    with GradientTape() as first:
        first.watch(x)
        with GradientTape() as second:
            second.watch(x)
            with GradientTape() as third:
                third.watch(x)
                y = x**4
            slope = third.gradient(y, x)
        bend = second.gradient(slope, x)
    np.testing.assert_allclose(first.gradient(bend, x), [48.0])


def test_what_is_refused():
    x = ops.convert_to_tensor(RNG.normal(size=(4, 4)))
    with pytest.raises(NotDifferentiableError, match=r"not known for layer 'written.*computes in Python"):
        gradients_of_penalty(smooth(Written(name="written")), np.asarray(x))
    for layer in (layers.BatchNormalization(), layers.Lambda(ops.sin)):
        model = smooth(layer)
        with GradientTape() as outer, GradientTape() as inner:
            y = ops.sum(model(x, training=True))
            squares = ops.sum(ops.square(inner.gradient(y, model.trainable_variables)[0]))
        with pytest.raises(NotDifferentiableError, match=f"layer '{layer.name}.* the inner tape watch the input"):
            outer.gradient(squares, model.trainable_variables)
    model, y_true = smooth(), np.zeros((4, 1), np.float32)
    with GradientTape(), GradientTape() as inner:
        inner.watch(x)
        y = ops.squareplus(x)
        with pytest.raises(NotDifferentiableError, match="not known for the activation squareplus"):
            inner.gradient(y, x)
    with GradientTape() as outer:
        with GradientTape() as inner:
            inner.watch(x)
            error = losses.CategoricalCrossentropy(axis=1)(np.ones((4, 2, 2)), ops.reshape(ops.exp(x), (4, 2, 2)))
        with pytest.raises(NotDifferentiableError, match="not known for the loss categorical_crossentropy with axis=1"):
            inner.gradient(error, x)
    with GradientTape() as outer:
        with GradientTape() as inner:
            error = losses.MeanSquaredError()(model(x), y_true)
        with pytest.raises(NotDifferentiableError, match="not known for the targets of the loss mean_squared_error"):
            inner.gradient(error, model.trainable_variables)
        with GradientTape() as middle:
            middle.watch(x)
            with GradientTape() as inner:
                inner.watch(x)
                y = ops.sum(model(x))
            first = ops.sum(inner.gradient(y, x) ** 2)
        with pytest.raises(NotDifferentiableError, match="gradients of gradients of a model"):
            middle.gradient(first, x)
    assert outer is not None
