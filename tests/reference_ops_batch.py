"""Reference ops that compute statistics: the normalizations, and second moments."""

import numpy as np

import reference as ref
from reference_ops import Array, Context, Op, Parameter, Shape, op


def normalized(x: Array, axes: tuple[int, ...], epsilon: float) -> tuple[Array, Array, Array, Array]:
    """Return y = (x - mean) / sqrt(variance + epsilon) over ``axes``, the mean, the variance, and the divisor."""
    mean, variance = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    deviation = np.sqrt(variance + epsilon)
    return (x - mean) / deviation, mean, variance, deviation


def normalized_pullback(unit: Array, deviation: Array, axes: tuple[int, ...], dunit: Array) -> Array:
    """Return the gradient of x from ``dunit``, the gradient of unit = (x - mean) / deviation."""
    mean = dunit.mean(axis=axes, keepdims=True)
    slope = (dunit * unit).mean(axis=axes, keepdims=True)
    return (dunit - mean - unit * slope) / deviation


def scale_and_center(unit: Array, weights: list[Array], scale: bool, center: bool) -> tuple[Array, Array]:
    """Return (gamma * unit + beta, gamma). Without ``scale``, gamma is 1; without ``center``, beta is 0."""
    rest = list(weights)
    gamma = rest.pop(0) if scale else np.ones(1)
    beta = rest.pop(0) if center else np.zeros(1)
    return gamma * unit + beta, gamma


def weight_gradients(dy: Array, unit: Array, shape: Shape, scale: bool, center: bool) -> list[Array]:
    """Return the gradients of gamma, if ``scale``, and of beta, if ``center``; both have ``shape``."""
    axes = tuple(range(dy.ndim - len(shape)))
    return [(dy * unit).sum(axis=axes)] * scale + [dy.sum(axis=axes)] * center


def gamma_and_beta(shape: Shape, scale: bool, center: bool) -> list[Parameter]:
    return [Parameter("gamma", shape)] * scale + [Parameter("beta", shape)] * center


@op("batch_normalization")
class BatchNormalization(Op):
    """Normalizes each channel (last axis) by the statistics of the batch in training, by moving averages in inference.

    Keras 3 updates them by moving = moving * momentum + batch * (1 - momentum), where the variance of the batch is
    divided by n, not by n - 1.
    """

    momentum: float = 0.99
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True

    def parameters(self, *shapes: Shape) -> list[Parameter]:
        shape = shapes[0][-1:]
        states = [Parameter("moving_mean", shape, True), Parameter("moving_variance", shape, True)]
        return gamma_and_beta(shape, self.scale, self.center) + states

    def forward(self, inputs, weights, context: Context):
        (x,), (moving_mean, moving_variance) = inputs, weights[-2:]
        axes = tuple(range(x.ndim - 1))
        no_state = [np.zeros_like(moving_mean), np.zeros_like(moving_variance)]
        if context.training:
            unit, mean, variance, deviation = normalized(x, axes, self.epsilon)
            for number, batch in ((-2, mean.reshape(-1)), (-1, variance.reshape(-1))):
                context.states[len(weights) + number] = lambda moving, batch=batch: (
                    moving * self.momentum + batch * (1 - self.momentum)
                )
        else:
            deviation = np.sqrt(moving_variance + self.epsilon)
            unit = (x - moving_mean) / deviation
        y, gamma = scale_and_center(unit, weights, self.scale, self.center)
        training = context.training

        def pullback(dy):
            dunit = dy * gamma
            dx = normalized_pullback(unit, deviation, axes, dunit) if training else dunit / deviation
            return [dx], weight_gradients(dy, unit, x.shape[-1:], self.scale, self.center) + no_state

        return y, pullback


@op("layer_normalization")
class LayerNormalization(Op):
    """Normalizes each sample over its last ``axes`` axes."""

    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    axes: int = 1

    def parameters(self, *shapes: Shape) -> list[Parameter]:
        return gamma_and_beta(shapes[0][-self.axes :], self.scale, self.center)

    def forward(self, inputs, weights, context):
        (x,) = inputs
        axes = tuple(range(x.ndim - self.axes, x.ndim))
        unit, _, _, deviation = normalized(x, axes, self.epsilon)
        y, gamma = scale_and_center(unit, weights, self.scale, self.center)

        def pullback(dy):
            dx = normalized_pullback(unit, deviation, axes, dy * gamma)
            return [dx], weight_gradients(dy, unit, x.shape[-self.axes :], self.scale, self.center)

        return y, pullback


