"""Fitted attributes that were changed: the same error from every method, for any number of rows."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

from sklogloss import (
    FirthLogisticRegression,
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
)

X, Y = load_iris(return_X_y=True)
# 30,000 rows of four features are predicted by a pass with threads.
N_ROWS = [1, 150, 30_000]
METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function", "score"]


def corrupt_intercept(clf):
    clf.intercept_ = clf.intercept_[:1]


def corrupt_coef(clf):
    clf.coef_[1, 2] = np.nan


def corrupt_classes(clf):
    clf.classes_ = clf.classes_[:2]


@pytest.fixture(
    params=[
        LogLossClassifier,
        FocalLogisticRegression,
        LogLossClassifierCV,
        FirthLogisticRegression,
    ]
)
def clf(request):
    parameters = {"Cs": [1.0], "cv": 2} if request.param is LogLossClassifierCV else {}
    return request.param(**parameters).fit(X, Y)


@pytest.mark.parametrize(
    ("corrupt", "message"),
    [
        (corrupt_intercept, r"intercept_ of the fitted {} must be of shape \(3,\), got \(1,\)"),
        (corrupt_coef, r"coef_ of the fitted {} must be finite, got nan at \[1, 2\]; fit it again"),
        (corrupt_classes, "coef_ of the fitted {} must be of 1 row for the 2 classes_"),
    ],
)
@pytest.mark.parametrize("probabilities", ["model", "posterior"])
def test_every_method_for_any_number_of_rows(clf, corrupt, message, probabilities):
    clf.probabilities = probabilities
    corrupt(clf)
    message = message.format(type(clf).__name__)
    for n_rows in N_ROWS:
        rows, labels = np.resize(X, (n_rows, 4)), np.resize(Y, n_rows)
        for name in METHODS:
            arguments = (rows, labels) if name == "score" else (rows,)
            with pytest.raises(ValueError, match=message):
                getattr(clf, name)(*arguments)
    with pytest.raises(ValueError, match=message):
        clf.to_sklearn()


def test_weights_of_other_classes():
    clf = LogLossClassifier(class_weight="balanced", probabilities="posterior").fit(X, Y)
    clf.class_weight_ = clf.class_weight_[:2]
    for method in (clf.predict_proba, clf.predict_log_proba):
        with pytest.raises(ValueError, match=r"class_weight_ of the fitted .*shape \(3,\)"):
            method(X)
    with pytest.raises(ValueError, match=r"class_weight_ of the fitted .*shape \(3,\)"):
        clf.to_sklearn()
