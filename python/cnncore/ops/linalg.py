"""Functions of ``keras.ops.linalg``: decompositions, solutions and inverses of matrices.

All of them take stacks of matrices (..., rows, columns). The gradients of inv, det, logdet, solve, solve_triangular and
cholesky are known.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore._refusals import names_itself
from cnncore.differentiation import value_of
from cnncore.ops.definition import op, recorded, seen_op, together, without_gradient
from cnncore.ops.norms import norm

__all__ = [
    "cholesky",
    "cholesky_inverse",
    "det",
    "eig",
    "eigh",
    "inv",
    "logdet",
    "lstsq",
    "matrix_rank",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
]


def _matrix(x: Any, owner: str, square: bool = True) -> np.ndarray:
    array = np.asarray(value_of(x))
    if array.ndim < 2 or (square and array.shape[-1] != array.shape[-2]):
        kind = "square matrices" if square else "matrices"
        raise ValueError(f"[{owner}] expected {kind} along the last two axes. Received: shape {array.shape}")
    return array if array.dtype.kind == "f" else array.astype(np.float32)


def _t(x: np.ndarray) -> np.ndarray:
    return np.swapaxes(x, -1, -2)


@op
def inv(x: Any) -> Any:
    """Compute the inverse of the square matrices ``x``.

    Examples
    --------
    >>> inv([[2.0, 0.0], [0.0, 4.0]]).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    y = np.linalg.inv(_matrix(x, "inv"))
    return recorded(y, [(x, lambda dy: -_t(y) @ dy @ _t(y))])


@op
def det(x: Any) -> Any:
    """Compute the determinant of the square matrices ``x``.

    Examples
    --------
    >>> float(det([[2.0, 0.0], [0.0, 4.0]]))
    8.0
    """
    values = _matrix(x, "det")
    y = np.asarray(np.linalg.det(values))
    return recorded(y, [(x, lambda dy: (dy * y)[..., None, None] * _t(np.linalg.inv(values)))])


@op
def logdet(x: Any) -> Any:
    """Compute the logarithm of the determinant of the positive definite matrices ``x``.

    Examples
    --------
    >>> round(float(logdet([[2.0, 0.0], [0.0, 4.0]])), 3)
    2.079
    """
    values = _matrix(x, "logdet")
    y = np.asarray(np.linalg.slogdet(values)[1])
    return recorded(y, [(x, lambda dy: np.asarray(dy)[..., None, None] * _t(np.linalg.inv(values)))])


@op
def solve(a: Any, b: Any) -> Any:
    """Solve a @ x = b for x.

    Parameters
    ----------
    a : array, (..., n, n)
    b : array, (..., n) or (..., n, columns)

    Raises
    ------
    numpy.linalg.LinAlgError
        If a matrix is singular.

    Examples
    --------
    >>> solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0]).tolist()
    [1.0, 0.5]
    """
    matrix, right = _matrix(a, "solve"), np.asarray(value_of(b))
    vector = right.ndim == matrix.ndim - 1
    columns = right[..., None] if vector else right
    y = np.linalg.solve(matrix, columns)

    def gradients(dy: np.ndarray) -> list[np.ndarray]:
        db = np.linalg.solve(_t(matrix), dy[..., None] if vector else dy)
        return [-db @ _t(y), db[..., 0] if vector else db]

    return recorded(y[..., 0] if vector else y, together([a, b], gradients))


@seen_op
def slogdet(x: Any) -> tuple[Any, Any]:
    """Compute the sign of the determinant of the square matrices ``x``, and the logarithm of its size.

    Examples
    --------
    >>> [float(part) for part in slogdet([[-1.0, 0.0], [0.0, 1.0]])]
    [-1.0, 0.0]
    """
    values = _matrix(x, "slogdet")
    sign, logarithm = np.linalg.slogdet(values)

    def back(dy: np.ndarray) -> np.ndarray:
        return np.asarray(dy[..., None, None] * _t(np.linalg.inv(values)))

    return sign, recorded(np.asarray(logarithm), [(x, back)])


@names_itself
def solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    """Solve a @ x = b for x, where only the upper triangle of a is used, or the lower one with ``lower=True``.

    Examples
    --------
    >>> solve_triangular([[2.0, 9.0], [0.0, 4.0]], [11.0, 4.0]).tolist()
    [1.0, 1.0]
    """
    return solve(np.tril(a) if lower else np.triu(a), b)