@op("unit_normalization")
class UnitNormalization(Op):
    """Divides each vector by its length; a vector is made of the last ``axes`` axes."""

    axes: int = 1

    def forward(self, inputs, weights, context):
        (x,) = inputs
        axes = tuple(range(x.ndim - self.axes, x.ndim))
        squares = np.square(x).sum(axis=axes, keepdims=True)
        length = np.sqrt(np.maximum(squares, 1e-12))
        y = x / length

        def pullback(dy):
            along = np.where(squares < 1e-12, 0.0, (y * dy).sum(axis=axes, keepdims=True))
            return [(dy - y * along) / length], []

        return y, pullback


@op("group_normalization")
class GroupNormalization(Op):
    """Divides the channels into ``groups`` equal groups and normalizes the values of each sample and group together."""

    groups: int
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True

    def infer(self, *shapes: Shape) -> Shape:
        channels = shapes[0][-1]
        self.expect(channels % self.groups == 0, f"channels divisible by groups={self.groups}", channels)
        return shapes[0]

    def parameters(self, *shapes: Shape) -> list[Parameter]:
        return gamma_and_beta(shapes[0][-1:], self.scale, self.center)

    def forward(self, inputs, weights, context):
        (x,) = inputs
        split = (*x.shape[:-1], self.groups, x.shape[-1] // self.groups)
        axes = (*range(1, x.ndim - 1), x.ndim)
        grouped, _, _, deviation = normalized(x.reshape(split), axes, self.epsilon)
        unit = grouped.reshape(x.shape)
        y, gamma = scale_and_center(unit, weights, self.scale, self.center)

        def pullback(dy):
            dx = normalized_pullback(grouped, deviation, axes, (dy * gamma).reshape(split))
            return [dx.reshape(x.shape)], weight_gradients(dy, unit, x.shape[-1:], self.scale, self.center)

        return y, pullback


@op("second_moment")
class SecondMoment(Op):
    """Passes its input unchanged, and in training gives a second moment as the "gradient" of its parameter.

    The moment is the sum of the outer products r r^T, where the vectors r are the windows of x, or the pixels of dy if
    ``of`` is "gradients".
    """

    of: str
    kernel_size: ref.Pair = (1, 1)
    strides: ref.Pair = (1, 1)
    padding: ref.Padding = ref.NO_PADDING
    dilation_rate: ref.Pair = (1, 1)
    use_bias: bool = True

    def infer(self, *shapes: Shape) -> Shape:
        self.windows(np.zeros((1, *shapes[0])))
        return shapes[0]

    def parameters(self, *shapes: Shape) -> list[Parameter]:
        side = self.windows(np.zeros((1, *shapes[0]))).shape[-1]
        return [Parameter("moment", (side, side))]

    def windows(self, x: Array) -> Array:
        """Return the vectors r as rows: (positions of all samples, values of a window, and a 1 if there is a bias)."""
        image = x.reshape(len(x), 1, 1, -1) if x.ndim == 2 else x
        if self.of == "gradients":
            return image.reshape(-1, image.shape[-1])
        out = ref._out_shape(image, self.kernel_size, self.strides, self.padding, self.dilation_rate)
        self.expect(min(out) >= 1, "a window within the image", out)
        taps = ref._taps(ref._pad(image, self.padding), self.kernel_size, out, self.strides, self.dilation_rate)
        rows = np.concatenate([seen for _, seen in taps], axis=-1)
        rows = rows.reshape(-1, rows.shape[-1])
        return np.column_stack([rows, np.ones(len(rows))]) if self.use_bias else rows

    def forward(self, inputs, weights, context: Context):
        (x,) = inputs

        def pullback(dy):
            rows = self.windows(dy if self.of == "gradients" else x)
            return [dy], [rows.T @ rows if context.training else np.zeros((rows.shape[1],) * 2)]

        return x, pullback
