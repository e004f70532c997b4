"""The code of docs/layers.md runs as it stands, and its table names layers that are there."""

import re
from pathlib import Path

from cnncore import layers

PAGE = (Path(__file__).parents[1] / "docs" / "layers.md").read_text(encoding="utf-8")


def test_code():
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/layers.md", "exec"), names)
    assert names["model"].history.history["loss"]


def test_names_in_the_table():
    table = [line for line in PAGE.splitlines() if line.startswith("| ")]
    named = set(re.findall(r"`(\w+)`", " ".join(table))) - {"layers", "family"}
    assert len(named) > 40
    assert not [name for name in named if not hasattr(layers, name)]
