"""The eigenvalues of a symmetric operator, their sum and their density, computed only from products with vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnncore import _checks
from cnncore.optimizers.newton.objective import Vector, dot

__all__ = ["Estimate", "SpectralDensity", "spectral_density", "top_eigenvalues", "trace"]


class Estimate(NamedTuple):
    """A mean over random vectors, and its standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class SpectralDensity:
    """How the eigenvalues of an operator are spread.

    Attributes
    ----------
    eigenvalues : numpy.ndarray of float64, shape (points,)
        A grid of evenly spaced values.
    density : numpy.ndarray of float64, shape (points,)
        The density of eigenvalues at each point of the grid. Its integral is 1.
    nodes, weights : numpy.ndarray of float64
        What the density is made of: ``nodes[i]`` stands for a share ``weights[i]`` of all eigenvalues.
    """

    eigenvalues: Vector
    density: Vector
    nodes: Vector
    weights: Vector

    def plot(self, path: Any) -> None:
        """Draw the density on a logarithmic scale, and save it.

        Parameters
        ----------
        path : path
            The file, whose ending says the format: .png, .pdf, .svg or .jpg.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If the name has another ending.
        """
        from cnncore.plotting import save_figure

        def draw(figure: Any) -> None:
            axes = figure.subplots()
            axes.semilogy(self.eigenvalues, np.maximum(self.density, 1e-12))
            axes.set(xlabel="eigenvalue", ylabel="density", ylim=(max(1e-10, self.density.max() * 1e-7), None))
            axes.grid(alpha=0.3)

        save_figure(path, draw)


class _Lanczos:
    """An orthonormal basis of the space of b, A b, A^2 b, ..., and the tridiagonal matrix of the operator A in it.

    Parameters
    ----------
    operator : object with ``@``
        A.
    start : numpy.ndarray of float64
        b.
    """

    def __init__(self, operator: Any, start: Vector) -> None:
        self._operator = operator
        self.diagonal: list[float] = []
        self.side: list[float] = []
        self.basis = [start / np.sqrt(dot(start, start))]

    def step(self) -> bool:
        """Compute one product, and return whether it added a vector to the basis."""
        v = self.basis[-1]
        w = np.asarray(self._operator @ v.astype(np.float32), np.float64)
        if not np.isfinite(w).all():
            raise ValueError("[curvature] expected finite products. Received: NaN or infinity; are the weights finite?")
        self.diagonal.append(dot(v, w))
        size = np.sqrt(dot(w, w))
        for _ in range(2):  # the second round removes the rounding errors of the first
            for other in self.basis:
                w -= dot(other, w) * other
        length = np.sqrt(dot(w, w))
        if length <= 1e-6 * max(size, 1e-300) or len(self.basis) == len(v):
            return False
        self.side.append(length)
        self.basis.append(w / length)
        return True

    def solve(self) -> tuple[Vector, Vector]:
        """The eigenvalues of the tridiagonal matrix in ascending order, and its eigenvectors as columns."""
        count = len(self.diagonal)
        side = np.array(self.side[: count - 1])
        matrix = np.diag(self.diagonal) + np.diag(side, 1) + np.diag(side, -1)
        values, vectors = np.linalg.eigh(matrix)
        return np.asarray(values, np.float64), np.asarray(vectors, np.float64)


def _size(operator: Any, owner: str) -> int:
    shape = tuple(getattr(operator, "shape", ()))
    if len(shape) != 2 or shape[0] != shape[1] or not shape[0]:
        received = shape or type(operator).__name__
        raise ValueError(
            f"[{owner}] expected an operator such as HessianOperator, or a square matrix. Received: {received}"
        )
    return int(shape[0])


def top_eigenvalues(
    operator: Any,
    count: int = 1,
    tolerance: float = 1e-3,
    most_products: int = 100,
    seed: int = 0,
    return_vectors: bool = False,
) -> Any:
    r"""The eigenvalues of largest magnitude, by Lanczos' method.

    The method builds an orthogonal basis of the space of :math:`b, A b, A^2 b, \ldots` for a random b. The eigenvalues
    of A restricted to this space converge to the largest and smallest ones of A. It ends when the residual
    :math:`\|A u - \lambda u\|` of each wanted eigenvalue is below ``tolerance`` :math:`|\lambda|`. Each product adds a
    float64 vector to the memory that is needed.

    Parameters
    ----------
    operator : CurvatureOperator, or anything symmetric with ``shape`` and ``@``
        The matrix.
    count : int, default 1
        The number of eigenvalues.
    tolerance : float, default 1e-3
        The largest residual of an eigenvalue, as a share of its magnitude.
    most_products : int, default 100
        The method ends after this number of products even if residuals are larger.
    seed : int, default 0
        The seed of the random b.
    return_vectors : bool, default False
        Whether to return the eigenvectors as well.

    Returns
    -------
    values : numpy.ndarray of float64, shape (count,)
        The eigenvalues, that of the largest magnitude first.
    vectors : numpy.ndarray of float64, shape (n, count)
        Eigenvectors of length 1, as columns. They are only returned with ``return_vectors``.

    Raises
    ------
    ValueError
        If ``count`` is larger than the number of eigenvalues, or a product is not finite.

    Notes
    -----
    Lanczos, "An iteration method for the solution of the eigenvalue problem", 1950. An eigenvalue that occurs several
    times is found only once; zeros at the end stand for eigenvalues that were not found.

    Examples
    --------
    >>> top_eigenvalues(np.diag([1.0, -5.0, 2.0]), 2).round(3)
    array([-5.,  2.])
    """
    owner = "top_eigenvalues"
    size = _size(operator, owner)
    count = _checks.integer(count, "count", owner, maximum=size)
    most = min(max(_checks.integer(most_products, "most_products", owner), count), size)
    tolerance = _checks.number(tolerance, "tolerance", owner, minimum=0.0)
    lanczos = _Lanczos(operator, _generator(seed, owner).standard_normal(size))
    going = True
    while going and len(lanczos.diagonal) < most:
        going = lanczos.step()
        values, vectors = lanczos.solve()
        order = np.argsort(-np.abs(values), kind="stable")[:count]
        residuals = np.abs(vectors[-1, order]) * (lanczos.side[-1] if going else 0.0)
        if len(order) == count and np.all(residuals <= tolerance * np.abs(values[order])):
            break
    found = np.zeros(count)
    found[: len(order)] = values[order]
    if not return_vectors:
        return found
    basis = np.array(lanczos.basis[: len(lanczos.diagonal)])
    result = np.zeros((size, count))
    result[:, : len(order)] = basis.T @ vectors[:, order]
    return found, result


