"""Whether a stationary point is a minimum: negative curvature is found, and rounding is none."""

import numpy as np
import pytest

from sklogloss.linear.objective import balanced_objective
from sklogloss.linear.samples import Samples, make_design
from sklogloss.losses import FocalLoss, LogLoss
from sklogloss.penalties import Penalty
from sklogloss.solvers.curvature import is_definite, negative_curvature

pytestmark = pytest.mark.filterwarnings("error")

GAMMA = 5.0


def focal_loss(margin, gamma=GAMMA):
    return np.exp(-gamma * np.logaddexp(0, margin)) * np.logaddexp(0, -margin)


def objective(X, y, sample_weight, *, l2, l1=0.0, loss=None):
    target, weight = np.reshape(y, (-1, 1)), np.asarray(sample_weight, dtype=np.float64)
    samples = Samples(make_design(np.asarray(X, dtype=np.float64)), target.astype(float), weight)
    kernel = (FocalLoss(GAMMA) if loss is None else loss).kernel()
    return balanced_objective(samples, kernel, Penalty(l1, l2), fit_intercept=False)


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


@pytest.mark.parametrize("n_passes", [0, 10])
def test_negative_curvature_is_where_it_is(monkeypatch, n_passes):
    monkeypatch.setattr("sklogloss.solvers.curvature.PRODUCTS_PER_STEP", n_passes)
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
    monkeypatch.setattr("sklogloss.solvers.curvature.PRODUCTS_PER_STEP", n_passes)
    X, y, weight = saddle()
    problem = objective(X, y, weight, l2=SADDLE_L2)
    # Turned by 45 degrees, both features curve upwards: only their difference does not.
    turn = np.array([[1, 1], [-1, 1]]) / np.sqrt(2)
    turned = objective(X @ turn, y, weight, l2=SADDLE_L2)
    n_little = 0
    for first in np.linspace(0, 12, 400):
        point = problem.value_gradient_hessian(problem.theta([[first], [0.0]], 0))
        upwards, downwards = np.diagonal(point.hessian) / problem.coordinates.scale**2
        if not 1e-4 < -downwards / upwards < 0.1:
            continue
        n_little += 1
        theta = turned.theta(turn.T @ [[first], [0.0]], 0)
        direction = negative_curvature(turned, theta)
        at_theta = turned.value_gradient(theta, curvature=True)
        assert direction @ turned.hessian_product(at_theta, direction) < 0
    assert n_little > 3


@pytest.mark.parametrize("sign", [1, -1])
def test_definite_means_eigenvalues_above_the_margin(sign):
    # Correlation 0.9 of columns of very different size: scaled eigenvalues of 0.1 and 1.9.
    size = np.array([1e-6, 1e5])
    hessian = np.array([[1.0, 0.0], [0.9, sign]]) * size * size[:, None]
    assert is_definite(hessian, 0.099) == (sign == 1)
    assert not is_definite(hessian, 0.101)


def test_log_loss_has_no_negative_curvature():
    X, y, weight = saddle()
    problem = objective(X, y, weight, l2=0.0, loss=LogLoss())
    assert negative_curvature(problem, problem.theta([[5.0], [3.0]], 0)) is None


def test_an_l1_penalty_keeps_zeros_where_they_are():
    X, y, weight = saddle()
    problem = objective(X, y, weight, l2=SADDLE_L2)
    theta = problem.theta([[SADDLE_AT], [0.0]], 0)
    assert negative_curvature(problem, theta) is not None
    assert negative_curvature(problem.replace(penalty=Penalty(1e-4, SADDLE_L2)), theta) is None
