"""How far a float32 convolution and its gradients may lie from the exact ones.

The bound of a direct sum is ``reference.tolerance`` of the same sum over absolute values. Winograd's algorithms
F(2x2, 3x3) and F(4x4, 3x3) (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016) mix the pixels of
a tile before they sum over channels, so their rounding errors are relative to sums over the tile. Where the library may
choose them, the bound is the tolerance of Winograd's own formula over absolute values: of its matrices, its images and
its kernels. F(4x4, 3x3) may serve in networks and for gradients only, and rounds the
products of integers, too.
"""

import numpy as np

import reference as ref
import strategies

NEAR, FAR = 0.75, 1.5  # the polynomials of F(4x4, 3x3) are multiplied by their values at 0, these, and infinity
POINTS = np.array([0, NEAR, -NEAR, FAR, -FAR])
NORMS = np.array([np.prod(np.delete(point - POINTS, i)) for i, point in enumerate(POINTS)])


def _values(terms: int) -> np.ndarray:
    """Rows that compute a polynomial of so many terms at the points, and its highest coefficient."""
    powers = POINTS[:, None] ** np.arange(terms)
    return np.vstack([powers, np.eye(terms)[-1]])


def _large_input() -> np.ndarray:
    """Row i has the coefficients of the product of (x - p) over all points p but number i; the last has them all."""
    rows = [np.poly(np.delete(POINTS, i))[::-1] for i in range(5)]
    return np.vstack([np.hstack([rows, np.zeros((5, 1))]), np.poly(POINTS)[::-1]])


# By the side of a square of outputs: B^T, G and A^T.
INPUT = {2: np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]), 4: _large_input()}
KERNEL = {
    2: np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]),
    4: _values(3) / np.append(NORMS, 1)[:, None],
}
OUTPUT = {2: np.array([[1, 1, 1, 0], [0, 1, -1, -1]]), 4: _values(4).T}


def winograd_may_apply(case: strategies.Conv2dCase) -> bool:
    """Whether some ISA may use Winograd's algorithm in some pass: 3x3 kernels, one group, and inputs or filters that
    fill whole vectors.
    """
    plain = case.strides == case.dilation_rate == (1, 1) and case.groups == 1 and case.kernel_shape[:2] == (3, 3)
    return plain and (case.kernel_shape[2] % 4 == 0 or case.kernel_shape[3] % 4 == 0)


def large_winograd_may_apply(case: strategies.Conv2dCase) -> bool:
    """Squares of 4x4 pixels for a gradient: enough channels in the image that is read."""
    return winograd_may_apply(case) and max(case.kernel_shape[2:]) >= 16


def conv2d_bounds(case: strategies.Conv2dCase, x, kernel, bias, dy, products=1):
    """Return the error bounds of y, dx, dkernel and dbias; they are 0 for integers, whose sums have no rounding error.

    ``products`` is how many products each term of a sum consists of.
    """
    x, kernel, bias, dy = abs(x), abs(kernel), abs(bias), abs(dy)
    kh, kw, cin, cout = kernel.shape
    pixels = int(np.prod(dy.shape[:3]))
    large = large_winograd_may_apply(case)
    dx, dkernel, dbias = ref.conv2d_backward(x, kernel, dy, **case.params)
    if large or (winograd_may_apply(case) and not case.exact):
        y = winograd(x, kernel, case.padding, absolute=True) + bias
        sides = (2, 4) if large else (2,)
        dx = np.maximum.reduce([winograd_dx(x.shape, kernel, dy, case.padding, side, absolute=True) for side in sides])
        dkernel = np.maximum.reduce([winograd_dkernel(x, dy, case.padding, side, absolute=True) for side in sides])
    else:
        y = ref.conv2d(x, kernel, bias, **case.params)
    lengths = kh * kw * cin, kh * kw * cout // case.groups, pixels, pixels
    y_bound, dx_bound, dkernel_bound, dbias_bound = (
        ref.tolerance(products * length, sums) for length, sums in zip(lengths, (y, dx, dkernel, dbias), strict=True)
    )
    if not case.exact:
        return y_bound, dx_bound, dkernel_bound, dbias_bound
    return (0.0, dx_bound, dkernel_bound, 0.0) if large else (0.0, 0.0, 0.0, 0.0)


def _transform(matrix, tiles, absolute):
    """Return M tile M^T for the matrix M and every tile; a tile is the last two axes."""
    matrix = abs(matrix) if absolute else matrix
    return matrix @ tiles @ matrix.T


def _input_tiles(padded, out, side):
    """The windows, ``side`` pixels apart, that cover an output of size ``out``: (n, rows, columns, c, side, side)."""
    missing = [-size % side + size + 2 - have for size, have in zip(out, padded.shape[1:3], strict=True)]
    padded = np.pad(padded, ((0, 0), *((0, max(0, n)) for n in missing), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded.astype(np.float64), (side + 2, side + 2), axis=(1, 2))
    return windows[:, : out[0] : side, : out[1] : side]


def _output_size(x_shape, padding):
    return tuple(ref.output_size(size, 3, 1, pad) for size, pad in zip(x_shape[1:3], padding, strict=True))


def winograd(x, kernel, padding, side=2, absolute=False):
    """conv2d by F(side x side, 3x3); with ``absolute`` its sums over absolute values."""
    return _winograd_of(ref._pad(x, padding), kernel, _output_size(x.shape, padding), side, absolute)


def _winograd_of(padded, kernel, out, side, absolute):
    tiles = _transform(INPUT[side], _input_tiles(padded, out, side), absolute)
    kernels = _transform(KERNEL[side], kernel.astype(np.float64).transpose(2, 3, 0, 1), absolute)
    products = np.einsum("nrscab,ckab->nrskab", tiles, kernels, optimize=True)
    y = _transform(OUTPUT[side], products, absolute).transpose(0, 1, 4, 2, 5, 3)  # n, row, i, column, j, k
    n, rows, _, columns, _, k = y.shape
    return y.reshape(n, side * rows, side * columns, k)[:, : out[0], : out[1]]


def winograd_dx(x_shape, kernel, dy, padding, side=2, absolute=False):
    """The gradient of the input: dy inside a border, convolved with the kernel turned by half a turn."""
    border = tuple((2 - before, 2 - after) for before, after in padding)
    framed = ref._pad(dy, tuple((max(0, b), max(0, a)) for b, a in border))
    framed = ref._crop(framed, tuple((max(0, -b), max(0, -a)) for b, a in border))
    return _winograd_of(framed, kernel[::-1, ::-1].swapaxes(2, 3), x_shape[1:3], side, absolute)


def winograd_dkernel(x, dy, padding, side=2, absolute=False):
    """The gradient of the kernel: the products of the tiles of x and dy, summed over all tiles."""
    out = dy.shape[1:3]
    tiles = _transform(INPUT[side], _input_tiles(ref._pad(x, padding), out, side), absolute)
    whole = np.pad(dy.astype(np.float64), ((0, 0), (0, -out[0] % side), (0, -out[1] % side), (0, 0)))
    n, rows, columns, k = whole.shape
    squares = whole.reshape(n, rows // side, side, columns // side, side, k).transpose(0, 1, 3, 5, 2, 4)
    products = np.einsum("nrscab,nrskab->ckab", tiles, _transform(OUTPUT[side].T, squares, absolute), optimize=True)
    return _transform(KERNEL[side].T, products, absolute).transpose(2, 3, 0, 1)
