"""The CIFAR-10 recipe: what its parts promise, and that its PyTorch twin begins with the same network."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def recipe(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    yield importlib.import_module("cifar10_recipe")
    for name in ("cifar10_recipe", "cifar10_recipe_torch"):
        sys.modules.pop(name, None)


@pytest.fixture
def images():
    """Smooth coloured stripes, one kind for each of ten labels."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, 200)
    waves = np.sin(np.arange(32)[None] * (0.1 + 0.1 * y[:, None]) + rng.random((200, 1)))
    x = 127 + 60 * waves[:, :, None, None] + rng.normal(0, 20, (200, 32, 32, 3))
    return np.clip(x, 0, 255).astype(np.uint8), y[:, None]


def test_it_is_short():
    lines = (ROOT / "examples" / "cifar10_recipe.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 200


def test_whitened_patches_are_independent_and_of_one_strength(recipe, images):
    x, _ = images
    kernel, bias = recipe.whitening(x)
    patches = np.lib.stride_tricks.sliding_window_view(x / 255, (2, 2), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
    outputs = patches.reshape(-1, 12) @ kernel.reshape(12, 24) + bias
    covariance = np.cov(outputs[:, :12], rowvar=False)
    variances = np.diag(covariance)
    np.testing.assert_allclose(covariance - np.diag(variances), 0, atol=1e-3)
    assert np.all((variances > 0.8) & (variances <= 1.0 + 1e-4))  # below 1 by what is added to a direction's variance
    np.testing.assert_allclose(outputs.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_array_equal(kernel[..., 12:], -kernel[..., :12])


def test_identity_copies_the_input(recipe):
    from cnncore import ops

    kernel = recipe.identity(np.random.default_rng(0))((3, 3, 4, 6))
    x = np.random.default_rng(1).normal(size=(2, 5, 5, 4)).astype(np.float32)
    y = ops.conv2d(x, kernel, padding="same")
    np.testing.assert_array_equal(y[..., :4], x)
    assert np.abs(y[..., 4:] - 0).max() > 0.01


def test_views_are_averaged(recipe):
    x = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    seen = []

    def constant(view):
        seen.append(view)
        return np.full((3, 10), float(len(seen)), np.float32)

    result = recipe.predict(constant, x)
    assert result[0, 0] == pytest.approx((2 * (1 + 2) + (3 + 4) + (5 + 6)) / 8)
    np.testing.assert_array_equal(seen[0], x)
    np.testing.assert_array_equal(seen[1], x[:, :, ::-1])


def test_it_learns(recipe, images):
    x, y = images
    model = recipe.make_model(x, 8, 0)
    first = model.layers[2].get_weights()
    recipe.train(model, np.tile(x, (5, 1, 1, 1)), np.tile(y, (5, 1)), 10, 0)
    losses = model.history.history["loss"]
    assert model.optimizer.iterations == 10 * 4
    assert losses[-1] < 2.0  # ten labels at random: 2.3
    for before, after in zip(first, model.layers[2].get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)  # frozen


def test_pytorchs_network_computes_the_same(recipe, images):
    torch = pytest.importorskip("torch")
    twin = importlib.import_module("cifar10_recipe_torch")
    x, y = images
    ours, theirs = recipe.make_model(x, 8, 3), twin.make_model(x, 8, 3)
    head = theirs[-1].weight.detach().numpy()
    ours.get_layer("head").set_weights([head.T])
    expected = twin.predictor(theirs)(x[:20])
    np.testing.assert_allclose(ours.predict(x[:20], verbose=0), expected, rtol=0, atol=1e-4)
    before = [p.detach().clone() for p in theirs.parameters()]
    twin.train(theirs, x, y, 1, 0)
    changed = [not torch.equal(a, b) for a, b in zip(before, theirs.parameters(), strict=True)]
    assert changed == [p.requires_grad for p in theirs.parameters()]
