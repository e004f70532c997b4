"""Curvature matrices as operators, which multiply vectors and can be passed to SciPy's sparse solvers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from cnncore import _checks
from cnncore._checks import Float32
from cnncore.models.products import CurvatureProduct

__all__ = ["CurvatureOperator", "FisherOperator", "GaussNewtonOperator", "HessianOperator"]


class CurvatureOperator:
    """What the three operators have in common.

    The samples are checked once, when the operator is made. A product uses the weights that the model has at the time
    of the product.

    Parameters
    ----------
    model : Model
        A compiled model.
    x, y : array_like, or lists or dicts of them
        Samples and targets, as for ``fit``; any number of them.
    sample_weight : array_like, optional
        As for ``fit``.

    Attributes
    ----------
    shape : tuple of int
        (n, n), where n is the number of trained weights.
    dtype : numpy.dtype
        float32.

    Raises
    ------
    ValueError
        If the model is not compiled, or shapes do not fit. Products raise it if second derivatives of a layer or of the
        loss are not implemented.
    """

    _kind: ClassVar[str]

    def __init__(self, model: Any, x: Any, y: Any, sample_weight: Any = None) -> None:
        self._product = CurvatureProduct(model, self._kind, (x, y, sample_weight), type(self).__name__)
        self.dtype = np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n), where n is the number of trained weights."""
        return self._product.size, self._product.size

    def matvec(self, v: Any) -> Float32:
        """The matrix times a vector.

        Parameters
        ----------
        v : array_like, shape (n,) or (n, 1)
            A number for each weight, in the order of ``model.trainable_weights``.

        Returns
        -------
        numpy.ndarray of float32
            It has the shape of ``v``.
        """
        array = _checks.float32_array(v, "v", type(self).__name__)
        product: Float32 = self._product(array.reshape(-1) if array.ndim == 2 and array.shape[1] == 1 else array)
        return product.reshape(array.shape)

    rmatvec = matvec  # the matrices are symmetric

    def matmat(self, vectors: Any) -> Float32:
        """The matrix times each column of an array of shape (n, k)."""
        array = _checks.float32_array(vectors, "vectors", type(self).__name__, rank=2, axes="(weights, vectors)")
        if not array.shape[1]:
            return np.zeros_like(array)
        return np.stack([self._product(column) for column in np.ascontiguousarray(array.T)], axis=1)

    def __matmul__(self, other: Any) -> Float32:
        return self.matmat(other) if np.ndim(other) == 2 else self.matvec(other)

    def to_scipy(self) -> Any:
        """The operator as a :class:`scipy.sparse.linalg.LinearOperator`, which can be added and multiplied.

        Raises
        ------
        ImportError
            If SciPy is missing.
        """
        try:
            from scipy.sparse.linalg import LinearOperator
        except ImportError as error:
            raise ImportError('to_scipy needs SciPy: pip install "cnncore[newton]"') from error
        return LinearOperator(self.shape, self.matvec, rmatvec=self.matvec, matmat=self.matmat, dtype=self.dtype)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shape={self.shape})"


class HessianOperator(CurvatureOperator):
    """The second derivatives of a model's loss. :meth:`Model.hessian_vector_product` explains what they are.

    Parameters, attributes and errors are those of :class:`CurvatureOperator`. The operator can be passed to SciPy's
    solvers, such as ``scipy.sparse.linalg.eigsh``.

    Examples
    --------
    >>> from cnncore import Sequential
    >>> from cnncore.layers import Dense
    >>> model = Sequential([Dense(1, input_shape=(1,))])
    >>> model.compile(loss="mse")
    >>> hessian = HessianOperator(model, [[3.0]], [[0.0]])  # the loss is (3 w + b)^2
    >>> hessian @ [1.0, 0.0]
    array([18.,  6.], dtype=float32)
    """

    _kind = "hessian"


class GaussNewtonOperator(CurvatureOperator):
    """The generalized Gauss-Newton matrix. :meth:`Model.gauss_newton_vector_product` explains what it is.

    Parameters, attributes and errors are those of :class:`CurvatureOperator`.

    Examples
    --------
    >>> from cnncore import Sequential
    >>> from cnncore.layers import Dense
    >>> model = Sequential([Dense(1, input_shape=(1,))])
    >>> model.compile(loss="mse")
    >>> GaussNewtonOperator(model, [[3.0]], [[0.0]]).shape
    (2, 2)
    """

    _kind = "gauss_newton"


class FisherOperator(CurvatureOperator):
    """The Fisher information matrix. :meth:`Model.fisher_vector_product` explains what it is.

    Parameters, attributes and errors are those of :class:`CurvatureOperator`.

    Examples
    --------
    >>> from cnncore import Sequential
    >>> from cnncore.layers import Dense
    >>> model = Sequential([Dense(1, activation="sigmoid", kernel_initializer="zeros", input_shape=(1,))])
    >>> model.compile(loss="binary_crossentropy")
    >>> FisherOperator(model, [[2.0]], [[1.0]]) @ [1.0, 0.0]
    array([1. , 0.5], dtype=float32)
    """

    _kind = "fisher"
