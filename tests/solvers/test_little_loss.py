"""Where nearly all samples are told apart, a small gradient says little and steps lead far."""

import warnings

import mpmath
import numpy as np
import pytest
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


# Of the six fits none warns; in a debug build three with the whole Hessian come to max_iter.
@pytest.mark.parametrize(
    ("solver", "most_caught"), [("newton-cholesky", 5), ("newton-cg", 1), ("lbfgs", 1)]
)
@pytest.mark.parametrize("center", [0.0, 1e12])
def test_huge_wide_data(solver, most_caught, center):
    # A penalty on coefficients of 1e-12 is next to nothing, and so is the loss that they leave.
    n_samples, n_features, n_classes, n_caught = 40, 150, 4, 0
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        X = center + rng.normal(size=(n_samples, n_features)) * 10.0 ** rng.choice([9, 12])
        y = rng.integers(0, n_classes, n_samples)
        value, caught = end(X, y, solver)
        # The optimum is next to nothing. Below this, what is left counts as rounding errors, see
        # NewtonSolver.is_solved_to_rounding.
        assert caught or value <= np.sqrt(np.finfo(np.float64).eps) * 1e-4
        n_caught += bool(caught)
    assert n_caught <= most_caught


# Of the ten fits, 5 to 7 and 0 to 3 warn, by what a build and BLAS do to rounding errors; L-BFGS
# needs more than the 100 iterations.
@pytest.mark.parametrize(
    ("solver", "most_caught"), [("newton-cholesky", 9), ("newton-cg", 5), ("lbfgs", 10)]
)
def test_columns_of_very_different_size(solver, most_caught):
    # The last direction promises little, may be made of rounding errors, and lead anywhere.
    n_caught = 0
    for seed in (7, 12, 20, 27, 49):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(40, 100)) * 10.0 ** rng.integers(-12, 13, 100)
        value, caught = end(X, rng.integers(0, 4, 40), solver)
        assert caught or value < 1e-3
        n_caught += bool(caught)
        rng = np.random.default_rng(seed)
        X = rng.standard_cauchy((40, 100)) ** 3
        value, caught = end(X, rng.integers(0, 4, 40), solver, C=1e6)
        assert caught or value < 1e-3
        n_caught += bool(caught)
    assert n_caught <= most_caught


def nearly_separable(seed):
    """Return X, y and a large C."""
    rng = np.random.default_rng(seed)
    n_samples, n_features, n_classes, C = 300, 20, 6, 10.0 ** rng.uniform(3, 6)
    X = rng.normal(size=(n_samples, n_features))
    scores = X @ rng.normal(size=(n_features, n_classes))
    return X, np.argmax(scores + 0.1 * rng.gumbel(size=scores.shape), axis=1), C


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("seed", SEEDS)
def test_weak_penalty_on_nearly_separable_classes(solver, seed):
    X, y, C = nearly_separable(seed)
    optimum, _ = end(X, y, "newton-cholesky", C=C, tol=1e-10, max_iter=1000)
    value, caught = end(X, y, solver, C=C)
    assert not caught
    assert value <= optimum * (1 + SUBOPTIMALITY)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("seed", SEEDS)
def test_too_few_iterations_are_named(solver, seed):
    # The gradient is within tol long before the objective is near the optimum.
    X, y, C = nearly_separable(seed)
    optimum, _ = end(X, y, "newton-cholesky", C=C, tol=1e-10, max_iter=1000)
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
