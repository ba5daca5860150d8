"""Focal loss is not convex: the fit keeps the lowest minimum, and takes no saddle for one."""

import numpy as np
import pytest

from sklogloss.linear.design import make_design
from sklogloss.linear.objective import LinearObjective
from sklogloss.losses import FocalLoss, LogLoss
from sklogloss.solvers.curvature import is_definite, negative_curvature
from sklogloss.solvers.nonconvex import NonconvexSolver, _with_signs_kept
from sklogloss.solvers.select import SMOOTH_SOLVERS, solve

pytestmark = pytest.mark.filterwarnings("error")

GAMMA = 5.0


def focal_loss(margin, gamma=GAMMA):
    return np.exp(-gamma * np.logaddexp(0, margin)) * np.logaddexp(0, -margin)


def objective(X, y, sample_weight, *, l2, l1=0.0, loss=None):
    return LinearObjective(
        make_design(np.asarray(X, dtype=np.float64)),
        (FocalLoss(GAMMA) if loss is None else loss).kernel(),
        np.asarray(y, dtype=np.float64).reshape(-1, 1),
        np.asarray(sample_weight, dtype=np.float64),
        l2=l2,
        l1=l1,
        fit_intercept=False,
        n_threads=1,
    )


def solver_of(problem, name="newton-cholesky"):
    path = [LogLoss().kernel()]
    path += [FocalLoss(gamma).kernel(convex=True) for gamma in np.arange(1, GAMMA + 1)]
    return NonconvexSolver(name, problem, path, tol=1e-8, max_iter=200)


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
    solved, result = nonconvex.solve(np.zeros(1))
    assert result.converged
    # Points of the grid are within a relative 4e-5 of the minima, their values within its square.
    distance = np.abs(nonconvex.start_values[:, None] / minima - 1)
    assert np.all(distance.min(axis=1) < 1e-7)
    if best == 0:
        # Zero leads to the other one.
        np.testing.assert_array_equal(distance.argmin(axis=1), [1, 0])
    assert result.value == nonconvex.start_values.min()
    assert result.value == pytest.approx(minima[best], rel=1e-7)
    coef, _ = solved.coef_intercept(result.theta)
    expected = grid[1:-1][is_minimum][best]
    assert coef[0, 0] == pytest.approx(expected, rel=1e-3)


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
    solved, result = nonconvex.solve(np.zeros(2))
    assert result.value == nonconvex.start_values.min() < nonconvex.start_values.max()
    coef, _ = solved.coef_intercept(result.theta)
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
        monkeypatch.setattr("sklogloss.solvers.curvature.PASSES_OF_LANCZOS", 0)
    X, y, weight = saddle()
    problem = objective(X, y, weight, l2=SADDLE_L2)
    # The axis has no slope towards its sides, and the solvers stay on it.
    _, on_axis = solve(solver, problem, np.zeros(2), tol=1e-8, max_iter=200)
    assert on_axis.converged
    coef, _ = problem.coef_intercept(on_axis.theta)
    np.testing.assert_allclose(coef[:, 0], [SADDLE_AT, 0], atol=1e-3)

    solved, result = solver_of(problem, solver).solve(np.zeros(2))
    coef, _ = solved.coef_intercept(result.theta)
    assert result.converged
    assert abs(coef[1, 0]) > 1
    assert negative_curvature(solved, result.theta) is None
    axes = np.meshgrid(np.linspace(0, 20, 401), np.linspace(0, 20, 401))
    values = saddle_values(np.stack([axis.ravel() for axis in axes]), X, weight)
    assert result.value <= values.min()


