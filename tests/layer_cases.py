"""Layers with arguments and input shapes, for the tests that check every layer."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cnncore.layers import builtin as layers

IMAGE, SEQUENCE, VECTOR, VOLUME = (6, 7, 4), (9, 4), (8,), (5, 6, 7, 2)


@dataclass
class Case:
    """A layer to test: a class ``name`` of cnncore.layers and keras.layers, its arguments, and its inputs' shapes.

    The shapes are those of one sample, without the batch axis.
    """

    name: str
    shapes: list[tuple[int, ...]]
    arguments: dict[str, Any] = field(default_factory=dict)

    def make(self, **more):
        return getattr(layers, self.name)(**{**self.arguments, **more})

    @property
    def inputs(self):
        """What the layer is called with: an array, or a list of arrays."""
        rng = np.random.default_rng(len(self.name))
        arrays = [rng.standard_normal((3, *shape)).astype(np.float32) for shape in self.shapes]
        return arrays if len(arrays) > 1 or self.name == "Concatenate" else arrays[0]

    @property
    def input_shape(self):
        shapes = [(None, *shape) for shape in self.shapes]
        return shapes if isinstance(self.inputs, list) else shapes[0]

    def __str__(self):
        text = ",".join(f"{key}={value}" for key, value in self.arguments.items())
        return f"{self.name}({text})-{self.shapes}"


def case(name, shape, **arguments):
    return Case(name, shape if isinstance(shape, list) else [shape], arguments)


CONVOLUTIONS = [
    case("Conv2D", IMAGE, filters=5, kernel_size=3),
    case("Conv2D", IMAGE, filters=6, kernel_size=(3, 2), strides=(2, 1), padding="same", groups=2, activation="relu"),
    case("Conv2D", IMAGE, filters=3, kernel_size=2, dilation_rate=2, use_bias=False, activation="gelu"),
    case("Conv1D", SEQUENCE, filters=5, kernel_size=3, strides=2, activation="tanh"),
    case("Conv1D", SEQUENCE, filters=5, kernel_size=4, padding="same"),
    case("Conv1D", SEQUENCE, filters=5, kernel_size=3, padding="causal", dilation_rate=2),
    case("DepthwiseConv2D", IMAGE, kernel_size=3, depth_multiplier=2, padding="same", activation="relu6"),
    case("DepthwiseConv2D", IMAGE, kernel_size=(2, 3), strides=2),
    case("DepthwiseConv1D", SEQUENCE, kernel_size=3, depth_multiplier=3, use_bias=False),
    case("SeparableConv2D", IMAGE, filters=5, kernel_size=3, depth_multiplier=2, activation="elu"),
    case("SeparableConv1D", SEQUENCE, filters=5, kernel_size=3, padding="same"),
    case("Conv2DTranspose", IMAGE, filters=5, kernel_size=3),
    case("Conv2DTranspose", IMAGE, filters=5, kernel_size=3, strides=2, padding="same", activation="silu"),
    case("Conv2DTranspose", IMAGE, filters=3, kernel_size=(5, 4), strides=(2, 3), padding="same"),
    case("Conv2DTranspose", IMAGE, filters=3, kernel_size=2, strides=3),
    case("Conv2DTranspose", IMAGE, filters=3, kernel_size=3, strides=2, padding="same", output_padding=1),
    case("Conv2DTranspose", IMAGE, filters=3, kernel_size=3, strides=2, output_padding=(1, 0), use_bias=False),
    case("Conv1DTranspose", SEQUENCE, filters=5, kernel_size=3, strides=2, padding="same"),
    case("Dense", VECTOR, units=5, activation="softmax"),
    case("Dense", SEQUENCE, units=5, activation="softplus"),
    case("Dense", IMAGE, units=5, use_bias=False),
    case("Dense", (2, 3, 4, 5), units=2),
]
POOLS = [
    case("MaxPooling3D", VOLUME),
    case("MaxPooling3D", VOLUME, pool_size=(3, 2, 3), strides=(1, 2, 2), padding="same"),
    case("AveragePooling3D", VOLUME, pool_size=(2, 3, 1), strides=(2, 1, 3)),
    case("GlobalAveragePooling3D", VOLUME, keepdims=True),
    case("GlobalMaxPooling3D", VOLUME),
    case("MaxPooling2D", IMAGE),
    case("MaxPooling2D", IMAGE, pool_size=3, strides=2, padding="same"),
    case("AveragePooling2D", IMAGE, pool_size=3, strides=1, padding="same"),
    case("MaxPooling1D", SEQUENCE, pool_size=3, strides=2),
    case("AveragePooling1D", SEQUENCE, pool_size=2, padding="same"),
    case("GlobalMaxPooling2D", IMAGE),
    case("GlobalAveragePooling2D", IMAGE, keepdims=True),
    case("GlobalMaxPooling1D", SEQUENCE, keepdims=True),
    case("GlobalAveragePooling1D", SEQUENCE),
]
LAYOUTS = [
    case("Flatten", IMAGE),
    case("Flatten", (28, 28)),
    case("Flatten", VECTOR),
    case("Reshape", IMAGE, target_shape=(-1, 8)),
    case("Reshape", VECTOR, target_shape=(2, 2, 2)),
    case("Permute", IMAGE, dims=(3, 1, 2)),
    case("RepeatVector", VECTOR, n=3),
    case("ZeroPadding2D", IMAGE, padding=((1, 2), (0, 3))),
    case("ZeroPadding2D", IMAGE, padding=(1, 2)),
    case("ZeroPadding1D", SEQUENCE, padding=(1, 2)),
    case("Cropping2D", IMAGE, cropping=((1, 2), (0, 3))),
    case("Cropping1D", SEQUENCE, cropping=(2, 1)),
    case("UpSampling2D", IMAGE, size=(2, 3)),
    case("UpSampling2D", IMAGE, size=(2, 3), interpolation="bilinear"),
    case("UpSampling1D", SEQUENCE, size=3),
    case("Identity", IMAGE),
]
NORMALIZATIONS = [
    case("BatchNormalization", IMAGE),
    case("BatchNormalization", IMAGE, axis=1, momentum=0.9, epsilon=0.1, center=False),
    case("BatchNormalization", VECTOR, scale=False),
    case("LayerNormalization", IMAGE),
    case("LayerNormalization", IMAGE, axis=[1, 2, 3], epsilon=0.1),
    case("LayerNormalization", SEQUENCE, axis=-1, center=False),
    case("GroupNormalization", IMAGE, groups=2),
    case("GroupNormalization", IMAGE, groups=-1, scale=False),
    case("GroupNormalization", IMAGE, groups=3, axis=1),
    case("UnitNormalization", IMAGE),
    case("UnitNormalization", IMAGE, axis=[1, 2]),
    case("Rescaling", IMAGE, scale=0.5, offset=1.0),
    case("Normalization", IMAGE, mean=[0.1, 0.2, 0.3, 0.4], variance=[1.0, 2.0, 3.0, 4.0]),
    case("Normalization", IMAGE, axis=None, mean=0.5, variance=2.0, invert=True),
]
ACTIVATIONS = [
    *(
        case("Activation", IMAGE, activation=name)
        for name in (
            *("linear", "relu", "relu6", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "swish", "mish"),
            *("sigmoid", "hard_sigmoid", "hard_silu", "hard_swish", "tanh", "softplus", "softsign", "exponential"),
            *("log_sigmoid", "softmax", "log_softmax", "hard_shrink", "soft_shrink", "tanh_shrink", "hard_tanh"),
            *("squareplus", "sparse_plus", "sparse_sigmoid"),
        )
    ),
    case("ReLU", IMAGE),
    case("ReLU", IMAGE, max_value=1.0, negative_slope=0.2, threshold=0.3),
    case("LeakyReLU", IMAGE),
    case("LeakyReLU", IMAGE, negative_slope=0.01),
    case("PReLU", IMAGE, shared_axes=[1, 2], alpha_initializer="random_normal"),
    case("PReLU", VECTOR, alpha_initializer="ones"),
    case("ELU", IMAGE, alpha=0.5),
    case("Softmax", IMAGE),
    case("Softmax", IMAGE, axis=1),
    case("Softmax", IMAGE, axis=[1, 2]),
    case("Softmax", IMAGE, axis=[1, -1]),
]
REGULARIZATIONS = [
    case("Dropout", IMAGE, rate=0.5, noise_shape=(None, 1, 1, 4)),
    case("Dropout", VECTOR, rate=0.3, seed=5),
    case("Dropout", VECTOR, rate=1.0),
    case("AlphaDropout", IMAGE, rate=0.3),
    case("SpatialDropout1D", SEQUENCE, rate=0.5),
    case("SpatialDropout2D", IMAGE, rate=0.5),
    case("GaussianNoise", IMAGE, stddev=0.5),
    case("GaussianDropout", IMAGE, rate=0.5),
    case("ActivityRegularization", IMAGE, l1=0.1, l2=0.2),
]
MERGES = [
    *(case(name, [IMAGE, IMAGE, IMAGE]) for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")),
    case("Multiply", [IMAGE, (1, 1, 4)]),
    case("Subtract", [IMAGE, IMAGE]),
    case("Concatenate", [IMAGE, (6, 7, 2)]),
    case("Concatenate", [IMAGE, (2, 7, 4)], axis=1),
    case("Dot", [VECTOR, VECTOR], axes=1),
    case("Dot", [VECTOR, VECTOR], axes=-1, normalize=True),
    case("Dot", [(3, 5), (5, 2)], axes=(2, 1)),
]
CASES = CONVOLUTIONS + POOLS + LAYOUTS + NORMALIZATIONS + ACTIVATIONS + REGULARIZATIONS + MERGES
