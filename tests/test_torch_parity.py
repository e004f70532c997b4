"""PyTorch as an oracle: the same ops, and the same losses over 20 steps from the same weights and batches."""

import numpy as np
import pytest

import reference as ref
import strategies
from checking import assert_close, samples
from cnncore import applications, ops, optimizers, utils
from conv2d_bounds import conv2d_bounds

pytestmark = pytest.mark.names_precision

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
F = torch.nn.functional


def nchw(x, requires_grad=False):
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1))).requires_grad_(requires_grad)


def nhwc(tensor):
    return np.moveaxis(tensor.detach().numpy(), 1, -1)


def oihw(kernel, requires_grad=False):
    return torch.from_numpy(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))).requires_grad_(requires_grad)


def padded(x, padding, value=0.0):
    (top, bottom), (left, right) = padding
    return F.pad(x, (left, right, top, bottom), value=value)


def twice(length, magnitude):
    """Two float32 sums of the same products, each within its bound of the exact one."""
    return 2 * ref.tolerance(length, magnitude)


def test_bfloat16_of_both_in_one_process():
    """Each library configures the matrix unit for itself, and the products of the other one are right afterwards."""
    rng = np.random.default_rng(0)
    x, kernel = (rng.standard_normal(shape, dtype=np.float32) for shape in ((4, 13, 13, 32), (3, 3, 32, 64)))
    a, b = (torch.from_numpy(rng.standard_normal((64, 96), dtype=np.float32)).bfloat16() for _ in range(2))

    def both():
        return ops.conv2d(x, kernel, precision="bfloat16"), (a @ b.T).float().numpy()

    ours, theirs = both()
    # its result is bfloat16 too: half a unit in the last of 8 places, and as much for its own sums
    np.testing.assert_allclose(theirs, a.double().numpy() @ b.double().numpy().T, rtol=2**-7, atol=2**-7)
    for _ in range(3):
        again = both()
        np.testing.assert_array_equal(again[0], ours)
        np.testing.assert_array_equal(again[1], theirs)


# x, kernel, strides, padding, dilation_rate, groups
CONVOLUTIONS = [
    ((2, 28, 28, 1), (3, 3, 1, 32), (1, 1), ref.NO_PADDING, (1, 1), 1),
    ((2, 13, 13, 32), (3, 3, 32, 64), (1, 1), ref.NO_PADDING, (1, 1), 1),
    ((3, 9, 10, 5), (3, 2, 5, 7), (2, 1), ((1, 0), (2, 1)), (1, 1), 1),
    ((2, 12, 11, 4), (3, 3, 4, 6), (1, 2), ((2, 2), (2, 2)), (2, 3), 1),
    ((2, 8, 8, 12), (3, 3, 4, 9), (1, 1), ((1, 1), (1, 1)), (1, 1), 3),
    ((2, 8, 8, 17), (3, 3, 1, 17), (2, 2), ((0, 1), (0, 1)), (1, 1), 17),
    ((2, 7, 7, 16), (1, 1, 16, 33), (1, 1), ref.NO_PADDING, (1, 1), 1),
]


@pytest.mark.parametrize("layer", CONVOLUTIONS, ids=str)
def test_convolutions_are_those_of_pytorch(layer):
    x_shape, kernel_shape, strides, padding, dilation_rate, groups = layer
    case = strategies.Conv2dCase(x_shape, kernel_shape, strides, padding, dilation_rate, groups, exact=False, seed=0)
    rng = case.rng
    x, kernel, bias = (samples(rng, *shape) for shape in (x_shape, kernel_shape, kernel_shape[3:]))
    tx, tk, tb = nchw(x, True), oihw(kernel, True), torch.from_numpy(bias).requires_grad_()
    ty = F.conv2d(padded(tx, padding), tk, tb, stride=strides, dilation=dilation_rate, groups=groups)
    dy = samples(rng, *nhwc(ty).shape)
    ty.backward(nchw(dy))
    expected = nhwc(ty), nhwc(tx.grad), tk.grad.numpy().transpose(2, 3, 1, 0), tb.grad.numpy()
    actual = ops.conv2d(x, kernel, bias, **case.params), *ops.conv2d_backward(x, kernel, dy, **case.params)
    bounds = conv2d_bounds(case, x, kernel, bias, dy)
    for name, ours, theirs, bound in zip(("y", "dx", "dkernel", "dbias"), actual, expected, bounds, strict=True):
        assert_close(ours, theirs, 2 * bound, name)  # each within its bound of the exact one


# x, pool_size, strides, padding (the same before and after, as PyTorch has it)
POOLINGS = [
    ((2, 26, 26, 32), (2, 2), (2, 2), (0, 0)),
    ((2, 11, 9, 5), (2, 2), (2, 2), (0, 0)),
    ((2, 9, 10, 17), (3, 3), (2, 2), (1, 1)),
    ((1, 8, 9, 3), (3, 2), (1, 3), (1, 0)),
]


