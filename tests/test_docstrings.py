"""Every public object has a docstring, which mentions each of its parameters."""

import importlib
import inspect
import re

import pytest

import cnncore

MODULES = [
    "layers",
    "models",
    "losses",
    "metrics",
    "optimizers",
    "optimizers.schedules",
    "optimizers.newton",
    "callbacks",
    "initializers",
    "regularizers",
    "constraints",
    "activations",
    "datasets",
    "utils",
    "saving",
    "preprocessing.image",
    "random",
    "backend",
    "ops",
    "applications",
    "curvature",
    "testing",
    "plotting",
]


def parameters(function):
    """The names of the parameters that a caller can give, without ``*args`` and ``**kwargs``."""
    if inspect.isbuiltin(function):  # of the core, whose docstrings begin with the signature
        return []
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    found = inspect.signature(function).parameters.values()
    return [item.name for item in found if item.kind not in kinds and item.name != "self" and item.name[0] != "_"]


def public_objects(module):
    for name in module.__all__:
        found = getattr(module, name)
        if getattr(found, "__module__", "").startswith("cnncore") and not inspect.ismodule(found):
            yield name, found


def undocumented(name, found):
    """What is missing in the docstrings of a class or function."""
    if inspect.isclass(found):
        # A class inherits parameters together with their description.
        text = " ".join(base.__doc__ or "" for base in found.__mro__ if base.__module__.startswith("cnncore"))
        names = parameters(found.__init__) if "__init__" in vars(found) else []
        for key, value in vars(found).items():
            if key[0] != "_" and inspect.isfunction(value) and not inspect.getdoc(getattr(found, key)):
                yield f"{name}.{key}"
    elif callable(found):
        text, names = found.__doc__ or "", parameters(found)
    else:
        return
    if not found.__doc__:
        yield name
    yield from (f"{name}: {item}" for item in names if not re.search(rf"\b{item}\b", text))


@pytest.mark.parametrize("name", MODULES)
def test_every_parameter_is_described(name):
    module = importlib.import_module(f"cnncore.{name}")
    missing = [item for found in public_objects(module) for item in undocumented(*found)]
    assert missing == []


def test_every_name_of_the_package_is_described():
    assert [item for found in public_objects(cnncore) for item in undocumented(*found)] == []


def test_the_test_notices_a_missing_parameter():
    def function(x, forgotten, *args, **kwargs):
        """The double of ``x``."""

    assert list(undocumented("function", function)) == ["function: forgotten"]
