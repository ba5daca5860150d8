"""Displays of the test rows of a cross-validation."""

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.datasets import load_iris
from sklearn.model_selection import KFold, cross_validate
from sklearn.naive_bayes import GaussianNB

from sklogloss.displays import ReliabilityDisplay, SurpriseDisplay
from sklogloss.displays._plotting import pooled_forecasts

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def cross_validated(X, y, cv):
    return cross_validate(GaussianNB(), X, y, cv=cv, return_estimator=True, return_indices=True)


@pytest.mark.parametrize("display", [ReliabilityDisplay, SurpriseDisplay])
def test_rows_of_all_folds_are_drawn(display):
    X, y = load_iris(return_X_y=True)
    drawn = display.from_cv_results(cross_validated(X, y, 5), X, y)
    assert drawn.ax_.lines


def test_forecasts_are_those_of_each_fold():
    X, y = load_iris(return_X_y=True)
    names = np.array(["a", "b", "c"])[y]
    results = cross_validated(X, names, KFold(3))  # each fold lacks a class
    happened, forecasts = pooled_forecasts(results, X, names)
    assert happened.tolist() == names.tolist()
    proba = forecasts["y_proba"]
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert (proba[np.arange(150), y] == 0).all()


def test_errors_name_the_argument():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="cv_results must be what cross_validate returns"):
        ReliabilityDisplay.from_cv_results(cross_validate(GaussianNB(), X, y), X, y)
    with pytest.raises(ValueError, match="y must hold labels"):
        SurpriseDisplay.from_cv_results(cross_validated(X, y, 3), X, np.eye(3)[y])
