"""Options of the benchmarks' scripts."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).parent.parent / "bench"


@pytest.mark.parametrize("script", ["compare", "compare_ops"])
def test_python_may_be_given_more_than_once(script, monkeypatch):
    if not BENCH.is_dir():
        pytest.skip("needs the sources")
    monkeypatch.syspath_prepend(str(BENCH))
    monkeypatch.setattr(sys, "argv", [script, "--python", "torch=/a", "--python", "cnncore=/b"])
    assert importlib.import_module(script).parse_arguments().python == {"torch": "/a", "cnncore": "/b"}


@pytest.fixture
def peers(monkeypatch):
    """The modules of the workers, which import each other by name, and are forgotten afterwards."""
    if not BENCH.is_dir():
        pytest.skip("needs the sources")
    folder = BENCH / "peers"
    monkeypatch.syspath_prepend(str(folder))
    names = [path.stem for path in folder.glob("*.py")]
    before = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    yield importlib.import_module
    for name in names:
        sys.modules.pop(name, None)
    sys.modules.update(before)


PUBLISHED_PARAMETERS = {"resnet8": 78_666, "ds_cnn": 24_908, "mobilenet": 221_794, "autoencoder": 269_992}


@pytest.mark.parametrize(("name", "count"), PUBLISHED_PARAMETERS.items())
def test_networks_of_mlperf_tiny_have_as_many_parameters_as_published(peers, name, count):
    shapes = [shape for layer in peers("models").MODELS[name].weight_shapes() for shape in layer]
    assert sum(int(np.prod(shape)) for shape in shapes) == count


NETWORKS = ["lenet5", "cifar10_cnn_bn", "resnet8", "resnet20", "ds_cnn", "mobilenet", "autoencoder"]
# JAX compiles each network, which takes seconds for the larger ones; these three have every kind but a max-pool.
CASES = [(library, name) for library in ("cnncore", "torch") for name in NETWORKS]
CASES += [(library, name) for library in ("jax", "keras") for name in ("resnet8", "ds_cnn", "autoencoder")]


@pytest.mark.parametrize(("library", "name"), CASES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the other libraries
def test_networks_and_a_step_are_what_the_reference_says(peers, name, library, monkeypatch):
    if library == "keras":
        pytest.importorskip("torch")
        monkeypatch.setenv("KERAS_BACKEND", os.environ.get("KERAS_BACKEND", "torch"))
    pytest.importorskip(library)
    models, reference, training = (peers(name) for name in ("models", "numpy_network", "numpy_training"))
    model = models.MODELS[name].without_dropout()
    weights = models.initial_weights(model)
    x = np.random.default_rng(1).uniform(0, 1, (8, *model.input_shape)).astype(np.float32)
    peer_class = getattr(peers(f"{library}_worker"), f"{library.capitalize()}Peer")
    peer = peer_class(model, weights, 1, "", "float32")
    expected = reference.reference_outputs(model, weights, x)
    assert np.ptp(expected, axis=0).max() > 1e-3  # outputs that did not depend on the input would prove nothing
    np.testing.assert_allclose(peer.predict(x), expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))
    y = x if model.loss == "mse" else np.arange(8) % model.shapes[-1][0]
    before, after = training.losses_of_two_steps(model, weights, x, y)
    data = peer.load(x, y)
    assert peer.train_epoch(data, 8) == pytest.approx(before, rel=1e-4)
    assert peer.train_epoch(data, 8) == pytest.approx(after, abs=0.05 * abs(after - before))


def test_gradients_of_the_reference_are_slopes_of_its_loss(peers):
    """So that what the libraries are compared with is right itself."""
    words, reference, training = (peers(name) for name in ("layers", "numpy_network", "numpy_training"))
    model = words.Model((6, 7, 2))
    start = model.add(words.Conv(3, (3, 2), "same", "tanh", stride=2), words.BatchNorm())
    body = model.add(words.DepthwiseConv(), words.Activate("tanh"), words.Conv(3, padding="same", use_bias=False))
    model.add(words.Add(), words.Pool("max"), words.Dropout(0.0), to=(start, body))
    model.add(words.Conv(4, (1, 1)), words.Pool("average", (1, 2)), words.Dense(5, "relu"), words.Dense(3, "softmax"))
    rng = np.random.default_rng(2)
    weights = [[rng.normal(0, 1, shape) for shape in own] for own in model.weight_shapes()]
    x, y = rng.normal(0, 1, (5, *model.input_shape)), np.arange(5) % 3
    _, gradients = training.loss_and_gradients(model, weights, x, y)

    def loss() -> float:
        return reference.loss_of(model, reference.forward_values(model, weights, x, training=True)[-1], y)

    for own, grads in zip(weights, gradients, strict=True):
        for array, gradient in zip(own, grads, strict=False):
            place = tuple(int(rng.integers(size)) for size in array.shape)
            value, ends = array[place], []
            for step in (1e-6, -1e-6):
                array[place] = value + step
                ends.append(loss())
            array[place] = value
            assert gradient[place] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-6)
