"""Models as estimators of scikit-learn."""

import pickle

import numpy as np
import pytest

from cnncore import Sequential
from cnncore.layers import Dense

sklearn = pytest.importorskip("sklearn")
base, model_selection = pytest.importorskip("sklearn.base"), pytest.importorskip("sklearn.model_selection")
wrappers = pytest.importorskip("cnncore.wrappers")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).astype(np.float32)
LABELS = np.where(X[:, 0] > 0, "up", "down")


def compiled(units, last, loss, learning_rate=0.1):
    from cnncore.optimizers import Adam

    model = Sequential([Dense(units, activation=last, input_shape=(3,))])
    model.compile(Adam(learning_rate), loss, metrics=["mae"])
    return model


def make(X, y, learning_rate=0.1):
    return compiled(y.shape[1], "softmax", "categorical_crossentropy", learning_rate)


def test_a_classifier_works_in_cross_validation():
    classifier = wrappers.SKLearnClassifier(make, fit_kwargs={"epochs": 20, "verbose": 0})
    scores = model_selection.cross_val_score(classifier, X, LABELS, cv=3)
    assert scores.min() > 0.8
    classifier.fit(X, LABELS)
    assert classifier.predict_proba(X).shape == (60, 2)
    assert set(classifier.predict(X)) <= {"up", "down"}
    assert classifier.history_.history["loss"][-1] < classifier.history_.history["loss"][0]
    copy = base.clone(classifier)
    assert copy.model is make
    search = model_selection.GridSearchCV(
        classifier, {"model_kwargs": [{"learning_rate": r} for r in (0.0, 0.1)]}, cv=2
    )
    assert search.fit(X, LABELS).best_params_ == {"model_kwargs": {"learning_rate": 0.1}}


def test_pickles_and_pipelines():
    pipeline_module = pytest.importorskip("sklearn.pipeline")
    classifier = wrappers.SKLearnClassifier(make, fit_kwargs={"epochs": 2, "verbose": 0}).fit(X, LABELS)
    again = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))
    pipeline = pipeline_module.make_pipeline(base.clone(classifier))
    assert pipeline.fit(X, LABELS).predict(X).shape == (60,)
    regressor = wrappers.SKLearnRegressor(lambda X, y: compiled(1, "linear", "mse"), fit_kwargs={"verbose": 0})
    assert model_selection.cross_val_score(regressor, X, X.sum(axis=1), cv=2).shape == (2,)


def test_classifier_of_a_model_is_a_clone_unless_warm():
    model = compiled(2, "softmax", "categorical_crossentropy")
    before = model.get_weights()
    classifier = wrappers.SKLearnClassifier(model, warm_start=True, fit_kwargs={"verbose": 0}).fit(X, LABELS)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    first = classifier.model_
    assert classifier.fit(X, LABELS).model_ is first
    with pytest.raises(ValueError, match="expected a compiled model"):
        wrappers.SKLearnClassifier(Sequential([Dense(2)])).fit(X, LABELS)


def test_a_regressor_scores():
    regressor = wrappers.SKLearnRegressor(
        lambda X, y: compiled(1, "linear", "mse"), fit_kwargs={"epochs": 60, "verbose": 0}
    )
    y = X @ np.array([1.0, -2.0, 0.5])
    assert regressor.fit(X, y).score(X, y) > 0.9
    assert regressor.predict(X).shape == (60,)


def build(learning_rate=0.1, units=2):
    return compiled(units, "softmax", "categorical_crossentropy", learning_rate)


def test_keras_2_classifier_in_a_search():
    from cnncore.wrappers.scikit_learn import KerasClassifier

    with pytest.warns(DeprecationWarning, match=r"use `wrappers.SKLearnClassifier`"):
        classifier = KerasClassifier(build_fn=build, epochs=10, batch_size=8, verbose=0)
    search = model_selection.GridSearchCV(classifier, {"learning_rate": [0.0, 0.1], "epochs": [10]}, cv=2)
    search.fit(X, LABELS)
    assert search.best_params_ == {"epochs": 10, "learning_rate": 0.1}
    assert search.best_estimator_.predict_proba(X).shape == (60, 2)
    assert search.best_estimator_.score(X, LABELS) > 0.8
    assert len(classifier.fit(X, LABELS, epochs=2).history["loss"]) == 2
    with pytest.raises(ValueError, match="expected an argument of the function"):
        classifier.set_params(depth=3)


def test_keras_2_regressor():
    with pytest.warns(DeprecationWarning, match="SKLearnRegressor"):
        regressor = wrappers.scikit_learn.KerasRegressor(lambda: compiled(1, "linear", "mse"), epochs=1, verbose=0)
    y = X.sum(axis=1)
    history = regressor.fit(X, y)
    assert len(history.history["loss"]) == 1
    assert regressor.predict(X).shape == (60,)
    assert regressor.score(X, y) == pytest.approx(-np.mean((regressor.predict(X) - y) ** 2), rel=1e-4)


@pytest.mark.parametrize("model", [Sequential([Dense(2, input_shape=(3,))]), lambda X, y: Sequential([Dense(2)])])
def test_a_model_that_is_not_compiled_is_refused_by_the_estimator(model):
    with pytest.raises(ValueError, match=r"\[SKLearnClassifier\] expected a compiled model, or a function"):
        wrappers.SKLearnClassifier(model).fit(X, LABELS)
