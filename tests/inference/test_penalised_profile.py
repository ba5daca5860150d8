"""Profile intervals under Jeffreys' prior against maxima that SciPy finds."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import brentq, minimize
from scipy.special import expit
from scipy.stats import chi2
from sklearn.exceptions import ConvergenceWarning

from sklogloss import FirthLogisticRegression
from sklogloss.inference import infer, penalised_profile

FALL = chi2.ppf(0.95, 1) / 2


def fit(X, y):
    """Return the result for a fit that is tight enough for eight digits."""
    return infer(FirthLogisticRegression(intercept_correction=None, tol=1e-9).fit(X, y), X, y)


def penalised_loss(coef, rows, y):
    """Return minus the penalised log-likelihood of two classes, and its gradient."""
    raw = rows @ coef
    p = expit(raw)
    half = np.sqrt(p * (1 - p))[:, None] * rows
    sign, log_determinant = np.linalg.slogdet(half.T @ half)
    if sign <= 0:
        return np.inf, np.zeros_like(coef)
    q, _ = np.linalg.qr(half)
    leverage = np.sum(q**2, axis=1)
    value = np.sum(np.logaddexp(0, raw) - y * raw) - log_determinant / 2
    return value, rows.T @ (p - y - leverage * (0.5 - p))


def least_with(rows, y, j, value, start):
    """Return the minimum of the penalised loss, from a start, where coefficient j has a value."""
    free = np.arange(rows.shape[1]) != j

    def loss(rest):
        coef = np.full(rows.shape[1], float(value))
        coef[free] = rest
        least, gradient = penalised_loss(coef, rows, y)
        return least, gradient[free]

    return minimize(loss, start[free], jac=True, options={"gtol": 1e-6}).fun


def starts_at(rows, j, value, optimum):
    """Yield where a quadratic model leads from the optimum, and points at random."""
    p = expit(rows @ optimum)
    along = np.linalg.inv((rows.T * (p * (1 - p))) @ rows)[j]
    yield optimum + along * (value - optimum[j]) / along[j]
    yield from 5 * np.random.default_rng(0).normal(size=(30, len(optimum)))


def small_data(seed):
    """Return data of 8 to 30 rows, every third set with ties, every fourth separated."""
    rng = np.random.default_rng(seed)
    n_samples, n_features = int(rng.integers(8, 30)), int(rng.integers(1, 3))
    X = rng.normal(size=(n_samples, n_features))
    if seed % 3 == 0:
        X = np.round(X * 2)
    y = rng.integers(0, 2, size=n_samples)
    if seed % 4 == 0:
        y = (X[:, 0] > np.quantile(X[:, 0], 0.7)).astype(int)
    y[:2] = [0, 1]
    return X, y


def test_an_event_in_eight_has_an_interval_that_brentq_finds():
    X, y = np.arange(8.0)[:, None], np.array([0] * 7 + [1])
    result = fit(X, y)
    rows, start = np.column_stack([np.ones(8), X]), np.asarray(result.params)
    most = penalised_loss(start, rows, y)[0] + FALL
    intervals = result.conf_int(method="profile")
    for j, sides in enumerate(intervals):
        for side in sides:

            def excess(value, j=j):
                return least_with(rows, y, j, value, next(starts_at(rows, j, value, start))) - most

            expected = brentq(excess, start[j], start[j] + 2 * (side - start[j]), xtol=1e-10)
            assert_allclose(side, expected, rtol=1e-6)


@pytest.mark.parametrize("seed", range(100))
def test_penalised_likelihood_has_fallen_by_the_same_at_every_end(seed):
    X, y = small_data(seed)
    result = fit(X, y)
    rows, start = np.column_stack([np.ones(len(X)), X]), np.asarray(result.params)
    least, _ = penalised_loss(start, rows, y)
    for j, (lower, upper) in enumerate(result.conf_int(method="profile")):
        assert lower < start[j] < upper
        for end in (lower, upper):
            starts = starts_at(rows, j, end, start)
            falls = (least_with(rows, y, j, end, s) - least for s in starts)
            # There may be several maxima. The root is known to 1e-7 of the distance, SciPy's
            # maxima to its gtol.
            assert any(abs(fall - FALL) <= 1e-6 * FALL for fall in falls)


def test_ends_of_many_separated_rows_are_found():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    result = fit(X, (X[:, 0] > 0).astype(int))
    for level in (0.1, 0.95, 0.99):
        lower, upper = result.conf_int(level, method="profile").T
        assert np.all((lower < result.params) & (result.params < upper))


def test_an_end_that_is_not_found_is_nan_with_a_warning(monkeypatch):
    X, y = small_data(1)
    result = fit(X, y)
    monkeypatch.setattr(penalised_profile, "MAX_TRIALS", 1)
    with pytest.warns(ConvergenceWarning, match="interval is NaN"):
        assert np.isnan(result.conf_int(method="profile")).all()
    monkeypatch.setattr(penalised_profile, "MAX_ITER", 1)
    with pytest.warns(ConvergenceWarning, match="was not found"):
        assert np.all(result.profile_pvalues <= 1)


def test_tests_and_ends_of_good_data_are_found_without_a_warning():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    y = (X[:, [0]] * [0, 1, 2] + rng.gumbel(size=(60, 3))).argmax(axis=1)
    result = fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(result.conf_int(method="profile")).all()
        assert result.likelihood_ratio_test([1, 2]).df == 4
