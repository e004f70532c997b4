"""Kronecker-factored curvature: the factors of one kernel, and their damped inverses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncore import _core
from cnncore._checks import Float32

__all__ = ["Block", "Curvature"]

_TINY = 1e-30


@dataclass(frozen=True)
class Block:
    r"""A kernel and its bias, whose curvature is approximated by the Kronecker product of two factors, A and G.

    Attributes
    ----------
    name : str
        The path of the kernel, such as "dense/kernel".
    kernel : int
        The index in the flat vectors at which the kernel begins.
    bias : int or None
        The index at which the bias begins; None if there is no bias.
    depth : int
        The number of rows of the matrix that kernel and bias form: the values of a window, and one more with a bias.
    units : int
        The number of columns of this matrix.
    by_rows : bool
        Whether A is stored as rows R of shape (samples, depth) with A = R^T R, rather than as the matrix itself,
        (depth, depth). If the depth is large, the rows of the latest samples take less memory.

    Notes
    -----
    :math:`A = E[\sum_t a_t a_t^T]`, where t runs over the T windows a of a convolution, each with a 1 appended for the
    bias. :math:`G = E[\sum_t g_t g_t^T] / T`, where g is the gradient before the activation (Grosse and Martens, 2016).
    """

    name: str
    kernel: int
    bias: int | None
    depth: int
    units: int
    by_rows: bool

    def gather(self, flat: NDArray[Any]) -> Float32:
        """The part of a flat vector that belongs to kernel and bias, as a matrix (depth, units)."""
        units, rows = self.units, self.depth - (self.bias is not None)
        matrix = np.empty((self.depth, units), np.float32)
        matrix[:rows] = flat[self.kernel : self.kernel + rows * units].reshape(rows, units)
        if self.bias is not None:
            matrix[rows] = flat[self.bias : self.bias + units]
        return matrix

    def scatter(self, matrix: Float32, flat: NDArray[Any]) -> None:
        """Inverse of :meth:`gather`."""
        units, rows = self.units, self.depth - (self.bias is not None)
        flat[self.kernel : self.kernel + rows * units] = matrix[:rows].ravel()
        if self.bias is not None:
            flat[self.bias : self.bias + units] = matrix[rows]


class Curvature:
    r"""The running means of a block's factors, and the product with their damped inverse.

    The inverses are those of :math:`A + \pi \sqrt\lambda I` and :math:`G + \sqrt\lambda / \pi I`, with :math:`\pi^2 =
    \frac{\operatorname{tr} A / \dim A}{\operatorname{tr} G / \dim G}` (Martens and Grosse, 2015, section 6.3). If A is
    stored by rows, :math:`(R^T R + \gamma I)^{-1} = (I - R^T (R R^T + \gamma I)^{-1} R) / \gamma` is used. Inverses are
    computed in float64.

    Parameters
    ----------
    block : Block
    memory : dict of str to numpy.ndarray
        The dict in which the means and inverses are kept.
    key : str
        The beginning of their names in this dict.

    Examples
    --------
    >>> block, memory = Block("dense/kernel", 0, None, 2, 1, by_rows=False), {}
    >>> curvature = Curvature(block, memory, "block_0")
    >>> curvature.refresh(np.eye(2, dtype=np.float32), 4 * np.eye(1, dtype=np.float32), 0.0, 512)
    >>> curvature.invert(1.0)
    >>> curvature.solve(np.ones((2, 1), np.float32))  # pi is 1/2: 1 / (1 + 1/2) / (4 + 2)
    array([[0.1111111],
           [0.1111111]], dtype=float32)
    """

    def __init__(self, block: Block, memory: dict[str, Float32], key: str) -> None:
        self.block, self._memory, self._key = block, memory, key

    def _get(self, name: str) -> Float32:
        return self._memory[f"{self._key}/{name}"]

    def _set(self, name: str, array: NDArray[Any]) -> None:
        self._memory[f"{self._key}/{name}"] = np.ascontiguousarray(array, np.float32)

    @property
    def begun(self) -> bool:
        """Whether there are inverses. Those of another network are a ValueError."""
        expected = {"a": self.block.depth, "g": self.block.units, "g_inverse": self.block.units}
        found = {name: self._memory.get(f"{self._key}/{name}") for name in expected}
        if all(array is None for array in found.values()):
            return False
        for name, size in expected.items():
            array = found[name]
            if array is None or array.ndim != 2 or array.shape[1] != size:
                raise ValueError(
                    f"[KFAC] expected the factors of {self.block.name} to have {size} columns: compile the model "
                    f"again. Received: {'nothing' if array is None else array.shape}"
                )
        return True

    def refresh(self, inputs: Float32, gradients: Float32, keep: float, most_rows: int) -> None:
        """Add an estimate to the means: mean = keep * mean + (1 - keep) * estimate. If A is stored by rows, the latest
        ``most_rows`` rows are kept, and scaled so that the trace of A stays the same.
        """
        keep, new = np.float32(keep), np.float32(1.0 - keep)
        if keep == 0:
            self._set("a", inputs)
            self._set("g", gradients)
            return
        self._set("g", keep * self._get("g") + new * gradients)
        if self.block.by_rows:
            rows = np.concatenate([np.sqrt(keep) * self._get("a"), np.sqrt(new) * inputs])
            before, rows = _squares(rows), rows[-most_rows:]
            self._set("a", np.float32(np.sqrt(before / max(_squares(rows), _TINY))) * rows)
        else:
            self._set("a", keep * self._get("a") + new * inputs)

    def invert(self, damping: float) -> None:
        """Compute the damped inverses that :meth:`solve` uses from now on."""
        a, g = self._get("a"), self._get("g").astype(np.float64)
        trace = _squares(a) if self.block.by_rows else float(np.trace(a, dtype=np.float64))
        if not (np.isfinite(trace) and np.isfinite(g).all()):
            # training ends with an error as soon as weights are NaN
            a, g, trace = np.full_like(a, np.nan), np.full_like(g, np.nan), np.nan
        ratio = np.maximum(trace / self.block.depth, _TINY) / np.maximum(np.trace(g) / self.block.units, _TINY)
        pi, root = np.sqrt(ratio), np.sqrt(damping)
        matrix = _core.dense(a, np.ascontiguousarray(a.T), None, "float32") if self.block.by_rows else a
        self._set("a_inverse", _inverse(matrix.astype(np.float64), pi * root))
        self._set("g_inverse", _inverse(g, root / pi))
        if self.block.by_rows:
            self._set("rows", a)
            self._set("rows_damping", np.array([pi * root]))

    def solve(self, gradient: Float32) -> Float32:
        """The inverse curvature times a gradient, both matrices (depth, units)."""
        right = _core.dense(gradient, self._get("g_inverse"), None, "float32")
        inverse = self._get("a_inverse")
        if not self.block.by_rows:
            return _core.dense(inverse, right, None, "float32")
        rows = self._get("rows")
        within = _core.dense(inverse, _core.dense(rows, right, None, "float32"), None, "float32")
        across = _core.dense(np.ascontiguousarray(rows.T), within, None, "float32")
        return np.asarray((right - across) / self._get("rows_damping"), np.float32)


def _squares(rows: Float32) -> float:
    return float(np.einsum("ij,ij->", rows, rows, dtype=np.float64))


def _inverse(matrix: NDArray[np.float64], damping: float) -> NDArray[np.float64]:
    matrix[np.diag_indices_from(matrix)] += damping
    if not np.isfinite(matrix).all():
        return np.full_like(matrix, np.nan)  # the weights will be NaN, too, and training stops with an error
    try:
        return _core.spd_inverse(matrix)
    except ValueError:
        raise ValueError(
            "[KFAC] expected a `damping` large enough for the factors to be inverted: use a larger one. "
            f"Received: a singular factor, with {damping:g} added to its diagonal"
        ) from None
