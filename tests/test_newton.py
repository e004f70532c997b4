"""Newton-type methods on functions whose minima are known, against SciPy and PyTorch."""

import numpy as np
import pytest

from cnncore.optimizers.newton import (
    Counted,
    LBFGSMethod,
    LevenbergMarquardtMethod,
    NewtonCGMethod,
    minimize,
)
from cnncore.optimizers.newton.line_search import Trial, Wolfe, strong_wolfe
from cnncore.optimizers.newton.newton_cg import conjugate_gradients

METHODS = [LBFGSMethod, NewtonCGMethod, LevenbergMarquardtMethod]


class LeastSquares:
    """sum(residuals ** 2) / 2 with its Gauss-Newton matrix."""

    def value_and_gradient(self, point):
        r = self.residuals(point)
        return float(0.5 * r @ r), self.jacobian(point).T @ r

    def curvature_product(self, point, direction):
        j = self.jacobian(point)
        return j.T @ (j @ direction)


class Rosenbrock(LeastSquares):
    """Half the sum over pairs of 100 (b - a^2)^2 + (1 - a)^2, which is a bent valley with an almost level floor."""

    def residuals(self, w):
        return np.concatenate([10 * (w[1::2] - w[::2] ** 2), 1 - w[::2]])

    def jacobian(self, w):
        pairs = w.size // 2
        j = np.zeros((2 * pairs, w.size))
        i = np.arange(pairs)
        j[i, 2 * i], j[i, 2 * i + 1], j[pairs + i, 2 * i] = -20 * w[::2], 10, -1
        return j


class Quadratic:
    """The function x A x / 2 - b x, where A has eigenvalues from 1e-3 to 1e3, so its condition number is 1e6."""

    def __init__(self, size=60, seed=0):
        rng = np.random.default_rng(seed)
        q, _ = np.linalg.qr(rng.standard_normal((size, size)))
        self.matrix = (q * np.logspace(-3, 3, size)) @ q.T
        self.matrix = 0.5 * (self.matrix + self.matrix.T)
        self.minimum = rng.standard_normal(size)
        self.right = self.matrix @ self.minimum

    def value_and_gradient(self, point):
        return float(0.5 * point @ self.matrix @ point - self.right @ point), self.matrix @ point - self.right

    def curvature_product(self, point, direction):
        return self.matrix @ direction


class SoftmaxRegression:
    """Cross-entropy of a linear classifier with an L2 penalty: smooth and strictly convex."""

    def __init__(self, samples=300, features=12, classes=5, penalty=1e-2, seed=1):
        rng = np.random.default_rng(seed)
        self.x = rng.standard_normal((samples, features)) * np.logspace(-1, 1, features)
        true = rng.standard_normal((features, classes))
        self.y = np.eye(classes)[np.argmax(self.x @ true + rng.gumbel(size=(samples, classes)), axis=1)]
        self.shape, self.penalty = (features, classes), penalty

    def probabilities(self, point):
        logits = self.x @ point.reshape(self.shape)
        logits -= logits.max(axis=1, keepdims=True)
        e = np.exp(logits)
        return e / e.sum(axis=1, keepdims=True), logits - np.log(e.sum(axis=1, keepdims=True))

    def value_and_gradient(self, point):
        p, logs = self.probabilities(point)
        value = -(self.y * logs).sum() / len(self.x) + 0.5 * self.penalty * point @ point
        return float(value), (self.x.T @ (p - self.y) / len(self.x)).ravel() + self.penalty * point

    def curvature_product(self, point, direction):
        p, _ = self.probabilities(point)
        change = self.x @ direction.reshape(self.shape)
        change = p * (change - (p * change).sum(axis=1, keepdims=True))
        return (self.x.T @ change / len(self.x)).ravel() + self.penalty * direction


@pytest.mark.parametrize("method", METHODS)
def test_rosenbrock(method):
    start = np.tile([-1.2, 1.0], 5)
    result = minimize(method(), Rosenbrock(), start, iterations=300, tolerance=1e-8)
    assert result.converged
    np.testing.assert_allclose(result.point, 1.0, rtol=1e-6)
    assert result.value < 1e-14
    assert start[0] == -1.2  # the caller's array is its own


