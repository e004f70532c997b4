"""CIFAR-10 and CIFAR-100: archives, folders, and files that are broken."""

from __future__ import annotations

import contextlib
import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from cnncore.datasets import (
    cifar10,
    cifar100,
)
from dataset_files import needs_full_data


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
