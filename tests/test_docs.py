"""The documentation: its Python runs as it stands, its links lead somewhere, and every page is in the index."""

import re
from pathlib import Path

import pytest

from cnncore import _core, layers

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


def test_options_of_commands_exist():
    """Each `python bench/compare.py --task train` of a page: the program, and its options."""
    found = 0
    for page, text in TEXTS.items():
        for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
            for program, rest in re.findall(r"python (\w+/\w+\.py)([^#&|\n]*)", block.replace("\\\n", " ")):
                source = (ROOT / program).read_text(encoding="utf-8")
                for option in re.findall(r"--[\w-]+", rest):
                    assert f'"{option}"' in source, f"{page}: {program} {option}"
                    found += 1
    assert found > 20


def test_layers_in_the_table():
    table = [line for line in TEXTS["docs/layers.md"].splitlines() if line.startswith("| ")]
    named = set(re.findall(r"`(\w+)`", " ".join(table))) - {"layers", "family"}
    assert len(named) > 40
    assert not [name for name in named if not hasattr(layers, name)]


# Attributes that ops need, and how many inputs of a shape that they take.
NEEDED = {
    "activation": {"kind": "relu"},
    "dense": {"units": 3},
    "dot": {"axes": (2, 2)},
    "dropout": {"rate": 0.5},
    "gaussian_noise": {"stddev": 0.5},
    "group_normalization": {"groups": 2},
    "permute": {"dims": (1, 2, 3)},
    "rescaling": {"scale": 0.5},
    "reshape": {"shape": (256,)},
    "second_moment": {"of": "inputs"},
    "conv2d": {"filters": 4, "kernel_size": (3, 3)},
    "conv2d_transpose": {"filters": 4, "kernel_size": (3, 3)},
}
OF_TWO = ("add", "added_loss", "subtract", "multiply", "average", "maximum", "minimum", "concatenate", "dot")


def test_the_table_of_ops_has_their_attributes():
    """The error about an attribute that an op does not have lists those that it has."""
    section = TEXTS["docs/cpp.md"].partition("## Kinds of ops")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    listed = {kind: row[2] for row in rows for kind in re.findall(r"`(\w+)`", row[1])}
    registry = (ROOT / "cpp/src/graph/registry.cpp").read_text()
    assert set(listed) == set(re.findall(r"^  X\((\w+),", registry, re.MULTILINE))
    for kind, attributes in listed.items():
        graph = _core.GraphBuilder()
        inputs = [graph.input((4,) if kind == "dense" else (8, 8, 4)) for _ in range(1 + (kind in OF_TWO))]
        with pytest.raises(ValueError, match="expected one of the attributes") as raised:
            graph.add(kind, inputs, "layer", none_of_them=1, **NEEDED.get(kind, {}))
        known = re.search(r"attributes (.*)\. Received: none_of_them", str(raised.value)).group(1).split(", ")
        named = re.findall(r"`(\w+)(?:=[^`]+)?`", attributes)
        assert {*named, "activation", "weights", "trainable"} == set(known), kind


def test_source_files_that_are_named_exist():
    """Names such as `plan/regions.cpp` and `choose.cpp`: the end of the path of a file."""
    folders = ("cpp", "python", "tests", "bench", "examples", "docs")
    paths = {f"/{path.relative_to(ROOT).as_posix()}" for folder in folders for path in (ROOT / folder).rglob("*.*")}
    for page in ("CONTRIBUTING.md", "docs/engine.md"):
        named = re.findall(r"`((?:\w+/)*\w+(?:\.inl)?\.(?:py|cpp|h))`", TEXTS[page])
        assert len(named) > 5
        assert not [name for name in named if not any(path.endswith(f"/{name}") for path in paths)], page


@pytest.mark.parametrize(
    ("words", "folders"),
    [
        ("What makes them work is in these", {"graph", "layers", "layers/base", "layers/calls", "layers/custom"}),
        ("A model has two halves", {"models", "models/data", "models/structure", "models/training", "models/own"}),
    ],
)
def test_contributing_names_folders_and_files_that_exist(words, folders):
    """Its tables say what makes layers and models work, and where. Words before "has" are names of files."""
    table = table_after(words)
    assert folders <= set(re.findall(r"^\| `([\w/]+)/` ", table, re.MULTILINE))
    for folder, text in re.findall(r"^\| `([\w/]+)/` \| (.*)", table, re.MULTILINE):
        place = ROOT / "python" / "cnncore" / folder
        assert (place / "__init__.py").exists()
        for name in re.findall(r"`(\w+)` (?:has|says|makes)", text):
            assert (place / f"{name}.py").exists(), name


def test_contributing_names_every_package():
    text = TEXTS["CONTRIBUTING.md"].partition("### How layers")[0]
    folders = {path.parent.name for path in (ROOT / "python" / "cnncore").glob("*/__init__.py")}
    assert len(folders) > 20
    assert not [folder for folder in folders if f"`{folder}`" not in text]


def table_after(words):
    text = TEXTS["CONTRIBUTING.md"]
    return text[text.index(words) :].split("\n\n")[1]


# What calls what, from the top.
LEVELS = [
    "python/cnncore/models/",
    "cpp/bindings/",
    *(f"cpp/src/{folder}/" for folder in ("network", "run", "graph", "ops", "kernels")),
]


def test_the_walk_from_fit_to_the_inner_loop():
    """Each step names a file and the function in it: fewer than ten files, and none above the one before."""
    text = TEXTS["CONTRIBUTING.md"]
    walk = text[text.index("### One image, from `fit` to the inner loop") : text.index("### Words")]
    steps = re.findall(r"^\d\. `([\w/.]+)`[,:] `([\w:]+)`", walk, re.MULTILINE)
    assert len(steps) == len(re.findall(r"^\d+\. ", walk, re.MULTILINE)) < 10
    for file, function in steps:
        name = function.rpartition("::")[2]
        assert re.search(rf"\b(def |class )?{name}(\(|:$)", (ROOT / file).read_text(), re.MULTILINE), (file, function)
    levels = [next(i for i, level in enumerate(LEVELS) if file.startswith(level)) for file, _ in steps]
    assert levels == sorted(levels)
    assert set(levels) == set(range(len(LEVELS)))
