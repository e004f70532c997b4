"""The examples for beginners run with their options on the digits of the package, and learn."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"

# Name -> what must hold for the figures that its main function returns.
LEARNT = {
    "fine_tuning": lambda r: r["then everything"] > 0.6 and r["last layer alone"] > 0.6,
    "siamese": lambda r: r["pairs"] > 0.8 and r["digits"] > 0.7,
    "autoencoder": lambda r: r["error"] < 0.6 * r["error of the mean image"],
    "two_inputs": lambda r: r["accuracy"] > r["without the image"] + 0.1,
    "two_outputs": lambda r: r["accuracy"] > 0.7 and r["pixels"] < 2,
    "mnist_99": lambda r: r["accuracy"] > 0.9,
    "optimizers": lambda r: r["kfac"][0].loss[-1] < min(r[name][0].loss[-1] for name in ("sgd", "adam", "lbfgs")),
    "residual": lambda r: r["accuracy"] > 0.8,
}


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", LEARNT)
def test_learns(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = load(name).main(["--quick"])
    assert LEARNT[name](result), result


def test_autoencoder_draws_a_picture(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    picture = tmp_path / "digits.png"
    digits = np.random.default_rng(0).random((20, 28, 28, 1))
    load("autoencoder").draw(str(picture), digits, digits)
    pixels = image.imread(picture)
    assert pixels.shape[:2] == (2 * 28 * 3, 20 * 28 * 3)
    assert pixels.std() > 0.1


PROGRAMS = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem != "mnist_from_document")


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_says_what_the_program_does(name):
    program = [sys.executable, str(EXAMPLES / f"{name}.py"), "--help"]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert f"examples/{name}.py" in done.stdout
