"""No module of the package imports, at once or later or only for annotations, one that imports it."""

import ast
import functools
import re
from pathlib import Path

import cnncore

ROOT = Path(cnncore.__file__).parent


@functools.cache
def modules():
    """Name -> syntax tree of each module."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = ["cnncore", *path.relative_to(ROOT).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = (ast.parse(path.read_text()), path.name == "__init__.py")
    return found


def imports(name, tree, is_package, known):
    """The package's modules that a module names in any import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            parent = name.split(".")
            if node.level:
                parent = parent[: len(parent) - node.level + is_package]
                base = ".".join([*parent, *([node.module] if node.module else [])])
            else:
                base = node.module or ""
            for alias in node.names:
                full = f"{base}.{alias.name}"
                if full in known:
                    yield full
                elif base in known:
                    yield base


def cycle(graph):
    """Modules that import one another, or None."""
    state = {}

    def visit(name, path):
        state[name] = "open"
        for other in sorted(graph[name]):
            if state.get(other) == "open":
                return [*path[path.index(other) :], other] if other in path else [name, other]
            if other not in state and (found := visit(other, [*path, other])):
                return found
        state[name] = "done"
        return None

    for name in sorted(graph):
        if name not in state and (found := visit(name, [name])):
            return found
    return None


def test_no_cycles():
    known = modules()
    graph = {
        name: set(imports(name, tree, is_package, known)) - {name, "cnncore"}
        for name, (tree, is_package) in known.items()
    }
    assert cycle(graph) is None


def test_the_test_finds_cycles():
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert cycle({"a": {"b"}, "b": set()}) is None


def test_every_module_says_what_it_offers():
    """``__all__`` in each public module, and nothing else in its ``dir`` as a user sees it."""
    for name, (tree, _) in modules().items():
        if name.rpartition(".")[2].startswith("_") and name != "cnncore":
            continue
        names = {t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}
        names |= {alias.asname for n in tree.body if isinstance(n, ast.ImportFrom) for alias in n.names}
        has_getattr = any(isinstance(n, ast.FunctionDef) and n.name == "__getattr__" for n in tree.body)
        assert "__all__" in names or has_getattr or "__getattr__" in names, f"{name} has no __all__"


def test_folders_list_their_files():
    """An ``__init__.py`` that imports nothing says in ``__all__`` which files there are."""
    found = 0
    for name, (tree, is_package) in modules().items():
        nodes = [node for node in tree.body if not isinstance(node, ast.Expr)]
        if is_package and len(nodes) == 1 and isinstance(nodes[0], ast.Assign):
            folder = ROOT.parent / name.replace(".", "/")
            assert ast.literal_eval(nodes[0].value) == sorted(path.stem for path in folder.glob("[a-z]*.py")), name
            found += 1
    assert found >= 6


def test_types_are_shipped():
    assert (ROOT / "py.typed").exists()


def users(group_of):
    """The graph of groups of modules: which groups each one uses. `group_of` says to which group a module belongs."""
    known = modules()
    graph = {}
    for name, (tree, is_package) in known.items():
        mine = graph.setdefault(group_of(name), set())
        mine |= {group_of(other) for other in imports(name, tree, is_package, known)} - {group_of(name), "cnncore"}
    return graph


def package_of(module):
    """``cnncore.layers`` for ``cnncore.layers.base.arguments``."""
    return ".".join(module.split(".")[:2])


def folder_of(module):
    """``cnncore.layers.base`` for ``cnncore.layers.base.arguments``. An ``__init__.py`` stands for itself: it may offer
    names of the folders inside its own.
    """
    folder = module.rpartition(".")[0]
    return f"{module}.__init__" if modules()[module][1] and folder else folder or module


def test_packages_have_no_cycles():
    """The same holds for packages: if one uses another, the other does not use it, not even through further modules."""
    packages = users(package_of)
    assert len(packages) > 20
    assert cycle(packages) is None


def test_folders_have_no_cycles():
    """And for folders inside packages, such as those of which layers consist."""
    folders = users(folder_of)
    assert {"cnncore.layers", "cnncore.layers.base", "cnncore.graph"} <= folders.keys()
    assert cycle(folders) is None


def test_every_file_is_looked_at():
    assert {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()} <= {
        name.split(".")[1] for name in modules() if "." in name
    }
    assert len(modules()) == len(list(ROOT.rglob("*.py")))


SOURCES = Path(__file__).parents[1] / "cpp" / "src"
# From the lowest: what the files of a folder may not include.
ABOVE = {
    "kernels": ("runtime", "ops", "graph", "plan", "run", "network"),
    "runtime": ("ops", "graph", "plan", "run", "network"),
    "ops": ("graph", "plan", "run", "network"),
    "augment": ("ops", "graph", "plan", "run", "network"),
    **dict.fromkeys(("graph", "plan", "run"), ("network",)),
}


def test_no_file_of_the_core_includes_one_above():
    includes = {
        str(path.relative_to(SOURCES)): set(re.findall(r'^#include "(\w+/[\w./]+)"', path.read_text(), re.MULTILINE))
        for path in [*SOURCES.rglob("*.h"), *SOURCES.rglob("*.cpp")]
    }
    assert len(includes) > 200
    for name, others in includes.items():
        above = ABOVE.get(name.partition("/")[0], ())
        assert not [other for other in others if other.partition("/")[0] in above], name
    assert cycle({name: others & includes.keys() - {name} for name, others in includes.items()}) is None


def test_ops_are_named_in_their_own_files_only():
    """Graph, plan, run, network and bindings treat ops of all kinds alike: they neither name one nor know its class.

    The one exception is the activation, which every op may have at its end.
    """
    kinds = re.findall(r"^  X\((\w+), \w+\)", (SOURCES / "graph" / "registry.cpp").read_text(), re.MULTILINE)
    assert len(kinds) > 25
    named = re.compile(rf'(?<!def\()"({"|".join(kinds)})"|dynamic_cast|^#include "graph/\w+_op.h"', re.MULTILINE)
    common = [SOURCES / "graph" / name for name in ("graph.cpp", "registry.cpp", "attribute_reader.cpp", "op.h")]
    common += [path for folder in ("plan", "run", "network") for path in (SOURCES / folder).iterdir()]
    common += [SOURCES.parent / "bindings" / f"bind_{name}.cpp" for name in ("graph", "network")]
    found = {path.name: {match[0] for match in named.finditer(path.read_text())} for path in common}
    assert len(found) > 30
    assert {name: words for name, words in found.items() if words} == {"graph.cpp": {'"activation"'}}
