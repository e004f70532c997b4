"""Shared by the tests of the command line: runs it in a separate process, and gives a model that it trained."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from cnncore.datasets import mnist5k

COMMAND = [sys.executable, "-m", "cnncore"]


def run(*arguments, cwd=None, **environment):
    """Run ``cnncore *arguments`` and return the finished process."""
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
    """The path of a saved model, and the text that its training printed."""
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    result = run("train", "--data", dataset, "--epochs", 6, "--batch-size", 16, "--out", path)
    assert result.returncode == 0, result.stderr
    return path, result
