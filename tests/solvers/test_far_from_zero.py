"""Entries far from all others, or columns far from zero, leave little of a number's digits."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.special import logsumexp
from sklearn.exceptions import ConvergenceWarning

from sklogloss import FocalLogisticRegression, LogLossClassifier, LogLossClassifierCV, logloss_path
from sklogloss.linear.objective import Objective

pytestmark = pytest.mark.filterwarnings("error")

STRENGTH = 0.01
# A fit that rounding errors end may be worse than the optimum by this part without a warning.
SUBOPTIMALITY = 1e-6


def simulate(n_samples=40, n_features=4, n_classes=2):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, n_features))
    scores = X @ np.linspace(-1, 1, n_features) + rng.logistic(size=n_samples)
    return X, np.digitize(scores, np.linspace(-1, 1, n_classes + 1)[1:-1])


def fit(X, y, l1_ratio, **parameters):
    return LogLossClassifier(C=1 / STRENGTH / len(y), l1_ratio=l1_ratio, **parameters).fit(X, y)


def objective(X, y, clf, l1_ratio):
    """Return the mean objective, by NumPy."""
    coef = clf.coef_.astype(np.float64)
    scores = X.astype(np.float64) @ coef.T + clf.intercept_
    if len(coef) == 1:
        scores = np.c_[np.zeros(len(y)), scores]
    penalty = (1 - l1_ratio) / 2 * np.sum(coef**2) + l1_ratio * np.abs(coef).sum()
    loss = logsumexp(scores, axis=1) - scores[np.arange(len(y)), y]
    return loss.mean() + STRENGTH * penalty


def check_end(X, y, container, l1_ratio):
    """Check that a fit ends at the optimum, or says that it does not, and return it.

    Where some entries are 1e8 times as large as others, rounding errors, which differ from one
    compiler to another, may end a fit early.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf = fit(container(X), y, l1_ratio)
    if np.abs(X).max() < 1e8 or not caught:
        assert not caught
        exact = exact_objective(X, y, clf, l1_ratio)
        assert objective(X, y, clf, l1_ratio) <= exact * (1 + SUBOPTIMALITY)
    assert all(warning.category is ConvergenceWarning for warning in caught)
    return clf


def exact_objective(X, y, clf, l1_ratio):
    """Return the least mean objective: Newton's method with 100 digits, in the signs of clf.coef_.

    That the optimum has these signs is checked.
    """
    mpmath = pytest.importorskip("mpmath")
    exp, log = np.frompyfunc(mpmath.exp, 1, 1), np.frompyfunc(mpmath.log, 1, 1)
    number = np.frompyfunc(lambda x: mpmath.mpf(float(x)), 1, 1)
    with mpmath.workdps(100):
        n_classes, (n_samples, n_features) = y.max() + 1, X.shape
        x1 = number(np.c_[X, np.ones(n_samples)])
        label = np.eye(n_classes, dtype=int)[y]
        # Class 0 of two has no coefficients; of more, its intercept is zero.
        start = np.zeros((n_classes, n_features + 1))
        start[-len(clf.coef_) :] = np.c_[clf.coef_, clf.intercept_]
        start[:, -1] -= start[0, -1]
        theta, is_coef = number(start), np.arange(n_features + 1) < n_features
        l1 = number(STRENGTH * l1_ratio * np.sign(start) * is_coef)
        l2 = number(STRENGTH * (1 - l1_ratio) * is_coef)
        is_free = start != 0
        is_free[1:, -1] = True

        def value_proba(theta):
            scores = x1 @ theta.T
            scores = scores - scores.max(axis=1, keepdims=True)
            total = exp(scores).sum(axis=1, keepdims=True)
            loss = (log(total)[:, 0] - (scores * label).sum(axis=1)).sum() / n_samples
            return loss + (l2 * theta**2).sum() / 2 + (l1 * theta).sum(), exp(scores) / total

        value, proba = value_proba(theta)
        for _ in range(100):
            gradient = (proba - label).T @ x1 / n_samples + l2 * theta
            hessian = np.zeros((n_classes, n_features + 1) * 2, dtype=object)
            for k in range(n_classes):
                for m in range(n_classes):
                    curvature = proba[:, k] * (int(k == m) - proba[:, m]) / n_samples
                    hessian[k, :, m] = x1.T @ (x1 * curvature[:, None])
                    if k == m:
                        hessian[k, :, m] += np.diag(l2)
            free = hessian[is_free][:, is_free]
            slope = (gradient + l1)[is_free]
            step = mpmath.lu_solve(mpmath.matrix(free.tolist()), mpmath.matrix(slope.tolist()))
            step = np.array(list(step))
            if np.abs(step).max() < 1e-25:
                break
            start_value, value = value, np.inf
            while value > start_value:
                trial = theta.copy()
                trial[is_free] -= step
                value, proba = value_proba(trial)
                step = step / 2
            theta = trial
        else:
            raise AssertionError("Newton's method did not converge")
        signs = np.sign(theta.astype(np.float64))[:, :-1]
        np.testing.assert_array_equal(signs, np.sign(start[:, :-1]))
        is_zero = (start == 0)[-len(clf.coef_) :, :-1]
        assert np.all(abs(gradient[-len(clf.coef_) :, :-1][is_zero]) <= STRENGTH * l1_ratio)
        return float(value)


