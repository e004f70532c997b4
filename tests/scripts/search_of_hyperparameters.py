"""A model inside scikit-learn: a pipeline, cross-validation and a grid search."""

import numpy as np
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cnncore.layers import Dense
from cnncore.models import Sequential
from cnncore.optimizers import Adam
from cnncore.wrappers import SKLearnClassifier


def make_model(X, y, units=4):
    model = Sequential([Dense(units, activation="relu", input_shape=(X.shape[1],)), Dense(y.shape[1], "softmax")])
    model.compile(Adam(0.03), "categorical_crossentropy", metrics=["accuracy"])
    return model


rng = np.random.default_rng(3)
X = rng.normal(10, 5, (90, 4))
y = (X[:, 0] > X[:, 1]).astype(int)
pipeline = make_pipeline(StandardScaler(), SKLearnClassifier(make_model, fit_kwargs={"epochs": 30, "verbose": 0}))
assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.6
grid = {"sklearnclassifier__model_kwargs": [{"units": 2}, {"units": 16}]}
search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
assert search.predict(X).shape == (90,)
