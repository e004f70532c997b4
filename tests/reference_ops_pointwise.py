"""Reference ops that work value by value: activations, scaling, noise, and sums or products of several inputs."""

from collections.abc import Callable
from math import pi, sqrt

import numpy as np

from reference_ops import Array, Op, Parameter, Shape, op

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
_ERF_TERMS = 140


def erf(x: Array) -> Array:
    """The error function, which NumPy lacks: 2 / sqrt(pi) exp(-x^2) times the sum of 2^n x^(2n+1) / (2n+1)!!.

    All terms of this series have the sign of x, so no digits cancel. Beyond |x| = 6 the result is +-1 to 16 digits.
    """
    inside = np.clip(x, -6.0, 6.0)
    term, total = inside.copy(), inside.copy()
    for n in range(1, _ERF_TERMS):
        term = term * 2 * inside * inside / (2 * n + 1)
        total += term
    return np.where(np.abs(x) >= 6.0, np.sign(x), 2 / sqrt(pi) * np.exp(-inside * inside) * total)


def sigmoid(x: Array) -> Array:
    return np.exp(-np.logaddexp(0.0, -x))


def softplus(x: Array) -> Array:
    return np.logaddexp(0.0, x)


def normal_density(x: Array) -> Array:
    return np.exp(-x * x / 2) / sqrt(2 * pi)


def _gelu_tanh(x: Array) -> tuple[Array, Array]:
    """Return the approximation of gelu by tanh, and its slope."""
    t = np.tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))
    return 0.5 * x * (1 + t), 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * sqrt(2 / pi) * (1 + 3 * 0.044715 * x * x)


def _relu(x: Array, negative_slope: float, max_value: float | None, threshold: float) -> tuple[Array, Array]:
    """Return Keras' relu and its slope.

    The value is negative_slope (x - threshold) below the threshold, max_value above max_value, and x between them.
    """
    y = np.where(x >= threshold, x, negative_slope * (x - threshold)) + 0.0  # + 0.0 turns -0 into 0
    slope = np.where(x > threshold, 1.0, negative_slope)
    if max_value is None:
        return y, slope
    return np.minimum(y, max_value), np.where(x >= max_value, 0.0, slope)


def _elu(x: Array, alpha: float, scale: float = 1.0) -> tuple[Array, Array]:
    below = np.exp(np.minimum(x, 0.0))
    return scale * np.where(x > 0, x, alpha * (below - 1)), scale * np.where(x > 0, 1.0, alpha * below)


def _hard_sigmoid(x: Array) -> tuple[Array, Array]:
    """Return relu6(x + 3) / 6 and its slope."""
    return np.clip(x / 6 + 0.5, 0.0, 1.0), np.where(np.abs(x) < 3, 1 / 6, 0.0)


def _shrinking(x: Array, alpha: float | None, threshold: float | None) -> dict[str, Callable[[], tuple[Array, Array]]]:
    """Return the activations that shrink values, and the piecewise relatives of tanh and softplus."""
    t, b = 0.5 if threshold is None else threshold, 4.0 if alpha is None else alpha
    far, root, half = np.abs(x) > t, np.sqrt(x * x + max(b, 0.0)), np.clip((x + 1) / 2, 0.0, 1.0)
    flat = np.where(np.abs(x) < 1, 1.0, 0.0)
    lowest, least = (threshold or 0.0), (alpha or 0.0)
    return {
        "hard_shrink": lambda: (np.where(far, x, 0.0), np.where(far, 1.0, 0.0)),
        "soft_shrink": lambda: (np.where(far, x - t * np.sign(x), 0.0), np.where(far, 1.0, 0.0)),
        "tanh_shrink": lambda: (x - np.tanh(x), np.tanh(x) ** 2),
        "hard_tanh": lambda: (np.clip(x, -1.0, 1.0), flat),
        "threshold": lambda: (np.where(x > lowest, x, least), np.where(x > lowest, 1.0, 0.0)),
        "squareplus": lambda: ((x + root) / 2, (1 + x / root) / 2),
        "sparse_plus": lambda: (np.where(x > 1, x, half * half), half),
        "sparse_sigmoid": lambda: (half, 0.5 * flat),
    }


