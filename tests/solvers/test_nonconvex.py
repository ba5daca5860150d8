"""Focal loss is not convex: the fit keeps the lowest minimum, and takes no saddle for one."""

import numpy as np
import pytest

from sklogloss.linear.objective import balanced_objective
from sklogloss.linear.samples import Samples, make_design
from sklogloss.losses import FocalLoss, LogLoss
from sklogloss.penalties import Penalty
from sklogloss.solvers.curvature import negative_curvature
from sklogloss.solvers.nonconvex import NonconvexSolver, _with_signs_kept
from sklogloss.solvers.plan import SMOOTH_SOLVERS, Facts, make_plan
from sklogloss.solvers.solve import solve
from sklogloss.solvers.stopping import Goal, Verdict

pytestmark = pytest.mark.filterwarnings("error")

GAMMA = 5.0


def focal_loss(margin, gamma=GAMMA):
    return np.exp(-gamma * np.logaddexp(0, margin)) * np.logaddexp(0, -margin)


def objective(X, y, sample_weight, *, l2, l1=0.0, loss=None):
    target, weight = np.reshape(y, (-1, 1)), np.asarray(sample_weight, dtype=np.float64)
    samples = Samples(make_design(np.asarray(X, dtype=np.float64)), target.astype(float), weight)
    kernel = (FocalLoss(GAMMA) if loss is None else loss).kernel()
    return balanced_objective(samples, kernel, Penalty(l1, l2), fit_intercept=False)


def solver_of(problem, name="newton-cholesky"):
    path = [LogLoss().kernel()]
    path += [FocalLoss(gamma).kernel(convex=True) for gamma in np.arange(1, GAMMA + 1)]
    return NonconvexSolver(name, problem, path, Goal.of(1e-8, 200))


def solve_from_zero(solver, problem):
    """Return the SolverResult of one start, zero, whatever the loss."""
    parts = problem.samples, problem.loss, problem.penalty, problem.fit_intercept
    plan = make_plan(Facts.of(*parts), solver)
    return solve(plan, problem, np.zeros(problem.n_parameters), Goal.of(1e-8, 200))


def pulls(size, ratio):
    """Return X, y, weights of two samples, a heavy one near zero and a light one, that disagree.

    The slope of focal loss at a wrong sample first grows and then falls as it gets worse. So the
    light sample holds out at first, and the heavy one wins further out. The pull of the heavy one
    at zero is ratio times the last of the light one.
    """
    pull_at_zero = 0.5**GAMMA * (0.5 + GAMMA / 2 * np.log(2))
    weight = ratio / (size * pull_at_zero)
    return np.array([[size], [1.0]]), np.array([1, 0]), np.array([weight, 1.0])


@pytest.mark.parametrize("solver", SMOOTH_SOLVERS)
@pytest.mark.parametrize(
    ("size", "ratio", "best"), [(0.01, 1.28, 0), (0.01, 1.4, 1), (1e-3, 1.3, 1)]
)
def test_keeps_the_lower_of_two_minima(solver, size, ratio, best):
    X, y, weight = pulls(size, ratio)
    l2 = 1e-12
    grid = np.logspace(-2, 4, 200_000)
    values = weight[0] * focal_loss(size * grid) + weight[1] * focal_loss(-grid)
    values = values / weight.sum() + l2 / 2 * grid**2
    is_minimum = (values[1:-1] < values[:-2]) & (values[1:-1] < values[2:])
    minima = values[1:-1][is_minimum]
    assert len(minima) == 2
    assert np.argmin(minima) == best

    nonconvex = solver_of(objective(X, y, weight, l2=l2), solver)
    result = nonconvex.solve(np.zeros(1))
    assert result.converged
    # Points of the grid are within a relative 4e-5 of the minima, their values within its square.
    distance = np.abs(nonconvex.start_values[:, None] / minima - 1)
    assert np.all(distance.min(axis=1) < 1e-7)
    if best == 0:
        # Zero leads to the other one.
        np.testing.assert_array_equal(distance.argmin(axis=1), [1, 0])
    assert result.value == nonconvex.start_values.min()
    assert result.value == pytest.approx(minima[best], rel=1e-7)
    coef, _ = result.objective.coef_intercept(result.theta)
    expected = grid[1:-1][is_minimum][best]
    assert coef[0, 0] == pytest.approx(expected, rel=1e-3)


