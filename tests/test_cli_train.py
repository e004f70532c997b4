"""`cnncore train` as a user meets it, in a process of its own, with exit codes, stdout and stderr apart."""

from __future__ import annotations

import re

import numpy as np
import pytest

from cli_process import dataset, run, trained
from cnncore import applications, optimizers
from cnncore.datasets import mnist5k
from cnncore.saving import load_model
from idx_files import idx_bytes

__all__ = ["dataset", "trained"]  # fixtures

# --- train -----------------------------------------------------------------------------------------------------


def test_train_prints_results_on_stdout_and_progress_on_stderr(trained, dataset):
    path, result = trained
    lines = dict(line.split(": ", 1) for line in result.stdout.splitlines())
    assert list(lines) == ["model", "data", "test loss", "test accuracy", "time", "saved"]  # as in the README
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


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "adamw", "muon", "lbfgs", "newton_cg", "kfac", "soap"])
@pytest.mark.parametrize("model", ["lenet5", "oshea_nash"])
def test_models_and_optimizers(dataset, tmp_path, model, optimizer):
    result = run(
        "train", "--data", dataset, "--model", model, "--optimizer", optimizer, "--lr", 0.002, "--epochs", 1,
        cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    saved = load_model(tmp_path / f"{model}.safetensors")
    assert saved.name == model
    assert type(saved.optimizer) is type(optimizers.get(optimizer))
    assert saved.optimizer.learning_rate == pytest.approx(0.002)


def test_every_optimizer_is_offered():
    from cnncore.cli.names import OPTIMIZERS

    classes = [getattr(optimizers, name) for name in optimizers.__all__ if isinstance(getattr(optimizers, name), type)]
    classes.remove(optimizers.Optimizer)
    assert {type(optimizers.get(name)) for name in OPTIMIZERS} == set(classes)
    assert len(OPTIMIZERS) == len(classes)


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
    assert "no epoch was completed, so nothing is saved" in result.stderr
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
    assert "mnist_cnn.safetensors exists and is kept" in result.stderr
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
