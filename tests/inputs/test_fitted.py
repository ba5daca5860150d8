"""Fitted attributes that do not fit each other: one error, which names the attribute."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from sklogloss import LogLossClassifier
from sklogloss.inputs.fitted import check_fitted_state


def model(n_classes=3, **attributes):
    clf = LogLossClassifier()
    n_columns = 1 if n_classes == 2 else n_classes
    given = {
        "classes_": np.arange(n_classes),
        "coef_": np.ones((n_columns, 4)),
        "intercept_": np.zeros(n_columns),
    }
    for name, value in (given | attributes).items():
        setattr(clf, name, value)
    return clf


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"intercept_": 0.0},
        {"intercept_": np.array([0.5])},
        {"intercept_": np.zeros((1, 3))},
        {"intercept_": [0.0, 0.1, 0.2]},
        {"coef_": np.eye(3, 4, dtype=int)},
        {"coef_": sparse.csr_array(np.eye(3, 4))},
        {"coef_": np.full((3, 4), np.finfo(float).max)},
        {"n_features_in_": 4},
        {"n_classes": 2, "coef_": np.ones(4)},
        {"n_classes": 2, "intercept_": np.zeros((1, 1))},
    ],
)
def test_attributes_that_fit(attributes):
    check_fitted_state(model(**attributes))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"classes_": np.arange(2)}, r"coef_ .*must be of 1 row for the 2 classes_.*\(3, 4\)"),
        ({"classes_": np.arange(4)}, "coef_ .*must be of 4 rows for the 4 classes_"),
        ({"classes_": np.arange(1)}, "classes_ .*must be an array of 2 labels or more"),
        ({"classes_": np.eye(3)}, "classes_ .*must be an array of 2 labels or more"),
        ({"coef_": [[1.0, 2.0]] * 3}, "coef_ .*must be an ndarray or a sparse matrix, got list"),
        ({"coef_": np.ones(4)}, "coef_ .*must be of 3 rows"),
        ({"coef_": np.ones((3, 4, 1))}, r"coef_ .*must be of shape \(3, 1\)"),
        ({"n_features_in_": 5}, r"coef_ .*must be of shape \(3, 5\), got \(3, 4\)"),
        ({"intercept_": np.zeros(2)}, r"intercept_ .*must be of shape \(3,\), got \(2,\)"),
        ({"intercept_": np.zeros((3, 1))}, r"intercept_ .*must be of shape \(3,\)"),
        ({"n_classes": 2, "intercept_": np.zeros(2)}, r"intercept_ .*must be of shape \(1,\)"),
        (
            {"intercept_": np.array([0, np.nan, 0])},
            r"intercept_ .*must be finite, got nan at \[1\]",
        ),
        ({"coef_": np.full((3, 4), np.nan)}, r"coef_ .*must be finite, got nan at \[0, 0\]"),
        ({"coef_": np.full((3, 4), -np.inf)}, "coef_ .*must be finite"),
        ({"coef_": sparse.csr_array(np.full((3, 4), np.inf))}, "coef_ .*must be finite, got inf"),
        ({"coef_": np.eye(3, 4) + 1j}, "coef_ .*must be real numbers, got dtype complex128"),
        ({"intercept_": np.array(["a"] * 3)}, "intercept_ .*must be real numbers"),
        # After a fit, one entry for three classes means that two are missing.
        (
            {"intercept_": np.zeros(1), "class_weight_": np.ones(3)},
            r"intercept_ .*must be of shape \(3,\), got \(1,\)",
        ),
    ],
)
def test_attributes_that_do_not_fit(attributes, message):
    with pytest.raises(ValueError, match=message):
        check_fitted_state(model(**attributes))


@pytest.mark.parametrize("name", ["coef_", "intercept_"])
def test_attributes_that_are_missing(name):
    clf = model()
    delattr(clf, name)
    with pytest.raises(NotFittedError, match="LogLossClassifier"):
        check_fitted_state(clf)
