"""Keras 3's estimators: a model, or a function that makes one, with ``fit``, ``predict`` and ``score``."""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
except ImportError as error:
    raise ImportError("cnncore.wrappers needs the package scikit-learn: pip install cnncore[sklearn]") from error

from cnncore.models import Model, clone_model

__all__ = ["SKLearnClassifier", "SKLearnRegressor"]


class _Estimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    def __init__(
        self,
        model: Any,
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.model, self.warm_start = model, warm_start
        self.model_kwargs, self.fit_kwargs = model_kwargs, fit_kwargs

    def _made(self, x: np.ndarray, y: np.ndarray) -> Model:
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if not isinstance(self.model, Model):
            model = self.model(x, y, **(self.model_kwargs or {}))
        else:
            model = clone_model(self.model)
            if self.model.compiled:
                model.compile_from_config(self.model.get_compile_config())
        if not isinstance(model, Model) or not model.compiled:
            raise ValueError(
                f"[{type(self).__name__}] expected a compiled model, or a function that makes one of (X, y). "
                f"Received: {model!r}"
            )
        return model

    def _fit(self, x: np.ndarray, y: np.ndarray, options: dict[str, Any]) -> None:
        self.model_ = self._made(x, y)
        self.history_ = self.model_.fit(x, y, **{**(self.fit_kwargs or {}), **options})
        self.n_features_in_ = x.shape[1] if x.ndim == 2 else x.shape[1:]


class SKLearnClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A classifier for scikit-learn.

    Parameters
    ----------
    model : Model, or callable
        A compiled model, which is cloned with new weights for each fit; or a function of (X, y) that makes one.
    warm_start : bool, default False
        Whether ``fit`` continues to train the model of the last call.
    model_kwargs : dict, optional
        Further arguments for the function.
    fit_kwargs : dict, optional
        Arguments for ``Model.fit``, such as ``epochs``.

    Attributes
    ----------
    model_ : Model
        The trained model.
    history_ : History
        The history of its training.
    classes_ : numpy.ndarray
        The labels, in order. The model is trained on their one-hot rows.

    Examples
    --------
    >>> from cnncore import Sequential
    >>> from cnncore.layers import Dense
    >>> def make(X, y):
    ...     model = Sequential([Dense(y.shape[1], activation="softmax", input_shape=X.shape[1:])])
    ...     model.compile("adam", "categorical_crossentropy")
    ...     return model
    >>> x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    >>> classifier = SKLearnClassifier(make, fit_kwargs={"verbose": 0}).fit(x, y)
    >>> classifier.predict(x).shape, classifier.classes_.tolist()
    ((20,), [0, 1])
    """

    def fit(self, X: Any, y: Any, **kwargs: Any) -> SKLearnClassifier:
        """Train a model; further arguments are those of ``Model.fit``."""
        x, labels = np.asarray(X), np.asarray(y)
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        self._fit(x, np.eye(len(self.classes_), dtype=np.float32)[numbers.ravel()], kwargs)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """The model's outputs."""
        return np.asarray(self.model_.predict(np.asarray(X), verbose=0))

    def predict(self, X: Any) -> np.ndarray:
        """The label of the largest output."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=-1)])


class SKLearnRegressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """A regressor for scikit-learn. It has the parameters of :class:`SKLearnClassifier`."""

    def fit(self, X: Any, y: Any, **kwargs: Any) -> SKLearnRegressor:
        """Train a model; further arguments are those of ``Model.fit``."""
        self._fit(np.asarray(X), np.asarray(y), kwargs)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The model's outputs."""
        values = np.asarray(self.model_.predict(np.asarray(X), verbose=0))
        return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