def test_a_start_leads_to_a_minimum_if_all_the_way_falls_and_curves_upwards(monkeypatch):
    X, y, weight = pulls(0.01, 1.4)
    problem = objective(X, y, weight, l2=1e-12)
    nonconvex = solver_of(problem)

    def leads_to(start, end):
        start, end = (problem.theta([[coef]], 0.0) for coef in (start, end))
        return nonconvex._leads_to(start, problem.value_gradient(end))

    grid = np.logspace(-2, 4, 2000)
    values = [problem.value_gradient(problem.theta([[coef]], 0.0)).value for coef in grid]
    first, second = grid[1:-1][(np.diff(values)[:-1] < 0) & (np.diff(values)[1:] > 0)]
    for minimum in (first, second):
        assert leads_to(1.1 * minimum, minimum)
    # The hump between the two lies on the way, or the way goes up.
    assert not leads_to(first, second)
    assert not leads_to(second, first)
    assert not leads_to(second, 1.1 * second)
    # Where passes cost little, the second start is followed whatever its way looks like.
    monkeypatch.setattr(nonconvex, "_leads_to", lambda theta, end: True)
    for is_cheap in (False, True):
        nonconvex.is_cheap = is_cheap
        ends, of_start = nonconvex._follow_starts(problem.theta([[first]], 0.0))
        assert len(ends) == 1 + is_cheap
        assert of_start == (0, int(is_cheap))


@pytest.mark.parametrize("share", [100, 1000])
def test_minima_that_differ_by_little_of_the_objective_are_two(share):
    # Other samples, in another feature, have a loss that is larger by far.
    X, y, weight = pulls(0.01, 1.28)
    rng = np.random.default_rng(0)
    others = np.column_stack([np.zeros(50), rng.normal(size=50)])
    problem = objective(
        np.vstack([np.column_stack([X, np.zeros(2)]), others]),
        np.append(y, rng.integers(0, 2, 50)),
        np.append(weight, np.full(50, share * weight[0] / 50)),
        l2=1e-12,
    )
    nonconvex = solver_of(problem)
    result = nonconvex.solve(np.zeros(2))
    assert result.value == nonconvex.start_values.min() < nonconvex.start_values.max()
    coef, _ = result.objective.coef_intercept(result.theta)
    assert coef[0, 0] == pytest.approx(2.175, rel=1e-3)


def saddle():
    """Return samples whose objective is even in the second coefficient, with a saddle at zero.

    The first sample outweighs the two others, which are wrong by so much that their curvature is
    negative: the second coefficient can make one of them worse and the other one better.
    """
    X = np.array([[0.1, 0.0], [-1.0, 1.0], [-1.0, -1.0]])
    return X, np.array([1, 1, 1]), np.array([3000.0, 1.0, 1.0])


# Of the first coefficient, by minimising over a grid: within 1e-3.
SADDLE_AT = 6.961
SADDLE_L2 = 1e-7


def saddle_values(coef, X, weight):
    margins = X @ coef
    return weight @ focal_loss(margins) / np.sum(weight) + SADDLE_L2 / 2 * np.sum(coef**2, axis=0)


@pytest.mark.parametrize("solver", SMOOTH_SOLVERS)
@pytest.mark.parametrize("is_found_by", ["hessian", "products"])
def test_leaves_a_saddle(monkeypatch, solver, is_found_by):
    if is_found_by == "products":
        monkeypatch.setattr("sklogloss.solvers.curvature.PRODUCTS_PER_STEP", 0)
    X, y, weight = saddle()
    problem = objective(X, y, weight, l2=SADDLE_L2)
    # The axis has no slope towards its sides, and the solvers stay on it.
    on_axis = solve_from_zero(solver, problem)
    assert on_axis.converged
    coef, _ = on_axis.objective.coef_intercept(on_axis.theta)
    np.testing.assert_allclose(coef[:, 0], [SADDLE_AT, 0], atol=1e-3)

    result = solver_of(problem, solver).solve(np.zeros(2))
    coef, _ = result.objective.coef_intercept(result.theta)
    assert result.converged
    assert abs(coef[1, 0]) > 1
    assert negative_curvature(result.objective, result.theta) is None
    axes = np.meshgrid(np.linspace(0, 20, 401), np.linspace(0, 20, 401))
    values = saddle_values(np.stack([axis.ravel() for axis in axes]), X, weight)
    assert result.value <= values.min()


def test_a_saddle_does_not_curve_upwards_and_a_minimum_does():
    X, y, weight = saddle()
    problem = objective(X, y, weight, l2=SADDLE_L2)
    on_axis = solve_from_zero("newton-cholesky", problem)
    assert on_axis.converged
    assert not on_axis.curves_upwards
    result = solver_of(problem).solve(np.zeros(2))
    assert result.curves_upwards


def test_a_saddle_without_iterations_left_is_named():
    X, y, weight = saddle()
    problem = objective(X, y, weight, l2=SADDLE_L2)
    on_axis = solve_from_zero("newton-cholesky", problem)
    for max_iter, verdict in ((on_axis.n_iter, Verdict.SADDLE), (200, Verdict.CONVERGED)):
        solver = solver_of(problem)
        solver.goal = Goal.of(1e-8, max_iter)
        result = solver._leave_saddles(solve_from_zero("newton-cholesky", problem))
        assert result.verdict is verdict


