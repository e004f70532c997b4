"""Products with curvature of models: PyTorch's double backward, symmetry, signs, threads, blocks, and bad input."""

import re

import numpy as np
import pytest

import cnncore
from checking import num_threads
from cnncore import Model, Sequential, layers
from cnncore.models.products import CurvatureProduct

RNG = np.random.default_rng(5)
IMAGES = RNG.standard_normal((40, 9, 8, 2)).astype(np.float32)
LABELS = RNG.integers(0, 4, 40)
ONE_HOT = np.eye(4, dtype=np.float32)[LABELS]
KINDS = ("hessian", "gauss_newton", "fisher")


def small_cnn(last="softmax", activation="tanh"):
    return Sequential(
        [
            layers.Input((9, 8, 2)),
            layers.Conv2D(5, 3, activation=activation, kernel_regularizer="l2"),
            layers.MaxPooling2D(),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(6, activation="gelu"),
            layers.Dense(4, activation=last),
        ]
    )


def compiled(loss="sparse_categorical_crossentropy", **options):
    model = small_cnn(**options)
    model.compile(loss=loss)
    rng = np.random.default_rng(2)
    model.set_weights([w + 0.1 * np.abs(rng.standard_normal(w.shape)) for w in model.get_weights()])
    return model


def product_of(model, kind, y, weight=None, x=IMAGES):
    return CurvatureProduct(model, kind, (x, y, weight), "test")


def dense_matrix(product):
    return np.array([product(row) for row in np.eye(product.size, dtype=np.float32)], np.float64)


@pytest.mark.parametrize("kind", KINDS)
def test_products_are_symmetric(kind):
    model = compiled()
    product = product_of(model, kind, LABELS)
    for seed in range(200):
        u, v = np.random.default_rng(seed).standard_normal((2, product.size)).astype(np.float32)
        left, right = float(u @ product(v)), float(v @ product(u))
        assert abs(left - right) <= 1e-5 * np.linalg.norm(u) * np.linalg.norm(product(v))


LOSSES = (
    ("sparse_categorical_crossentropy", "softmax", LABELS),
    ("categorical_crossentropy", "softmax", ONE_HOT),
    (cnncore.losses.SparseCategoricalCrossentropy(from_logits=True), "linear", LABELS),
    (cnncore.losses.CategoricalCrossentropy(label_smoothing=0.1), "sigmoid", ONE_HOT),
    (cnncore.losses.BinaryCrossentropy(), "sigmoid", ONE_HOT),
    (cnncore.losses.BinaryCrossentropy(from_logits=True), "linear", ONE_HOT),
    (cnncore.losses.BinaryCrossentropy(), "softmax", ONE_HOT),
    (cnncore.losses.BinaryFocalCrossentropy(apply_class_balancing=True), "softmax", ONE_HOT),
    (cnncore.losses.BinaryFocalCrossentropy(from_logits=True, gamma=1.5), "linear", ONE_HOT),
    (cnncore.losses.CategoricalFocalCrossentropy(), "softmax", ONE_HOT),
    (cnncore.losses.CategoricalFocalCrossentropy(from_logits=True, gamma=3.0), "linear", ONE_HOT),
    ("mse", "linear", ONE_HOT),
    ("mae", "linear", ONE_HOT),
    ("mape", "linear", ONE_HOT + 1),
    ("msle", "softplus", ONE_HOT),
    (cnncore.losses.Huber(0.5), "linear", ONE_HOT),
    ("log_cosh", "linear", ONE_HOT),
    ("hinge", "tanh", 2 * ONE_HOT - 1),
    ("squared_hinge", "tanh", 2 * ONE_HOT - 1),
    ("categorical_hinge", "linear", ONE_HOT),
    ("kl_divergence", "softmax", 0.7 * ONE_HOT + 0.075),
    ("poisson", "exponential", ONE_HOT),
    ("cosine_similarity", "linear", ONE_HOT),
)
IDS = [f"{getattr(loss, 'name', loss)}-{last}-{i}" for i, (loss, last, _) in enumerate(LOSSES)]


def has_fisher(loss):
    name = loss if isinstance(loss, str) else loss.name
    return name in ("mse", "kl_divergence", "poisson") or (name.endswith("crossentropy") and "focal" not in name)


def output_model(last):
    """A smooth model with one trained layer, for which differences of gradients are exact."""
    model = Sequential([layers.Input((3,)), layers.Dense(4, activation="tanh"), layers.Dense(4, activation=last)])
    return model


