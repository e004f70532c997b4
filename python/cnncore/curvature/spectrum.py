"""Eigenvalues, trace and density of eigenvalues of a symmetric operator, from products with vectors alone."""

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
        A grid.
    density : numpy.ndarray of float64, shape (points,)
        The share of eigenvalues near each point of it, per unit; its integral is 1.
    nodes, weights : numpy.ndarray of float64
        The quadrature behind it: a share ``weights[i]`` of all eigenvalues is represented by ``nodes[i]``.
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
    """An orthonormal basis of the space of products, and the operator's tridiagonal form in it."""

    def __init__(self, operator: Any, start: Vector) -> None:
        self._operator = operator
        self.diagonal: list[float] = []
        self.side: list[float] = []
        self.basis = [start / np.sqrt(dot(start, start))]

    def step(self) -> bool:
        """One product; False where the space is complete."""
        v = self.basis[-1]
        w = np.asarray(self._operator @ v.astype(np.float32), np.float64)
        if not np.isfinite(w).all():
            raise ValueError("[curvature] expected finite products. Received: NaN or infinity; are the weights finite?")
        self.diagonal.append(dot(v, w))
        size = np.sqrt(dot(w, w))
        for _ in range(2):  # the second time removes what rounding left
            for other in self.basis:
                w -= dot(other, w) * other
        length = np.sqrt(dot(w, w))
        if length <= 1e-6 * max(size, 1e-300) or len(self.basis) == len(v):
            return False
        self.side.append(length)
        self.basis.append(w / length)
        return True

    def solve(self) -> tuple[Vector, Vector]:
        """Eigenvalues in rising order, and their vectors in the basis."""
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

    A basis of :math:`b, A b, A^2 b, \ldots` from a random b is kept orthogonal; the eigenvalues of A in this space tend
    to the outer ones of A. It ends when the residual :math:`\|A u - \lambda u\|` of each is below
    ``tolerance`` :math:`|\lambda|`. Memory: a float64 vector for each product.

    Parameters
    ----------
    operator : CurvatureOperator, or anything symmetric with ``shape`` and ``@``
        The matrix.
    count : int, default 1
        Number of eigenvalues.
    tolerance : float, default 1e-3
        Of the residuals.
    most_products : int, default 100
        Products after which it ends in any case.
    seed : int, default 0
        Of the random start.
    return_vectors : bool, default False
        Whether to return the eigenvectors as well.

    Returns
    -------
    values : numpy.ndarray of float64, shape (count,)
        The largest magnitude first.
    vectors : numpy.ndarray of float64, shape (n, count)
        Unit eigenvectors; only with ``return_vectors``.

    Raises
    ------
    ValueError
        If there are not so many eigenvalues, or a product is not finite.

    Notes
    -----
    Lanczos, "An iteration method for the solution of the eigenvalue problem", 1950. Of an eigenvalue that occurs
    several times, one is found.

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

    For z of random signs the mean of :math:`z^T A z` is the trace; its variance is :math:`2 \sum_{i \ne j} A_{ij}^2`.

    Parameters
    ----------
    operator : CurvatureOperator, or anything symmetric with ``shape`` and ``@``
        The matrix.
    vectors : int, default 32
        Number of random vectors, with one product each; at least 2.
    seed : int, default 0
        Of the random vectors.

    Returns
    -------
    Estimate
        ``value`` and ``error``, the standard error of the mean.

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

    From each random vector z, ``steps`` steps of Lanczos' method give eigenvalues :math:`\theta_i` of a small matrix
    and squared first components :math:`\tau_i^2` of its eigenvectors; :math:`\sum_i \tau_i^2 f(\theta_i)`, averaged
    over z, estimates the mean of f over the eigenvalues of A. Here f is a Gaussian around each point of a grid.

    Parameters
    ----------
    operator : CurvatureOperator, or anything symmetric with ``shape`` and ``@``
        The matrix.
    steps : int, default 64
        Products for each vector.
    vectors : int, default 4
        Number of random vectors.
    points : int, default 1000
        Of the grid.
    width : float, optional
        Standard deviation of the Gaussian; a hundredth of the eigenvalues' range by default.
    seed : int, default 0
        Of the random vectors.

    Returns
    -------
    SpectralDensity
        With a method ``plot``.

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
