"""Losses and penalties that users write in the places where Keras has them, against the built-in ones."""

import numpy as np
import pytest

import cnncore
from cnncore import Input, Model, Sequential, layers, losses, metrics, ops, optimizers, regularizers

RNG = np.random.default_rng(0)
X, Y = RNG.random((32, 6), np.float32), RNG.random((32, 2), np.float32)
LABELS = RNG.integers(0, 2, 32)


def trained(model, loss=None, y=Y, **options):
    model.compile(optimizers.SGD(0.1), loss, **options)
    history = model.fit(X, y, epochs=2, batch_size=10, shuffle=False, verbose=0)
    return history.history["loss"], model.evaluate(X, y, verbose=0), model.get_weights()


def assert_same(first, second):
    np.testing.assert_allclose(first[0], second[0], rtol=1e-5)
    np.testing.assert_allclose(first[1], second[1], rtol=1e-5)
    for a, b in zip(first[2], second[2], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def dense(**options):
    return Sequential([Input((6,)), layers.Dense(4, **options), layers.Dense(2)], seed=1)


class Squares(regularizers.Regularizer):
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return self.factor * ops.sum(ops.square(x))

    def get_config(self):
        return {"factor": self.factor}


def squares(x):
    return 0.01 * ops.sum(ops.square(x))


@pytest.mark.parametrize("own", [squares, Squares(0.01)])
@pytest.mark.parametrize("place", ["kernel_regularizer", "activity_regularizer"])
def test_regularizers_of_users(place, own):
    first, second = (trained(dense(**{place: penalty}), "mse") for penalty in (own, regularizers.L2(0.01)))
    assert_same((*first[:1], 0, *first[2:]), (*second[:1], 0, *second[2:]))
    assert place == "activity_regularizer" or abs(first[1] - second[1]) < 1e-6


def test_regularizers_of_users_with_shared_and_frozen_layers():
    def shared(penalty):
        cnncore.utils.set_random_seed(1)
        x, layer = Input((6,)), layers.Dense(6, kernel_regularizer=penalty)
        frozen = layers.Dense(2, kernel_regularizer=penalty, trainable=False)
        return Model(x, frozen(layer(layer(x))))

    assert_same(trained(shared(squares), "mse"), trained(shared(regularizers.L2(0.01)), "mse"))


def test_penalty_of_the_whole_batch():
    def divergence(activities):
        mean = ops.mean(activities, axis=0)
        return 0.05 * (losses.kl_divergence(0.1, mean) + losses.kl_divergence(0.9, 1.0 - mean))

    model = dense(activation="sigmoid", activity_regularizer=divergence)
    before = Model(model.inputs, model.layers[0].output).predict(X, verbose=0).mean()
    trained(model, losses.MeanSquaredError())
    for _ in range(20):
        model.fit(X, Y, epochs=10, batch_size=32, verbose=0)
    after = Model(model.inputs, model.layers[0].output).predict(X, verbose=0).mean()
    assert abs(after - 0.1) < abs(before - 0.1)


def test_files_of_models_with_regularizers_of_users(tmp_path):
    model = dense(kernel_regularizer=Squares(0.5), bias_regularizer=squares)
    model.compile("sgd", "mse")
    names = {"Squares": Squares, "squares": squares}
    for name in ("m.safetensors", "m.keras"):
        model.save(tmp_path / name)
        other = cnncore.saving.load_model(tmp_path / name, custom_objects=names)
        assert other.layers[0].kernel_regularizer.factor == 0.5
        np.testing.assert_allclose(other.evaluate(X, Y, verbose=0), model.evaluate(X, Y, verbose=0), rtol=1e-6)


class Distiller(Model):
    """Keras' example of distillation, with a loss that needs the inputs."""

    def __init__(self, student, teacher):
        super().__init__()
        self.student, self.teacher = student, teacher
        self.seen = metrics.Mean(name="seen")

    def call(self, x):
        return self.student(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, allow_empty=False):
        loss = losses.SparseCategoricalCrossentropy(from_logits=True)(y, y_pred, sample_weight)
        soft = losses.KLDivergence()(ops.softmax(self.teacher(x) / 3, axis=1), ops.softmax(y_pred / 3, axis=1))
        self.seen.update_state(loss)
        return 0.1 * loss + 0.9 * soft


def test_compute_loss():
    teacher, student = dense(), dense()
    teacher.trainable = False
    result = trained(Distiller(student, teacher), y=LABELS, metrics=["sparse_categorical_accuracy"])
    assert result[0][1] < result[0][0]
    assert len(result[1]) == 3  # the metric that compute_loss updates is reported, too

    def same(y_true, y_pred):
        target = ops.softmax(teacher.predict(X, verbose=0)[: len(y_true)] / 3, axis=1)
        hard = losses.SparseCategoricalCrossentropy(from_logits=True)(y_true[:, 0], y_pred)
        return 0.1 * hard + 0.9 * losses.KLDivergence()(target, ops.softmax(y_pred / 3, axis=1))

    model, other = Distiller(dense(), teacher), dense()
    model.compile(optimizers.SGD(0.1))
    other.compile(optimizers.SGD(0.1), same)
    hard = losses.SparseCategoricalCrossentropy(from_logits=True)(LABELS, model.predict(X, verbose=0))
    (first, seen), second = (item.train_on_batch(X, LABELS[:, None]) for item in (model, other))
    assert seen == pytest.approx(hard, rel=1e-5)
    np.testing.assert_allclose(first, second, rtol=1e-6)
    np.testing.assert_allclose(model.student.get_weights()[0], other.get_weights()[0], rtol=1e-5)


class Plain(Model):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, x):
        return self.inner(x)

    def compute_loss(self, x, y, y_pred, sample_weight=None):
        return super().compute_loss(x, y, y_pred, sample_weight)


