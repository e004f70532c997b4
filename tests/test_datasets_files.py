"""The IDX and NPZ readers: every type, and broken files of many kinds."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cnncore.datasets import load_idx, load_npz
from idx_files import idx_bytes

# --- IDX -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "code"),
    [(np.uint8, 0x08), (np.int8, 0x09), (np.int16, 0x0B), (np.int32, 0x0C), (np.float32, 0x0D), (np.float64, 0x0E)],
)
@pytest.mark.parametrize("compress", [False, True])
def test_load_idx_reads_every_type_plain_and_gzip(tmp_path, dtype, code, compress):
    array = (np.arange(2 * 3 * 5).reshape(2, 3, 5) * 3 - 40 * (dtype != np.uint8)).astype(dtype)
    data = idx_bytes(array, code)
    path = tmp_path / "array.idx"
    path.write_bytes(gzip.compress(data) if compress else data)
    result = load_idx(path)
    assert result.dtype == np.dtype(dtype)
    assert result.dtype.isnative
    assert result.flags.writeable
    np.testing.assert_array_equal(result, array)


GOOD_IDX = idx_bytes(np.arange(12, dtype=np.uint8).reshape(3, 4))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "two zero bytes"),
        (b"\0\0\x08", "two zero bytes"),
        (b"\x01\0" + GOOD_IDX[2:], "Received: 01 00 08 02"),
        (b"\0\0\x0a\x02" + GOOD_IDX[4:], "Received: 0x0a"),
        (b"\0\0\x08\x00", "at least one dimension"),
        (GOOD_IDX[:9], "expected 2 dimensions in the header. Received: 5 of 8 bytes"),
        (b"\0\0\x08\x02" + struct.pack(">II", 0, 4), r"positive dimensions. Received: \(0, 4\)"),
        (GOOD_IDX[:-1], "expected 12 bytes .* Received: 11 bytes"),
        (GOOD_IDX + b"\0", "bytes after the end"),
        (b"\0\0\x08\x03" + struct.pack(">III", 2**32 - 1, 2**32 - 1, 2**32 - 1) + b"\1", "Received: 1 bytes"),
        (gzip.compress(GOOD_IDX, mtime=0)[:-9], "intact gzip"),
        (gzip.compress(GOOD_IDX, mtime=0)[:-8] + b"\0" * 8, "intact gzip"),
        (b"\x1f\x8b" + b"\xff" * 30, "intact gzip"),
        (gzip.compress(GOOD_IDX[:-1], mtime=0), "Received: 11 bytes"),
    ],
)
def test_load_idx_rejects_broken_files(tmp_path, data, expected):
    path = tmp_path / "broken.idx"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=expected) as caught:
        load_idx(path)
    assert str(path) in str(caught.value)


def test_load_idx_every_truncation_of_a_gzip_file_is_an_error(tmp_path):
    data = gzip.compress(GOOD_IDX)
    path = tmp_path / "cut.gz"
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match=r"cut.gz"):
            load_idx(path)


def test_load_idx_with_one_flipped_bit_in_a_gzip_file_is_an_error_or_the_same_array(tmp_path):
    data, messages = gzip.compress(GOOD_IDX, mtime=0), []
    path = tmp_path / "flipped.gz"
    path.write_bytes(data)
    expected = load_idx(path)
    for byte in range(len(data)):
        for bit in range(8):
            path.write_bytes(data[:byte] + bytes([data[byte] ^ 1 << bit]) + data[byte + 1 :])
            try:
                found = load_idx(path)
            except ValueError as error:
                messages.append(str(error))
            else:  # a bit of the gzip header that means nothing, such as the time
                np.testing.assert_array_equal(found, expected)
    assert len(messages) > 8 * (len(data) - 10)
    assert all("flipped.gz" in message for message in messages)


def test_load_idx_a_small_file_cannot_fill_the_memory(tmp_path):
    path = tmp_path / "zeros.gz"
    shape = (70, 1024, 1024)
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 3]) + struct.pack(">III", *shape) + bytes(70 << 20)))
    with pytest.raises(ValueError, match=r"zeros.gz: expected at most 67108864 bytes .* Received: 73400320 bytes"):
        load_idx(path)
    assert load_idx(path, max_bytes=70 << 20).shape == shape


def test_load_idx_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_idx(tmp_path / "nothing")


# --- NPZ -------------------------------------------------------------------------------------------------------

X = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4)
Y = np.array([0, 1, 2])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_load_npz_reads_both_layouts(tmp_path, save):
    path = tmp_path / "data.npz"
    save(path, x=X, y=Y)
    (x, y), test = load_npz(path)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)
    assert test is None
    save(path, x_train=X, y_train=Y, x_test=np.asfortranarray(X[:2]), y_test=Y[:2], other=np.zeros(1))
    (x, y), test = load_npz(path)
    assert test is not None
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(test[0], X[:2])
    np.testing.assert_array_equal(test[1], Y[:2])


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"x": X}, "expected the arrays x and y.* Received: x$"),
        ({"x": X, "y": Y[:2]}, "as many labels as images. Received: x 3, y 2"),
        ({"x": X, "y": np.array([0, "a", None], dtype=object)}, "y.npy: expected an array of numbers"),
        ({"x": X, "y": np.array(["a", "b", "c"])}, "y.npy: expected an array of numbers"),
        ({"x": X[:0], "y": Y[:0]}, "x.npy: expected a non-empty array"),
        ({"x": np.float32(1), "y": Y}, "x.npy: expected a non-empty array"),
    ],
)
def test_load_npz_rejects_unsuitable_arrays(tmp_path, arrays, expected):
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=expected) as caught:
        load_npz(path)
    assert str(path) in str(caught.value)


def test_load_npz_rejects_pickles_without_running_them(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "exploded",))

    path = tmp_path / "bomb.npz"
    np.savez(path, x=X, y=np.array([Bomb()] * 3, dtype=object))
    with pytest.raises(ValueError, match=r"array of numbers"):
        load_npz(path)
    assert not (tmp_path / "exploded").exists()


def test_load_npz_rejects_headers_that_promise_more_than_there_is(tmp_path):
    path = tmp_path / "liar.npz"
    stream = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (2**62, 4)}
    np.lib.format.write_array_header_1_0(stream, header)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", stream.getvalue() + b"\0" * 16)
        archive.writestr("y.npy", b"not an array")
    with pytest.raises(ValueError, match=r"x.npy: expected \d+ bytes .* Received: 16"):
        load_npz(path)


def test_load_npz_rejects_corruption_anywhere(tmp_path):
    path = tmp_path / "data.npz"
    np.savez_compressed(path, x=X, y=Y)
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        for part in (data[:length], data[len(data) - length :]):  # without its end, without its first bytes
            path.write_bytes(part)
            with pytest.raises(ValueError, match=r"data.npz"):
                load_npz(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_load_npz_with_one_flipped_bit_is_an_error_or_the_same_arrays(tmp_path, save):
    path = tmp_path / "data.npz"
    save(path, x=X, y=Y)
    data, messages = path.read_bytes(), []
    for byte in range(len(data)):
        for bit in (0, 2, 5, 7):
            path.write_bytes(data[:byte] + bytes([data[byte] ^ 1 << bit]) + data[byte + 1 :])
            try:
                (x, y), _ = load_npz(path)
            except ValueError as error:
                messages.append(str(error))
            else:
                np.testing.assert_array_equal(x, X)
                np.testing.assert_array_equal(y, Y)
    assert len(messages) > len(data)
    assert all("data.npz" in message for message in messages)


def test_load_npz_a_small_file_cannot_fill_the_memory(tmp_path):
    path = tmp_path / "zeros.npz"
    np.savez_compressed(path, x=np.zeros((70, 1024, 1024), np.uint8), y=np.zeros(70))
    with pytest.raises(ValueError, match=r"zeros.npz: x.npy: expected at most 67108864 bytes"):
        load_npz(path)
    assert load_npz(path, max_bytes=71 << 20)[0][0].shape == (70, 1024, 1024)