def trace(operator: Any, vectors: int = 32, seed: int = 0) -> Estimate:
    r"""The sum of the eigenvalues, estimated by Hutchinson's method.

    For vectors z of random signs, the mean of :math:`z^T A z` is the trace, and its variance is :math:`2 \sum_{i \ne j}
    A_{ij}^2`.

    Parameters
    ----------
    operator : CurvatureOperator, or anything symmetric with ``shape`` and ``@``
        The matrix.
    vectors : int, default 32
        The number of random vectors, at least 2. Each takes one product.
    seed : int, default 0
        The seed of the random vectors.

    Returns
    -------
    Estimate
        It has the attributes ``value`` and ``error``, the standard error of the value.

    Notes
    -----
    Hutchinson, "A stochastic estimator of the trace of the influence matrix for Laplacian smoothing splines", 1990.

    Examples
    --------
    >>> trace(np.diag([1.0, 2.0, 3.0]))
    Estimate(value=6.0, error=0.0)
    """
    owner = "trace"
    size, count = _size(operator, owner), _checks.integer(vectors, "vectors", owner, minimum=2)
    random = _generator(seed, owner)
    values = np.empty(count)
    for i in range(count):
        z = _signs(random, size)
        values[i] = dot(z, np.asarray(operator @ z, np.float64))
    return Estimate(float(values.mean()), float(values.std(ddof=1) / np.sqrt(count)))


def spectral_density(
    operator: Any,
    steps: int = 64,
    vectors: int = 4,
    points: int = 1000,
    width: float | None = None,
    seed: int = 0,
) -> SpectralDensity:
    r"""The density of eigenvalues, by stochastic Lanczos quadrature.

    Lanczos' method starts from several random vectors z. From each, ``steps`` steps give a small matrix with
    eigenvalues :math:`\theta_i`, and :math:`\tau_i` are the first components of its eigenvectors. The sum
    :math:`\sum_i \tau_i^2 f(\theta_i)`, averaged over z, estimates the mean of f over the eigenvalues of A. The density
    at a point of the grid is this mean for a Gaussian f around the point.

    Parameters
    ----------
    operator : CurvatureOperator, or anything symmetric with ``shape`` and ``@``
        The matrix.
    steps : int, default 64
        The number of products for each vector.
    vectors : int, default 4
        The number of random vectors.
    points : int, default 1000
        The number of points of the grid.
    width : float, optional
        The standard deviation of the Gaussian. By default it is a hundredth of the range of the eigenvalues.
    seed : int, default 0
        The seed of the random vectors.

    Returns
    -------
    SpectralDensity
        It has a method ``plot``.

    Notes
    -----
    Ghorbani, Krishnan and Xiao, "An investigation into neural net optimization via Hessian eigenvalue density", 2019.

    Examples
    --------
    >>> found = spectral_density(np.diag([0.0, 0.0, 0.0, 1.0]), steps=4)
    >>> share = found.density[found.eigenvalues < 0.5].sum() / found.density.sum()
    >>> bool(0.5 < share < 1.0)
    True
    """
    owner = "spectral_density"
    size, steps = _size(operator, owner), _checks.integer(steps, "steps", owner)
    vectors = _checks.integer(vectors, "vectors", owner)
    points = _checks.integer(points, "points", owner, minimum=2)
    random = _generator(seed, owner)
    nodes, weights = [], []
    for _ in range(vectors):
        lanczos = _Lanczos(operator, _signs(random, size).astype(np.float64))
        while len(lanczos.diagonal) < min(steps, size) and lanczos.step():
            pass
        values, own = lanczos.solve()
        nodes.append(values)
        weights.append(own[0] ** 2 / vectors)
    where, share = np.concatenate(nodes), np.concatenate(weights)
    span = float(np.ptp(where)) or max(abs(float(where[0])), 1.0)
    width = span / 100 if width is None else _checks.number(width, "width", owner, minimum=1e-300)
    grid = np.linspace(where.min() - 5 * width, where.max() + 5 * width, points)
    bells = np.exp(-0.5 * ((grid[:, None] - where) / width) ** 2) / (width * np.sqrt(2 * np.pi))
    return SpectralDensity(grid, np.asarray(bells @ share, np.float64), where, share)


def _generator(seed: int, owner: str) -> np.random.Generator:
    return np.random.default_rng(_checks.integer(seed, "seed", owner, minimum=0))


def _signs(random: np.random.Generator, size: int) -> NDArray[np.float32]:
    return (2.0 * random.integers(0, 2, size) - 1.0).astype(np.float32)