def test_compute_loss_of_the_base_class():
    assert_same(trained(Plain(dense()), "mse"), trained(dense(), "mse"))
    x = Input((6,))
    plain, own = (Model(x, [layers.Dense(2)(x), layers.Dense(2)(x)]) for _ in range(2))
    own.set_weights(plain.get_weights())
    expected, found = trained(plain, ["mse", "mse"], [Y, Y]), trained(Plain(own), ["mse", "mse"], [Y, Y])
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)


def test_loss_that_overrides_its_call_operator():
    class WholeBatch(losses.Loss):
        def __call__(self, y_true, y_pred, sample_weight=None):
            y_pred = cnncore.utils.normalize(y_pred, axis=1)
            return ops.mean(ops.square(ops.matmul(y_pred, ops.transpose(y_pred)) - 1))

    history = trained(dense(), WholeBatch())[0]
    assert history[1] < history[0]


def test_names_of_losses_and_metrics_of_users():
    def absolute(y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred), axis=-1)

    with cnncore.saving.custom_object_scope({"absolute": absolute}):
        first = trained(dense(), "absolute", metrics=["absolute"])
    assert_same(first, trained(dense(), "mae", metrics=["mae"]))


def test_resizing_inside_a_model_has_a_gradient():
    def model(resizing):
        x = Input((4, 6, 2))
        y = layers.Conv2D(3, 1, kernel_initializer="ones")(x)
        return Model(x, layers.Flatten()(resizing(y)), seed=1)

    x = RNG.random((3, 4, 6, 2), np.float32)
    y = RNG.random((3, 8 * 12 * 3), np.float32)
    gradients = []
    for resizing in (layers.Resizing(8, 12), layers.UpSampling2D(2, interpolation="bilinear")):
        net = model(resizing)
        net.compile("sgd", "mse")
        gradients.append(net.gradients(x, y))
    for a, b in zip(*gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


class Reconstructing(Model):
    """Makes a layer in build, as Keras' models may."""

    def __init__(self, units):
        super().__init__()
        self.hidden, self.out = layers.Dense(4), layers.Dense(units)

    def build(self, input_shape):
        self.reconstruct = layers.Dense(input_shape[-1])
        super().build(input_shape)

    def call(self, x):
        z = self.hidden(x)
        self.add_loss(0.05 * ops.mean(ops.square(self.reconstruct(z) - x)))
        return self.out(z)


@pytest.mark.parametrize("how", ["fit", "build", "call"])
def test_models_that_make_layers_in_build(how):
    model = Reconstructing(2)
    if how == "fit":
        trained(model, "mse")
    elif how == "build":
        model.build((None, 6))
    else:
        model(X)
    assert len(model.weights) == 6
    assert model.reconstruct.units == 6


def test_warning_about_a_shared_optimizer_names_the_script():
    optimizer, first, second = optimizers.SGD(), dense(), dense()
    for model in (first, second):
        model.compile(optimizer, "mse")
    first.fit(X, Y, verbose=0)
    for train in (second.fit, first.train_on_batch):
        with pytest.warns(UserWarning, match="is in use by another model") as caught:
            train(X, Y)
        assert caught[0].filename == __file__
        first.compile(second.optimizer, "mse")


def test_what_is_no_loss_or_penalty_is_refused_in_words():
    x, y = np.ones((4, 3), np.float32), np.ones((4, 2), np.float32)

    class Silent(Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, inputs):
            return self.dense(inputs)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return None

    model = Silent()
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match=r"\[Silent.compute_loss\] expected a number"):
        model.fit(x, y, verbose=0)
    model = Sequential([layers.Dense(2, kernel_regularizer=lambda w: None, input_shape=(3,))])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match=r"\[regularizer\] expected a regularizer to return real numbers"):
        model.fit(x, y, verbose=0)