@pytest.mark.parametrize(("method", "tolerance"), [(NewtonCGMethod, 1e-7), (LevenbergMarquardtMethod, 1e-7)])
def test_an_ill_conditioned_quadratic(method, tolerance):
    objective = Quadratic()
    result = minimize(method(), objective, np.zeros(60), iterations=200, tolerance=tolerance)
    assert result.converged
    np.testing.assert_allclose(result.point, objective.minimum, atol=1e-3)


def test_lbfgs_on_an_ill_conditioned_quadratic_is_as_fast_as_scipys():
    """Ten pairs of vectors say little about 60 eigenvalues. SciPy needs thousands of iterations here as well."""
    optimize = pytest.importorskip("scipy.optimize")
    objective = Quadratic()
    options = {"ftol": 0, "gtol": 0, "maxiter": 1000, "maxfun": 10**6}
    reference = optimize.minimize(
        objective.value_and_gradient, np.zeros(60), jac=True, method="L-BFGS-B", options=options
    )
    best = objective.value_and_gradient(objective.minimum)[0]
    result = minimize(LBFGSMethod(), objective, np.zeros(60), iterations=1000, tolerance=0.0)
    assert result.value - best < 5 * (reference.fun - best)
    assert result.value - best < 1e-6 * abs(best)
    assert result.evaluations < 1.2 * reference.nfev


@pytest.mark.parametrize("method", METHODS)
def test_softmax_regression_reaches_scipys_optimum(method):
    optimize = pytest.importorskip("scipy.optimize")
    objective = SoftmaxRegression()
    start = np.zeros(60)
    reference = optimize.minimize(
        objective.value_and_gradient, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-16, "gtol": 1e-10}
    )
    result = minimize(method(), objective, start, iterations=200, tolerance=1e-9)
    assert result.converged
    assert abs(result.value - reference.fun) < 1e-9 * reference.fun


@pytest.mark.parametrize("objective", [Rosenbrock(), SoftmaxRegression()], ids=lambda o: type(o).__name__)
def test_evaluations_are_not_many_more_than_scipys(objective):
    optimize = pytest.importorskip("scipy.optimize")
    start = np.tile([-1.2, 1.0], 30)
    options = {"ftol": 0, "gtol": 1e-7, "maxiter": 5000}
    reference = optimize.minimize(objective.value_and_gradient, start, jac=True, method="L-BFGS-B", options=options)
    result = minimize(LBFGSMethod(), objective, start, iterations=1000, tolerance=1e-6)
    assert result.converged
    assert result.evaluations < 1.5 * reference.nfev
    newton = optimize.minimize(
        lambda w: objective.value_and_gradient(w)[0],
        start,
        jac=lambda w: objective.value_and_gradient(w)[1],
        hessp=objective.curvature_product,
        method="Newton-CG",
        options={"xtol": 1e-9},
    )
    ours = minimize(NewtonCGMethod(), objective, start, iterations=500, tolerance=1e-6)
    assert ours.converged
    assert ours.products < 3 * newton.nhev
    assert ours.evaluations < 3 * newton.nfev + 50


def test_newton_cg_on_an_ill_conditioned_quadratic_takes_a_few_times_scipys_products():
    optimize = pytest.importorskip("scipy.optimize")
    objective, start = Quadratic(), np.zeros(60)
    reference = optimize.minimize(
        lambda w: objective.value_and_gradient(w)[0],
        start,
        jac=lambda w: objective.value_and_gradient(w)[1],
        hessp=objective.curvature_product,
        method="Newton-CG",
        options={"xtol": 1e-9, "maxiter": 10**4},
    )
    undamped = NewtonCGMethod(damping=0.0)  # as SciPy's is
    result = minimize(undamped, objective, start, iterations=200, tolerance=1e-7)
    assert result.converged
    assert result.products < 2.5 * reference.nhev
    assert result.evaluations < 3 * reference.nfev + 50


