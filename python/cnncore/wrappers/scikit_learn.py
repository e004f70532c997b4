"""Keras 2's estimators, whose parameters are those of the function that builds the model and of ``fit``."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
except ImportError as error:
    raise ImportError("cnncore.wrappers needs the package scikit-learn: pip install cnncore[sklearn]") from error

from cnncore.models import Model
from cnncore.utils import to_categorical

__all__ = ["KerasClassifier", "KerasRegressor"]

_FIT = frozenset(inspect.signature(Model.fit).parameters) | {"nb_epoch"}


class _Estimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    def __init__(self, build_fn: Callable[..., Any] | None = None, **sk_params: Any) -> None:
        warnings.warn(
            f"`wrappers.scikit_learn.{type(self).__name__}` is a class of Keras 2; use `wrappers.SKLearn"
            f"{type(self).__name__.removeprefix('Keras')}` today.",
            DeprecationWarning,
            stacklevel=2,
        )
        self.build_fn, self.sk_params = build_fn, sk_params

    def __sklearn_clone__(self) -> Any:
        """An untrained copy with the same parameters."""
        clone = object.__new__(type(self))
        clone.build_fn, clone.sk_params = self.build_fn, dict(self.sk_params)
        return clone

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All parameters."""
        return {**self.sk_params, "build_fn": self.build_fn}

    def set_params(self, **params: Any) -> Any:
        """Replace parameters."""
        known = self._build_arguments() | _FIT
        for name, value in params.items():
            if name == "build_fn":
                self.build_fn = value
            elif name not in known:
                raise ValueError(
                    f"[{type(self).__name__}] expected an argument of the function that builds the model, or of fit. "
                    f"Received: {name}="
                )
            else:
                self.sk_params[name] = value
        return self

    def fit(self, x: Any, y: Any, **kwargs: Any) -> Any:
        """Build a model, train it, and return the history. Further arguments are those of ``Model.fit``."""
        given = {**self.sk_params, **kwargs}
        build = self.build_fn if self.build_fn is not None else self.__call__
        self.model = build(**{name: given[name] for name in self._build_arguments() if name in given})
        options = {name: value for name, value in given.items() if name in _FIT}
        return self.model.fit(np.asarray(x), self._targets(np.asarray(y)), **options)

    def _build_arguments(self) -> set[str]:
        return set(inspect.signature(self.build_fn or type(self).__call__).parameters)

    def _targets(self, y: np.ndarray) -> np.ndarray:
        return y

    def _predictions(self, x: Any, options: dict[str, Any]) -> np.ndarray:
        given = {name: value for name, value in {**self.sk_params, **options}.items() if name in ("batch_size",)}
        return np.asarray(self.model.predict(np.asarray(x), verbose=0, **given))


class KerasClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A classifier for scikit-learn.

    Parameters
    ----------
    build_fn : callable
        A function that returns a compiled model.
    **sk_params
        Arguments for ``build_fn`` and for ``Model.fit``, such as ``epochs`` and ``batch_size``.

    Attributes
    ----------
    model : Model
        After ``fit``, the trained model.
    classes_ : numpy.ndarray
        The labels, in order.
    """

    def _targets(self, y: np.ndarray) -> np.ndarray:
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
            return y
        self.classes_, numbers = np.unique(y, return_inverse=True)
        one_hot = str(getattr(self.model.loss, "name", self.model.loss)) == "categorical_crossentropy"
        return to_categorical(numbers.ravel(), len(self.classes_)) if one_hot else numbers.ravel()

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The label of the largest output. A single output above 0.5 means the second label."""
        values = self._predictions(x, kwargs)
        numbers = (
            values.argmax(axis=-1) if values.ndim > 1 and values.shape[-1] > 1 else (values > 0.5).astype(int).ravel()
        )
        return np.asarray(self.classes_[numbers])

    def predict_proba(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The probabilities of all classes. For a model with a single output p, these are 1 - p and p."""
        values = self._predictions(x, kwargs)
        values = values.reshape(len(values), -1)
        return np.hstack([1 - values, values]) if values.shape[1] == 1 else values

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """The share of labels that are predicted correctly."""
        labels = np.asarray(y)
        labels = labels.argmax(axis=-1) if labels.ndim == 2 and labels.shape[1] > 1 else labels.ravel()
        return float((self.predict(x, **kwargs).ravel() == labels).mean())


class KerasRegressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """A regressor for scikit-learn. It has the parameters of :class:`KerasClassifier`."""

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The model's outputs."""
        return np.squeeze(self._predictions(x, kwargs), axis=-1)

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """The negative loss, so that larger values are better."""
        loss = self.model.evaluate(np.asarray(x), np.asarray(y), verbose=0, **kwargs)
        return -float(loss[0] if isinstance(loss, list) else loss)
