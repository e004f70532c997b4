"""Damaged and hostile HDF5 files of Keras 2: an error names the file, and nothing else happens."""

import json

import numpy as np
import pytest

from cnncore.models import load_model
from keras2_files import X, chain, entry, expected, write

h5py = pytest.importorskip("h5py")


def read_or_refused(path):
    """The model in a file, or None if reading it raises a ValueError, which then names the file."""
    try:
        return load_model(path)
    except ValueError as error:
        message = str(error)
    assert str(path) in message
    assert len(message) < 2000
    return None


class TestHostile:
    @pytest.fixture
    def path(self, tmp_path):
        return write(tmp_path / "m.h5", entry("Sequential", {"name": "sequential", "layers": chain()}))

    @pytest.mark.parametrize(
        "change",
        [
            lambda f: f.attrs.pop("model_config"),
            lambda f: f.attrs.__setitem__("model_config", "{"),
            lambda f: f.attrs.__setitem__("model_config", "[]"),
            lambda f: f.attrs.__setitem__("model_config", np.zeros(3)),
            lambda f: f.attrs.__setitem__("model_config", json.dumps(entry("Sequential", "x"))),
            lambda f: f.attrs.__setitem__("model_config", json.dumps(entry("Sequential", {"layers": [[], 1]}))),
            lambda f: f.attrs.__setitem__(
                "model_config", json.dumps(entry("Functional", {"layers": [{"config": {}}]}))
            ),
            lambda f: f.attrs.__setitem__("training_config", "[1]"),
            lambda f: f.attrs.__setitem__("training_config", json.dumps({"optimizer_config": entry("Evil", {})})),
            lambda f: f.pop("model_weights"),
            lambda f: f["model_weights"].pop("dense"),
            lambda f: f["model_weights"].attrs.pop("layer_names"),
            lambda f: f["model_weights"].attrs.__setitem__("layer_names", np.arange(3)),
            lambda f: f["model_weights/dense"].attrs.__setitem__("weight_names", [b"../dense", b"//"]),
            lambda f: f["model_weights/dense"].attrs.__setitem__("weight_names", [b"dense/kernel:0"]),
        ],
    )
    def test_damage_is_refused(self, path, change):
        with h5py.File(path, "a") as file:
            change(file)
        assert read_or_refused(path) is None

    @pytest.mark.parametrize(
        "change",
        [
            lambda f: f.attrs.__setitem__("training_config", json.dumps({"optimizer_config": entry("Adam", [])})),
            lambda f: f["model_weights"].__setitem__("dense2", h5py.SoftLink("/model_weights/dense")),
        ],
        ids=["arguments", "link"],
    )
    def test_what_is_not_used_does_no_harm(self, path, change):
        with h5py.File(path, "a") as file:
            change(file)
        np.testing.assert_allclose(load_model(path).predict(X), expected(), rtol=1e-5, atol=1e-6)

    def test_files_that_are_cut_or_have_other_bits_are_read_or_refused(self, path):
        content = path.read_bytes()
        rng, refused = np.random.default_rng(0), 0
        for number in range(150):
            damaged = bytearray(content[: rng.integers(1, len(content))] if number % 3 == 0 else content)
            for place in rng.integers(0, len(damaged), 3):
                damaged[place] ^= 1 << rng.integers(0, 8)
            path.write_bytes(damaged)
            refused += read_or_refused(path) is None
        assert refused > 50
