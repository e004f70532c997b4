"""The code of docs/models.md runs as it stands."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "models.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", PAGE, re.S))
def test_blocks(block):
    names = {"__name__": "page"}
    exec(block, names)
    assert names["model"].count_params() > 0
