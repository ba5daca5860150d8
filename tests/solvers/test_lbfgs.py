"""L-BFGS alone, with and without bounds: it ends at the optimum, but does not know it."""

import numpy as np
import pytest

from sklogloss.solvers.lbfgs import LBFGS
from sklogloss.solvers.stopping import Goal, Verdict

pytestmark = pytest.mark.filterwarnings("error")


def solve(objective, goal=None, theta=None):
    goal = goal or Goal.of(1e-8, 1000)
    return LBFGS(objective, goal).solve(objective.start() if theta is None else theta)


@pytest.mark.parametrize("name", ["none", "positive", "box", "mixed", "fixed"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("density", [None, 0.5])
def test_optimum_is_that_of_scipy(
    log_loss_problem, log_loss_data, bounds_of, name, n_classes, density
):
    X, y = log_loss_data(n_classes=n_classes, density=density)
    # L-BFGS itself does not scale the columns.
    X = X * np.exp2(np.arange(12) % 7 - 3) if density is None else X
    n_columns = 1 if n_classes == 2 else n_classes
    lower, upper = bounds_of(name, (12, n_columns))
    offset = np.random.default_rng(1).normal(size=(200, n_columns))
    problem = log_loss_problem(X, y, l2=0.01, lower=lower, upper=upper, offset=offset)
    objective = problem.objective()
    result = solve(objective, Goal.of(1e-5, 1000))
    assert result.verdict is Verdict.STALLED
    assert not result.converged
    coef_intercept = objective.coef_intercept(result.theta)
    assert problem.violation(*coef_intercept) <= 1e-5
    # By strong convexity, the squared gradient over twice the penalty.
    left = 12 * n_columns * 1e-5**2 / (2 * 0.01)
    assert problem.value(*coef_intercept) <= problem.optimum() + left
    assert result.value == pytest.approx(problem.value(*coef_intercept), rel=1e-13)


def test_what_is_at_a_bound_stays_there_exactly(log_loss_problem, log_loss_data, bounds_of):
    # Division by the scale of a variable would round.
    X, y = log_loss_data(n_classes=3)
    lower, upper = bounds_of("box", (12, 3))
    objective = log_loss_problem(X, y, l2=1e-3, lower=lower, upper=upper).objective()
    for max_iter in (1, 5, 20, 1000):
        coef, _ = objective.coef_intercept(solve(objective, Goal.of(1e-8, max_iter)).theta)
        assert np.all((lower <= coef) & (coef <= upper))
    assert np.any(coef == lower)
    assert np.any(coef == upper)


@pytest.mark.parametrize("max_iter", [0, 1, 2, 11])
def test_max_iter(log_loss_problem, log_loss_data, max_iter):
    X, y = log_loss_data(n_classes=3)
    objective = log_loss_problem(X, y, l2=1e-5).objective()
    result = solve(objective, Goal.of(1e-10, max_iter))
    assert result.verdict is Verdict.MAX_ITER
    assert result.n_iter == max_iter
    if max_iter == 0:
        np.testing.assert_array_equal(result.theta, objective.start())


def test_the_last_quarter_of_max_iter_is_left_to_newton_steps(log_loss_problem, log_loss_data):
    X, y = log_loss_data()
    objective = log_loss_problem(X, y, l2=0.01).objective()
    needed = solve(objective, Goal.of(1e-3, 1000)).n_iter
    result = solve(objective, Goal.of(1e-3, needed))
    assert result.verdict is Verdict.STALLED
    assert result.n_iter == np.ceil(0.75 * needed)
    assert result.max_gradient <= 1e-3


@pytest.mark.parametrize("size", [1e200, np.inf])
def test_overflow(log_loss_problem, log_loss_data, size):
    X, y = log_loss_data()
    objective = log_loss_problem(X, y, l2=0.01).objective()
    result = solve(objective, theta=np.full(objective.n_parameters, size))
    assert result.verdict in (Verdict.OVERFLOW, Verdict.STALLED)
    assert not result.converged


def test_the_optimum_is_an_end(log_loss_problem, log_loss_data):
    X, y = log_loss_data()
    objective = log_loss_problem(X, y, l2=0.01).objective()
    first = solve(objective)
    again = solve(objective, theta=first.theta)
    assert again.n_iter <= 5
    assert again.value <= first.value


def test_verbose_prints_a_line_for_each_iteration(log_loss_problem, log_loss_data, capsys):
    X, y = log_loss_data()
    objective = log_loss_problem(X, y, l2=0.01).objective()
    result = solve(objective, Goal.of(1e-8, 1000, verbose=1))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == result.n_iter
    assert all(line.startswith(f"iteration {i}: ") for i, line in enumerate(lines, start=1))
