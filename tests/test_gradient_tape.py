"""GradientTape: gradients of what is computed in a ``with`` block, against differences and against training steps."""

import numpy as np
import pytest

import cnncore
from cnncore import GradientTape, Input, Model, Sequential, layers, losses, ops
from cnncore.differentiation import NotDifferentiableError

RNG = np.random.default_rng(5)


def small_model(**kwargs):
    cnncore.utils.set_random_seed(3)
    return Sequential(
        [
            Input((6, 6, 2)),
            layers.Conv2D(3, 3, activation="tanh"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(4, **kwargs),
        ]
    )


def difference(function, x, place, size=1e-2):
    step = np.zeros_like(x)
    step[place] = size
    return (float(function(x + step)) - float(function(x - step))) / (2 * size)


def test_weights_as_in_a_training_step():
    model = small_model(kernel_regularizer="l2")
    x, y = RNG.random((5, 6, 6, 2), np.float32), RNG.random((5, 4), np.float32)
    model.compile("sgd", "mse")
    with GradientTape() as tape:
        loss = model.compute_loss(y=y, y_pred=model(x, training=True))
    for mine, expected in zip(tape.gradient(loss, model.trainable_weights), model.gradients(x, y), strict=True):
        np.testing.assert_allclose(mine, expected, atol=1e-6)
    assert float(loss) == pytest.approx(model.train_on_batch(x, y), rel=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_inputs_against_differences(training):
    model = small_model()
    model(RNG.random((4, 6, 6, 2), np.float32))
    x = RNG.random((3, 6, 6, 2), np.float32)

    def function(array):
        return ops.mean(ops.square(model(array, training=training) - 0.1 * ops.sum(array)))

    watched = ops.convert_to_tensor(x)
    with GradientTape() as tape:
        tape.watch(watched)
        value = function(watched)
    gradient = tape.gradient(value, watched)
    assert gradient.shape == x.shape
    for place in [(0, 1, 1, 0), (2, 3, 4, 1)]:
        assert gradient[place] == pytest.approx(difference(function, x, place), rel=0.02, abs=1e-4)


def test_a_model_behind_another_whose_weights_are_frozen():
    generator = Sequential([Input((3,)), layers.Dense(5, activation="tanh")])
    judge = Sequential([Input((5,)), layers.Dense(4, activation="tanh"), layers.Dense(1)])
    noise = RNG.random((6, 3), np.float32)
    loss = losses.BinaryCrossentropy(from_logits=True)

    def gradients():
        with GradientTape() as tape:
            value = loss(np.ones((6, 1)), judge(generator(noise, training=True), training=True))
        return tape.gradient(value, generator.trainable_weights)

    expected = gradients()
    judge.trainable = False
    joined = Sequential([Input((3,)), generator, judge])
    joined.compile("sgd", loss)
    for first, second, third in zip(expected, gradients(), joined.gradients(noise, np.ones((6, 1))), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-7)
        np.testing.assert_allclose(first, third, atol=1e-6)


class Noisy(layers.Layer):
    def call(self, x):
        return x * cnncore.random.normal(np.shape(x))


def test_random_numbers_are_those_that_the_loss_was_computed_with():
    """The core runs forward twice, a layer in Python draws once."""
    model = Sequential([Input((4,)), layers.Dense(4, use_bias=False, kernel_initializer="identity"), Noisy()])
    x = np.ones((3, 4), np.float32)
    with GradientTape() as tape:
        y = model(x, training=True)
        total = ops.sum(y)
    (gradient,) = tape.gradient(total, model.trainable_weights)
    np.testing.assert_allclose(gradient.sum(axis=0) / 4, np.asarray(y).sum(axis=0), rtol=1e-5)


def test_dropout_drops_the_same_values():
    model = Sequential([Input((50,)), layers.Dropout(0.5), layers.Dense(1, use_bias=False)])
    with GradientTape() as tape:
        y = model(np.ones((1, 50), np.float32), training=True)
        again = model(np.ones((1, 50), np.float32), training=True)
    (gradient,) = tape.gradient(y, model.trainable_weights)
    assert (gradient * model.get_weights()[0]).sum() == pytest.approx(float(y[0, 0]), rel=1e-4)
    assert float(again[0, 0]) != float(y[0, 0])


def test_one_model_called_twice_before_the_gradient():
    model = Sequential([Input((2,)), layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    a, b = np.float32([[1, 2]]), np.float32([[3, 5]])
    with GradientTape() as tape:
        value = ops.sum(ops.square(model(a) - model(b)))
    (gradient,) = tape.gradient(value, model.trainable_weights)
    np.testing.assert_allclose(gradient[:, 0], 2 * (3 - 8) * (a - b)[0])


def test_outputs_inside_the_model_can_be_asked_for():
    """As class activation maps do: the prediction's gradient with respect to a layer in the middle."""
    x = Input((6, 6, 1))
    inner = layers.Conv2D(2, 3, name="inner")(x)
    y = layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(inner))
    model = Model(x, [inner, y])
    with GradientTape() as tape:
        maps, predictions = model(RNG.random((2, 6, 6, 1), np.float32))
        score = predictions[:, 1]
    gradient = tape.gradient(score, maps)
    rest = Model(inner, y)

    def function(array):
        return np.sum(np.asarray(rest(array))[:, 1])

    assert gradient.shape == (2, 4, 4, 2)
    assert gradient[1, 2, 3, 1] == pytest.approx(difference(function, np.asarray(maps), (1, 2, 3, 1), 0.1), rel=0.02)


def test_moving_statistics_move_once():
    model, other = small_model(), small_model()
    x, y = RNG.random((5, 6, 6, 2), np.float32), RNG.random((5, 4), np.float32)
    other.compile("sgd", "mse")
    other.train_on_batch(x, y)
    with GradientTape() as tape:
        value = ops.sum(model(x, training=True))
    tape.gradient(value, model.trainable_weights)
    tape.gradient(value, model.trainable_weights)
    np.testing.assert_allclose(model.layers[1].moving_mean, other.layers[1].moving_mean, rtol=1e-6)


def test_weights_that_were_changed_meanwhile():
    """Gradients are those at the weights that the result was computed with."""
    model = Sequential([Input((2,)), layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    x = np.float32([[1, 2]])
    with GradientTape() as tape:
        value = ops.sum(ops.square(model(x)))
    model.layers[0].kernel.assign(np.zeros((2, 1)))
    np.testing.assert_allclose(tape.gradient(value, model.trainable_weights)[0][:, 0], [6, 12])
    assert not np.asarray(model.layers[0].kernel).any()


def test_structures_and_what_is_not_connected():
    kernel = layers.Dense(1)
    kernel.build((None, 2))
    x = ops.convert_to_tensor(np.float32([2.0, 3.0]))
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = 3.0 * y
    assert tape.gradient(z, {"x": x, "y": [y]})["x"].tolist() == [12.0, 18.0]
    assert tape.gradient(z, y).tolist() == [3.0, 3.0]
    assert tape.gradient([y, z], x, output_gradients=[np.ones(2), np.zeros(2)]).tolist() == [4.0, 6.0]
    assert tape.gradient(z, kernel.kernel) is None
    assert tape.gradient(z, kernel.kernel, unconnected_gradients="zero").shape == (2, 1)
    assert (x + 1).tolist() == [3.0, 4.0]  # after the block it is an array like others


def test_tapes_that_overlap():
    x = ops.convert_to_tensor([2.0])
    with GradientTape() as first, GradientTape() as second:
        first.watch(x)
        y = x**2
    assert first.gradient(y, x).tolist() == second.gradient(y, x).tolist() == [4.0]


def test_what_is_refused():
    x = ops.convert_to_tensor([2.0])
    with GradientTape() as tape, pytest.raises(TypeError, match=r"x = cnncore.ops.convert_to_tensor"):
        tape.watch(np.ones(3))
    with pytest.raises(ValueError, match="a tape that was used as"):
        GradientTape().gradient(x, x)
    penalized = Sequential([Input((2,)), layers.Dense(1, activity_regularizer="l2")])
    with GradientTape(), GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(NotDifferentiableError, match=r'a call of "sequential.* which does so by add_loss'):
            penalized(np.ones((1, 2), np.float32), training=True)


def test_targets_that_are_trained():
    model = Sequential([Input((2,)), layers.Dense(2, kernel_initializer="identity")])
    x = np.float32([[1.0, 2.0]])
    with GradientTape() as tape:
        loss = losses.MeanSquaredError()(model(x), np.zeros((1, 2)))
    np.testing.assert_allclose(tape.gradient(loss, model.trainable_weights)[1], [1.0, 2.0])
    with GradientTape() as tape:
        loss = losses.Hinge()(model(x), np.float32([[0.5, 0.5]]))
    with pytest.raises(NotDifferentiableError, match="y_true is not known"):
        tape.gradient(loss, model.trainable_weights)


@pytest.mark.parametrize("name", ["binary_crossentropy", "mean_squared_error", "categorical_crossentropy"])
def test_losses_of_rows(name):
    """A loss function gives a value for each row, which may be summed in any way."""
    y = RNG.integers(0, 2, (2, 3, 3, 2)).astype(np.float32)
    p = RNG.uniform(0.2, 0.8, y.shape).astype(np.float32)
    weights = RNG.random(y.shape[:-1])

    def function(array):
        return ops.sum(getattr(losses, name)(y, array) * weights)

    x = ops.convert_to_tensor(p)
    with GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    place = (1, 2, 0, 1)
    assert tape.gradient(value, x)[place] == pytest.approx(difference(function, p, place, 1e-3), rel=0.02)


def test_a_loop_over_a_list_of_layers_keeps_few_networks():
    layer = layers.Dense(2)
    for size in range(1, 30):
        with GradientTape() as tape:
            value = ops.sum(layer(np.ones((size, 3), np.float32)))
        tape.gradient(value, layer.trainable_weights)
    assert sum(len(kept) for key, kept in layer.eager_networks.items() if key[0] == "recorded") <= 2


def test_a_model_for_any_size():
    x = Input((None, None, 1))
    model = Model(x, layers.GlobalAveragePooling2D()(layers.Conv2D(1, 1, kernel_initializer="ones")(x)))
    for size in (2, 3):
        images = ops.convert_to_tensor(np.ones((1, size, size, 1)))
        with GradientTape() as tape:
            tape.watch(images)
            value = ops.sum(model(images))
        np.testing.assert_allclose(tape.gradient(value, images)[0, 0, 0], [1 / size**2])


@pytest.mark.parametrize(
    ("sources", "options", "error", "message"),
    [
        ("w", {}, TypeError, "expected weights or arrays as sources. Received: 'w' of type str"),
        (None, {}, TypeError, "expected weights or arrays as sources. Received: None"),
        ([], {"unconnected_gradients": "nil"}, ValueError, "to be 'none' or 'zero'. Received: 'nil'"),
        ([], {"output_gradients": np.ones(7)}, ValueError, r"shapes of the targets, \(3, 2\). Received: shape \(7,\)"),
    ],
)
def test_arguments_of_gradient_that_make_no_sense(sources, options, error, message):
    model = cnncore.Sequential([layers.Dense(2, input_shape=(4,))])
    with cnncore.GradientTape() as tape:
        y = model(np.ones((3, 4), np.float32), training=True)
    with pytest.raises(error, match=message):
        tape.gradient(y, sources, **options)


def test_jacobians_are_derivatives_of_each_result():
    model = Sequential([Input((3,)), layers.Dense(2, activation="tanh")])
    kernel, bias = model.get_weights()
    x = ops.convert_to_tensor(np.float32([[0.1, 0.2, 0.3], [-0.4, 0.5, 1.0]]))
    with GradientTape() as tape:
        tape.watch(x)
        y = model(x)
    slopes = (1 - np.tanh(np.asarray(x) @ kernel + bias) ** 2)[..., np.newaxis] * kernel.T
    np.testing.assert_allclose(tape.batch_jacobian(y, x), slopes, rtol=1e-5)
    whole, of_kernel, nothing = tape.jacobian(y, [x, model.trainable_weights[0], ops.convert_to_tensor([1.0])])
    assert whole.shape == (2, 2, 2, 3)
    np.testing.assert_allclose(whole[[0, 1], :, [0, 1]], slopes, rtol=1e-5)
    np.testing.assert_array_equal(whole[0, :, 1], np.zeros((2, 3)))
    assert of_kernel.shape == (2, 2, 3, 2)
    assert nothing is None
    with pytest.raises(ValueError, match="same number of samples"):
        tape.batch_jacobian(y, model.trainable_weights[0])


def test_stop_recording():
    x = ops.convert_to_tensor([3.0])
    with GradientTape() as tape:
        tape.watch(x)
        with tape.stop_recording():
            factor = x**2
        y = factor * x
    assert tape.gradient(y, x) == [9.0]


@pytest.mark.parametrize("function", [np.mean, np.sum, np.array, lambda pair: float(np.mean(pair))])
def test_a_list_that_numpy_made_an_array_is_no_target(function):
    """NumPy copies watched arrays, and results, that are in a list. Their gradients would all be None."""
    x = ops.convert_to_tensor([1.0, 2.0])
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        lost = function([x, 3 * x])
        kept = [ops.mean([x, 3 * x]), np.mean(np.stack([x, 3 * x])), sum([ops.sum(x), 3 * ops.sum(x)]) / 4]
    with pytest.raises(TypeError, match=r"write cnncore.ops.mean\(list\), .* Received: a plain"):
        tape.gradient(lost, x)
    for target in kept:
        np.testing.assert_allclose(tape.gradient(target, x), [1.0, 1.0])
