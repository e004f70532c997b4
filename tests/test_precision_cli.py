"""--precision of the command line: what it sets, what it keeps, and that --help and info are enough to choose by."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cnncore import _core
from cnncore.cli import main
from cnncore.datasets import mnist5k
from cnncore.saving import load_model
from precision import REDUCED

pytestmark = pytest.mark.names_precision


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    (x, y), (x_test, y_test) = mnist5k.load_data()
    path = tmp_path_factory.mktemp("data") / "small.npz"
    np.savez(path, x_train=x[:200], y_train=y[:200], x_test=x_test[:100], y_test=y_test[:100])
    return str(path)


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def train(dataset, *options):
    assert main(["train", "--dataset", dataset, "--epochs", "1", *options]) == 0
    return load_model(options[options.index("--model") + 1] if "--model" in options else "mnist_cnn.safetensors")


def output(capsys, *arguments):
    capsys.readouterr()
    assert main(arguments) == 0
    return capsys.readouterr().out


def test_train_in_each_precision(dataset):
    weights = set()
    for precision in ("float32", *REDUCED):
        model = train(dataset, "--precision", precision, "--force")
        assert model.precision == model.network.precision == precision
        assert model.optimizer.iterations == 7
        weights.add(model.network.get_parameters().tobytes())
    assert len(weights) == 3
    assert train(dataset, "--force").precision == "float32"


def test_a_saved_model_keeps_its_own_unless_another_is_asked_for(dataset):
    train(dataset, "--precision", "bfloat16")
    again = train(dataset, "--model", "mnist_cnn.safetensors")
    assert again.precision == "bfloat16"
    assert again.optimizer.iterations == 14
    assert train(dataset, "--model", "mnist_cnn.safetensors", "--optimizer", "sgd").precision == "bfloat16"
    other = train(dataset, "--model", "mnist_cnn.safetensors", "--precision", "bfloat16_3x")
    assert other.precision == "bfloat16_3x"
    assert other.optimizer.iterations == 14, "the state of sgd goes on"


def test_evaluate_and_predict(dataset, capsys):
    model = train(dataset, "--precision", "bfloat16")
    with np.load(dataset) as data:
        x, y = data["x_test"], data["y_test"]
    np.save("digits.npy", x[:5])
    file = "mnist_cnn.safetensors"
    before = Path(file).read_bytes()
    for options in ((), *(("--precision", name) for name in ("float32", *REDUCED))):
        model.precision = options[1] if options else "bfloat16"
        loss = model.evaluate(x[..., None], y, verbose=0)[0]
        text = output(capsys, "evaluate", file, "--dataset", dataset, *options)
        assert f"test loss: {loss:.4f}\n" in text
        text = output(capsys, "predict", file, "digits.npy", *options)
        best = model.predict(x[:5, ..., None]).max(axis=1)
        assert [line.split("\t")[2] for line in text.splitlines()] == [f"{value:.4f}" for value in best]
    assert Path(file).read_bytes() == before, "the file is only read"


@pytest.mark.parametrize("command", ["train", "evaluate", "predict"])
def test_help_says_what_to_choose(command, capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        main([command, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "--precision {float32,bfloat16_3x,bfloat16}" in text
    assert "24 bits of mantissa (float32), 16 (bfloat16_3x) or 8 (bfloat16)" in text
    assert "if the CPU has instructions for bfloat16, which 'cnncore info' says" in text
    with pytest.raises(SystemExit, match=r"^2$"):
        main([command, "--precision", "float16"])
    assert "invalid choice: 'float16'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        ("amx", "multiplied by the CPU's AMX unit"),
        ("avx512_bf16", "multiplied by the CPU's AVX-512 BF16 instructions"),
        ("float32", "emulated in float32: no faster than float32"),
        ("float32 (the CPU has AMX)", "emulated in float32: no faster than float32 (the CPU has AMX)"),
    ],
)
def test_info_names_the_unit(unit, words, capsys, monkeypatch):
    monkeypatch.setattr(_core, "bfloat16_unit", lambda: unit)
    assert re.search(rf"^bfloat16: +{re.escape(words)}$", output(capsys, "info"), re.MULTILINE)


def test_info_knows_this_machine():
    done = subprocess.run(
        [sys.executable, "-m", "cnncore", "info"], capture_output=True, text=True, check=True, timeout=60
    )
    assert re.search(r"^bfloat16: +(multiplied by|emulated in) ", done.stdout, re.MULTILINE)