@pytest.mark.parametrize("size", [1e6, 1e8])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.01, 0.5, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_row_far_from_all_others(n_classes, l1_ratio, size):
    X, y = simulate(n_classes=n_classes)
    X[3] *= size
    for label in range(n_classes):
        y[3] = label
        check_end(X, y, np.asarray, l1_ratio)


@pytest.mark.parametrize("size", [1e6, 1e8])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.01, 0.5, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_far_row_of_float32(container, n_classes, l1_ratio, size):
    X, y = simulate(n_classes=n_classes)
    X[3] *= size
    X[5, 1] = -size
    X = X.astype(np.float32)
    clf = check_end(X, y, container, l1_ratio)
    assert clf.coef_.dtype == clf.intercept_.dtype == np.float32


def test_size_that_overflows_in_float32():
    # The squares of the entries do.
    X, y = simulate()
    X[3] *= 1e30
    X = X.astype(np.float32)
    clf = fit(X, y, 0.0)
    assert objective(X, y, clf, 0.0) <= exact_objective(X, y, clf, 0.0) * (1 + SUBOPTIMALITY)


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_offset_too_large_for_float32_coefficients(l1_ratio):
    # Coefficients of size 1 are known to 1e-7, times the offset to 0.4. X itself is known to 0.25.
    X, y = simulate()
    X = (X + 4e6).astype(np.float32)
    with pytest.warns(ConvergenceWarning, match="X is float32 and too far from zero"):
        fit(X, y, l1_ratio)
    clf = fit(X.astype(np.float64), y, l1_ratio)
    exact = exact_objective(X, y, clf, l1_ratio)
    assert objective(X, y, clf, l1_ratio) <= exact * (1 + SUBOPTIMALITY)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_float32_coefficients_of_columns_far_from_zero_lose_next_to_nothing(n_classes, l1_ratio):
    # The intercept, about 1e5, is known to 0.004, whose square would be 1e-5 of the objective.
    X, y = simulate(n_samples=1000, n_features=10, n_classes=n_classes)
    X = (X * 0.03 - 1000).astype(np.float32)
    clf = fit(X, y, l1_ratio, tol=1e-8)
    X = X.astype(np.float64)
    exact = objective(X, y, fit(X, y, l1_ratio, tol=1e-8), l1_ratio)
    assert objective(X, y, clf, l1_ratio) <= exact * (1 + SUBOPTIMALITY / 10)


