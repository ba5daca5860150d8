"""Displays of the test rows of a cross-validation."""

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.datasets import load_iris
from sklearn.model_selection import KFold, cross_validate
from sklearn.naive_bayes import GaussianNB

from sklogloss import LogLossClassifier
from sklogloss.displays import (
    MurphyDisplay,
    ReliabilityDisplay,
    ScoreDecompositionDisplay,
    SurpriseDisplay,
)
from sklogloss.displays._plotting import pooled_forecasts

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def cross_validated(X, y, cv, model=None):
    model = GaussianNB() if model is None else model
    return cross_validate(model, X, y, cv=cv, return_estimator=True, return_indices=True)


@pytest.mark.parametrize("display", [ReliabilityDisplay, SurpriseDisplay])
def test_rows_of_all_folds_are_drawn(display):
    X, y = load_iris(return_X_y=True)
    drawn = display.from_cv_results(cross_validated(X, y, 5), X, y)
    assert drawn.ax_.lines


@pytest.mark.parametrize("display", [MurphyDisplay, ScoreDecompositionDisplay])
def test_models_are_compared_on_the_rows_of_all_folds(display):
    X, y = load_iris(return_X_y=True)
    models = {"bayes": GaussianNB(), "logistic": LogLossClassifier()}
    results = {name: cross_validated(X, y, 5, model) for name, model in models.items()}
    drawn = display.from_cv_results(results, X, y)
    pooled = {name: pooled_forecasts(of_model, X, y) for name, of_model in results.items()}
    expected = display.from_predictions(
        pooled["bayes"][0], {name: given["y_proba"] for name, (_, given) in pooled.items()}
    )
    for line, other in zip(drawn.ax_.lines, expected.ax_.lines, strict=True):
        np.testing.assert_array_equal(line.get_xydata(), other.get_xydata())
    if display is MurphyDisplay:
        assert list(drawn.costs) == list(models)
    else:
        assert drawn.decompositions == expected.decompositions


def test_models_need_the_same_folds():
    X, y = load_iris(return_X_y=True)
    for cv in ((5, 4), (KFold(5), KFold(4)), (KFold(5), 5)):
        results = dict(zip("ab", (cross_validated(X, y, folds) for folds in cv), strict=True))
        with pytest.raises(ValueError, match=r"cv_results must have the same folds.*'b'"):
            MurphyDisplay.from_cv_results(results, X, y)
    with pytest.raises(TypeError, match="cv_results must be a dict"):
        MurphyDisplay.from_cv_results([results["a"]], X, y)
    with pytest.raises(ValueError, match=r"got those of one model; pass \{"):
        MurphyDisplay.from_cv_results(results["a"], X, y)


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
