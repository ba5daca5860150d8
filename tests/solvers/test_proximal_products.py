"""L1 and bounds with products of the Hessian alone, against SciPy's L-BFGS-B."""

import numpy as np
import pytest

from sklogloss.linear.objective import Objective
from sklogloss.solvers.newton import Newton
from sklogloss.solvers.proximal_products import Model, ProximalProducts
from sklogloss.solvers.stopping import Goal

pytestmark = pytest.mark.filterwarnings("error")


def solve(objective, goal=None, theta=None):
    newton = Newton(objective, ProximalProducts(objective), goal or Goal.of(1e-7, 200))
    return newton.solve(objective.start() if theta is None else theta)


@pytest.mark.parametrize("name", ["none", "positive", "box", "mixed", "fixed"])
@pytest.mark.parametrize("strength", [0.0, 0.01])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("density", [None, 0.5])
def test_optimum_is_that_of_scipy(
    log_loss_problem, log_loss_data, bounds_of, name, strength, n_classes, density
):
    X, y = log_loss_data(n_classes=n_classes, density=density)
    n_columns = 1 if n_classes == 2 else n_classes
    lower, upper = bounds_of(name, (12, n_columns))
    factor = np.append(0.0, np.exp2(np.arange(11) % 5 - 2))[:, None]
    offset = np.random.default_rng(1).normal(size=(200, n_columns))
    problem = log_loss_problem(
        X, y, l1=strength * factor, l2=0.01 * factor, lower=lower, upper=upper, offset=offset
    )
    objective = problem.objective()
    result = solve(objective)
    assert result.converged
    coef_intercept = objective.coef_intercept(result.theta)
    assert problem.violation(*coef_intercept) <= 1e-7
    assert problem.value(*coef_intercept) <= problem.optimum() * (1 + 1e-10)


@pytest.mark.parametrize("l2", [0.0, 1e-3])
@pytest.mark.parametrize("n_features", [400, 1200])
def test_more_features_than_rows(log_loss_problem, log_loss_data, n_features, l2):
    X, y = log_loss_data(150, n_features)
    problem = log_loss_problem(X, y, l1=0.02, l2=l2)
    objective = problem.objective()
    result = solve(objective)
    assert result.converged
    coef_intercept = objective.coef_intercept(result.theta)
    assert problem.violation(*coef_intercept) <= 1e-7
    assert problem.value(*coef_intercept) <= problem.optimum() * (1 + 1e-10)
    # Zeros are zeros.
    assert 0 < np.count_nonzero(coef_intercept[0]) <= 150


def test_no_hessian_is_formed(log_loss_problem, log_loss_data, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a Hessian was formed")

    monkeypatch.setattr(Objective, "value_gradient_hessian", refuse)
    X, y = log_loss_data(n_classes=3)
    assert solve(log_loss_problem(X, y, l1=0.01, l2=0.01).objective()).converged


def test_steps_have_an_end_where_the_classes_are_separated(log_loss_problem, log_loss_data):
    # The Hessian all but vanishes there.
    X, _ = log_loss_data(100, 20)
    y = (X[:, 0] > 0).astype(int)
    problem = log_loss_problem(X, y, l1=1e-5)
    objective = problem.objective()
    result = solve(objective, Goal.of(1e-7, 500))
    assert result.converged
    assert problem.violation(*objective.coef_intercept(result.theta)) <= 1e-7
    assert result.value <= problem.optimum() * (1 + 1e-6)


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_a_start_elsewhere_leads_to_the_same_optimum(
    log_loss_problem, log_loss_data, bounds_of, shift
):
    X, y = log_loss_data(n_classes=3)
    lower, upper = bounds_of("mixed", (12, 3))
    objective = log_loss_problem(X, y, l1=0.01, l2=0.01, lower=lower, upper=upper).objective()
    theta = np.random.default_rng(0).normal(size=objective.n_parameters) + shift
    theta = objective.penalty_in_theta.project(theta)
    first, second = solve(objective), solve(objective, theta=theta)
    assert first.converged
    assert second.converged
    assert first.value == pytest.approx(second.value, rel=1e-10)


def test_a_change_of_all_classes_alike_takes_few_products(log_loss_problem):
    # The model all but has no curvature along it: 1,840 products without the least shift.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 10))
    y = np.argmax(X @ rng.normal(size=(10, 13)) + rng.gumbel(size=(300, 13)), axis=1)
    problem = log_loss_problem(X, y, l1=1e-6, l2=1e-6)
    objective = problem.objective()
    solver = ProximalProducts(objective)
    result = Newton(objective, solver, Goal.of(1e-7, 200)).solve(objective.start())
    assert result.converged
    assert problem.violation(*objective.coef_intercept(result.theta)) <= 1e-7
    # As many would form the Hessian of each step.
    assert solver.n_products < result.n_iter * objective.n_parameters


def test_a_step_whose_size_underflows_is_taken(log_loss_problem, log_loss_data):
    # The diagonal stretches no further to a curvature that only a product still shows.
    X, y = log_loss_data()
    objective = log_loss_problem(X, y, l2=0.01).objective()
    solver = ProximalProducts(objective)
    model = Model(objective, solver.evaluate(objective.start()), damping=1.0)
    model.diagonal[:], model.gradient[:] = 1e-200, 1e-300
    model.product = lambda direction: np.full_like(direction, -1e-150)
    solver._proximal_step(model)
    assert solver.stretch == 1
    np.testing.assert_array_equal(model.u, -1e-300 / 1e-200)


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_constant_columns_at_an_optimum(log_loss_problem, value):
    # There is neither curvature nor damping.
    X, y = np.full((4, 2), value), np.arange(4) % 2
    result = solve(log_loss_problem(X, y, lower=0.0).objective())
    assert result.converged
    np.testing.assert_array_equal(result.theta, 0)
