"""Options of the benchmarks' scripts."""

from __future__ import annotations

import importlib
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


@pytest.mark.parametrize(
    "name", ["lenet5", "cifar10_cnn_bn", "resnet8", "resnet20", "ds_cnn", "mobilenet", "autoencoder"]
)
@pytest.mark.parametrize("library", ["cnncore", "torch"])
def test_networks_are_what_the_reference_says(peers, name, library):
    if library == "torch":
        pytest.importorskip("torch")
    models, reference = peers("models"), peers("numpy_network")
    model = models.MODELS[name]
    weights = models.initial_weights(model)
    x = np.random.default_rng(1).uniform(0, 1, (4, *model.input_shape)).astype(np.float32)
    peer_class = getattr(peers(f"{library}_worker"), f"{library.capitalize()}Peer")
    peer = peer_class(model, weights, 1, "", "float32")
    expected = reference.reference_outputs(model, weights, x)
    assert np.ptp(expected, axis=0).max() > 1e-3  # outputs that did not depend on the input would prove nothing
    np.testing.assert_allclose(peer.predict(x), expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))
    if model.has_dropout:
        return
    y = x if model.loss == "mse" else np.arange(4) % model.shapes[-1][0]
    loss = peer.train_epoch(peer.load(x, y), 4)
    outputs = reference.reference_outputs(model, weights, x, training=True)
    assert loss == pytest.approx(reference.loss_of(model, outputs, y), rel=1e-4)
