"""Where nearly all samples are told apart, a small gradient says little and steps lead far."""

import functools
import warnings

import mpmath
import numpy as np
import pytest
from fuzz.problems import Problem
from fuzz.verdicts import relative_gap
from scipy.special import expit, logsumexp
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

from sklogloss import LogLossClassifier

SOLVERS = ["newton-cholesky", "newton-cg", "lbfgs"]
SEEDS = range(6)
# What a fit that says it has converged may miss of the optimum, as a part of it: where rounding
# errors set the end, see LARGEST_SUBOPTIMALITY.
SUBOPTIMALITY = 1e-6


def objective(X, y, clf, sample_weight=None):
    """Return the mean objective (nats), by NumPy."""
    scores = X @ clf.coef_.T + clf.intercept_
    if scores.shape[1] == 1:
        scores = np.c_[np.zeros(len(y)), scores]
    # The loss itself, not a difference of larger numbers: it may be next to nothing.
    others = scores - scores[np.arange(len(y)), y][:, None]
    others[np.arange(len(y)), y] = -np.inf
    loss = np.logaddexp(0, logsumexp(others, axis=1))
    weight = np.ones(len(y)) if sample_weight is None else sample_weight
    penalty = np.sum(clf.coef_**2) / (2 * clf.C * weight.sum())
    return np.average(loss, weights=weight) + penalty


def end(X, y, solver, sample_weight=None, **parameters):
    """Return the objective where a fit ends, and its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf = LogLossClassifier(solver=solver, **parameters).fit(X, y, sample_weight)
    assert all(warning.category is ConvergenceWarning for warning in caught)
    return objective(X, y, clf, sample_weight), caught


def check_promise(X, y, solver, **parameters):
    """Assert that a fit comes within the promised gap, or warns."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf = LogLossClassifier(solver=solver, **parameters).fit(X, y)
    assert all(warning.category is ConvergenceWarning for warning in caught)
    problem = Problem(X, y, parameters=parameters)
    assert caught or relative_gap(problem, clf) <= 1


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("center", [0.0, 1e12])
def test_huge_wide_data(solver, center):
    # A penalty on coefficients of 1e-12 is next to nothing, and so is the loss that they leave.
    n_samples, n_features, n_classes = 40, 60, 4
    for seed in range(2):
        rng = np.random.default_rng(seed)
        X = center + rng.normal(size=(n_samples, n_features)) * 10.0 ** rng.choice([9, 12])
        y = rng.integers(0, n_classes, n_samples)
        check_promise(X, y, solver)


@pytest.mark.parametrize("solver", SOLVERS)
def test_columns_of_very_different_size(solver):
    # The last direction promises little, may be made of rounding errors, and lead anywhere.
    for seed in (7, 12):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(40, 50)) * 10.0 ** rng.integers(-12, 13, 50)
        check_promise(X, rng.integers(0, 4, 40), solver)
        rng = np.random.default_rng(seed)
        X = rng.standard_cauchy((40, 50)) ** 3
        check_promise(X, rng.integers(0, 4, 40), solver, C=1e6)


def nearly_separable(seed):
    """Return X, y and a large C."""
    rng = np.random.default_rng(seed)
    n_samples, n_features, n_classes, C = 300, 20, 6, 10.0 ** rng.uniform(3, 6)
    X = rng.normal(size=(n_samples, n_features))
    scores = X @ rng.normal(size=(n_features, n_classes))
    return X, np.argmax(scores + 0.1 * rng.gumbel(size=scores.shape), axis=1), C


@functools.cache
def optimum_of_nearly_separable(seed):
    """Return the objective that a long fit reaches."""
    X, y, C = nearly_separable(seed)
    return end(X, y, "newton-cholesky", C=C, tol=1e-10, max_iter=1000)[0]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("seed", SEEDS)
def test_weak_penalty_on_nearly_separable_classes(solver, seed):
    X, y, C = nearly_separable(seed)
    optimum = optimum_of_nearly_separable(seed)
    value, caught = end(X, y, solver, C=C)
    assert not caught
    assert value <= optimum * (1 + SUBOPTIMALITY)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("seed", SEEDS)
def test_too_few_iterations_are_named(solver, seed):
    # The gradient is within tol long before the objective is near the optimum.
    X, y, C = nearly_separable(seed)
    optimum = optimum_of_nearly_separable(seed)
    for max_iter in (5, 10, 12, 14, 20, 40, 60):
        value, caught = end(X, y, solver, C=C, max_iter=max_iter)
        assert caught or value <= optimum * (1 + SUBOPTIMALITY)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("seed", SEEDS)
def test_weights_of_very_different_size(solver, seed):
    rng = np.random.default_rng(seed)
    n_samples, n_features = 200, 10
    X = rng.normal(size=(n_samples, n_features))
    scores = X @ rng.normal(size=(n_features, 3))
    y = np.argmax(scores + rng.gumbel(size=scores.shape), axis=1)
    weight = 10.0 ** rng.uniform(-10, 10, n_samples)
    optimum, _ = end(X, y, "newton-cholesky", weight, tol=1e-12, max_iter=1000)
    value, caught = end(X, y, solver, weight)
    # max_iter may be too few for L-BFGS.
    is_named = solver == "lbfgs" and caught
    assert is_named or value <= optimum * (1 + SUBOPTIMALITY)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("gap", [1e6, 1e8, 1e15])
def test_the_optimum_under_a_weak_penalty_is_reached_however_little_the_loss(solver, gap):
    # Time stamps, populations: two samples far apart. By symmetry the logits are -u and u, and the
    # coefficient 2 u / gap, of 2 ln(1 + e^-u) + coef^2 / 2.
    with mpmath.workdps(50):
        square = mpmath.mpf(gap) ** 2
        u = mpmath.findroot(lambda u: u - mpmath.log(square / (2 * u) - 1), 2 * mpmath.log(gap))
        expected = float(2 * u / gap)
    clf = LogLossClassifier(solver=solver, max_iter=1000).fit([[0.0], [gap]], [0, 1])
    # The objective is within 1e-11 of the optimum, relatively; its curvature there, along the
    # logarithm of the coefficient, is as large as itself times u, about 30 and more.
    assert clf.coef_[0, 0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("C", [1e10, 1e14, 1e20])
def test_a_very_weak_penalty_has_its_own_optimum(C):
    X, y = load_iris(return_X_y=True)
    X, y = X[y < 2], y[y < 2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf = LogLossClassifier(C=C).fit(X, y)
    # The gradient of the loss, without cancelling, and that of the penalty.
    sign = np.where(y == 1, 1, -1)
    wrong = expit(-sign * clf.decision_function(X))
    gradient = X.T @ (-sign * wrong)
    coef = clf.coef_[0]
    # A gap of 1e-11 leaves the root of it in the gradient; margins have rounding errors of
    # about 1e2 eps, which enter the loss relatively.
    np.testing.assert_allclose(-C * gradient, coef, rtol=0, atol=1e-5 * np.abs(coef).max())