@pytest.mark.parametrize("n_passes", [0, 10])
def test_negative_curvature_is_where_it_is(monkeypatch, n_passes):
    monkeypatch.setattr("sklogloss.solvers.curvature.PASSES_OF_LANCZOS", n_passes)
    X, y, weight = saddle()
    problem = objective(X, y, weight, l2=SADDLE_L2)
    n_negative = 0
    for first in np.linspace(0, 12, 25):
        step = 1e-3
        around = np.array([[first, 0], [first + step, 0], [first - step, 0], [first, step]])
        middle, right, left, side = saddle_values(around.T, X, weight)
        # Along the two axes; that along both is zero, as the objective is even in the second.
        curvatures = np.array([right - 2 * middle + left, 2 * (side - middle)]) / step**2
        direction = negative_curvature(problem, problem.theta([[first], [0.0]], 0))
        assert (direction is not None) == (curvatures.min() < 0)
        if direction is not None:
            n_negative += 1
            coef, _ = problem.coef_intercept(direction)
            assert coef[:, 0] ** 2 @ curvatures < 0
    assert 0 < n_negative < 25


@pytest.mark.parametrize("n_passes", [0, 10])
def test_little_negative_curvature_between_features_is_found(monkeypatch, n_passes):
    monkeypatch.setattr("sklogloss.solvers.curvature.PASSES_OF_LANCZOS", n_passes)
    X, y, weight = saddle()
    problem = objective(X, y, weight, l2=SADDLE_L2)
    # Turned by 45 degrees, both features curve upwards: only their difference does not.
    turn = np.array([[1, 1], [-1, 1]]) / np.sqrt(2)
    turned = objective(X @ turn, y, weight, l2=SADDLE_L2)
    n_little = 0
    for first in np.linspace(0, 12, 400):
        point = problem.value_gradient_hessian(problem.theta([[first], [0.0]], 0))
        upwards, downwards = np.diagonal(point.hessian) / problem.scale**2
        if not 1e-4 < -downwards / upwards < 0.1:
            continue
        n_little += 1
        theta = turned.theta(turn.T @ [[first], [0.0]], 0)
        direction = negative_curvature(turned, theta)
        at_theta = turned.value_gradient_curvature(theta)
        assert direction @ turned.hessian_product(at_theta, direction) < 0
    assert n_little > 3


@pytest.mark.parametrize("sign", [1, -1])
def test_definite_means_eigenvalues_above_the_margin(sign):
    # Correlation 0.9 of columns of very different size: scaled eigenvalues of 0.1 and 1.9.
    size = np.array([1e-6, 1e5])
    hessian = np.array([[1.0, 0.0], [0.9, sign]]) * size * size[:, None]
    assert is_definite(hessian, 0.099) == (sign == 1)
    assert not is_definite(hessian, 0.101)


def test_a_saddle_does_not_curve_upwards_and_a_minimum_does():
    X, y, weight = saddle()
    problem = objective(X, y, weight, l2=SADDLE_L2)
    _, on_axis = solve("newton-cholesky", problem, np.zeros(2), tol=1e-8, max_iter=200)
    assert on_axis.converged
    assert not on_axis.curves_upwards
    _, result = solver_of(problem).solve(np.zeros(2))
    assert result.curves_upwards


def test_log_loss_has_no_negative_curvature():
    X, y, weight = saddle()
    problem = objective(X, y, weight, l2=0.0, loss=LogLoss())
    assert negative_curvature(problem, problem.theta([[5.0], [3.0]], 0)) is None


def test_parameters_under_an_l1_penalty_keep_their_signs_on_the_way_from_a_saddle():
    X, y, weight = saddle()
    problem = objective(X, y, weight, l2=SADDLE_L2, l1=1e-4)
    theta, step = np.array([1.0, -1.0]), np.array([0.5, 2.0])
    np.testing.assert_array_equal(_with_signs_kept(problem, theta, step), [1.5, 0])
    free = problem.with_penalty(l2=SADDLE_L2)
    np.testing.assert_array_equal(_with_signs_kept(free, theta, step), [1.5, 1])


def test_an_l1_penalty_keeps_zeros_where_they_are():
    X, y, weight = saddle()
    problem = objective(X, y, weight, l2=SADDLE_L2)
    theta = problem.theta([[SADDLE_AT], [0.0]], 0)
    assert negative_curvature(problem, theta) is not None
    assert negative_curvature(problem.with_penalty(l2=SADDLE_L2, l1=1e-4), theta) is None
