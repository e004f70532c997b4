"""CNNCORE_ISA chooses the kernels of a process. If that is not possible it is an error, and no other ISA is taken."""

import os
import subprocess
import sys

import numpy as np
import pytest

import checking
from cnncore import _core

# Imports, says which ISA is in use, and multiplies: 3 * 5 ones summed over 2 features.
SCRIPT = """
import numpy as np
import cnncore
from cnncore import _core, ops
print(_core.isa(), ops.dense(np.full((1, 2), 3.0), np.full((2, 1), 5.0))[0, 0])
"""


def run(isa: str | None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "CNNCORE_ISA"}
    if isa is not None:
        environment["CNNCORE_ISA"] = isa
    command = [sys.executable, "-c", SCRIPT]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("isa", checking.KNOWN_ISAS)
def test_environment_forces_an_isa(isa):
    if isa not in _core.available_isas():
        pytest.skip(f"this machine has no {isa}")
    done = run(isa)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{isa} 30.0\n"


@pytest.mark.parametrize("isa", checking.KNOWN_ISAS)
def test_an_isa_that_this_machine_lacks_is_an_error(isa):
    if isa in _core.available_isas():
        pytest.skip(f"this machine has {isa}")
    done = run(isa)
    assert done.returncode == 1  # an exception, not a signal
    assert "CNNCORE_ISA" in done.stderr
    assert isa in done.stderr
    assert "scalar" in done.stderr, "the message lists what can run"
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["sse9", "AVX2", "avx2 ", "none"])
def test_an_unknown_isa_is_an_error(name):
    done = run(name)
    assert done.returncode == 1
    assert "CNNCORE_ISA" in done.stderr
    assert f"'{name}'" in done.stderr
    assert "scalar" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("unset", [None, ""])
def test_without_a_wish_the_best_isa_runs(unset):
    done = run(unset)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == _core.available_isas()[-1]


def test_available_isas_are_known_and_begin_with_scalar():
    available = _core.available_isas()
    assert available[0] == "scalar"
    assert set(available) <= set(checking.KNOWN_ISAS)


def test_set_isa():
    before = _core.isa()
    for name in _core.available_isas():
        with checking.forced_isa(name):
            assert _core.isa() == name
    assert _core.isa() == before


@pytest.mark.parametrize("name", ["", "sse9", "AVX2", *sorted(set(checking.KNOWN_ISAS) - set(_core.available_isas()))])
def test_set_isa_refuses_what_it_cannot_run(name):
    before = _core.isa()
    with pytest.raises(ValueError, match="scalar"):
        _core.set_isa(name)
    assert _core.isa() == before


def test_isas_agree():
    """A convolution is the same on every ISA, except for the order of its sums. On integers the bits are equal."""
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 4, (2, 9, 9, 5)).astype(np.float32)
    kernel = rng.integers(-3, 4, (3, 3, 5, 19)).astype(np.float32)
    results = []
    for name in _core.available_isas():
        with checking.forced_isa(name):
            results.append(_core.conv2d(x, kernel, None, (1, 1), ((0, 0), (0, 0)), (1, 1), 1))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])
