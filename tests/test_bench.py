"""Options of the benchmarks' scripts."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent.parent / "bench"


@pytest.mark.parametrize("script", ["compare", "compare_ops"])
def test_python_may_be_given_more_than_once(script, monkeypatch):
    if not BENCH.is_dir():
        pytest.skip("needs the sources")
    monkeypatch.syspath_prepend(str(BENCH))
    monkeypatch.setattr(sys, "argv", [script, "--python", "torch=/a", "--python", "cnncore=/b"])
    assert importlib.import_module(script).parse_arguments().python == {"torch": "/a", "cnncore": "/b"}
