"""Losses inside training steps: the loss and the gradient of a step are those of the loss for the same predictions."""

import numpy as np
import pytest

from cnncore import _core, losses
from loss_oracles import cases


def pixels(activation):
    """A network with a 1x1 convolution of four filters on images of 3 x 2."""
    graph = _core.GraphBuilder()
    options = {"kernel_size": (1, 1), "strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation_rate": (1, 1)}
    x = graph.input((3, 2, 3))
    y = graph.add("conv2d", [x], "c", filters=4, groups=1, use_bias=False, activation=activation, **options)
    parameters = _core.Parameters([(1, 1, 3, 4)])
    parameters.write(0, np.random.default_rng(0).standard_normal((1, 1, 3, 4)).astype(np.float32))
    return _core.Network(graph, [y], {"c": parameters})


def step(net, x, y, loss, weight=None, indices=None):
    result = net.train_step(x=[x], y=[y], losses=[loss], sample_weight=[weight], indices=indices)
    return result[1], net.gradients.copy()


@pytest.mark.parametrize("shape", [(9,), (9, 3, 2), None], ids=["samples", "pixels", "none"])
@pytest.mark.parametrize("activation", ["linear", "softmax", "sigmoid"])
@pytest.mark.parametrize("case", cases(), ids=str)
def test_steps_report_the_loss_of_their_predictions(case, activation, shape):
    rng = np.random.default_rng(case.seed)
    net = pixels(activation)
    x = rng.standard_normal((9, 3, 2, 3)).astype(np.float32)
    y, _ = case.data(rng, (9, 3, 2, 4))
    weight = None if shape is None else rng.random(shape).astype(np.float32)
    chosen = np.array([3, 1, 7, 1])
    predictions = net.forward([x])[0]
    for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight"):
        loss = _core.Loss(case.kind, reduction=reduction, **case.parameters)
        for indices in (None, chosen):
            part = slice(None) if indices is None else indices
            expected = loss(y[part], predictions[part], None if weight is None else weight[part])
            value, _ = step(net, x, y, loss, weight, indices)
            if np.isfinite(expected):
                assert value == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("shape", [(9,), (9, 3, 2)], ids=["samples", "pixels"])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
def test_weights_of_rows_weigh_gradients(shape, reduction):
    rng = np.random.default_rng(1)
    net = pixels("linear")
    x, y = (rng.standard_normal((9, 3, 2, n)).astype(np.float32) for n in (3, 4))
    weight = rng.random(shape).astype(np.float32)
    loss = losses.MeanSquaredError(reduction=reduction)
    value, gradient = step(net, x, y, loss.core((3, 2, 4)), weight)
    by_python, expected = step(net, x, y, loss.value_and_gradient, weight)
    assert value == pytest.approx(by_python, rel=1e-12)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)


def test_weights_that_do_not_fit():
    net = pixels("linear")
    x, y = np.zeros((9, 3, 2, 3), np.float32), np.zeros((9, 3, 2, 4), np.float32)
    for shape in ((8,), (9, 3), (9, 2, 3)):
        with pytest.raises(ValueError, match=r"expected sample_weight of shape \(9"):
            step(net, x, y, _core.Loss("mean_squared_error"), np.ones(shape, np.float32))
