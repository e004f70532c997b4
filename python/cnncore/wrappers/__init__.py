"""Models as estimators of scikit-learn, for cross-validation and searches. They need the package scikit-learn."""

from __future__ import annotations

import importlib
from typing import Any

from cnncore._keras_names.errors import missing

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "scikit_learn"]


def __getattr__(name: str) -> Any:
    if name == "scikit_learn":
        return importlib.import_module("cnncore.wrappers.scikit_learn")
    if name in __all__:
        return getattr(importlib.import_module("cnncore.wrappers.estimators"), name)
    raise missing("wrappers", name, __all__)


def __dir__() -> list[str]:
    return __all__
