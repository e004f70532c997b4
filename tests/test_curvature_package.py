"""cnncore.curvature: operators, eigenvalues, trace, density and landscapes, against matrices and against SciPy."""

import re

import numpy as np
import pytest

from cnncore import Sequential, curvature, layers, utils

OPERATORS = (curvature.HessianOperator, curvature.GaussNewtonOperator, curvature.FisherOperator)
X = np.random.default_rng(3).standard_normal((50, 4)).astype(np.float32)
Y = np.random.default_rng(4).integers(0, 3, 50)


def small_model():
    utils.set_random_seed(1)
    model = Sequential([layers.Input((4,)), layers.Dense(5, activation="tanh"), layers.Dense(3, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def matrix():
    """A symmetric matrix with known eigenvalues: many small ones of both signs, and a few large ones."""
    values = np.concatenate([np.linspace(-1, 1, 60), [5.0, -7.0, 11.0]])
    q = np.linalg.qr(np.random.default_rng(0).standard_normal((63, 63)))[0]
    return (q * values) @ q.T


@pytest.mark.parametrize("make", OPERATORS)
def test_operators_multiply(make):
    operator = make(small_model(), X, Y)
    assert operator.shape == (43, 43)
    assert operator.dtype == np.float32
    whole = operator @ np.eye(43)
    v = np.random.default_rng(0).standard_normal(43)
    np.testing.assert_allclose(operator @ v, whole @ v, atol=1e-5)
    np.testing.assert_allclose(operator.matvec(v[:, None])[:, 0], whole @ v, atol=1e-5)
    np.testing.assert_allclose(operator.rmatvec(v), operator.matvec(v))
    assert operator.matmat(np.zeros((43, 0))).shape == (43, 0)


@pytest.mark.parametrize("make", OPERATORS)
def test_scipy_takes_operators_as_they_are(make):
    linalg = pytest.importorskip("scipy.sparse.linalg")
    operator = make(small_model(), X, Y)
    expected = np.linalg.eigvalsh((operator @ np.eye(43)).astype(np.float64))
    np.testing.assert_allclose(
        linalg.eigsh(operator, k=1, which="LA", return_eigenvectors=False), expected[-1:], rtol=1e-3
    )
    as_scipy = operator.to_scipy()
    assert isinstance(as_scipy, linalg.LinearOperator)
    v = np.ones(43, np.float32)
    np.testing.assert_allclose((as_scipy + as_scipy) @ v, 2 * (operator @ v), rtol=1e-6)


def test_operators_follow_the_weights():
    model = small_model()
    operator = curvature.HessianOperator(model, X, Y)
    before = operator @ np.ones(43)
    model.set_weights([2 * w for w in model.get_weights()])
    assert not np.allclose(before, operator @ np.ones(43))


class TestEigenvalues:
    def test_largest_of_a_matrix(self, matrix):
        np.testing.assert_allclose(curvature.top_eigenvalues(matrix, 3, tolerance=1e-6), [11, -7, 5], rtol=1e-5)

    def test_eigenvectors_are_orthonormal_and_belong_to_their_values(self, matrix):
        values, vectors = curvature.top_eigenvalues(matrix, 3, return_vectors=True)
        np.testing.assert_allclose(matrix @ vectors, vectors * values, atol=2e-2)
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=1e-8)

    def test_of_a_model(self):
        operator = curvature.HessianOperator(small_model(), X, Y)
        expected = np.linalg.eigvalsh((operator @ np.eye(43)).astype(np.float64))
        expected = expected[np.argsort(-np.abs(expected))]
        np.testing.assert_allclose(curvature.top_eigenvalues(operator, 4, 1e-5), expected[:4], rtol=1e-3)

    def test_all_of_a_small_one(self):
        np.testing.assert_allclose(curvature.top_eigenvalues(np.diag([3.0, 1.0, 2.0]), 3), [3, 2, 1])
        np.testing.assert_allclose(curvature.top_eigenvalues(np.zeros((4, 4)), 2), [0, 0])

    def test_fewer_products_for_a_looser_tolerance(self, matrix):
        class Counting:
            shape, calls = matrix.shape, 0

            def __matmul__(self, v):
                self.calls += 1
                return matrix @ v

        counts = []
        for tolerance in (0.1, 1e-8):
            operator = Counting()
            curvature.top_eigenvalues(operator, 1, tolerance)
            counts.append(operator.calls)
        assert counts[0] < counts[1] < 63


def test_trace_is_within_its_error(matrix):
    estimate = curvature.trace(matrix, vectors=2000)
    assert abs(estimate.value - np.trace(matrix)) < 4 * estimate.error
    off = matrix - np.diag(np.diag(matrix))
    assert estimate.error == pytest.approx(np.sqrt(2 * (off**2).sum() / 2000), rel=0.1)


def test_trace_of_a_model():
    operator = curvature.GaussNewtonOperator(small_model(), X, Y)
    estimate = curvature.trace(operator, vectors=200)
    assert abs(estimate.value - np.trace(operator @ np.eye(43))) < 4 * estimate.error


def test_density_has_the_area_one_and_the_moments_of_the_matrix(matrix):
    found = curvature.spectral_density(matrix, steps=63, vectors=30, width=0.2)
    step = found.eigenvalues[1] - found.eigenvalues[0]
    assert found.density.sum() * step == pytest.approx(1, abs=1e-3)
    assert found.weights.sum() == pytest.approx(1)
    assert (found.nodes * found.weights).sum() * 63 == pytest.approx(np.trace(matrix), abs=3.0)
    bulk = found.density[np.abs(found.eigenvalues) < 2].sum() * step
    assert bulk == pytest.approx(60 / 63, abs=0.03)
    assert np.abs(found.nodes.max() - 11) < 1e-3


class TestLandscape:
    def test_is_the_loss_of_moved_weights(self):
        model = small_model()
        start = model.get_weights()
        lines = [[np.random.default_rng(i).standard_normal(w.shape) for w in start] for i in (0, 1)]
        found = curvature.loss_landscape(model, X, Y, lines, span=0.5, points=3)
        assert all(np.array_equal(a, b) for a, b in zip(start, model.get_weights(), strict=True))
        np.testing.assert_allclose(found.first, [-0.5, 0, 0.5])
        model.set_weights([w + 0.5 * a - 0.5 * b for w, a, b in zip(start, *lines, strict=True)])
        assert found.losses[2, 0] == pytest.approx(model.evaluate(X, Y, verbose=0)[0], rel=1e-5)

    def test_curvature_along_an_eigenvector(self):
        model = small_model()
        value, vector = curvature.top_eigenvalues(curvature.HessianOperator(model, X, Y), 1, 1e-6, return_vectors=True)
        losses = curvature.loss_landscape(model, X, Y, [vector[:, 0]], span=0.05, points=3).losses[:, 0]
        assert (losses[0] - 2 * losses[1] + losses[2]) / 0.05**2 == pytest.approx(value[0], rel=0.02)

    def test_random_directions_are_as_long_as_filters(self):
        model = small_model()
        found = curvature.loss_landscape(model, X, Y, span=0.1, points=3, seed=5)
        assert found.losses.shape == (3, 3)
        assert np.isfinite(found.losses).all()
        again = curvature.loss_landscape(model, X, Y, span=0.1, points=3, seed=5)
        assert np.array_equal(found.losses, again.losses)

    def test_weights_come_back_after_an_error(self, monkeypatch):
        model = small_model()
        start = model.get_weights()
        monkeypatch.setattr(type(model), "evaluate", lambda *args, **options: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            curvature.loss_landscape(model, X, Y, points=3)
        assert all(np.array_equal(a, b) for a, b in zip(start, model.get_weights(), strict=True))

    def test_plots_write_files(self, tmp_path):
        pytest.importorskip("matplotlib")
        model = small_model()
        curvature.loss_landscape(model, X, Y, points=3).plot(tmp_path / "plane.png")
        curvature.loss_landscape(model, X, Y, [np.ones(43)], points=3).plot(tmp_path / "line.svg")
        curvature.spectral_density(np.diag([1.0, 2.0]), 2).plot(tmp_path / "density.png")
        assert (tmp_path / "plane.png").read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in (tmp_path / "line.svg").read_bytes()
        with pytest.raises(ValueError, match="end in"):
            curvature.loss_landscape(model, X, Y, points=2).plot(tmp_path / "plane.txt")


BAD = {
    "not compiled": (lambda: curvature.HessianOperator(Sequential([layers.Dense(2)]), X, Y), "compile"),
    "no model": (lambda: curvature.HessianOperator(3, X, Y), "[HessianOperator] expected a Model. Received: model=3"),
    "no operator": (lambda: curvature.trace(3), "[trace] expected an operator such as HessianOperator"),
    "not square": (lambda: curvature.top_eigenvalues(np.ones((2, 3))), "a square matrix. Received: (2, 3)"),
    "too many": (lambda: curvature.top_eigenvalues(np.eye(2), 3), "[top_eigenvalues] expected"),
    "none": (lambda: curvature.top_eigenvalues(np.eye(2), 0), "Received: count=0"),
    "one vector": (lambda: curvature.trace(np.eye(2), vectors=1), "[trace] expected"),
    "infinite": (lambda: curvature.top_eigenvalues(np.diag([np.nan, 1.0])), "expected finite products"),
    "width": (lambda: curvature.spectral_density(np.eye(2), width=0), "[spectral_density] expected"),
    "seed": (lambda: curvature.spectral_density(np.eye(2), seed=-1), "seed"),
    "three directions": (lambda: curvature.loss_landscape(small_model(), X, Y, [1, 2, 3]), "one or two directions"),
    "short direction": (
        lambda: curvature.loss_landscape(small_model(), X, Y, [np.ones(3)]),
        "directions[0] of shape (43,)",
    ),
    "list of wrong shapes": (
        lambda: curvature.loss_landscape(small_model(), X, Y, [[np.ones((2, 2))]]),
        "shapes of model.trainable_weights",
    ),
    "wrong vector": (
        lambda: curvature.HessianOperator(small_model(), X, Y) @ np.ones(3),
        "[HessianOperator] expected v",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    call, message = BAD[name]
    with pytest.raises((ValueError, TypeError, RuntimeError), match=re.escape(message)):
        call()
