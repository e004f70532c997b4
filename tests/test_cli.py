"""The command line as a user meets it, in a process of its own: bad input and interruptions."""

from __future__ import annotations

import re
import signal
import subprocess
import time

import numpy as np
import pytest

from cli_process import COMMAND, dataset, run, trained
from cnncore.cli import main, signals
from cnncore.datasets import mnist5k

__all__ = ["dataset", "trained"]  # fixtures

# --- bad usage and bad input: exit code 2, nothing on stdout, nothing written -----------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "required: COMMAND"),
        (("frobnicate",), "invalid choice"),
        (("train", "--epochs", "0"), "expected an integer from 1 to 2147483647. Received: '0'"),
        (("train", "--batch-size", "x"), "expected an integer from 1 to 2147483647. Received: 'x'"),
        (("train", "--lr", "-1"), "expected a number above 0. Received: '-1'"),
        (("train", "--lr", "nan"), "expected a number above 0. Received: 'nan'"),
        (("train", "--seed", "-1"), "expected an integer from 0"),
        (("train", "--optimizer", "magic"), "invalid choice: 'magic'"),
        (
            ("train", "--model", "vgg"),
            "expected mnist_cnn, lenet5, oshea_nash, cifar10_cnn or an existing file",
        ),
        (
            ("train", "--data", "imagenet"),
            "expected mnist5k, mnist, fashion_mnist, kmnist, emnist, cifar10, cifar100",
        ),
        (("train", "--data", "mnist:odd"), "--data: expected mnist without an option. Received: mnist:odd"),
        (("train", "--data", "cifar100:rough", "--data-dir", "."), "label_mode='rough'"),
        (("train", "--labels", "y.idx"), "--labels is for --data IMAGES.idx. Received: --data mnist5k"),
        (("train", "--data", "."), "expected files named train-images*"),
        (("train", "--plot", "run.gif"), "expected a plot's name to end in .png, .pdf, .svg, .jpg"),
        (("train", "--data", "none.npz"), "No such file or directory: 'none.npz'"),
        (("train", "--data-dir", "."), "--data-dir is for data sets that are downloaded. Received: --data mnist5k"),
        (("train", "--data", "x.npz", "--data-dir", "."), "--data-dir is for data sets with a name"),
        (("train", "--data", "mnist", "--data-dir", "."), "mnist: expected train-images-idx3-ubyte"),
        (("train", "--out", "missing/model"), "cannot write: No such file or directory: 'missing/model'"),
        (("train", "--out", "/dev/null"), "expected a regular file: '/dev/null'"),
        (("train", "--plot", "missing/run.png"), "cannot write: No such file or directory: 'missing/run.png'"),
        (("evaluate", "none.safetensors"), "No such file or directory: 'none.safetensors'"),
        (("predict", "none.safetensors"), "required: IMAGE"),
    ],
)
def test_bad_arguments(tmp_path, monkeypatch, capsys, arguments, expected):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(arguments)
    except SystemExit as exit_:  # argparse's way
        code = exit_.code
    assert code == 2
    output = capsys.readouterr()
    assert expected in output.err
    assert output.out == ""
    assert not any(tmp_path.iterdir())


def test_bad_data_is_refused_before_training(tmp_path):
    x, y = np.zeros((40, 28, 28), np.uint8), np.zeros(40, np.uint8)
    cases = {
        "as many labels as images": {"x": x, "y": y[:-1]},
        "expected a class number from 0 on": {"x": x, "y": y.astype(np.float32) + 0.5},
        "expected images (n, height, width[, channels])": {"x": x[:, 0], "y": y},
    }
    for expected, arrays in cases.items():
        np.savez(tmp_path / "data.npz", **arrays)
        result = run("train", "--data", "data.npz", cwd=tmp_path)
        assert result.returncode == 2, result.stderr
        assert expected in result.stderr
        assert "Traceback" not in result.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["data.npz"]


