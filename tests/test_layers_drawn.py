"""Each layer with arguments and shapes that hypothesis draws: ten training steps in the compiled engine, in the float64
reference and in PyTorch.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import strategies  # noqa: F401 (it chooses hypothesis' settings)
from layer_cases import CASES, Case
from reference_ops import OPS as REFERENCE_OPS
from test_layers_engine import ISAS, compare_ten_steps

try:
    import torch

    import torch_graphs
except ModuleNotFoundError:
    torch = None

ACTIVATIONS = ("linear", "relu", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "tanh", "softplus", "softmax")
RANDOM = ("dropout", "gaussian_noise")  # in training, the masks are the engine's own
KINDS = {cls: kind for kind, cls in REFERENCE_OPS.items()}


class TorchNetwork:
    """The ops of a reference network in PyTorch, with a copy of its weights."""

    def __init__(self, reference):
        self.nodes, self.output = reference.nodes, reference.outputs[0]
        self.held = {
            name: [torch_graphs.to_torch(array) for array in parameters.arrays]
            for name, parameters in reference.parameters.items()
        }
        self.trained = [self.held[slot.layer][slot.index] for slot in reference.slots if slot.trainable]

    def weight(self, layer, index):
        return self.held[layer][index].detach().numpy()

    def run(self, x, training):
        rest, tensors, own_losses = [torch_graphs.to_torch(array) for array in x], [], 0.0
        for node in self.nodes:
            if node.op is None:
                tensors.append(rest.pop(0))
                continue
            attributes = {name: value for name, value in vars(node.op).items() if value is not None}
            inputs = [tensors[i] for i in node.inputs]
            shapes = [parameter.shape for parameter in node.op.parameters(*(self.nodes[i].shape for i in node.inputs))]
            held = [self.held[node.layer][i] for i in node.weights]
            weights = [weight.reshape(shape) for weight, shape in zip(held, shapes, strict=True)]
            kind = KINDS[type(node.op)]
            if kind == "host":  # what an evaluation reports: no output depends on it
                tensors.append(None)
                continue
            if kind in RANDOM and not training:
                tensors.append(inputs[0])
                continue
            if kind == "batch_normalization" and training:
                weights[-2:] = self.batch_statistics(inputs[0], held[-2:], attributes["momentum"])
            y = torch_graphs.OPS[kind](inputs, weights, attributes)
            tensors.append(torch_graphs.ACTIVATIONS[attributes.get("activation", "linear")](y, {}))
            if kind == "activity_regularization":
                own_losses = own_losses + torch_graphs.own_loss(kind, inputs[0], attributes)
        return tensors[self.output], own_losses

    @staticmethod
    def batch_statistics(x, moving, momentum):
        """Mean and variance of the batch, which also move the statistics for inference."""
        axes = tuple(range(x.ndim - 1))
        now = [x.mean(axes), x.var(axes, correction=0)]
        for held, value in zip(moving, now, strict=True):
            held.data.mul_(momentum).add_(value.detach().reshape(held.shape), alpha=1 - momentum)
        return now

    def forward(self, x):
        with torch.no_grad():
            return self.run(x, training=False)[0].numpy()

    def step(self, x, y, rate):
        """Return the loss, and descend by plain gradient descent."""
        for weight in self.trained:
            weight.requires_grad_()
            weight.grad = None
        output, own_losses = self.run(x, training=True)
        loss = 0.5 * ((output - torch_graphs.to_torch(y)) ** 2).mean() + own_losses
        loss.backward()
        with torch.no_grad():
            for weight in self.trained:
                if weight.grad is not None:
                    weight -= rate * weight.grad
        return loss.item()


def some(low, high):
    return st.integers(low, high)


def pair(low, high):
    return st.tuples(some(low, high), some(low, high))


def triple(low, high):
    return st.tuples(some(low, high), some(low, high), some(low, high))


VOLUMES = st.tuples(some(3, 5), some(3, 6), some(3, 6), some(1, 3))
IMAGES, SEQUENCES = st.tuples(some(5, 8), some(5, 8), some(1, 5)), st.tuples(some(6, 10), some(1, 5))
PADDINGS, ACTIVATION, FLAG = st.sampled_from(["valid", "same"]), st.sampled_from(ACTIVATIONS), st.booleans()
SIDES = st.tuples(pair(0, 2), pair(0, 2))
WINDOWS = {"pool_size": pair(1, 3), "strides": st.none() | pair(1, 2), "padding": PADDINGS}
STRIDES = st.fixed_dictionaries({"strides": pair(1, 2)}) | st.fixed_dictionaries({"dilation_rate": pair(1, 2)})
SHORT_STRIDES = st.fixed_dictionaries({"strides": some(1, 2)}) | st.fixed_dictionaries({"dilation_rate": some(1, 2)})
PRODUCT = {"use_bias": FLAG, "activation": ACTIVATION}
CONVOLUTION = {"kernel_size": pair(1, 3), "padding": PADDINGS, **PRODUCT}
SHORT_CONVOLUTION = {"kernel_size": some(1, 3), "padding": PADDINGS, **PRODUCT}
PENALTY, RATE = st.sampled_from([0.0, 0.01, 0.1]), st.sampled_from([0.0, 0.25, 0.5])
NORMALIZATION = {"epsilon": st.sampled_from([1e-3, 0.1]), "center": FLAG, "scale": FLAG}

# For each layer: the shape of its input, its arguments, and arguments that exclude one another.
LAYERS = {
    "Conv2D": (IMAGES, {"filters": some(1, 6), **CONVOLUTION}, STRIDES),
    "Conv1D": (SEQUENCES, {"filters": some(1, 6), **SHORT_CONVOLUTION}, SHORT_STRIDES),
    "DepthwiseConv2D": (IMAGES, {"depth_multiplier": some(1, 3), "strides": some(1, 2), **CONVOLUTION}, None),
    "DepthwiseConv1D": (SEQUENCES, {"depth_multiplier": some(1, 3), "strides": some(1, 2), **SHORT_CONVOLUTION}, None),
    "SeparableConv2D": (IMAGES, {"filters": some(1, 5), "depth_multiplier": some(1, 2), **CONVOLUTION}, None),
    "SeparableConv1D": (SEQUENCES, {"filters": some(1, 5), "strides": some(1, 2), **SHORT_CONVOLUTION}, None),
    "Conv2DTranspose": (IMAGES, {"filters": some(1, 5), "strides": pair(1, 2), **CONVOLUTION}, None),
    "Conv1DTranspose": (SEQUENCES, {"filters": some(1, 5), "strides": some(1, 2), **SHORT_CONVOLUTION}, None),
    "Dense": (IMAGES | SEQUENCES | st.tuples(some(1, 20)), {"units": some(1, 9), **PRODUCT}, None),
    "MaxPooling2D": (IMAGES, WINDOWS, None),
    "AveragePooling2D": (IMAGES, WINDOWS, None),
    "MaxPooling1D": (
        SEQUENCES,
        {"pool_size": some(1, 4), "strides": st.none() | some(1, 3), "padding": PADDINGS},
        None,
    ),
    "AveragePooling1D": (SEQUENCES, {"pool_size": some(1, 4), "padding": PADDINGS}, None),
    "GlobalMaxPooling2D": (IMAGES, {"keepdims": FLAG}, None),
    "GlobalAveragePooling2D": (IMAGES, {"keepdims": FLAG}, None),
    "GlobalMaxPooling1D": (SEQUENCES, {"keepdims": FLAG}, None),
    "GlobalAveragePooling1D": (SEQUENCES, {"keepdims": FLAG}, None),
    **{
        name: (VOLUMES, {"pool_size": triple(1, 3), "strides": st.none() | triple(1, 2), "padding": PADDINGS}, None)
        for name in ("MaxPooling3D", "AveragePooling3D")
    },
    **{name: (VOLUMES, {"keepdims": FLAG}, None) for name in ("GlobalMaxPooling3D", "GlobalAveragePooling3D")},
    "Flatten": (IMAGES | SEQUENCES, {}, None),
    "Identity": (IMAGES, {}, None),
    "Reshape": (IMAGES | SEQUENCES, {"target_shape": st.sampled_from([(-1,), (1, -1), (-1, 1), (1, -1, 1)])}, None),
    "Permute": (IMAGES, {"dims": st.permutations([1, 2, 3])}, None),
    "RepeatVector": (st.tuples(some(1, 9)), {"n": some(1, 4)}, None),
    "ZeroPadding2D": (IMAGES, {"padding": SIDES}, None),
    "ZeroPadding1D": (SEQUENCES, {"padding": pair(0, 3)}, None),
    "Cropping2D": (IMAGES, {"cropping": SIDES}, None),
    "Cropping1D": (SEQUENCES, {"cropping": pair(0, 2)}, None),
    "UpSampling2D": (IMAGES, {"size": pair(1, 3), "interpolation": st.sampled_from(["nearest", "bilinear"])}, None),
    "UpSampling1D": (SEQUENCES, {"size": some(1, 3)}, None),
    "BatchNormalization": (IMAGES | SEQUENCES, {"momentum": st.sampled_from([0.5, 0.99]), **NORMALIZATION}, None),
    "LayerNormalization": (IMAGES, {"axis": st.sampled_from([-1, (2, 3), (1, 2, 3)]), **NORMALIZATION}, None),
    "GroupNormalization": (IMAGES, {"groups": st.sampled_from([1, -1]), **NORMALIZATION}, None),
    "UnitNormalization": (IMAGES, {"axis": st.sampled_from([-1, (2, 3)])}, None),
    "Rescaling": (IMAGES, {"scale": st.floats(-2, 2, width=16), "offset": st.floats(-2, 2, width=16)}, None),
    "Normalization": (
        IMAGES | SEQUENCES,
        {"axis": st.none(), "mean": st.just(0.5), "variance": st.sampled_from([0.25, 2.0]), "invert": FLAG},
        None,
    ),
    "Activation": (IMAGES | SEQUENCES, {"activation": ACTIVATION}, None),
    "ReLU": (
        IMAGES,
        {
            "max_value": st.none() | st.just(1.5),
            "negative_slope": st.sampled_from([0.0, 0.25]),
            "threshold": st.sampled_from([0.0, 0.125]),
        },
        None,
    ),
    "LeakyReLU": (IMAGES | SEQUENCES, {"negative_slope": st.sampled_from([0.0, 0.01, 0.3])}, None),
    "ELU": (IMAGES | SEQUENCES, {"alpha": st.sampled_from([0.5, 1.0, 1.5])}, None),
    "PReLU": (IMAGES, {"shared_axes": st.sampled_from([None, [1], [1, 2]])}, None),
    "Softmax": (IMAGES, {"axis": st.sampled_from([-1, 1, 2])}, None),
    "ActivityRegularization": (IMAGES | SEQUENCES, {"l1": PENALTY, "l2": PENALTY}, None),
    **{name: (IMAGES, {"rate": RATE}, None) for name in ("Dropout", "SpatialDropout2D", "GaussianDropout")},
    **{name: (SEQUENCES, {"rate": RATE}, None) for name in ("SpatialDropout1D", "AlphaDropout")},
    "GaussianNoise": (IMAGES, {"stddev": RATE}, None),
    "Concatenate": (IMAGES, {"axis": st.sampled_from([-1, 1, 2])}, None),
    "Dot": (SEQUENCES | st.tuples(some(2, 20)), {"axes": st.just(-1), "normalize": FLAG}, None),
    **{name: (IMAGES, {}, None) for name in ("Add", "Multiply", "Average", "Maximum", "Minimum", "Subtract")},
}
MERGES = ("Add", "Multiply", "Average", "Maximum", "Minimum", "Subtract", "Concatenate", "Dot")
OF_TWO = ("Subtract", "Dot")


@st.composite
def cases(draw, name):
    shapes, arguments, exclusive = LAYERS[name]
    shape = draw(shapes)
    chosen = draw(st.fixed_dictionaries(arguments)) | (draw(exclusive) if exclusive is not None else {})
    count = 1 if name not in MERGES else 2 if name in OF_TWO else draw(some(2, 3))
    return Case(name, [shape] * count, chosen)


def test_every_layer_is_drawn():
    assert set(LAYERS) == {case.name for case in CASES}


@pytest.mark.parametrize("name", LAYERS)
def test_ten_steps_equal_the_references(name):
    @settings(max_examples=3)
    @given(case=cases(name), isa=st.sampled_from(ISAS))
    def compare(case, isa):
        compare_ten_steps(case, isa, TorchNetwork if torch is not None else None)

    compare()


@pytest.mark.skipif(torch is None, reason="PyTorch is not installed")
def test_slope_of_relu_where_its_input_is_zero():
    """A stride leaves pixels to which only the bias contributes, and it is 0 at first."""
    arguments = {"filters": 2, "kernel_size": 1, "strides": 2, "activation": "relu"}
    compare_ten_steps(Case("Conv2DTranspose", [(5, 5, 1)], arguments), "scalar", TorchNetwork)
