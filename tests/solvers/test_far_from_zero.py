"""Entries far from all others, or columns far from zero, leave little of a number's digits."""

import numpy as np
import pytest
from scipy.special import logsumexp

from sklogloss import LogLossClassifier

pytestmark = pytest.mark.filterwarnings("error")

STRENGTH = 0.01
EPS = np.finfo(np.float64).eps


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


def exact_objective(X, y, clf, l1_ratio):
    """Return the least mean objective: Newton's method with 60 digits, in the signs of clf.coef_.

    That the optimum has these signs is checked.
    """
    mpmath = pytest.importorskip("mpmath")
    exp, log = np.frompyfunc(mpmath.exp, 1, 1), np.frompyfunc(mpmath.log, 1, 1)
    number = np.frompyfunc(lambda x: mpmath.mpf(float(x)), 1, 1)
    with mpmath.workdps(60):
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
        for _ in range(100):
            scores = x1 @ theta.T
            scores = scores - scores.max(axis=1, keepdims=True)
            total = exp(scores).sum(axis=1, keepdims=True)
            proba = exp(scores) / total
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
            theta[is_free] -= np.array(list(step))
            if mpmath.norm(step) < 1e-25:
                break
        else:
            raise AssertionError("Newton's method did not converge")
        signs = np.sign(theta.astype(np.float64))[:, :-1]
        np.testing.assert_array_equal(signs, np.sign(start[:, :-1]))
        is_zero = (start == 0)[-len(clf.coef_) :, :-1]
        assert np.all(abs(gradient[-len(clf.coef_) :, :-1][is_zero]) <= STRENGTH * l1_ratio)
        loss = (log(total)[:, 0] - (scores * label).sum(axis=1)).sum() / n_samples
        return float(loss + (l2 * theta**2).sum() / 2 + (l1 * theta).sum())


@pytest.mark.parametrize("size", [1e6, 1e8])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.01, 0.5, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_row_far_from_all_others(n_classes, l1_ratio, size):
    X, y = simulate(n_classes=n_classes)
    X[3] *= size
    for label in range(n_classes):
        y[3] = label
        clf = fit(X, y, l1_ratio)
        # Where rounding keeps the gradient above tol, a solver ends at the root of eps.
        exact = exact_objective(X, y, clf, l1_ratio)
        assert objective(X, y, clf, l1_ratio) <= exact * (1 + np.sqrt(EPS))
