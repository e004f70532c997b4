"""`cnncore evaluate`, `predict` and `info` as a user meets them, in a process of their own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cnncore
from cli_process import dataset, run, trained
from cnncore.cli import main
from cnncore.datasets import mnist5k
from cnncore.saving import load_model
from idx_files import idx_bytes

__all__ = ["dataset", "trained"]  # fixtures

# --- evaluate, predict, info -----------------------------------------------------------------------------------


def test_evaluate_agrees_with_training(trained, dataset):
    path, training = trained
    result = run("evaluate", path, "--data", dataset, "--threads", 1)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == f"data: {dataset} (100 test images)"
    assert {line for line in lines if "accuracy" in line} <= set(training.stdout.splitlines())


@pytest.mark.names_precision
def test_predict_reads_npy_idx_and_png_alike(trained, tmp_path):
    path, _ = trained
    image_module = pytest.importorskip("PIL.Image")
    _, (x, _) = mnist5k.load_data()
    np.save(tmp_path / "one.npy", x[0])
    np.save(tmp_path / "all.npy", x[:3, :, :, None])
    (tmp_path / "all.idx").write_bytes(idx_bytes(x[:3]))
    image_module.fromarray(x[0]).save(tmp_path / "one.png")
    result = run("predict", path, "one.npy", "all.npy", "all.idx", "one.png", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    names = [f"all.{kind}[{i}]" for kind in ("npy", "idx") for i in range(3)]
    assert [row[0] for row in rows] == ["one.npy", *names, "one.png"]
    probabilities = load_model(path).predict(x[:3, :, :, None], verbose=0)
    expected = [(str(row.argmax()), f"{row.max():.4f}") for row in probabilities]
    assert [tuple(row[1:]) for row in rows] == [expected[0], *expected, *expected, expected[0]]


def test_evaluate_takes_the_data_that_the_model_was_trained_on(trained, dataset):
    result = run("evaluate", trained[0])
    assert result.stdout == run("evaluate", trained[0], "--data", dataset).stdout
    assert result.stdout.startswith(f"data: {dataset} (100 test images)")


def test_evaluate_says_where_images_were_seen_in_training(tmp_path):
    (x_train, y_train), (x_val, y_val) = mnist5k.load_data()
    files = {"train-images-idx3-ubyte": x_train[:200], "train-labels-idx1-ubyte": y_train[:200]}
    files |= {"t10k-images-idx3-ubyte": x_val[:50], "t10k-labels-idx1-ubyte": y_val[:50]}
    for name, array in files.items():
        (tmp_path / name).write_bytes(idx_bytes(array))
    out = tmp_path / "model"
    result = run("train", "--data", "mnist", "--data-dir", tmp_path, "--epochs", 1, "--out", out)
    assert result.returncode == 0, result.stderr
    again = run("evaluate", out, "--data-dir", tmp_path)
    assert again.stdout.startswith("data: mnist (50 test images)")
    assert "note" not in again.stderr.replace("UserWarning", "")
    seen = run("evaluate", out, "--data", "mnist5k")
    assert "the model was trained on mnist, which has these images" in seen.stderr
    assert "data: mnist5k (1,000 training images)\ntraining loss: " in seen.stdout
    assert "validation" not in seen.stdout


def test_predict_turns_logits_into_probabilities(trained, tmp_path):
    model = load_model(trained[0])
    _, (x, _) = mnist5k.load_data()
    np.save(tmp_path / "x.npy", x[:3])
    from cnncore.layers import Dense

    expected = run("predict", trained[0], "x.npy", cwd=tmp_path).stdout
    weights = model.get_weights()
    model.pop()
    model.add(Dense(10))
    model.set_weights(weights)
    model.save(tmp_path / "logits")
    result = run("predict", "logits", "x.npy", cwd=tmp_path)
    for received, row in zip(result.stdout.splitlines(), expected.splitlines(), strict=True):
        (*where, probability), (*same, other) = received.split("\t"), row.split("\t")
        assert where == same
        assert float(probability) == pytest.approx(float(other), abs=2e-4)
    assert "logits; their softmax is shown" in result.stderr


def test_predict_warns_of_images_that_are_unlike_those_in_training(trained, tmp_path):
    _, (x, _) = mnist5k.load_data()
    path = trained[0]
    np.save(tmp_path / "scaled.npy", (x[:1] / 255).astype(np.float32))
    np.save(tmp_path / "dark.npy", 255 - x[:1])
    np.save(tmp_path / "right.npy", x[:1])
    np.save(tmp_path / "nan.npy", np.full((1, 28, 28), np.nan))
    right = run("predict", path, "right.npy", cwd=tmp_path)
    assert right.stderr == ""
    scaled = run("predict", path, "scaled.npy", cwd=tmp_path)
    assert "scaled.npy: the values go from 0 to 1, but the model was made for 0 to 255: multiply them by 255" in (
        scaled.stderr
    )
    dark = run("predict", path, "dark.npy", cwd=tmp_path)
    assert "dark.npy: the background is light, but in training it was dark: --invert exchanges" in dark.stderr
    inverted = run("predict", path, "dark.npy", "--invert", cwd=tmp_path)
    assert inverted.stderr == ""
    assert inverted.stdout.split("\t")[1:] == right.stdout.split("\t")[1:]
    nan = run("predict", path, "nan.npy", cwd=tmp_path)
    assert nan.returncode == 2
    assert "nan.npy: expected finite values" in nan.stderr


def test_predict_shows_transparent_pictures_on_white(trained, tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    _, (x, _) = mnist5k.load_data()
    strokes = np.zeros((28, 28, 4), np.uint8)
    strokes[..., 3] = x[0]  # black ink on nothing
    image_module.fromarray(strokes).save(tmp_path / "ink.png")
    np.save(tmp_path / "right.npy", x[:1])
    result = run("predict", trained[0], "ink.png", "--invert", cwd=tmp_path)
    expected = run("predict", trained[0], "right.npy", cwd=tmp_path)
    assert result.stdout.split("\t")[1:] == expected.stdout.split("\t")[1:]
    assert "--invert" in run("predict", trained[0], "ink.png", cwd=tmp_path).stderr


def test_help_lists_the_data_sets(capsys):
    for command in ("train", "evaluate"):
        with pytest.raises(SystemExit, match=r"^0$"):
            main([command, "--help"])
        text = capsys.readouterr().out
        for name in ("mnist5k", "fashion_mnist", "kmnist", "emnist", "cifar10", "cifar100", "FILE.npz", "IMAGES.idx"):
            assert f"\n  {name} " in text
        assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&-"])
def test_closed_streams_are_no_traceback(trained, tmp_path, closed):
    _, (x, _) = mnist5k.load_data()
    np.save(tmp_path / "x.npy", x[:2])
    for arguments in ("info", f"predict {trained[0]} {tmp_path / 'x.npy'}", "--version"):
        command = f"{sys.executable} -m cnncore {arguments} {closed}"
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""


def test_a_full_disk_behind_stdout_is_a_failure():
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    command = f"{sys.executable} -m cnncore info >/dev/full"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("cnncore info: error: ")


def test_info_says_what_is_in_use():
    result = run("info")
    assert result.returncode == 0, result.stderr
    lines = dict(re.split(r":\s+", line, maxsplit=1) for line in result.stdout.splitlines())
    assert lines["version"] == cnncore.__version__
    assert lines["in use"] in lines["instruction sets"].split(", ")
    assert int(lines["threads"]) >= 1
    assert lines["compiler"]
    assert lines["OpenMP"]


def test_info_shows_the_forced_instruction_set():
    result = run("info", CNNCORE_ISA="scalar")
    assert re.search(r"^in use: +scalar$", result.stdout, re.MULTILINE)


def test_version_is_that_of_the_package():
    assert run("--version").stdout == f"{cnncore.__version__}\n"


@pytest.mark.parametrize("command", [(), ("train",), ("evaluate",), ("predict",), ("info",)])
def test_help_is_enough_to_start_with(capsys, command):
    with pytest.raises(SystemExit, match=r"^0$"):
        main([*command, "--help"])
    text = capsys.readouterr().out
    assert "exit codes: 0 done, 1 failed, 2 bad usage or bad input, 130 interrupted by Ctrl-C, 143 by SIGTERM" in text
    if command and command != ("info",):
        assert f"examples:\n  cnncore {command[0]}" in text


def test_directories_for_cpp_users_exist_or_are_an_error():
    for option, file in (("--cmakedir", "cnncoreConfig.cmake"), ("--includedir", "cnncore/cnncore.h")):
        result = run(option)
        if result.returncode == 0:
            assert Path(result.stdout.strip(), file).is_file()
        else:
            assert result.returncode == 2
            assert "come with an installed package" in result.stderr
