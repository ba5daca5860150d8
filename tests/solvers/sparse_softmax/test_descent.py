"""Coordinate descent on the log loss of several classes."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import logsumexp, softmax

from sklogloss._cython.coordinate_descent import descend_softmax
from sklogloss.solvers.sparse_softmax.descent import SoftmaxDescent
from sklogloss.solvers.stopping import Goal

N_SAMPLES, N_FEATURES, N_CLASSES = 60, 8, 5
L1, L2 = 0.01, 0.02


def objective(X, target, weight, x):
    raw_prediction = X @ x
    loss = logsumexp(raw_prediction, axis=1) - np.sum(target * raw_prediction, axis=1)
    return weight @ loss + L1 * np.abs(x).sum() + L2 / 2 * np.sum(x**2)


# The largest takes steps whose exponentials overflow.
@pytest.mark.parametrize("size", [1, 1e2, 1e6])
@pytest.mark.parametrize("shared", [0.0, 1.0])
def test_gain_and_probabilities_are_those_of_the_coefficients(size, shared):
    rng = np.random.RandomState(0)
    X = sparse.random(N_SAMPLES, N_FEATURES, density=0.4, random_state=rng).tocsc()
    X.data[::7] *= size
    target = np.eye(N_CLASSES)[rng.randint(N_CLASSES, size=N_SAMPLES)]
    weight = rng.uniform(0.5, 1.5, N_SAMPLES) / N_SAMPLES
    x = np.zeros((N_FEATURES, N_CLASSES))
    proba = softmax(X @ x, axis=1)
    start = objective(X, target, weight, x)
    gain = descend_softmax(
        X.indptr,
        X.indices,
        X.data,
        rng.permutation(N_FEATURES),
        weight,
        np.ascontiguousarray(X.T @ (weight[:, None] * target)),
        np.full(N_FEATURES, L2),
        np.full(N_FEATURES, L1),
        x,
        proba,
        shared,
    )
    assert gain > 0
    assert x.any()
    assert gain == pytest.approx(start - objective(X, target, weight, x), rel=1e-9)
    # Those of a raw prediction have an error of its size times the unit roundoff.
    largest = max(1, np.abs(X @ x).max())
    np.testing.assert_allclose(proba, softmax(X @ x, axis=1), atol=1e-14 * largest)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("case", ["plain", "weights", "offset", "factors", "dense"])
def test_rounds_lead_to_the_optimum(log_loss_problem, log_loss_data, case, fit_intercept):
    X, y = log_loss_data(80, 120, 4, density=None if case == "dense" else 0.1)
    rng = np.random.default_rng(1)
    weight = rng.uniform(0.5, 2, 80) if case == "weights" else None
    offset = rng.normal(size=(80, 4)) if case == "offset" else None
    factor = np.exp2(np.arange(120) % 5 - 2)[:, None] if case == "factors" else 1.0
    problem = log_loss_problem(
        X,
        y,
        l1=0.01 * factor,
        l2=0.005 * factor,
        weight=weight,
        offset=offset,
        fit_intercept=fit_intercept,
    )
    objective = problem.objective()
    start = objective.value_gradient(objective.start())
    point, n_rounds, has_converged = SoftmaxDescent(objective, Goal.of(1e-4, 100)).solve(start)
    assert has_converged
    assert n_rounds < 100
    best = problem.optimum()
    assert point.value == pytest.approx(problem.value(*objective.coef_intercept(point.theta)))
    # A round that gains less than 3e-7 of the objective is the last; Newton steps follow.
    assert best * (1 - 1e-12) <= point.value <= best * (1 + 1e-5)


def test_sweeps_without_l1_improve_what_they_are_given(log_loss_problem, log_loss_data):
    X, y = log_loss_data(80, 120, 4, density=0.1)
    problem = log_loss_problem(X, y, l2=0.005)
    objective = problem.objective()
    start = objective.value_gradient(objective.start())
    theta = SoftmaxDescent(objective, Goal.of(1e-4, 100)).improve(start)
    value, best = objective.value_gradient(theta).value, problem.optimum()
    # The first sweep gains more than a thousandth of the objective, so that others follow.
    assert best * (1 - 1e-12) <= value <= best + 0.01 * (start.value - best)
    # What all classes have in common only adds to the penalty.
    coef, _ = objective.coef_intercept(theta)
    np.testing.assert_allclose(coef.sum(axis=1), 0, rtol=0, atol=1e-14)


def test_verbose_prints_a_line_for_each_round(log_loss_problem, log_loss_data, capsys):
    X, y = log_loss_data(80, 120, 4, density=0.1)
    objective = log_loss_problem(X, y, l1=0.01).objective()
    start = objective.value_gradient(objective.start())
    _, n_rounds, _ = SoftmaxDescent(objective, Goal.of(1e-4, 100, verbose=1)).solve(start)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == n_rounds
    assert all(line.startswith("round ") for line in lines)
