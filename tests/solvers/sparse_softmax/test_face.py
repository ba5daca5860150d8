"""The best coefficients with the signs that they have."""

import numpy as np
import pytest

from sklogloss.solvers.sparse_softmax.face import descend_on_face
from sklogloss.solvers.stopping import Goal
from sklogloss.solvers.working_set import WorkingSets

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize(("n_classes", "density"), [(2, None), (3, 0.3)])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_signs_stay_and_the_optimum_is_found(
    log_loss_problem, log_loss_data, n_classes, density, fit_intercept
):
    X, y = log_loss_data(80, 700, n_classes, density=density)
    objective = log_loss_problem(X, y, l1=0.02, fit_intercept=fit_intercept).objective()
    result = WorkingSets(objective, Goal.of(1e-6, 500)).solve(objective.start())
    # The optimum lies on the face that a start with its signs is on.
    start = result.theta * np.random.default_rng(0).uniform(0.5, 1.5, len(result.theta))
    theta, value = descend_on_face(objective, start, max_iter=500, enough=1e-14)
    assert np.all(theta * start >= 0)
    assert not theta[(start == 0) & (objective.penalty_in_theta.l1 > 0)].any()
    assert value == pytest.approx(objective.value_gradient(theta).value, rel=1e-12)
    assert value == pytest.approx(result.value, rel=1e-9)


def test_an_iteration_that_gains_too_little_is_the_last(log_loss_problem, log_loss_data):
    X, y = log_loss_data(80, 30, 3, density=0.3)
    objective = log_loss_problem(X, y, l1=0.002).objective()
    start = np.where(np.arange(objective.n_parameters) % 2, 0.1, -0.1)
    rough, fine = (descend_on_face(objective, start, 200, enough)[1] for enough in (1e-2, 1e-12))
    assert fine < rough - 1e-6
    assert rough < objective.value_gradient(start).value


@pytest.mark.parametrize("density", [None, 0.3])
def test_zero_is_a_face_of_its_own(log_loss_problem, log_loss_data, density):
    # A penalty this strong leaves no coefficient, and there is no intercept.
    X, y = log_loss_data(80, 700, 3, density=density)
    problem = log_loss_problem(X, y, l1=10.0, fit_intercept=False)
    objective = problem.objective()
    theta, value = descend_on_face(objective, objective.start(), max_iter=10, enough=1e-9)
    assert not theta.any()
    assert value == pytest.approx(np.log(3), rel=1e-12)
    result = WorkingSets(objective, Goal.of(1e-6, 500), descends=True).solve(theta)
    assert result.converged
    assert not result.theta.any()