def test_bad_files_for_evaluate_and_predict(trained, tmp_path):
    path, _ = trained
    (tmp_path / "cut").write_bytes(path.read_bytes()[:-5])
    np.save(tmp_path / "wide.npy", np.zeros((28, 29)))
    np.save(tmp_path / "text.npy", np.array(["a"]))
    np.save(tmp_path / "object.npy", np.array([{}]))
    (tmp_path / "short.npy").write_bytes((tmp_path / "wide.npy").read_bytes()[:-1])
    (tmp_path / "noise.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 50)
    (tmp_path / "noise.idx").write_bytes(b"\0\0\x08\x03")
    for arguments, expected in (
        (("evaluate", "cut"), "cut: expected an intact safetensors file"),
        (("predict", "cut", "wide.npy"), "cut: expected an intact safetensors file"),
        (("predict", path, "wide.npy"), "wide.npy: expected images of shape (28, 28, 1)"),
        (("predict", path, "text.npy"), "text.npy: expected a non-empty array of numbers"),
        (("predict", path, "object.npy"), "object.npy: expected an intact .npy file of numbers"),
        (("predict", path, "short.npy"), "short.npy: expected an intact .npy file of numbers"),
        (("predict", path, "noise.png"), "noise.png: "),
        (("predict", path, "noise.idx"), "noise.idx: expected 3 dimensions"),
        (("predict", path, "nothing.npy"), "No such file or directory: 'nothing.npy'"),
    ):
        result = run(*arguments, cwd=tmp_path)
        assert result.returncode == 2, result.stderr
        assert expected in result.stderr
        assert "Traceback" not in result.stderr
        assert result.stdout == ""


def test_an_unknown_instruction_set_is_an_error():
    result = run("info", CNNCORE_ISA="sse9")
    assert result.returncode == 2
    assert result.stderr.startswith("cnncore info: error: ")
    assert "sse9" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


# --- interruption ----------------------------------------------------------------------------------------------


def interrupt(process: subprocess.Popen, condition, number=signal.SIGINT) -> None:
    """Send Ctrl-C or another signal once `condition` holds, and wait until the process has ended."""
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    process.wait(timeout=60)


def start_training(*arguments) -> subprocess.Popen:
    command = [*COMMAND, "train", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_training_and_keeps_the_last_whole_epoch(number, dataset, tmp_path):
    out = tmp_path / "model"
    with start_training("--data", dataset, "--epochs", 100000, "--out", out) as process:
        interrupt(process, out.exists, number)
        _, stderr = process.communicate()
    assert process.returncode == 128 + number
    assert "Traceback" not in stderr
    epochs = re.search(rf"interrupted: {re.escape(str(out))} has the weights of epoch (\d+)\n$", stderr)
    assert epochs is not None
    assert list(tmp_path.iterdir()) == [out]
    reference = tmp_path / "reference"
    assert run("train", "--data", dataset, "--epochs", epochs[1], "--out", reference).returncode == 0
    assert out.read_bytes() == reference.read_bytes()


def test_ctrl_c_in_the_first_epoch_says_that_nothing_was_saved(dataset, tmp_path):
    with np.load(dataset) as data:
        big = tmp_path / "big.npz"
        np.savez(big, x=np.tile(data["x_train"], (200, 1, 1)), y=np.tile(data["y_train"], 200))
    out = tmp_path / "model"
    with start_training("--data", big, "--batch-size", 8, "--out", out) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert process.stdout.readline().startswith("data: ")
        interrupt(process, lambda: True)
        _, stderr = process.communicate()
    assert process.returncode == 130
    assert stderr.endswith("cnncore train: interrupted: no epoch was completed, so nothing is saved\n")
    assert not out.exists()


def test_ctrl_c_that_is_ignored_stays_ignored_while_a_file_is_written():
    seen = []

    def handler(number, frame):
        seen.append(number)

    before = signal.signal(signal.SIGINT, signal.SIG_IGN), signal.signal(signal.SIGTERM, handler)
    try:
        with signals.deferred():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            assert not seen
        assert seen == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)


def test_names_of_files_that_stdout_cannot_write(dataset, tmp_path):
    out = tmp_path / "m\u00f6\u4e2d.safetensors"
    result = run("train", "--data", dataset, "--epochs", 1, "--out", out, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert result.returncode == 0
    assert result.stdout.rstrip().endswith("m\\xf6\\u4e2d.safetensors")
    assert out.exists()


def test_a_closed_pipe_is_no_traceback(trained, tmp_path):
    _, (x, _) = mnist5k.load_data()
    np.save(tmp_path / "all.npy", np.tile(x, (20, 1, 1)))
    process = subprocess.Popen(
        [*COMMAND, "predict", str(trained[0]), str(tmp_path / "all.npy")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 1