@pytest.mark.parametrize("ill_conditioned", [False, True], ids=["rosenbrock", "condition 1e6"])
def test_levenberg_marquardt_takes_no_more_evaluations_than_scipys(ill_conditioned):
    optimize = pytest.importorskip("scipy.optimize")

    class Line(LeastSquares):
        """Residuals J w - r, where J has singular values from 1e-3 to 1. The condition number of J^T J is 1e6."""

        def __init__(self):
            rng = np.random.default_rng(0)
            q, _ = np.linalg.qr(rng.standard_normal((30, 20)))
            turn, _ = np.linalg.qr(rng.standard_normal((20, 20)))
            self.matrix, self.right = (q * np.logspace(-3, 0, 20)) @ turn, rng.standard_normal(30)

        def residuals(self, w):
            return self.matrix @ w - self.right

        def jacobian(self, w):
            return self.matrix

    objective, start = (Line(), np.zeros(20)) if ill_conditioned else (Rosenbrock(), np.tile([-1.2, 1.0], 5))
    options = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-9}
    reference = optimize.least_squares(objective.residuals, start, objective.jacobian, method="lm", **options)
    result = minimize(LevenbergMarquardtMethod(), objective, start, iterations=200, tolerance=1e-8)
    assert result.converged
    assert abs(result.value - reference.cost) <= 1e-9 * (1 + reference.cost)
    assert result.evaluations < 1.5 * reference.nfev + 5


def test_gradients_of_newton_cg_fall_superlinearly():
    norms = []
    minimize(
        NewtonCGMethod(),
        SoftmaxRegression(),
        np.zeros(60),
        iterations=100,
        tolerance=1e-10,
        callback=lambda i, step: norms.append(float(np.linalg.norm(step.gradient))),
    )
    ratios = np.array(norms[1:]) / np.array(norms[:-1])
    assert len(norms) < 40, norms
    assert ratios[-1] < 0.1, ratios
    assert ratios[-2:].max() < 0.5 * ratios[2:6].max(), ratios


def test_lbfgs_takes_pytorchs_path():
    torch = pytest.importorskip("torch")
    objective = SoftmaxRegression()
    point = np.full(60, 0.1)
    w = torch.tensor(point, dtype=torch.float64, requires_grad=True)
    reference = torch.optim.LBFGS([w], history_size=10, max_iter=1, line_search_fn="strong_wolfe")

    def closure():
        value, gradient = objective.value_and_gradient(w.detach().numpy())
        w.grad = torch.tensor(gradient)
        return torch.tensor(value)

    method = LBFGSMethod(history_size=10)
    for _ in range(15):
        reference.step(closure)
        step = method.step(objective, point)
        point = step.point
        theirs = objective.value_and_gradient(w.detach().numpy())[0]
        assert abs(step.value - theirs) < 1e-8 * theirs


@pytest.mark.parametrize("method", METHODS)
def test_state_round_trip_is_exact(method):
    objective, point = Rosenbrock(), np.tile([-1.2, 1.0], 5)
    first = method()
    for _ in range(4):
        point = first.step(objective, point).point
    second = method()
    second.load_state_dict(first.state_dict())
    other = point.copy()
    for _ in range(4):
        point, other = first.step(objective, point).point, second.step(objective, other).point
        assert np.array_equal(point, other)