def test_parameters_under_an_l1_penalty_keep_their_signs_on_the_way_from_a_saddle():
    X, y, weight = saddle()
    problem = objective(X, y, weight, l2=SADDLE_L2, l1=1e-4)
    theta, step = np.array([1.0, -1.0]), np.array([0.5, 2.0])
    np.testing.assert_array_equal(_with_signs_kept(problem, theta, step), [1.5, 0])
    free = problem.replace(penalty=Penalty(l2=SADDLE_L2))
    np.testing.assert_array_equal(_with_signs_kept(free, theta, step), [1.5, 1])


def focal_violation(problem, result, lower, upper):
    """Return the largest violation of the conditions of a minimum, by differences of values."""
    coef, intercept = result.objective.coef_intercept(result.theta)
    assert np.all((lower <= coef) & (coef <= upper))
    l1 = np.broadcast_to(problem.penalty.l1, coef.shape)

    def slope(j, sign):
        # Of the smooth part, by a difference of 4th order.
        def value(step):
            moved = coef.copy()
            moved.flat[j] += sign * step
            point = problem.value_gradient(problem.theta(moved, intercept))
            return point.value - np.sum(l1 * np.abs(moved))

        h = 1e-3
        return (8 * (value(h) - value(-h)) - value(2 * h) + value(-2 * h)) / (12 * h)

    largest = 0.0
    for j, x in enumerate(coef.flat):
        kink = l1.flat[j]
        if x < np.broadcast_to(upper, coef.shape).flat[j]:
            largest = max(largest, -slope(j, 1) - (kink if x >= 0 else -kink))
        if x > np.broadcast_to(lower, coef.shape).flat[j]:
            largest = max(largest, -slope(j, -1) - (kink if x <= 0 else -kink))
    return largest


@pytest.mark.parametrize("solver", [*SMOOTH_SOLVERS, "coordinate-descent"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("bounds", ["none", "positive", "box", "mixed"])
@pytest.mark.parametrize("has_offset", [False, True])
def test_bounds_l1_and_offsets(
    log_loss_problem, log_loss_data, bounds_of, solver, n_classes, bounds, has_offset
):
    X, y = log_loss_data(150, 6, n_classes)
    n_columns = 1 if n_classes == 2 else n_classes
    lower, upper = bounds_of(bounds, (6, n_columns))
    offset = np.random.default_rng(1).normal(size=(150, n_columns)) if has_offset else None
    l1 = 0.005 * np.arange(6)[:, None] if solver == "coordinate-descent" else 0.0
    problem = log_loss_problem(X, y, l1=l1, l2=1e-3, lower=lower, upper=upper, offset=offset)
    focal = [FocalLoss(gamma, n_classes) for gamma in (1.0, 2.0)]
    objective = problem.objective().replace(loss=focal[-1].kernel())
    path = [LogLoss(n_classes).kernel(), *(loss.kernel(convex=True) for loss in focal)]
    goal = Goal.of(1e-6, 500)
    result = NonconvexSolver(solver, objective, path, goal).solve(None)
    assert result.converged
    # Differences of values leave some eps over 1e-3, and 1e-12 of truncation.
    assert focal_violation(objective, result, lower, upper) <= 1e-6 + 1e-10
    # No start leads lower.
    coef, intercept = result.objective.coef_intercept(result.theta)
    rng = np.random.default_rng(0)
    for _ in range(3):
        theta = objective.theta(
            np.clip(coef + 0.3 * rng.normal(size=coef.shape), lower, upper), intercept
        )
        other = NonconvexSolver(solver, objective, path, goal).solve(theta)
        assert result.value <= other.value + 1e-8


@pytest.mark.parametrize("shape", [(40, 1200), (70_000, 3), (20_000, 400)])
def test_starts_of_large_problems_are_followed_on_a_part(log_loss_problem, log_loss_data, shape):
    X, y = log_loss_data(*shape)
    problem = log_loss_problem(X, y, l2=1e-3)
    focal = FocalLoss(2.0)
    objective = problem.objective(n_threads=2).replace(loss=focal.kernel())
    path = [LogLoss().kernel(), focal.kernel(convex=True)]
    cold = NonconvexSolver("auto", objective, path, Goal.of(1e-5, 200))
    whole = NonconvexSolver("auto", objective, path, Goal.of(1e-5, 200))
    from_part, from_zero = cold.solve(None), whole.solve(objective.start())
    assert from_part.converged
    assert from_zero.converged
    assert from_part.max_gradient <= 1e-5
    assert from_part.value == pytest.approx(from_zero.value, rel=1e-7)
