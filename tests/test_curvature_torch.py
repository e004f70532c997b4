"""Products with curvature against PyTorch in float64: double backward, and forward and backward for Gauss-Newton."""

import numpy as np
import pytest

from cnncore import Model, Sequential, layers

torch = pytest.importorskip("torch")
F = torch.nn.functional

N = 24
IMAGES = np.random.default_rng(1).standard_normal((N, 12, 12, 3)).astype(np.float32)
LABELS = np.random.default_rng(2).integers(0, 5, N)
WEIGHT = np.random.default_rng(3).uniform(0.2, 2.0, N).astype(np.float32)


def conv(x, kernel, bias, **options):
    return F.conv2d(x, kernel.permute(3, 2, 0, 1), bias, **options)


def flat(x):
    return x.permute(0, 2, 3, 1).flatten(1)


def document():
    model = Sequential(
        [
            layers.Input((12, 12, 3)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(6, 3, activation="relu"),
            layers.MaxPooling2D((2, 2), strides=1),
            layers.Flatten(),
            layers.Dense(7, activation="relu"),
            layers.Dense(5, activation="softmax"),
        ]
    )

    def logits(x, w):
        x = F.max_pool2d(torch.relu(conv(x, w[0], w[1])), 2)
        x = F.max_pool2d(torch.relu(conv(x, w[2], w[3])), 2, 1)
        return torch.relu(flat(x) @ w[4] + w[5]) @ w[6] + w[7]

    return model, logits


def normalized():
    """A network with batch normalization, which uses its moving statistics, between smooth activations."""
    model = Sequential(
        [
            layers.Input((12, 12, 3)),
            layers.Conv2D(6, 3, strides=2, use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("gelu"),
            layers.DepthwiseConv2D(3, padding="same", activation="silu"),
            layers.AveragePooling2D(),
            layers.Flatten(),
            layers.LayerNormalization(epsilon=1e-3),
            layers.Dense(5, activation="softmax"),
        ]
    )
    state = model.layers[1]

    def logits(x, w):
        mean, variance = (torch.tensor(np.asarray(a), dtype=torch.float64) for a in state.get_weights()[2:])
        x = F.batch_norm(conv(x, w[0], None, stride=2), mean, variance, w[1], w[2], eps=1e-3)
        x = F.silu(conv(F.gelu(x), w[3].permute(0, 1, 3, 2), w[4], padding=1, groups=6))
        x = F.layer_norm(flat(F.avg_pool2d(x, 2)), (24,), w[5], w[6], 1e-3)
        return x @ w[7] + w[8]

    return model, logits


def branches():
    """A network with branches that are added, multiplied and joined, and with a transposed convolution."""
    x = layers.Input((12, 12, 3))
    a = layers.Conv2D(4, 3, padding="same", activation="tanh")(x)
    b = layers.GroupNormalization(2)(layers.Conv2D(4, 1)(a))
    c = layers.PReLU(shared_axes=[1, 2])(layers.Multiply()([a, b]))
    d = layers.Conv2DTranspose(4, 3, padding="same", activation="softplus")(layers.Add()([a, c]))
    e = layers.UnitNormalization()(layers.GlobalAveragePooling2D()(layers.Concatenate()([c, d])))
    model = Model(x, layers.Dense(5, activation="softmax")(e))

    def logits(x, w):
        a = torch.tanh(conv(x, w[0], w[1], padding=1))
        b = F.group_norm(conv(a, w[2], w[3]), 2, w[4], w[5], 1e-3)
        c = F.prelu(a * b, w[6].flatten())
        d = F.softplus(F.conv_transpose2d(a + c, w[7].permute(3, 2, 0, 1), w[8], padding=1))
        return F.normalize(torch.cat([c, d], 1).mean((2, 3)), eps=1e-6) @ w[9] + w[10]

    return model, logits


@pytest.fixture(params=[document, normalized, branches])
def case(request):
    """A model, its loss and its logits as functions of a list of weights in PyTorch, the weights, and a direction."""
    model, logits = request.param()
    model.compile(loss="sparse_categorical_crossentropy")
    rng = np.random.default_rng(4)
    model.set_weights([w + 0.02 * np.abs(rng.standard_normal(w.shape)) for w in model.get_weights()])
    weights = [torch.tensor(np.asarray(w), dtype=torch.float64) for w in model.trainable_weights]
    x = torch.tensor(IMAGES, dtype=torch.float64).permute(0, 3, 1, 2)
    share = torch.tensor(WEIGHT, dtype=torch.float64) / N

    def output(*w):
        return logits(x, w)

    def loss(z):
        return (F.cross_entropy(z, torch.tensor(LABELS), reduction="none") * share).sum()

    v = [rng.standard_normal(tuple(w.shape)).astype(np.float32) for w in weights]
    return model, output, loss, tuple(weights), v


def assert_near(actual, expected):
    actual = np.concatenate([a.ravel() for a in actual])
    expected = np.concatenate([e.numpy().ravel() for e in expected])
    assert np.linalg.norm(actual - expected) <= 1e-4 * np.linalg.norm(expected)


def test_the_models_are_the_same(case):
    model, output, _, weights, _ = case
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), torch.softmax(output(*weights), 1).numpy(), atol=1e-5)


def test_hessian_is_that_of_pytorch(case):
    model, output, loss, weights, v = case
    direction = tuple(torch.tensor(a, dtype=torch.float64) for a in v)
    expected = torch.autograd.functional.vhp(lambda *w: loss(output(*w)), weights, direction)[1]
    assert_near(model.hessian_vector_product(IMAGES, LABELS, v, WEIGHT), expected)


@pytest.mark.parametrize("kind", ["gauss_newton", "fisher"])
def test_gauss_newton(case, kind):
    model, output, loss, weights, v = case
    direction = tuple(torch.tensor(a, dtype=torch.float64) for a in v)
    z, change = torch.autograd.functional.jvp(output, weights, direction)
    bent = torch.autograd.functional.vhp(loss, z, change)[1]
    expected = torch.autograd.functional.vjp(output, weights, bent)[1]
    assert_near(getattr(model, f"{kind}_vector_product")(IMAGES, LABELS, v, WEIGHT), expected)