@op
def cholesky(x: Any, upper: bool = False) -> Any:
    """Compute the lower triangular matrix L with L @ L.T = x, or its transpose with ``upper=True``.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a matrix is not positive definite.

    Examples
    --------
    >>> cholesky([[4.0, 0.0], [0.0, 9.0]]).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    lower = np.linalg.cholesky(_matrix(x, "cholesky"))

    def back(dy: np.ndarray) -> np.ndarray:
        """Murray, "Differentiation of the Cholesky decomposition", 2016."""
        inner = np.tril(_t(lower) @ (_t(dy) if upper else dy))
        inner = inner - 0.5 * np.eye(inner.shape[-1], dtype=inner.dtype) * inner
        inverse = np.linalg.inv(lower)
        half = _t(inverse) @ inner @ inverse
        return np.asarray(0.5 * (half + _t(half)))

    return recorded(_t(lower) if upper else lower, [(x, back)])


@names_itself
def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    """Compute the inverse of a matrix from its factor ``x``, which :func:`cholesky` returns for the same ``upper``.

    Examples
    --------
    >>> cholesky_inverse([[2.0, 0.0], [0.0, 4.0]]).tolist()
    [[0.25, 0.0], [0.0, 0.0625]]
    """
    factor = inv(x)
    return np.matmul(factor, np.swapaxes(factor, -1, -2)) if upper else np.matmul(np.swapaxes(factor, -1, -2), factor)


@seen_op
def eig(x: Any) -> tuple[Any, Any]:
    """Compute the eigenvalues and the eigenvectors, as columns, of the square matrices ``x``; both may be complex.

    Examples
    --------
    >>> eig([[2.0, 0.0], [0.0, 4.0]])[0].real.tolist()
    [2.0, 4.0]
    """
    values, vectors = np.linalg.eig(_matrix(x, "eig"))
    return values, vectors


@seen_op
def eigh(x: Any) -> tuple[Any, Any]:
    """Compute the eigenvalues, in ascending order, and the eigenvectors, as columns, of symmetric matrices ``x``.

    Examples
    --------
    >>> eigh([[4.0, 0.0], [0.0, 2.0]])[0].tolist()
    [2.0, 4.0]
    """
    values, vectors = np.linalg.eigh(_matrix(x, "eigh"))

    def back(dy: np.ndarray) -> np.ndarray:
        return np.asarray((vectors * dy[..., None, :]) @ _t(vectors))

    return recorded(values, [(x, back)]), without_gradient(vectors, [x], "eigh for eigenvectors")


@seen_op
def qr(x: Any, mode: str = "reduced") -> tuple[Any, Any]:
    """Compute the product q @ r of an orthogonal and an upper triangular matrix that is equal to ``x``.

    ``mode`` is "reduced" or "complete", as in ``numpy.linalg.qr``.

    Examples
    --------
    >>> [part.shape for part in qr(np.ones((3, 2)))]
    [(3, 2), (2, 2)]
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(f"[qr] expected `mode` to be 'reduced' or 'complete'. Received: mode={mode!r}")
    matrix = _matrix(x, "qr", square=False)
    q, r = np.linalg.qr(matrix, "reduced") if mode == "reduced" else np.linalg.qr(matrix, "complete")
    return without_gradient(q, [x], "qr"), without_gradient(r, [x], "qr")


@seen_op
def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Compute the singular values s and the matrices u and vh with x = u @ diag(s) @ vh.

    With ``compute_uv=False`` only s is returned. ``full_matrices=False`` leaves out columns of u and rows of vh that
    belong to no singular value.

    Examples
    --------
    >>> svd(np.diag([3.0, 2.0]), compute_uv=False).tolist()
    [3.0, 2.0]
    """
    matrix = _matrix(x, "svd", square=False)
    u, s, vh = np.linalg.svd(matrix, full_matrices)
    count = s.shape[-1]

    def back(dy: np.ndarray) -> np.ndarray:
        return np.asarray((u[..., :count] * dy[..., None, :]) @ vh[..., :count, :])

    singular = recorded(s, [(x, back)])
    if not compute_uv:
        return singular
    left, right = (without_gradient(part, [x], "svd for u and vh") for part in (u, vh))
    return left, singular, right


@seen_op
def lstsq(a: Any, b: Any, rcond: float | None = None) -> np.ndarray:
    """Find the x for which the sum of the squares of a @ x - b is smallest.

    ``rcond`` is the ratio to the largest singular value below which singular values count as 0.

    Examples
    --------
    >>> lstsq([[1.0], [1.0]], [1.0, 3.0]).round(3).tolist()
    [2.0]
    """
    found = np.asarray(np.linalg.lstsq(_matrix(a, "lstsq", square=False), np.asarray(value_of(b)), rcond)[0])
    return without_gradient(found, [a, b], "lstsq")  # type: ignore[no-any-return]


@names_itself
def matrix_rank(x: Any, tol: float | None = None) -> Any:
    """Count the singular values of ``x`` that are larger than ``tol``.

    Examples
    --------
    >>> int(matrix_rank(np.ones((2, 2))))
    1
    """
    return np.linalg.matrix_rank(_matrix(x, "matrix_rank", square=False), tol)


@seen_op
def pinv(x: Any, rcond: float | None = None) -> np.ndarray:
    """Compute the pseudoinverse of ``x``, from singular values larger than ``rcond`` times the largest one.

    Examples
    --------
    >>> pinv([[2.0, 0.0]]).tolist()
    [[0.5], [0.0]]
    """
    matrix = _matrix(x, "pinv", square=False)
    found = np.asarray(np.linalg.pinv(matrix) if rcond is None else np.linalg.pinv(matrix, rcond))
    return without_gradient(found, [x], "pinv")  # type: ignore[no-any-return]