def pointwise(kind: str, x: Array, options: dict[str, float]) -> tuple[Array, Array]:
    """Return the values of an activation and its slopes, element by element."""
    s = sigmoid(x)
    t = np.tanh(softplus(x)) if kind == "mish" else np.tanh(x)
    negative = np.minimum(x, 0.0)
    alpha, top, threshold = options["alpha"], options["max_value"], options["threshold"]
    corner = threshold or 0.0
    cases: dict[str, Callable[[], tuple[Array, Array]]] = {
        "linear": lambda: (x.copy(), np.ones_like(x)),
        "relu": lambda: _relu(x, alpha or 0.0, top, corner),
        "relu6": lambda: _relu(x, 0.0, 6.0, 0.0),
        "leaky_relu": lambda: _relu(x, 0.2 if alpha is None else alpha, top, corner),
        "elu": lambda: _elu(x, 1.0 if alpha is None else alpha),
        "celu": lambda: (
            np.where(x > 0, x, (alpha or 1.0) * (np.exp(negative / (alpha or 1.0)) - 1)),
            np.where(x > 0, 1.0, np.exp(negative / (alpha or 1.0))),
        ),
        "selu": lambda: _elu(x, SELU_ALPHA, SELU_SCALE),
        "gelu": lambda: (
            x * 0.5 * (1 + erf(x / sqrt(2))),
            0.5 * (1 + erf(x / sqrt(2))) + x * normal_density(x),
        ),
        "gelu_tanh": lambda: _gelu_tanh(x),
        "silu": lambda: (x * s, s * (1 + x * (1 - s))),
        "mish": lambda: (x * t, t + x * (1 - t * t) * s),
        "sigmoid": lambda: (s, s * (1 - s)),
        "hard_sigmoid": lambda: _hard_sigmoid(x),
        "hard_silu": lambda: (x * _hard_sigmoid(x)[0], _hard_sigmoid(x)[0] + x * _hard_sigmoid(x)[1]),
        "tanh": lambda: (t, 1 - t * t),
        "softplus": lambda: (softplus(x), s),
        "softsign": lambda: (x / (1 + np.abs(x)), 1 / (1 + np.abs(x)) ** 2),
        "exponential": lambda: (np.exp(x), np.exp(x)),
        "log_sigmoid": lambda: (-softplus(-x), sigmoid(-x)),
        **_shrinking(x, alpha, threshold),
    }
    return cases[kind]()


ACTIVATIONS = (
    *("linear", "relu", "relu6", "leaky_relu", "elu", "celu", "selu", "gelu", "gelu_tanh", "silu", "mish", "sigmoid"),
    *("hard_sigmoid", "hard_silu", "tanh", "softplus", "softsign", "exponential", "log_sigmoid", "softmax"),
    *("log_softmax", "hard_shrink", "soft_shrink", "tanh_shrink", "hard_tanh", "threshold", "squareplus"),
    *("sparse_plus", "sparse_sigmoid"),
)


@op("activation")
class Activation(Op):
    """Any activation. Options that are None have Keras' defaults; softmax and log_softmax act on the last axis."""

    kind: str
    alpha: float | None = None  # of relu and leaky_relu: the slope below the threshold
    max_value: float | None = None
    threshold: float | None = None

    def __post_init__(self):
        self.kind = {"swish": "silu", "hard_swish": "hard_silu"}.get(self.kind, self.kind)
        self.expect(self.kind in ACTIVATIONS, f"an activation among {', '.join(ACTIVATIONS)}", repr(self.kind))

    def forward(self, inputs, weights, context):
        (x,) = inputs
        if self.kind in ("softmax", "log_softmax"):
            shifted = x - x.max(axis=-1, keepdims=True)
            log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
            p = np.exp(log_p)
            if self.kind == "softmax":
                return p, lambda dy: ([p * (dy - (p * dy).sum(axis=-1, keepdims=True))], [])
            return log_p, lambda dy: ([dy - p * dy.sum(axis=-1, keepdims=True)], [])
        y, slope = pointwise(self.kind, x, vars(self))
        return y, lambda dy: ([dy * slope], [])


@op("prelu")
class PReLU(Op):
    """max(x, 0) + alpha min(x, 0). alpha has size 1 along ``shared_axes``, which count from 1 as in Keras."""

    shared_axes: tuple[int, ...] = ()

    def parameters(self, *shapes: Shape) -> list[Parameter]:
        shape = tuple(1 if a + 1 in self.shared_axes else size for a, size in enumerate(shapes[0]))
        return [Parameter("alpha", shape)]

    def forward(self, inputs, weights, context):
        (x,), (alpha,) = inputs, weights

        def pullback(dy):
            return [np.where(x > 0, dy, alpha * dy)], [unbroadcast(np.minimum(x, 0.0) * dy, (1, *alpha.shape))[0]]

        return np.maximum(x, 0.0) + alpha * np.minimum(x, 0.0), pullback


@op("rescaling")
class Rescaling(Op):
    scale: float
    offset: float = 0.0

    def forward(self, inputs, weights, context):
        return inputs[0] * self.scale + self.offset, lambda dy: ([dy * self.scale], [])


@op("affine")
class Affine(Op):
    """Multiplies by ``scale`` and adds ``offset``: vectors along the last axis that training does not change."""

    def parameters(self, *shapes: Shape) -> list[Parameter]:
        return [Parameter("scale", shapes[0][-1:], True), Parameter("offset", shapes[0][-1:], True)]

    def forward(self, inputs, weights, context):
        scale, offset = weights
        return inputs[0] * scale + offset, lambda dy: ([dy * scale], [np.zeros_like(scale), np.zeros_like(offset)])


