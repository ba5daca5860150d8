"""Paths of penalties: each solution is that of its penalty, however it was started."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sklogloss import logloss_path
from sklogloss.penalties import Penalty
from sklogloss.solvers.path import PathPoint, solve_from, solve_path
from sklogloss.solvers.plan import Facts, make_plan
from sklogloss.solvers.stopping import Goal, Verdict

pytestmark = pytest.mark.filterwarnings("error")

STRENGTHS = [0.1, 0.03, 0.01, 0.003, 0.001]
GOAL = Goal.of(1e-6, 200)
# Solver, fraction of L1, bounds.
CASES = [
    ("newton-cholesky", 0.0, "none"),
    ("newton-cg", 0.0, "none"),
    ("lbfgs", 0.0, "none"),
    ("newton-cholesky", 0.0, "positive"),
    ("newton-cg", 0.0, "mixed"),
    ("coordinate-descent", 1.0, "none"),
    ("coordinate-descent", 0.5, "box"),
]


def penalties_of(l1_ratio, lower=-np.inf, upper=np.inf, factor=1.0):
    return [
        Penalty(l1_ratio * s * factor, (1 - l1_ratio) * s * factor, lower, upper) for s in STRENGTHS
    ]


@pytest.fixture
def make_problems(log_loss_problem, log_loss_data, bounds_of):
    """Return a function that makes the problems of a path and of one next to it."""

    def make(l1_ratio, bounds, n_classes, n_samples=300, n_features=12, density=None):
        X, y = log_loss_data(n_samples, n_features, n_classes, density=density)
        lower, upper = bounds_of(bounds, (n_features, 1 if n_classes == 2 else n_classes))
        penalties = penalties_of(l1_ratio, lower, upper)

        def of_rows(rows):
            return [
                log_loss_problem(X[rows], y[rows], l1=p.l1, l2=p.l2, lower=lower, upper=upper)
                for p in penalties
            ]

        return of_rows(slice(None)), of_rows(slice(n_samples // 5, None)), penalties

    return make


def check(path, problems, objective, tol=GOAL.tol):
    for point, problem in zip(path, problems, strict=True):
        assert point.result.converged
        # point.theta is that of the objective that was given.
        coef_intercept = objective.coef_intercept(point.theta)
        assert problem.violation(*coef_intercept) <= tol * (1 + 1e-6)
        other = point.result.objective.coef_intercept(point.result.theta)
        np.testing.assert_allclose(coef_intercept[0], other[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("solver", "l1_ratio", "bounds"), CASES)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("density", [None, 0.4])
def test_each_solution_is_the_optimum(make_problems, solver, l1_ratio, bounds, n_classes, density):
    problems, _, penalties = make_problems(l1_ratio, bounds, n_classes, density=density)
    objective = problems[0].objective()
    path = list(solve_path(objective, penalties, GOAL, solver=solver))
    check(path, problems, objective)
    assert all(point.plan.solver == solver for point in path)
    last = problems[-1].value(*objective.coef_intercept(path[-1].theta))
    assert last <= problems[-1].optimum() * (1 + 1e-9)


@pytest.mark.parametrize(("solver", "l1_ratio", "bounds"), CASES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_guide_changes_no_solution(make_problems, solver, l1_ratio, bounds, n_classes):
    problems, near, penalties = make_problems(l1_ratio, bounds, n_classes, 1500, 60)
    objective = problems[0].objective()
    guide = list(solve_path(objective, penalties, GOAL, solver=solver, guides=True))
    check(guide, problems, objective)
    rows = np.arange(300, 1500)
    other = objective.replace(samples=objective.samples.take(rows))
    path = list(solve_path(other, penalties, GOAL, solver=solver, guide=guide))
    check(path, near, other)
    # It starts next to the solution.
    alone = list(solve_path(other, penalties, GOAL, solver=solver))
    assert sum(p.result.n_iter for p in path) <= sum(p.result.n_iter for p in alone)


@pytest.mark.parametrize("factor", [None, "some free"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_working_sets_along_a_path_miss_no_feature(
    log_loss_problem, log_loss_data, n_classes, factor
):
    X, y = log_loss_data(100, 1200, n_classes)
    factor = 1.0 if factor is None else np.where(np.arange(1200) % 600, 1.0, 0.0)[:, None]
    penalties = penalties_of(1.0, factor=factor)[:4]
    problems = [log_loss_problem(X, y, l1=penalty.l1) for penalty in penalties]
    objective = problems[0].objective()
    path = list(solve_path(objective, penalties, Goal.of(1e-5, 500), solver="auto"))
    check(path, problems, objective, tol=1e-5)


def test_points_come_one_by_one(make_problems):
    problems, _, penalties = make_problems(0.0, "none", 2)
    path = solve_path(problems[0].objective(), penalties, GOAL, solver="newton-cholesky")
    first = next(path)
    assert first.result.converged
    assert problems[0].violation(*first.result.objective.coef_intercept(first.theta)) <= GOAL.tol


@pytest.mark.parametrize("solver", ["newton-cholesky", "newton-cg"])
def test_no_factor_is_kept_for_each_penalty(make_problems, solver):
    # With room for the Hessians of guides or without.
    for n_features in (12, 60):
        problems, _, penalties = make_problems(0.0, "none", 2, n_features=n_features)
        penalties *= 1 if n_features == 12 else 2_000
        path = solve_path(problems[0].objective(), penalties, GOAL, solver=solver)
        for _ in STRENGTHS:
            result = next(path).result
            assert result.converged
            assert result.factored_point is None
            assert result.last_point.factor is None


def test_digits_along_a_path_come_within_the_gap_of_tol(log_loss_problem):
    # The Hessian of the penalty before says how far the optimum is, and is wrong by a factor.
    X, y = load_digits(return_X_y=True)
    X = X / 16
    loose, tight = (logloss_path(X, y, Cs=20, tol=tol, n_jobs=1) for tol in (1e-4, 1e-9))
    for C, *ends in zip(
        loose.Cs, loose.coefs, loose.intercepts, tight.coefs, tight.intercepts, strict=True
    ):
        problem = log_loss_problem(X, y, l2=1 / (C * len(X)))
        value, least = (
            problem.value(coef.T, intercept)
            for coef, intercept in zip(ends[::2], ends[1::2], strict=True)
        )
        # A gap of 1e-11, which is predicted to a digit, and the rounding errors of a sum.
        assert value <= least * (1 + 1e-10 + len(X) * np.finfo(np.float64).eps)


def test_a_start_close_by_saves_iterations(make_problems):
    problems, _, penalties = make_problems(0.0, "none", 3)
    objective = problems[0].objective()
    path = list(solve_path(objective, penalties, GOAL, solver="newton-cg"))
    alone = [
        next(solve_path(objective, [penalty], GOAL, solver="newton-cg")) for penalty in penalties
    ]
    n_iter, n_alone = (sum(p.result.n_iter for p in points) for points in (path, alone))
    assert n_iter < n_alone


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_point_far_from_the_solution_is_as_good_a_start(make_problems, dtype):
    problems, *_ = make_problems(0.0, "none", 3)
    problem = problems[2]
    problem.X = problem.X.astype(dtype)
    objective = problem.objective()
    parts = objective.samples, objective.loss, objective.penalty, objective.fit_intercept
    plan = make_plan(Facts.of(*parts), "newton-cholesky")
    theta = np.random.default_rng(0).normal(size=objective.n_parameters)
    start = PathPoint(theta, None, plan, solve_hessian=lambda b: 1e-3 * b)
    point = solve_from(start, objective, Goal.of(1e-5, 200))
    assert point.result.converged
    assert problem.violation(*point.result.objective.coef_intercept(point.theta)) <= 1e-5


@pytest.mark.parametrize("solver", ["newton-cholesky", "newton-cg", "lbfgs"])
def test_max_iter_is_for_each_penalty(make_problems, solver):
    problems, _, penalties = make_problems(0.0, "none", 3)
    goal = Goal.of(1e-12, 1)
    path = list(solve_path(problems[0].objective(), penalties, goal, solver=solver))
    assert all(point.result.n_iter == 1 for point in path)
    assert all(point.result.verdict is Verdict.MAX_ITER for point in path)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_columns_next_to_the_largest_number_overflow_without_a_warning(n_classes):
    rng = np.random.default_rng(0)
    X, y = 1e300 * rng.normal(size=(300, 5)), rng.integers(n_classes, size=300)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        logloss_path(X, y, l1_ratio=1.0, Cs=10)