@pytest.mark.parametrize("case", POOLINGS, ids=str)
def test_pools_are_those_of_pytorch(case):
    x_shape, pool_size, strides, (rows, columns) = case
    rng = np.random.default_rng(0)
    x = samples(rng, *x_shape)
    window = {"pool_size": pool_size, "strides": strides, "padding": ((rows, rows), (columns, columns))}
    length = int(np.prod(pool_size))

    tx = nchw(x, True)
    ty = F.max_pool2d(tx, pool_size, strides, (rows, columns))
    np.testing.assert_array_equal(ops.max_pool2d(x, **window), nhwc(ty))
    dy = samples(rng, *nhwc(ty).shape)
    ty.backward(nchw(dy))
    magnitude = ref.max_pool2d_backward(x, abs(dy), **window)
    assert_close(ops.max_pool2d_backward(x, dy, **window), nhwc(tx.grad), twice(length, magnitude), "max dx")

    tx = nchw(x, True)
    ty = F.avg_pool2d(tx, pool_size, strides, (rows, columns), count_include_pad=False)
    magnitude = ref.avg_pool2d(abs(x), **window)
    assert_close(ops.avg_pool2d(x, **window), nhwc(ty), twice(length, magnitude), "avg y")
    ty.backward(nchw(dy))
    magnitude = ref.avg_pool2d_backward(x_shape, abs(dy), **window)
    assert_close(ops.avg_pool2d_backward(x_shape, dy, **window), nhwc(tx.grad), twice(length, magnitude), "avg dx")


def test_losses_are_those_of_pytorch():
    rng = np.random.default_rng(0)
    logits, labels = samples(rng, 7, 10), rng.integers(0, 10, 7)
    tl = torch.from_numpy(logits).requires_grad_()
    expected = F.cross_entropy(tl, torch.from_numpy(labels))
    expected.backward()
    loss, dlogits = ops.softmax_cross_entropy(logits, labels)
    assert loss == pytest.approx(expected.item(), rel=1e-6)
    np.testing.assert_allclose(dlogits, tl.grad.numpy(), atol=16 * ref.UNIT_ROUNDOFF)

    true = samples(rng, 7, 10)
    tl = torch.from_numpy(logits).requires_grad_()
    expected = F.mse_loss(tl, torch.from_numpy(true))
    expected.backward()
    loss, dpred = ops.mean_squared_error(logits, true)
    assert loss == pytest.approx(expected.item(), rel=1e-6)
    np.testing.assert_allclose(dpred, tl.grad.numpy(), rtol=8 * ref.UNIT_ROUNDOFF)


# --- training ---------------------------------------------------------------------------------------------------------


class Twin(torch.nn.Module):
    """The same network in PyTorch, with the weights of a cnncore model; logits out."""

    def __init__(self, model, activation, pool, first_padding):
        super().__init__()
        self.activation, self.pool, self.first_padding = activation, pool, first_padding
        weights = [torch.from_numpy(np.ascontiguousarray(w)) for w in model.get_weights()]
        self.weights = torch.nn.ParameterList([w.permute(3, 2, 0, 1) if w.ndim == 4 else w for w in weights])

    def forward(self, x):
        layers = list(zip(self.weights[::2], self.weights[1::2], strict=True))
        convolutions, dense = layers[:2], layers[2:]
        for index, (kernel, bias) in enumerate(convolutions):
            padding = self.first_padding if index == 0 else 0
            x = self.pool(self.activation(F.conv2d(x, kernel, bias, padding=padding)), 2)
        x = x.permute(0, 2, 3, 1).flatten(1)  # height, width, channels, as Flatten has them
        for index, (kernel, bias) in enumerate(dense):
            x = x @ kernel + bias
            if index + 1 < len(dense):
                x = self.activation(x)
        return x


MODELS = {
    "mnist_cnn": (applications.mnist_cnn, torch.relu, F.max_pool2d, 0),
    "lenet5": (applications.lenet5, torch.tanh, F.avg_pool2d, 2),
}
RATE = 1e-2
OPTIMIZERS = {
    "sgd": (lambda: optimizers.SGD(RATE), lambda p: torch.optim.SGD(p, RATE)),
    "momentum": (lambda: optimizers.SGD(RATE, momentum=0.9), lambda p: torch.optim.SGD(p, RATE, momentum=0.9)),
    "nesterov": (
        lambda: optimizers.SGD(RATE, momentum=0.9, nesterov=True),
        lambda p: torch.optim.SGD(p, RATE, momentum=0.9, nesterov=True),
    ),
    "adam": (lambda: optimizers.Adam(1e-3), lambda p: torch.optim.Adam(p, 1e-3)),
    "adamw": (
        lambda: optimizers.AdamW(1e-3, weight_decay=0.01),
        lambda p: torch.optim.AdamW(p, 1e-3, weight_decay=0.01),
    ),
}


def digits(rng, n):
    """Images that can be learnt: each class has its own bright patch, in noise."""
    labels = rng.integers(0, 10, n)
    images = rng.integers(0, 100, (n, 28, 28, 1), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = 5 * (label // 5) + 6, 5 * (label % 5) + 2
        image[row : row + 5, column : column + 5] += 100
    return images, labels


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_the_same_losses_over_20_steps(name, optimizer):
    utils.set_random_seed(0)
    build, *architecture = MODELS[name]
    model, (ours, theirs) = build(), OPTIMIZERS[optimizer]
    twin = Twin(model, *architecture)
    ours, theirs = ours(), theirs(twin.parameters())
    model.compile(optimizer=ours, loss="sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    losses, expected = [], []
    for step in range(1, 21):
        images, labels = digits(rng, 32)
        losses.append(model.train_on_batch(images, labels))
        for group in theirs.param_groups:
            if "betas" in group:  # Keras adds epsilon outside the bias-corrected root
                group["eps"] = ours.epsilon / np.sqrt(1 - group["betas"][1] ** step)
        theirs.zero_grad()
        loss = F.cross_entropy(twin(nchw(images.astype(np.float32) / 255)), torch.from_numpy(labels))
        loss.backward()
        theirs.step()
        expected.append(loss.item())
    np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-4)
    assert losses[-1] < losses[0], "the losses should move, or there is nothing to compare"
