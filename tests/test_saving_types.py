"""Weights that other programs wrote: other types of numbers, other formats, and things that are not files."""

import json
import os

import numpy as np
import pytest
import safetensors.numpy

from cnncore import Sequential, saving
from cnncore.layers import Dense

KERNEL = np.float32([[1.5, -2.0], [0.25, 3.0]])


def read(path):
    model = Sequential([Dense(2, name="d", input_shape=(2,))])
    model.load_weights(path)
    return model.get_weights()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_types_of_numpy(dtype, tmp_path):
    tensors = {"d/kernel": KERNEL.astype(dtype), "d/bias": np.zeros(2, dtype)}
    safetensors.numpy.save_file(tensors, tmp_path / "w.safetensors", {"format": "pt"})
    np.testing.assert_array_equal(read(tmp_path / "w.safetensors")[0], KERNEL)


def test_bfloat16_is_read(tmp_path):
    def halves(values):
        return (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()

    header = {
        "d/kernel": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]},
        "d/bias": {"dtype": "BF16", "shape": [2], "data_offsets": [8, 12]},
    }
    text = json.dumps(header).encode()
    content = len(text).to_bytes(8, "little") + text + halves(KERNEL) + halves(np.float32([1, 2]))
    (tmp_path / "w.safetensors").write_bytes(content)
    kernel, bias = read(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(kernel, KERNEL)
    np.testing.assert_array_equal(bias, [1, 2])


@pytest.mark.parametrize(("bias", "message"), [(np.zeros(2, np.int64), "expected F32, F64"), ([1e300, 0], "finite")])
def test_numbers_that_are_refused(bias, message, tmp_path):
    safetensors.numpy.save_file({"d/kernel": KERNEL, "d/bias": np.asarray(bias)}, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "w.safetensors")


def test_files_of_numpy_say_what_to_do(tmp_path):
    np.savez(tmp_path / "w.npz", KERNEL)
    np.save(tmp_path / "w.npy", KERNEL)
    for name in ("w.npz", "w.npy"):
        with pytest.raises(ValueError, match="set_weights"):
            read(tmp_path / name)


@pytest.mark.parametrize("name", ["p.keras", "p.h5", "p.weights.h5", "p.safetensors"])
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_and_devices_are_refused(name, tmp_path):
    os.mkfifo(tmp_path / name)
    (tmp_path / f"zero-{name}").symlink_to("/dev/zero")
    load = read if "weights" in name else saving.load_model
    for path in (name, f"zero-{name}"):
        with pytest.raises(ValueError, match="expected a regular file"):
            load(tmp_path / path)
