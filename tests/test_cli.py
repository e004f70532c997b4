"""The command line as a user meets it: in a process of its own, with exit codes, stdout and stderr apart."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import cnncore
from cnncore import applications
from cnncore.cli import main
from cnncore.datasets import mnist5k
from cnncore.saving import load_model
from idx_files import idx_bytes

COMMAND = [sys.executable, "-m", "cnncore"]


def run(*arguments, cwd=None, **environment):
    """The finished process of ``cnncore *arguments``."""
    variables = {name: value for name, value in os.environ.items() if name != "CNNCORE_DATA_DIR"}
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env={**variables, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """300 real digits for training, 100 for testing: enough to learn something within a second."""
    (x_train, y_train), (x_val, y_val) = mnist5k.load_data()
    path = tmp_path_factory.mktemp("data") / "small.npz"
    np.savez(path, x_train=x_train[:300], y_train=y_train[:300], x_test=x_val[:100], y_test=y_val[:100])
    return path


@pytest.fixture(scope="module")
def trained(dataset, tmp_path_factory):
    """A saved model and what training it printed."""
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    result = run("train", "--data", dataset, "--epochs", 6, "--batch-size", 16, "--out", path)
    assert result.returncode == 0, result.stderr
    return path, result


# --- train -----------------------------------------------------------------------------------------------------


def test_train_prints_results_on_stdout_and_progress_on_stderr(trained, dataset):
    path, result = trained
    lines = dict(line.split(": ", 1) for line in result.stdout.splitlines())
    assert lines["model"] == "mnist_cnn (225,034 parameters)"
    assert lines["data"] == f"{dataset} (300 training, 100 test images)"
    assert float(lines["test accuracy"]) >= 0.7
    assert re.fullmatch(r"[\d.]+ s \(6 epochs, [\d,]+ images/s, test and saving included\)", lines["time"])
    assert lines["saved"] == str(path)
    assert "Epoch 6/6: loss " in result.stderr
    assert "Epoch" not in result.stdout


@pytest.mark.names_precision
def test_the_saved_model_is_the_trained_one(trained, dataset):
    path, result = trained
    model = load_model(path)
    with np.load(dataset) as data:
        loss, accuracy = model.evaluate(data["x_test"], data["y_test"], verbose=0)
    printed = dict(line.split(": ", 1) for line in result.stdout.splitlines())
    assert printed["test accuracy"] == f"{accuracy:.4f}"
    assert printed["test loss"] == f"{loss:.4f}"


def test_the_same_seed_gives_the_same_file_and_another_seed_another(trained, dataset, tmp_path):
    options = ("--data", dataset, "--epochs", 6, "--batch-size", 16)
    path, _ = trained
    assert run("train", *options, "--seed", 0, "--threads", 1, "--out", tmp_path / "same").returncode == 0
    assert (tmp_path / "same").read_bytes() == path.read_bytes()
    assert run("train", *options, "--seed", 1, "--out", tmp_path / "other").returncode == 0
    assert (tmp_path / "other").read_bytes() != path.read_bytes()


def test_training_in_two_parts_equals_training_at_once(trained, dataset, tmp_path):
    options = ("--data", dataset, "--epochs", 3, "--batch-size", 16)
    part = tmp_path / "part"
    assert run("train", *options, "--out", part).returncode == 0
    assert run("train", *options, "--model", part).returncode == 0
    whole, resumed = load_model(trained[0]), load_model(part)
    for expected, received in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(received, expected)


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "adamw"])
@pytest.mark.parametrize("model", ["lenet5", "oshea_nash"])
def test_models_and_optimizers(dataset, tmp_path, model, optimizer):
    result = run(
        "train", "--data", dataset, "--model", model, "--optimizer", optimizer, "--lr", 0.002, "--epochs", 1,
        cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    saved = load_model(tmp_path / f"{model}.safetensors")
    assert saved.name == model
    assert type(saved.optimizer).__name__.lower() == optimizer
    assert saved.optimizer.learning_rate == pytest.approx(0.002)


def test_the_default_settings_reach_the_promised_accuracy(tmp_path):
    accuracies = []
    for seed in range(3):
        result = run("train", "--seed", seed, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        match = re.search(r"^validation accuracy: (.*)$", result.stdout, re.MULTILINE)
        assert match is not None
        accuracies.append(float(match[1]))
    assert np.mean(accuracies) >= 0.965, accuracies


def test_a_saved_model_is_trained_with_the_loss_and_metrics_it_has(dataset, tmp_path):
    model = applications.lenet5()
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.save(tmp_path / "own")
    result = run("train", "--data", dataset, "--model", "own", "--epochs", 1, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert re.search(r"^test loss: [\d.]+\ntime: [\d.]+ s \(1 epoch, ", result.stdout, re.MULTILINE)
    assert load_model(tmp_path / "own").optimizer.iterations == 10


def test_a_loss_that_is_not_finite_is_a_failure_and_keeps_the_last_epoch(dataset, tmp_path):
    result = run("train", "--data", dataset, "--optimizer", "sgd", "--lr", 1e30, "--epochs", 2, cwd=tmp_path)
    assert result.returncode == 1
    assert "in epoch 1, step 2" in result.stderr
    assert "no epoch ended, nothing is saved" in result.stderr
    assert not any(tmp_path.iterdir())


def test_a_file_with_only_x_and_y_holds_some_out(dataset, tmp_path):
    with np.load(dataset) as data:
        np.savez(tmp_path / "xy.npz", x=data["x_train"] / np.float32(255), y=data["y_train"])
    result = run("train", "--data", "xy.npz", "--epochs", 1, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "data: xy.npz (240 training, 60 validation images)" in result.stdout
    evaluated = run("evaluate", "mnist_cnn.safetensors", "--data", "xy.npz", cwd=tmp_path)
    accuracy = re.search(r"validation accuracy: .*", result.stdout)
    assert accuracy is not None
    assert accuracy[0] in evaluated.stdout


def test_a_second_run_keeps_the_file_of_the_first(dataset, tmp_path):
    options = ("--data", dataset, "--epochs", 1)
    assert run("train", *options, cwd=tmp_path).returncode == 0
    first = (tmp_path / "mnist_cnn.safetensors").read_bytes()
    result = run("train", *options, "--seed", 1, cwd=tmp_path)
    assert "mnist_cnn.safetensors is there already and is kept" in result.stderr
    assert "saved: mnist_cnn-2.safetensors" in result.stdout
    assert (tmp_path / "mnist_cnn.safetensors").read_bytes() == first
    assert (tmp_path / "mnist_cnn-2.safetensors").read_bytes() != first
    refused = run("train", *options, "--out", "mnist_cnn.safetensors", cwd=tmp_path)
    assert refused.returncode == 2
    assert "--force replaces it. Received: mnist_cnn.safetensors" in refused.stderr
    assert (tmp_path / "mnist_cnn.safetensors").read_bytes() == first
    assert run("train", *options, "--seed", 1, "--force", cwd=tmp_path).returncode == 0
    assert (tmp_path / "mnist_cnn.safetensors").read_bytes() != first


def test_a_learning_rate_for_a_saved_model_changes_nothing_else(dataset, tmp_path):
    from cnncore import losses, optimizers

    model = applications.lenet5()
    model.pop()
    from cnncore.layers import Dense

    model.add(Dense(10))
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizers.SGD(momentum=0.8, nesterov=True, learning_rate=0.1), loss, metrics=["accuracy"])
    model.save(tmp_path / "own")
    result = run("train", "--data", dataset, "--model", "own", "--lr", 0.005, "--epochs", 1, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    saved = load_model(tmp_path / "own")
    config = saved.optimizer.get_config()
    assert type(saved.optimizer) is optimizers.SGD
    assert (config["momentum"], config["nesterov"]) == (0.8, True)
    assert float(saved.optimizer.learning_rate) == pytest.approx(0.005)
    assert saved.loss.get_config()["from_logits"] is True
    assert saved.optimizer.iterations == 10
    result = run("train", "--data", dataset, "--model", "own", "--optimizer", "adam", "--epochs", 1, cwd=tmp_path)
    assert "the optimizer of own is replaced" in result.stderr
    saved = load_model(tmp_path / "own")
    assert type(saved.optimizer) is optimizers.Adam
    assert saved.loss.get_config()["from_logits"] is True


def test_colour_images_get_a_model_of_their_own(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (40, 16, 16, 3), dtype=np.uint8), np.arange(40) % 43
    np.savez(tmp_path / "own.npz", x=x, y=y)
    result = run("train", "--data", "own.npz", "--epochs", 1, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("model: cifar10_cnn (")
    assert load_model(tmp_path / "cifar10_cnn.safetensors").output_shape == (None, 40)


def test_cifar10_in_its_own_format(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "cifar-10-batches-bin").mkdir()
    for name in ("data_batch_1.bin", "test_batch.bin"):
        records = rng.integers(0, 256, (30, 3073), dtype=np.uint8)
        records[:, 0] = np.arange(30) % 10
        records.tofile(tmp_path / "cifar-10-batches-bin" / name)
    result = run("train", "--data", "cifar10", "--data-dir", ".", "--epochs", 1, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "data: cifar10 (30 training, 30 test images)" in result.stdout


def test_own_idx_files(tmp_path):
    x_train, y_train = mnist5k.load_data()[0]
    (tmp_path / "images.idx").write_bytes(idx_bytes(x_train[:50]))
    (tmp_path / "labels.idx").write_bytes(idx_bytes(y_train[:50]))
    result = run("train", "--data", "images.idx", "--labels", "labels.idx", "--epochs", 1, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "data: images.idx (40 training, 10 validation images)" in result.stdout
    folder = tmp_path / "mine"
    folder.mkdir()
    for part, count in (("train", 50), ("t10k", 20)):
        (folder / f"{part}-images.idx3").write_bytes(idx_bytes(x_train[:count]))
        (folder / f"{part}-labels.idx1").write_bytes(idx_bytes(y_train[:count]))
    result = run("train", "--data", "mine", "--epochs", 1, cwd=tmp_path)
    assert "data: mine (50 training, 20 test images)" in result.stdout
    without = run("train", "--data", "images.idx", "--epochs", 1, cwd=tmp_path)
    assert without.returncode == 2
    assert "an IDX file without --labels" in without.stderr


def test_more_threads_than_cores_are_noted(trained, dataset):
    result = run("evaluate", trained[0], "--data", dataset, "--threads", 1000)
    assert result.returncode == 0
    assert "cnncore: note: --threads 1000 is more than the " in result.stderr
    assert "note" not in run("evaluate", trained[0], "--data", dataset, "--threads", 1).stderr


@pytest.mark.parametrize(("name", "magic"), [("run.png", b"\x89PNG"), ("run.pdf", b"%PDF"), ("run.svg", b"<?xml")])
def test_a_plot_has_the_format_that_its_name_says(dataset, tmp_path, name, magic):
    pytest.importorskip("matplotlib")
    assert run("train", "--data", dataset, "--epochs", 1, "--plot", name, cwd=tmp_path).returncode == 0
    assert (tmp_path / name).read_bytes().startswith(magic)


def test_train_plots(dataset, tmp_path):
    pytest.importorskip("matplotlib")
    result = run("train", "--data", dataset, "--epochs", 1, "--plot", "run.png", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    assert result.stdout.endswith("plot: run.png\n")


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
    assert result.stdout == expected
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
    assert "scaled.npy: the values go from 0 to 1, and the model was made for 0 to 255: multiply them by 255" in (
        scaled.stderr
    )
    dark = run("predict", path, "dark.npy", cwd=tmp_path)
    assert "dark.npy: the background is light, and in training it was dark: --invert exchanges" in dark.stderr
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


def test_info():
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


def test_version():
    assert run("--version").stdout == f"{cnncore.__version__}\n"


@pytest.mark.parametrize("command", [(), ("train",), ("evaluate",), ("predict",), ("info",)])
def test_help_is_enough_to_start_with(capsys, command):
    with pytest.raises(SystemExit, match=r"^0$"):
        main([*command, "--help"])
    text = capsys.readouterr().out
    assert "exit codes: 0 done, 1 failed or interrupted, 2 bad usage or bad input" in text
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


def interrupt(process: subprocess.Popen, condition) -> float:
    """Send Ctrl-C once `condition` holds; the seconds until the process ended."""
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.wait(timeout=30)
    return time.monotonic() - start


def start_training(*arguments) -> subprocess.Popen:
    """Ctrl-C works in the process, even where these tests run in the background of a shell, which ignores it."""
    return subprocess.Popen(
        [*COMMAND, "train", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def test_ctrl_c_ends_within_a_second_and_keeps_the_last_whole_epoch(dataset, tmp_path):
    out = tmp_path / "model"
    with start_training("--data", dataset, "--epochs", 100000, "--out", out) as process:
        seconds = interrupt(process, out.exists)
        _, stderr = process.communicate()
    assert process.returncode == 1
    assert seconds < 1.0
    assert "Traceback" not in stderr
    epochs = re.search(rf"interrupted: {re.escape(str(out))} holds the weights of epoch (\d+)\n$", stderr)
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
        seconds = interrupt(process, lambda: True)
        _, stderr = process.communicate()
    assert process.returncode == 1
    assert seconds < 1.0
    assert stderr.endswith("cnncore train: interrupted: no epoch ended, nothing is saved\n")
    assert not out.exists()


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
