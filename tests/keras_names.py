"""The table of Keras' public names in docs/keras_names.md: the names that cnncore has, and why it lacks the others.

``python tests/keras_names.py`` writes the table; ``test_keras_names.py`` compares it with the installed Keras.
"""

import functools
import importlib
import os
import warnings
from pathlib import Path

import cnncore
from cnncore._keras_names.absent import REASONS
from cnncore._keras_names.moved import MOVED
from cnncore.layers import builtin

os.environ.setdefault("KERAS_BACKEND", "torch")

PAGE = Path(__file__).parents[1] / "docs" / "keras_names.md"

CLASSES = ("Layer", "Model")  # whose methods are compared; all other entries are modules

INTRODUCTION = """# Keras' names

Every public name of these modules of Keras {version}, and of its classes `Layer` and `Model`, and whether it is here.
`cnncore.layers.Conv2D` stands for `keras.layers.Conv2D`, and so on. What has the same name and behaves differently is
in [differences_from_keras.md](differences_from_keras.md). The table is written by `python tests/keras_names.py` and
compared with an installed Keras by `tests/test_keras_names.py`.
"""


def keras():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("keras")


def theirs(module: str) -> list[str]:
    """The public names of a module or class of Keras."""
    found = keras()
    if module in CLASSES:
        # Names that the class inherits from PyTorch, when PyTorch is Keras' backend, are not Keras' names.
        classes = [cls for cls in getattr(found, module).__mro__ if "torch" not in cls.__module__]
        names = {name for cls in classes for name in vars(cls)}
        names -= set(theirs("Layer")) if module == "Model" else set()
    else:
        names = set(dir(importlib.import_module(f"{found.__name__}.{module}".rstrip("."))))
    return sorted(name for name in names if not name.startswith("_"))


def ours(module: str) -> set[str]:
    """The names of a module or class of this package."""
    if module in CLASSES:
        found = type(example(module))
        return {name for name in dir(found) if hasattr(found, name)} | set(vars(example(module)))
    found = builtin if module == "layers" else importlib.import_module(f"cnncore.{module}".rstrip("."))
    old = {path.rpartition(".")[2] for path in MOVED if path.rpartition(".")[0] == module}
    names = {*dir(found), *found.__all__, *old}
    return names | {"serialize", "deserialize"} if module == "layers" else names


@functools.cache
def example(name: str) -> object:
    """An object of the class: some attributes exist only after its constructor has run."""
    layer = cnncore.layers.Dense(1, input_shape=(1,))
    if name == "Layer":
        cnncore.Sequential([layer])
        return layer
    x = cnncore.Input((1,))
    model = cnncore.Model(x, layer(x))
    model.compile("sgd", "mse")
    return model


def page() -> str:
    """The text of docs/keras_names.md."""
    parts = [INTRODUCTION.format(version=".".join(keras().__version__.split(".")[:2]))]
    for module, reasons in REASONS.items():
        names = theirs(module)
        here = [f"`{name}`" for name in names if name in ours(module)]
        parts.append(f"\n## {module or 'The package'}\n\nHere: {', '.join(here)}.\n")
        missing = set(names) - ours(module)
        rows = [(reason, [name for name in group if name in missing]) for reason, group in reasons.items()]
        if missing and rows:
            parts.append("\n| not here | why |\n|---|---|\n")
        for reason, group in rows:
            if group:
                listed = ", ".join(f"`{name}`" for name in sorted(group))
                parts.append(f"| {listed} | {reason} |\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