@pytest.mark.parametrize(("loss", "last", "y"), LOSSES, ids=IDS)
class TestLosses:
    """For each loss, the Hessian equals differences of the gradient, and no eigenvalue of the others is negative."""

    x = np.random.default_rng(7).standard_normal((40, 3)).astype(np.float32)

    def model(self, loss, last):
        cnncore.utils.set_random_seed(3)
        model = output_model(last)
        model.compile(loss=loss)
        return model

    def test_hessian_is_the_difference_of_gradients(self, loss, last, y):
        model = self.model(loss, last)
        weight = np.random.default_rng(1).uniform(0.5, 1.5, 40).astype(np.float32)
        product = product_of(model, "hessian", y, weight, self.x)
        v = np.random.default_rng(0).standard_normal(product.size).astype(np.float32)
        v /= np.linalg.norm(v)
        start, ends = model.get_weights(), []
        for sign in (1, -1):
            model.set_weights([w + sign * 5e-3 * d for w, d in zip(start, product._as_list(v), strict=True)])
            ends.append(np.concatenate([g.ravel() for g in model.gradients(self.x, y, weight)]).astype(np.float64))
        model.set_weights(start)
        expected = (ends[0] - ends[1]) / 1e-2
        scale = max(np.linalg.norm(expected), 1e-2 * np.linalg.norm(ends[0]))
        assert np.linalg.norm(product(v) - expected) <= 5e-3 * scale

    @pytest.mark.parametrize("kind", KINDS[1:])
    def test_others_have_no_negative_eigenvalue(self, kind, loss, last, y):
        model = self.model(loss, last)
        product = product_of(model, kind, y, None, self.x)
        if kind == "fisher" and not has_fisher(loss):
            with pytest.raises(ValueError, match="negative logarithm of a likelihood"):
                dense_matrix(product)
            return
        matrix = dense_matrix(product)
        values = np.linalg.eigvalsh(0.5 * (matrix + matrix.T))
        assert values[0] >= -1e-5 * max(values[-1], 1e-3)
        assert np.abs(matrix - matrix.T).max() <= 1e-5 * max(values[-1], 1e-3)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_products_are_not_negative(kind):
    for loss, y in (("sparse_categorical_crossentropy", LABELS), ("categorical_crossentropy", ONE_HOT)):
        product = product_of(compiled(loss), kind, y)
        for seed in range(200):
            v = np.random.default_rng(seed).standard_normal(product.size).astype(np.float32)
            assert float(v @ product(v)) > 0


def test_gauss_newton_is_the_hessian_of_a_linear_network():
    model = Sequential([layers.Input((9, 8, 2)), layers.Flatten(), layers.Dense(4, activation="softmax")])
    model.compile(loss="categorical_crossentropy")
    v = RNG.standard_normal(model.count_params()).astype(np.float32)
    expected = model.hessian_vector_product(IMAGES, ONE_HOT, v)
    np.testing.assert_allclose(model.gauss_newton_vector_product(IMAGES, ONE_HOT, v), expected, atol=1e-6)
    np.testing.assert_allclose(model.fisher_vector_product(IMAGES, ONE_HOT, v), expected, atol=1e-6)


