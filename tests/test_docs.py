"""The documentation: its Python runs as it stands, its links lead somewhere, and every page is in the index."""

import re
from pathlib import Path

import pytest

from cnncore import layers

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES}


def blocks(page):
    return re.findall(r"```python\n(.*?)```", TEXTS[page], re.DOTALL)


@pytest.mark.parametrize("page", [page for page in TEXTS if blocks(page)])
def test_code(page, tmp_path, monkeypatch):
    """The blocks of a page run one after another, as a reader would type them; fit trains one epoch."""
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    for block in blocks(page):
        code = re.sub(r"epochs=\d+", "epochs=1", block)
        exec(compile(code, page, "exec"), names)


@pytest.mark.parametrize("page", TEXTS)
def test_links(page):
    for target in re.findall(r"\]\(([^)#\s]+)\)", TEXTS[page]):
        if not target.startswith("http"):
            assert (ROOT / page).parent.joinpath(target).exists(), target


def test_the_index_has_every_page():
    listed = set(re.findall(r"\]\((\w+\.md)\)", TEXTS["docs/README.md"]))
    assert listed == {page.name for page in PAGES if page.parent.name == "docs"} - {"README.md"}


def test_files_and_tests_that_are_named_exist():
    """Paths in backticks that begin with a folder of the repository."""
    for page, text in TEXTS.items():
        for path in re.findall(r"`((?:cpp|python|tests|bench|examples|docs|tools)/[\w./]+)`", text):
            assert (ROOT / path).exists(), f"{page}: {path}"


def test_layers_in_the_table():
    table = [line for line in TEXTS["docs/layers.md"].splitlines() if line.startswith("| ")]
    named = set(re.findall(r"`(\w+)`", " ".join(table))) - {"layers", "family"}
    assert len(named) > 40
    assert not [name for name in named if not hasattr(layers, name)]


@pytest.mark.parametrize("folder", ["layers", "models"])
def test_contributing_names_files_that_exist(folder):
    """Its tables of the files of `layers` and `models` have the names of files, and of `fit` and the like."""
    start = TEXTS["CONTRIBUTING.md"].index({"layers": "Most files of `python", "models": "A model (`python"}[folder])
    table = TEXTS["CONTRIBUTING.md"][start:].split("\n\n")[1]
    names = set(re.findall(r"`(\w+)`", table)) - {"call", "compile"}
    assert len(names) > 20
    assert names <= {path.stem for path in (ROOT / "python" / "cnncore" / folder).glob("*.py")}
