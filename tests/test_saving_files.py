"""The file format and the atomic write, without a model: broken files, failing writes, killed writers."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time

import numpy as np
import pytest
import safetensors.numpy

from cnncore.saving import atomic
from cnncore.saving.format import read_file, write_file

CONFIG = {"name": "tiny", "sizes": [2, 3]}
TENSORS = {"b/bias": np.array([0.5, -0.0, 1e-45], np.float32), "a/kernel": np.arange(6, dtype=np.float32).reshape(2, 3)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def header_of(data: bytes) -> tuple[dict, bytes]:
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def with_header(header: dict, body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


# --- format ----------------------------------------------------------------------------------------------------


def test_round_trip_is_exact(path):
    write_file(path, CONFIG, TENSORS)
    config, tensors = read_file(path)
    assert config == CONFIG
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == np.float32
        assert tensors[name].shape == tensor.shape
        assert tensors[name].tobytes() == tensor.tobytes()


def test_the_same_content_gives_the_same_bytes(path):
    write_file(path, CONFIG, TENSORS)
    first = path.read_bytes()
    write_file(path, dict(reversed(CONFIG.items())), dict(reversed(TENSORS.items())))
    assert path.read_bytes() == first


def test_any_safetensors_reader_can_open_it(path):
    write_file(path, CONFIG, TENSORS)
    np.testing.assert_array_equal(safetensors.numpy.load_file(path)["a/kernel"], TENSORS["a/kernel"])


def test_strided_and_read_only_tensors_are_written_as_they_look(path):
    base = np.arange(12, dtype=np.float32).reshape(3, 4)
    base.flags.writeable = False
    write_file(path, CONFIG, {"t": base.T, "s": base[:, ::2]})
    _, tensors = read_file(path)
    np.testing.assert_array_equal(tensors["t"], base.T)
    np.testing.assert_array_equal(tensors["s"], base[:, ::2])


def test_every_truncation_is_a_value_error_that_names_the_file(path):
    write_file(path, CONFIG, TENSORS)
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match=r"model\.safetensors: expected an intact safetensors file"):
            read_file(path)


def test_a_flipped_bit_in_any_byte_is_a_value_error(path):
    write_file(path, CONFIG, TENSORS)
    data = path.read_bytes()
    key = data.index(b"cnncore")
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1 << position % 7
        path.write_bytes(changed)
        if position in range(key, key + len("cnncore")):
            assert read_file(path).config is None  # like a file of another program: load_model refuses it
            continue
        with pytest.raises(ValueError, match=r"model\.safetensors"):
            read_file(path)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x80\x04}q\x00.", b"\xff" * 64, b"\0" * 64])
def test_other_files_are_refused(path, data):
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"expected an intact safetensors file"):
        read_file(path)


def test_sizes_that_overflow_or_promise_too_much_are_refused(path):
    write_file(path, CONFIG, TENSORS)
    header, body = header_of(path.read_bytes())
    for shape, offsets in (([2**40, 2**40], [0, 24]), ([2**30], [0, 2**32]), ([6], [0, 20]), ([6], [24, 0])):
        header["a/kernel"] |= {"shape": shape, "data_offsets": offsets}
        path.write_bytes(with_header(header, body))
        with pytest.raises(ValueError, match=r"expected an intact safetensors file"):
            read_file(path)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"format_version": 2}, r"expected format version 1. Received: 2"),
        ({"config": {"name": "other"}}, r"does not match its checksum"),
        ({"sha256": "0" * 64}, r"does not match its checksum"),
        ({"config": [1, 2]}, r"a JSON object with a config"),
    ],
)
def test_changed_metadata_is_refused(path, change, expected):
    write_file(path, CONFIG, TENSORS)
    header, body = header_of(path.read_bytes())
    header["__metadata__"]["cnncore"] = json.dumps(json.loads(header["__metadata__"]["cnncore"]) | change)
    path.write_bytes(with_header(header, body))
    with pytest.raises(ValueError, match=expected):
        read_file(path)


@pytest.mark.parametrize("text", ["", "[1, 2]", "{", "[" * 100000, '{"config": {"rate": NaN}}'])
def test_metadata_that_is_not_a_json_object_is_refused(path, text):
    safetensors.numpy.save_file(TENSORS, path, {"cnncore": text})
    with pytest.raises(ValueError, match=r"expected its metadata to be"):
        read_file(path)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8])
def test_another_dtype_is_refused_and_named(path, dtype):
    safetensors.numpy.save_file({"a/kernel": np.zeros((2, 3), dtype)}, path)
    with pytest.raises(ValueError, match=r"tensor 'a/kernel': expected F32, F64, F16 or BF16\. Received: (I32|U8)"):
        read_file(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_and_located(path, value):
    bad = np.zeros((2, 3), np.float32)
    bad[1, 2] = value
    with pytest.raises(ValueError, match=r"cannot save: tensor 'x': expected finite values. Received: .* at \(1, 2\)"):
        write_file(path, CONFIG, {"x": bad})
    assert not path.exists()
    safetensors.numpy.save_file({"x": bad}, path)
    with pytest.raises(ValueError, match=r"tensor 'x': expected finite values. Received: .* at \(1, 2\)"):
        read_file(path)


def test_a_missing_file_and_a_directory_are_os_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "nothing")
    with pytest.raises(IsADirectoryError):
        read_file(tmp_path)


# --- atomic write ----------------------------------------------------------------------------------------------


def test_write_creates_replaces_and_keeps_permissions(path):
    old_mask = os.umask(0o027)
    try:
        atomic.write_atomically(path, b"one")
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o600)
    atomic.write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_write_goes_through_a_symbolic_link(tmp_path):
    (tmp_path / "store").mkdir()
    target, link = tmp_path / "store" / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    atomic.write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("function", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_no_temporary(path, monkeypatch, function, error):
    def fail(*args):
        raise error

    path.write_bytes(b"old")
    monkeypatch.setattr(atomic.os, function, fail)
    with pytest.raises(type(error), match=r"cannot write: No space left" if isinstance(error, OSError) else None):
        atomic.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("write", [atomic.check_writable, lambda path: atomic.write_atomically(path, b"")])
def test_unwritable_places_are_os_errors_that_name_the_path(tmp_path, write):
    with pytest.raises(FileNotFoundError, match=r"cannot write: No such file or directory: .*missing/model"):
        write(tmp_path / "missing" / "model")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match=r"cannot write: Not a directory: .*file/model"):
        write(tmp_path / "file" / "model")
    with pytest.raises(IsADirectoryError, match=r"expected a file, not a directory: "):
        write(tmp_path)
    with pytest.raises(OSError, match=r"expected a regular file: '/dev/null'"):
        write("/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_permissions_are_respected(tmp_path):
    read_only = tmp_path / "read-only"
    read_only.touch(0o400)
    with pytest.raises(PermissionError, match=r"the file is read-only: "):
        atomic.check_writable(read_only)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match=r"cannot write: Permission denied"):
            atomic.check_writable(tmp_path / "model")
    finally:
        tmp_path.chmod(0o700)


def test_check_writable_leaves_no_trace(path):
    atomic.check_writable(path)
    assert list(path.parent.iterdir()) == []
    path.write_bytes(b"old")
    atomic.check_writable(path)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


WRITER = """
import sys, numpy as np
from cnncore.saving.format import write_file
step = 0
while True:
    write_file(sys.argv[1], {"step": step}, {"x": np.full(300_000, step, np.float32)})
    print(step, flush=True)
    step += 1
"""


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(path):
    rng = np.random.default_rng(0)
    for _ in range(8):
        with subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "0\n"
            time.sleep(rng.uniform(0.0, 0.05))
            process.send_signal(signal.SIGKILL)
            written = [0, *map(int, process.stdout.read().split())]
        config, tensors = read_file(path)
        assert config is not None
        assert config["step"] in (written[-1], written[-1] + 1)
        assert (tensors["x"] == config["step"]).all()
