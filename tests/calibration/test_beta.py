import warnings

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_expit
from sklearn.datasets import make_classification
from sklearn.tree import DecisionTreeClassifier

from sklogloss.calibration import BetaScaling, CalibratedClassifier
from sklogloss.losses import LogLoss


def loss(x, z, y):
    return LogLoss().value(y, x[0] * log_expit(z) - x[1] * log_expit(-z) + x[2]).mean()


@pytest.mark.parametrize("sign", [1, -1])
def test_no_other_parameters_are_better(sign, forecasts):
    y, z = forecasts(300, 2)
    z = sign * (z + 0.3 * z**2)
    fitted = BetaScaling().fit(z, y)
    x = np.append(fitted.coef_[0], fitted.intercept_)
    other = minimize(
        loss,
        [1.0, 1.0, 0.0],
        args=(z, y),
        bounds=[(0, None), (0, None), (None, None)],
        options={"ftol": 1e-15, "gtol": 1e-10},
    )
    assert (x[:2] >= 0).all()
    assert loss(x, z, y) <= other.fun + 1e-12


def test_calibrated_probabilities_stay_as_they_are(forecasts):
    y, z = forecasts(100_000, 2)
    fitted = BetaScaling().fit(z, y)
    # Standard errors of some 0.02.
    np.testing.assert_allclose(fitted.coef_, 1, atol=0.1)
    assert fitted.intercept_ == pytest.approx(0, abs=0.1)


def test_several_classes_are_each_against_the_rest(forecasts):
    y, z = forecasts(500, 3)
    proba = BetaScaling().fit(z, y).predict_proba(z)
    alone = []
    for k in range(3):
        p = np.exp(LogLoss(3).log_link(z))[:, k]
        logit = np.log(p) - np.log1p(-p)
        alone.append(BetaScaling().fit(logit, y == k).predict_proba(logit)[:, 1])
    expected = np.column_stack(alone)
    np.testing.assert_allclose(proba, expected / expected.sum(axis=1, keepdims=True), atol=1e-9)


def test_two_values_determine_one_slope():
    # With two slopes, rounding errors decide in which direction the loss does not change.
    y = np.repeat([0, 1, 0, 1, 0, 1], [60, 12, 40, 30, 50, 84])
    z = np.repeat([-1.0986122886681098, 0.0], [72, 204])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = BetaScaling().fit(z, y)
    assert fitted.coef_[0, 0] == fitted.coef_[0, 1] > 0
    shares = [y[z == each].mean() for each in (-1.0986122886681098, 0.0)]
    # The gradient, at most 1e-9, has the errors of both values, of which the rarer is a quarter.
    np.testing.assert_allclose(fitted.predict_proba(np.unique(z))[:, 1], shares, atol=1e-7)


def test_a_decision_tree_gives_no_warning():
    X, y = make_classification(400, 8, n_informative=5, n_classes=3, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CalibratedClassifier(DecisionTreeClassifier(random_state=0), "beta").fit(X, y)


def test_betacal_agrees(forecasts):
    betacal = pytest.importorskip("betacal")
    y, z = forecasts(1000, 2)
    z = 1.5 * z + 0.5
    theirs = betacal.BetaCalibration("abm").fit(expit(z)[:, None], y).predict(expit(z)[:, None])
    ours = BetaScaling().fit(z, y).predict_proba(z)[:, 1]
    # betacal stops scikit-learn's L-BFGS at its default of 1e-4 for the gradient.
    np.testing.assert_allclose(ours, theirs, atol=2e-3)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("y", [[0, 1], [1, 0]])
@pytest.mark.parametrize("raw_prediction", [[0.0, 0.0], [2.0, 2.0], [-1.0, 1.0]])
def test_two_rows(raw_prediction, y):
    proba = BetaScaling().fit(raw_prediction, y).predict_proba(raw_prediction)
    if raw_prediction[0] == raw_prediction[1] or y == [1, 0]:
        np.testing.assert_allclose(proba, 0.5, atol=1e-9)
    else:
        assert proba[0, 1] < 0.5 < proba[1, 1]
