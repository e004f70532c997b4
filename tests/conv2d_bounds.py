"""How far a float32 convolution and its gradients may lie from the exact ones.

The bound of a direct sum is ``reference.tolerance`` of the same sum over absolute values. Winograd's F(2x2, 3x3)
(Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016) mixes the pixels of a 4x4 tile before it sums
over channels, so its rounding errors are relative to sums over the tile. Where the library may choose it, the bound is
the tolerance of Winograd's own formula over absolute values: of its matrices, its images and its kernels.
"""

import numpy as np

import reference as ref
import strategies

INPUT = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
KERNEL = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
OUTPUT = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])


def winograd_may_apply(case: strategies.Conv2dCase) -> bool:
    """Whether some ISA may use Winograd's algorithm: 3x3 kernels, one group, channels that fill whole vectors."""
    plain = case.strides == case.dilation_rate == (1, 1) and case.groups == 1 and case.kernel_shape[:2] == (3, 3)
    return plain and case.kernel_shape[2] % 4 == 0 and case.kernel_shape[3] % 4 == 0


def conv2d_bounds(case: strategies.Conv2dCase, x, kernel, bias, dy, products=1):
    """Return the error bounds of y, dx, dkernel and dbias; they are 0 for integers, whose sums have no rounding error.

    ``products`` is how many products each term of a sum consists of.
    """
    if case.exact:
        return 0.0, 0.0, 0.0, 0.0
    x, kernel, bias, dy = abs(x), abs(kernel), abs(bias), abs(dy)
    kh, kw, cin, cout = kernel.shape
    pixels = int(np.prod(dy.shape[:3]))
    dx, dkernel, dbias = ref.conv2d_backward(x, kernel, dy, **case.params)
    if winograd_may_apply(case):
        y = winograd(x, kernel, case.padding, absolute=True) + bias
        dx = winograd_dx(x.shape, kernel, dy, case.padding, absolute=True)
        dkernel = winograd_dkernel(x, dy, case.padding, absolute=True)
    else:
        y = ref.conv2d(x, kernel, bias, **case.params)
    lengths = kh * kw * cin, kh * kw * cout // case.groups, pixels, pixels
    return tuple(
        ref.tolerance(products * length, sums) for length, sums in zip(lengths, (y, dx, dkernel, dbias), strict=True)
    )


def _transform(matrix, tiles, absolute):
    """Return M tile M^T for the matrix M and every tile; a tile is the last two axes."""
    matrix = abs(matrix) if absolute else matrix
    return matrix @ tiles @ matrix.T


def _input_tiles(padded, out):
    """The 4x4 windows, two pixels apart, that cover an output of size ``out``: (n, rows, columns, c, 4, 4)."""
    missing = [2 * ((size + 1) // 2) + 2 - have for size, have in zip(out, padded.shape[1:3], strict=True)]
    padded = np.pad(padded, ((0, 0), *((0, max(0, n)) for n in missing), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded.astype(np.float64), (4, 4), axis=(1, 2))
    return windows[:, : out[0] : 2, : out[1] : 2]


def _output_size(x_shape, padding):
    return tuple(ref.output_size(size, 3, 1, pad) for size, pad in zip(x_shape[1:3], padding, strict=True))


def winograd(x, kernel, padding, absolute=False):
    """conv2d by Winograd's F(2x2, 3x3); with ``absolute``, the same sums over absolute values."""
    return _winograd_of(ref._pad(x, padding), kernel, _output_size(x.shape, padding), absolute)


def _winograd_of(padded, kernel, out, absolute):
    tiles = _transform(INPUT, _input_tiles(padded, out), absolute)
    kernels = _transform(KERNEL, kernel.astype(np.float64).transpose(2, 3, 0, 1), absolute)
    products = np.einsum("nrscab,ckab->nrskab", tiles, kernels, optimize=True)
    y = _transform(OUTPUT, products, absolute).transpose(0, 1, 4, 2, 5, 3)  # n, row, i, column, j, k
    n, rows, _, columns, _, k = y.shape
    return y.reshape(n, 2 * rows, 2 * columns, k)[:, : out[0], : out[1]]


def winograd_dx(x_shape, kernel, dy, padding, absolute=False):
    """The gradient of the input: dy with a border of zeros, convolved with the kernel rotated by 180 degrees."""
    border = tuple((2 - before, 2 - after) for before, after in padding)
    framed = ref._pad(dy, tuple((max(0, b), max(0, a)) for b, a in border))
    framed = ref._crop(framed, tuple((max(0, -b), max(0, -a)) for b, a in border))
    return _winograd_of(framed, kernel[::-1, ::-1].swapaxes(2, 3), x_shape[1:3], absolute)


def winograd_dkernel(x, dy, padding, absolute=False):
    """The gradient of the kernel: the products of the tiles of x and dy, summed over all tiles."""
    out = dy.shape[1:3]
    tiles = _transform(INPUT, _input_tiles(ref._pad(x, padding), out), absolute)
    even = np.pad(dy.astype(np.float64), ((0, 0), (0, out[0] % 2), (0, out[1] % 2), (0, 0)))
    n, rows, columns, k = even.shape
    squares = even.reshape(n, rows // 2, 2, columns // 2, 2, k).transpose(0, 1, 3, 5, 2, 4)
    products = np.einsum("nrscab,nrskab->ckab", tiles, _transform(OUTPUT.T, squares, absolute), optimize=True)
    return _transform(KERNEL.T, products, absolute).transpose(2, 3, 0, 1)
