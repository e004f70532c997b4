"""Keras in a process of its own, so that its warnings and its threads stay out of the tests' process."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest


def ask_keras(program, asked):
    """What a program that imports Keras answers: it reads `asked` as JSON from its input, and prints JSON.

    Tests are skipped if Keras or PyTorch is not installed.
    """
    if not all(importlib.util.find_spec(name) for name in ("keras", "torch")):
        pytest.skip("Keras with PyTorch is not installed")
    run = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KERAS_BACKEND": "torch"},
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)