@op("dropout")
class Dropout(Op):
    rate: float
    seed: int = 0
    noise_shape: Shape | None = None

    def forward(self, inputs, weights, context):
        (x,) = inputs
        if not context.training:
            return x, lambda dy: ([dy], [])
        keep = 1.0 - self.rate
        shape = (len(x), *(x.shape[1:] if self.noise_shape is None else self.noise_shape))
        factor = context.draw(shape, lambda rng, size: (rng.random(size) < keep) / (keep or 1.0))
        return x * factor, lambda dy: ([dy * factor], [])


@op("gaussian_noise")
class GaussianNoise(Op):
    stddev: float
    seed: int = 0

    def forward(self, inputs, weights, context):
        (x,) = inputs
        if context.training:
            x = x + context.draw(x.shape, lambda rng, size: self.stddev * rng.standard_normal(size))
        return x, lambda dy: ([dy], [])


@op("activity_regularization")
class ActivityRegularization(Op):
    """Adds the mean over the batch of l1 sum |x| + l2 sum x^2 to the loss; the output is the input."""

    l1: float = 0.0
    l2: float = 0.0

    def forward(self, inputs, weights, context):
        (x,) = inputs
        context.loss = float(self.l1 * np.abs(x).sum() + self.l2 * (x * x).sum()) / len(x)
        return x, lambda dy: ([dy + (self.l1 * np.sign(x) + 2 * self.l2 * x) / len(x)], [])


@op("added_loss")
class AddedLoss(Op):
    """Adds ``weight`` times the sum of the second input to the loss; the output is the first input.

    The sum is divided by the size of the batch, unless ``summed``.
    """

    weight: float = 1.0
    summed: bool = False

    def infer(self, *shapes: Shape) -> Shape:
        self.expect(len(shapes) == 2, "two inputs", shapes)
        return shapes[0]

    def forward(self, inputs, weights, context):
        x, terms = inputs
        factor = self.weight / (1 if self.summed else len(x))
        context.loss = float(factor * terms.sum())
        return x, lambda dy: ([dy, np.full_like(terms, factor)], [])


# --- several inputs ------------------------------------------------------------------------------------------------


def unbroadcast(dy: Array, shape: Shape) -> Array:
    """The sum of ``dy`` over the axes along which an array of ``shape`` was repeated."""
    axes = tuple(a for a, size in enumerate(shape) if size == 1 and dy.shape[a] != 1)
    return dy.sum(axis=axes, keepdims=True)


class Elementwise(Op):
    """Base of the functions of several inputs, element by element; axes of size 1 are repeated."""

    def infer(self, *shapes: Shape) -> Shape:
        self.expect(len(shapes) >= 2 and len({len(shape) for shape in shapes}) == 1, "inputs of one rank", shapes)
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            raise ValueError(f"expected inputs of one shape. Received: {shapes}") from None

    def values(self, inputs: list[Array]) -> tuple[Array, list[Array | float]]:
        """Return the output and its partial derivative by each input."""
        raise NotImplementedError

    def forward(self, inputs, weights, context):
        y, slopes = self.values(inputs)
        return y, lambda dy: ([unbroadcast(dy * s, x.shape) for x, s in zip(inputs, slopes, strict=True)], [])


@op("add")
class Add(Elementwise):
    def values(self, inputs):
        return sum(inputs), [1.0] * len(inputs)


@op("subtract")
class Subtract(Elementwise):
    def infer(self, *shapes: Shape) -> Shape:
        self.expect(len(shapes) == 2, "two inputs", shapes)
        return super().infer(*shapes)

    def values(self, inputs):
        return inputs[0] - inputs[1], [1.0, -1.0]


@op("multiply")
class Multiply(Elementwise):
    def values(self, inputs):
        others = [np.prod(np.broadcast_arrays(*inputs[:i], *inputs[i + 1 :]), axis=0) for i in range(len(inputs))]
        return inputs[0] * others[0], others


@op("average")
class Average(Elementwise):
    def values(self, inputs):
        return sum(inputs) / len(inputs), [1.0 / len(inputs)] * len(inputs)


@op("maximum")
class Maximum(Elementwise):
    """The largest input; of several equal ones, the first gets the gradient."""

    sign = 1.0

    def values(self, inputs):
        stacked = self.sign * np.stack(np.broadcast_arrays(*inputs))
        winner = stacked.argmax(axis=0)
        return self.sign * stacked.max(axis=0), [(winner == i).astype(float) for i in range(len(inputs))]


@op("minimum")
class Minimum(Maximum):
    """The smallest input; of several equal ones, the first gets the gradient."""

    sign = -1.0