@pytest.mark.parametrize("method", METHODS)
def test_trials_that_are_not_finite_are_recovered_from(method):
    class Cliff:
        """The sum of -log(x) + x over the coordinates. It has no value left of zero, where long steps end."""

        def value_and_gradient(self, point):
            with np.errstate(invalid="ignore", divide="ignore"):
                value = float((point - np.log(point)).sum())
            return value, 1 - 1 / point

        def curvature_product(self, point, direction):
            return direction / point**2

    result = minimize(method(), Cliff(), np.array([5.0, 0.01, 3.0]), iterations=100, tolerance=1e-8)
    assert result.converged
    np.testing.assert_allclose(result.point, 1.0, rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_at_a_minimum_nothing_happens(method):
    objective = Quadratic()
    step = method().step(Counted(objective), objective.minimum)
    assert step.value <= objective.value_and_gradient(objective.minimum)[0]
    result = minimize(method(), Rosenbrock(), np.ones(2))
    assert (result.converged, result.iterations, result.evaluations) == (True, 0, 1)


class Climbing(Quadratic):
    """An objective that says that it grows wherever one goes."""

    value = 0.0

    def value_and_gradient(self, point):
        self.value += 1.0
        return self.value, np.ones_like(point)


@pytest.mark.parametrize("method", METHODS)
def test_steps_that_never_succeed_leave_a_state_that_a_file_can_hold(method):
    method, objective = method(), Climbing()
    point = objective.minimum + 1.0
    for _ in range(300):
        assert np.array_equal(method.step(Counted(objective), point).point, point)
    for value in method.state_dict().values():
        assert np.isfinite(np.asarray(value, np.float32)).all()


def test_the_best_point_is_returned_and_a_bad_start_refused():
    class Steps:
        """A stand-in for a method whose last step raises the value."""

        def __init__(self):
            self.left = [2.0, 1.0, 5.0]

        def step(self, objective, point):
            from cnncore.optimizers.newton import Step

            point = np.array([self.left.pop(0)])
            return Step(point, *objective.value_and_gradient(point), length=1.0)

    class Parabola:
        def value_and_gradient(self, point):
            return float(point @ point), 2 * point

    result = minimize(Steps(), Parabola(), np.array([3.0]), iterations=3)
    assert result.point == [1.0]
    assert not result.converged
    with pytest.raises(
        ValueError, match=r"\[minimize\] expected a finite value and gradient at the start. Received: nan"
    ):
        minimize(LBFGSMethod(), Parabola(), np.array([np.nan]))


def test_conjugate_gradients_solve_and_stop_at_negative_curvature():
    objective = Quadratic(size=20)
    scale = objective.matrix.diagonal()
    for preconditioner in (None, scale):
        proposals, _, products = conjugate_gradients(
            lambda v: objective.matrix @ v, -objective.right, np.zeros(20), 500, 0.0, 1e-9, preconditioner
        )
        np.testing.assert_allclose(objective.matrix @ proposals[-1], objective.right, atol=1e-6)
        assert products <= 500
    gradient = np.array([1.0, 2.0])
    proposals, _, products = conjugate_gradients(lambda v: -v, gradient, np.zeros(2), 10, 0.0, 0.0)
    assert proposals[-1].tolist() == [-1.0, -2.0]  # downhill, if not by a minimum
    assert products == 1


def test_the_line_search_meets_both_conditions():
    rules = Wolfe(decrease=1e-4, slope=0.1)
    rng = np.random.default_rng(0)
    for _ in range(50):
        a, b, c = rng.uniform(0.5, 3), rng.uniform(0.1, 2), rng.uniform(0, 6)

        def f(t, a=a, b=b, c=c):
            return Trial(
                t, b * (t - a) ** 2 + 0.1 * np.cos(5 * t + c), 2 * b * (t - a) - 0.5 * np.sin(5 * t + c), np.zeros(1)
            )

        start = f(0.0)
        if start.slope >= 0:
            continue
        found = strong_wolfe(f, start, rng.choice([1e-3, 1.0, 30.0]), 1.0, rules)
        assert found.value <= start.value + rules.decrease * found.t * start.slope
        assert abs(found.slope) <= rules.slope * abs(start.slope)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LBFGSMethod(history_size=0), r"\[LBFGS\] expected `history_size` >= 1"),
        (lambda: NewtonCGMethod(damping=-1), r"\[NewtonCG\] expected `damping`"),
        (lambda: NewtonCGMethod(most_products=0), "`most_products` >= 1"),
        (
            lambda: LevenbergMarquardtMethod(most_parameters=3).step(Quadratic(), np.zeros(60)),
            r"\[LevenbergMarquardt\] expected at most 3 parameters.* Received: 60",
        ),
    ],
)
def test_arguments_that_make_no_sense(make, message):
    with pytest.raises(ValueError, match=message):
        make()