def test_fisher_is_the_mean_of_outer_products_of_gradients():
    """The Fisher matrix is the mean over all targets of a row, weighted with their probabilities."""
    model = output_model("softmax")
    model.compile(loss="sparse_categorical_crossentropy")
    x = RNG.standard_normal((5, 3)).astype(np.float32)
    probabilities, expected = model.predict(x, verbose=0), 0.0
    for n in range(5):
        for label in range(4):
            parts = model.gradients(x[n : n + 1], np.array([label]))
            gradient = np.concatenate([part.ravel() for part in parts]).astype(np.float64)
            expected = expected + probabilities[n, label] * np.outer(gradient, gradient) / 5
    matrix = dense_matrix(product_of(model, "fisher", np.zeros(5, np.int64), None, x))
    np.testing.assert_allclose(matrix, expected, atol=2e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_bits_do_not_depend_on_threads(kind):
    model = compiled()
    x = np.random.default_rng(1).standard_normal((1300, 9, 8, 2)).astype(np.float32)
    product = product_of(model, kind, np.arange(1300) % 4, None, x)
    v = np.random.default_rng(0).standard_normal(product.size).astype(np.float32)
    results = []
    for threads in (1, 2, 3, 8):
        with num_threads(threads):
            results.append(product(v))
    assert all(np.array_equal(results[0], other) for other in results[1:])


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_add_up(kind):
    """2,100 samples are taken in three blocks; the product is linear in the samples."""
    model = compiled()
    x = np.random.default_rng(1).standard_normal((2100, 9, 8, 2)).astype(np.float32)
    y = np.arange(2100) % 4
    v = np.random.default_rng(0).standard_normal(product_of(model, kind, y, None, x).size).astype(np.float32)
    whole = product_of(model, kind, y, None, x)(v)
    parts = [
        product_of(model, kind, y[at : at + 300], None, x[at : at + 300])(v).astype(np.float64)
        for at in range(0, 2100, 300)
    ]
    np.testing.assert_allclose(whole, np.mean(parts, axis=0), atol=2e-5 * np.abs(whole).max())


def test_large_samples_are_taken_one_by_one():
    """A block of such samples would not fit into the memory that a product may use."""
    model = Sequential([layers.Input((120, 120, 2)), layers.Conv2D(32, 3, activation="gelu"), layers.Flatten()])
    model.add(layers.Dense(2))
    model.compile(loss="mse")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((9, 120, 120, 2)).astype(np.float32), rng.standard_normal((9, 2)).astype(np.float32)
    v = rng.standard_normal(product_size(model)).astype(np.float32)
    parts = [model.hessian_vector_product(x[n : n + 1], y[n : n + 1], v).astype(np.float64) for n in range(9)]
    whole = model.hessian_vector_product(x, y, v)
    np.testing.assert_allclose(whole, np.mean(parts, axis=0), atol=2e-5 * np.abs(whole).max())


def test_forms_of_v():
    model = compiled()
    shapes = [w.shape for w in model.trainable_weights]
    arrays = [RNG.standard_normal(shape) for shape in shapes]
    flat = np.concatenate([a.ravel() for a in arrays])
    as_list = model.gauss_newton_vector_product(IMAGES, LABELS, arrays)
    as_flat = model.gauss_newton_vector_product(IMAGES, LABELS, flat)
    assert [a.shape for a in as_list] == shapes
    assert all(a.dtype == np.float32 for a in (*as_list, as_flat))
    assert np.array_equal(np.concatenate([a.ravel() for a in as_list]), as_flat)


def test_nothing_changes():
    model = compiled()
    model.fit(IMAGES, LABELS, verbose=0)
    before, step = model.get_weights(), model.steps_done
    model.hessian_vector_product(IMAGES, LABELS, np.ones(product_size(model)))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert model.steps_done == step


def product_size(model):
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


def test_arithmetic_is_float32_in_every_precision():
    model = Sequential([layers.Input((64,)), layers.Dense(64, activation="tanh"), layers.Dense(64)])
    model.compile(loss="mse")
    x, y = RNG.standard_normal((2, 20, 64)).astype(np.float32)
    v = RNG.standard_normal(product_size(model)).astype(np.float32)
    expected = model.hessian_vector_product(x, y, v)
    model.precision = "bfloat16"
    assert np.array_equal(model.hessian_vector_product(x, y, v), expected)


def test_frozen_layers_have_no_place():
    model = compiled()
    v = np.random.default_rng(0).standard_normal(product_size(model)).astype(np.float32)
    whole = model.hessian_vector_product(IMAGES, LABELS, v)
    model.layers[0].trainable = False
    kept = product_size(model)
    first = len(v) - kept
    v[:first] = 0
    alone = model.hessian_vector_product(IMAGES, LABELS, v[first:])
    model.layers[0].trainable = True
    np.testing.assert_allclose(alone, model.hessian_vector_product(IMAGES, LABELS, v)[first:], atol=1e-6)
    assert len(whole) == first + kept


class Doubled(layers.Layer):
    def call(self, x):
        return 2 * np.asarray(x)

    def backward(self, x, dy):
        return 2 * dy


def multi_output():
    x = layers.Input((3,))
    return Model(x, [layers.Dense(1)(x), layers.Dense(2)(x)])


BAD = {
    "not compiled": (lambda: small_cnn(), (IMAGES, LABELS, np.ones(3)), "compile"),
    "wrong size": (compiled, (IMAGES, LABELS, np.ones(3)), r"\[hessian_vector_product\] expected v of shape \(\d+,\)"),
    "wrong rank": (compiled, (IMAGES, LABELS, np.ones((1, 3))), "expected v of shape"),
    "text": (compiled, (IMAGES, LABELS, "abc"), "v"),
    "list of wrong shapes": (compiled, (IMAGES, LABELS, [np.ones((2, 2))]), "arrays of the shapes of model.trainable"),
    "empty list": (compiled, (IMAGES, LABELS, []), "arrays of the shapes of model.trainable"),
    "labels out of range": (compiled, (IMAGES, LABELS + 3, None), r"\[0, 4\)"),
    "too few labels": (compiled, (IMAGES, LABELS[:3], None), "40"),
    "wrong images": (compiled, (IMAGES[:, :3], LABELS, None), "9, 8, 2"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    make, (x, y, v), message = BAD[name]
    model = make()
    if v is None:
        v = np.ones(product_size(model))
    with pytest.raises((ValueError, TypeError, RuntimeError), match=message) as caught:
        model.hessian_vector_product(x, y, v)
    assert "Received" in str(caught.value) or name == "not compiled"


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_vectors_must_be_finite(value, word):
    model = compiled()
    v = np.ones(product_size(model), np.float32)
    v[1] = value
    with pytest.raises(ValueError, match=rf"\[fisher_vector_product\] expected v to hold finite .* v with {word}"):
        model.fisher_vector_product(IMAGES, LABELS, v)


class Squares(cnncore.losses.Loss):
    def call(self, y_true, y_pred):
        return np.mean((y_true - y_pred) ** 2, axis=-1)


def sine(x):
    return np.sin(x)


IN_PYTHON = {
    "a layer with its backward pass": lambda: Doubled(name="mine"),
    "a layer that is differentiated": lambda: layers.Lambda(np.tanh, name="mine"),
    "an activation": lambda: layers.Dense(3, activation=sine, name="mine"),
}


@pytest.mark.parametrize("kind", IN_PYTHON)
def test_layers_in_python_are_named(kind):
    """By the products, and by the optimizers that want them."""
    x, y = np.ones((4, 3), np.float32), np.ones((4, 2), np.float32)
    model = Sequential([layers.Input((3,)), layers.Dense(3), IN_PYTHON[kind](), layers.Dense(2)])
    message = re.escape('layer "mine": expected an op with second derivatives, for a product with curvature.')
    model.compile(loss="mse")
    for product in KINDS:
        with pytest.raises(ValueError, match=message):
            getattr(model, f"{product}_vector_product")(x, y, np.ones(product_size(model)))
    for optimizer in ("newton_cg", "levenberg_marquardt"):
        model.compile(optimizer, "mse")
        with pytest.raises(ValueError, match=message):
            model.fit(x, y, verbose=0)


def test_functions_of_numpy_are_named_and_arithmetic_has_products():
    x, y = np.ones((4, 3), np.float32), np.ones((4, 2), np.float32)
    inputs = layers.Input((3,))
    hidden = layers.Dense(3)(inputs)
    model = Model(inputs, layers.Dense(2)(np.sin(hidden)))
    model.compile(loss="mse")
    with pytest.raises(ValueError, match=r'layer "array_function\w*": .* Received: a layer in Python'):
        model.hessian_vector_product(x, y, np.ones(product_size(model)))
    model = Model(inputs, layers.Dense(2)(hidden * hidden + 1))
    model.compile(loss="mse")
    assert np.isfinite(model.hessian_vector_product(x, y, np.ones(product_size(model)))).all()


@pytest.mark.parametrize(("loss", "name"), [(Squares(name="mine"), "mine"), (lambda y, p: Squares().call(y, p), "<l")])
def test_losses_in_python_are_named(loss, name):
    x, y = np.ones((4, 3), np.float32), np.ones((4, 4), np.float32)
    model = output_model("linear")
    model.compile(loss=loss)
    for kind in KINDS:
        with pytest.raises(ValueError, match=rf"\[{kind}_vector_product\] expected losses that .* the loss '{name}"):
            getattr(model, f"{kind}_vector_product")(x, y, np.ones(product_size(model)))
    for optimizer in ("newton_cg", "levenberg_marquardt"):
        model.compile(optimizer, loss)
        with pytest.raises(ValueError, match=f"the loss '{name}"):
            model.fit(x, y, verbose=0)


def test_several_outputs():
    model = multi_output()
    model.compile(loss=["mse", "huber"], loss_weights=[1.0, 0.5])
    x, y = RNG.standard_normal((6, 3)), [RNG.standard_normal((6, 1)), RNG.standard_normal((6, 2)) / 10]
    product = CurvatureProduct(model, "hessian", (x, y, None), "test")
    matrix = dense_matrix(product)
    np.testing.assert_allclose(matrix[:4, 4:], 0)  # nothing is shared
    ones = np.column_stack([x, np.ones(6)])
    np.testing.assert_allclose(matrix[:4, :4], 2 * ones.T @ ones / 6, rtol=1e-5, atol=1e-6)