@pytest.mark.parametrize("tol", [1e-4, 10])
def test_float32_path_of_columns_far_from_zero(tol):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(5000, 20))
    y = (X.sum(axis=1) + 0.3 * rng.logistic(size=5000) > 0).astype(int)
    X = (1000 + X).astype(np.float32)
    path = logloss_path(X, y, Cs=10, tol=tol)
    X = X.astype(np.float64)
    exact = logloss_path(X, y, Cs=path.Cs, tol=1e-8)
    fits = zip(path.coefs, exact.coefs, path.intercepts, exact.intercepts, strict=True)
    for C, both in zip(path.Cs, fits, strict=True):
        values = []
        for coef, intercept in zip(both[:2], both[2:], strict=True):
            coef = coef[0].astype(np.float64)
            scores = X @ coef + float(intercept[0])
            values.append(np.logaddexp(0, np.where(y, -scores, scores)).sum() + coef @ coef / 2 / C)
        assert values[0] <= values[1] * (1 + SUBOPTIMALITY)


def test_float32_path_too_far_from_zero_for_its_coefficients():
    X, y = simulate()
    X = (X + 4e6).astype(np.float32)
    with pytest.warns(ConvergenceWarning, match="X is float32 and too far from zero"):
        logloss_path(X, y, Cs=[1.0, 10.0], l1_ratio=1)


@pytest.mark.parametrize("estimator", [LogLossClassifierCV, FocalLogisticRegression])
def test_far_row_of_float32_elsewhere(estimator):
    X, y = simulate(n_samples=120, n_classes=3)
    X[3] *= 1e6
    X[5, 1] = -1e6
    X = X.astype(np.float32)
    parameters = {"Cs": [1.0], "cv": 3} if estimator is LogLossClassifierCV else {}
    clf = estimator(**parameters).fit(X, y)
    wide = estimator(**parameters).fit(X.astype(np.float64), y)
    assert clf.coef_.dtype == np.float32
    # Predictions of the other rows; the root of what rounding the coefficients may cost.
    far = np.abs(X).max(axis=1) > 1e3
    expected = wide.predict_proba(X[~far].astype(np.float64))
    np.testing.assert_allclose(clf.predict_proba(X[~far]), expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_a_step_that_promises_less_than_nothing_is_no_end(container, fit_intercept, seed):
    # More columns than rows, of large entries, in float32: near the optimum the Hessian is made of
    # rounding errors, and a step along it may lead far up.
    rng = np.random.default_rng(seed)
    X = np.exp(rng.normal(5, 2, size=(60, 1000))).astype(np.float32)
    if container is not np.asarray:
        X[rng.uniform(size=X.shape) < 0.7] = 0
    y = np.arange(60) % 4
    clf = LogLossClassifier(fit_intercept=fit_intercept).fit(container(X), y)
    # The classes are told apart, and the penalty costs next to nothing.
    assert -clf.predict_log_proba(container(X))[np.arange(60), y].mean() < 1e-4


def test_float32_of_more_features_than_samples_is_solved_in_the_space_of_the_rows(monkeypatch):
    # Rows' cross-products in float32 leave nothing of the small columns beside the large ones.
    # In float64 they do, and products with all the columns are then not needed.
    X = np.exp(np.random.default_rng(0).normal(5, 2, size=(60, 1000))).astype(np.float32)
    n_features, product = [], Objective.hessian_product

    def counted(objective, point, direction):
        n_features.append(objective.n_features)
        return product(objective, point, direction)

    monkeypatch.setattr(Objective, "hessian_product", counted)
    LogLossClassifier().fit(X, np.arange(60) % 4)
    assert n_features
    assert max(n_features) <= 60


def test_squares_of_more_features_than_samples_may_leave_the_range_of_float32():
    X, y = np.random.default_rng(0).normal(size=(60, 1000)).astype(np.float32), np.arange(60) % 2
    expected = FocalLogisticRegression(C=1.0).fit(X, y).predict_proba(X)
    X = np.ldexp(X, 100)
    found = FocalLogisticRegression(C=2.0**-200).fit(X, y).predict_proba(X)
    # Both come within a relative 1e-7 of the optimum: its root, in raw predictions.
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-4)
