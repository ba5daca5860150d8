"""The Hessian that a pass makes of a loss's curvature, exact and convex, for every loss."""

import numpy as np
import pytest
from scipy import sparse

from sklogloss.linear.design import make_design
from sklogloss.linear.objective import LinearObjective
from sklogloss.losses import BrierLoss, FocalLoss, LogLoss

LOSSES = [
    make(n_classes)
    for n_classes in (2, 3, 5)
    for make in (
        LogLoss,
        BrierLoss,
        *(lambda n_classes, gamma=gamma: FocalLoss(gamma, n_classes) for gamma in (0.1, 2, 5)),
    )
]


def make_objective(loss, soft, is_sparse, convex, dtype=np.float64):
    rng = np.random.default_rng(0)
    n_samples, K = 60, loss.n_classes
    X = rng.normal(size=(n_samples, 3)).astype(dtype)
    label = rng.integers(0, K, n_samples)
    target = label[:, None]
    if soft:
        target = rng.dirichlet(np.ones(K), n_samples)
        target[:20] = np.eye(K)[label[:20]]
        target = target[:, [1]] if K == 2 else target
    objective = LinearObjective(
        make_design(sparse.csr_matrix(X) if is_sparse else X),
        loss.kernel(soft and K > 2, convex=convex),
        np.asfortranarray(target, dtype=dtype),
        rng.uniform(0.5, 2, n_samples).astype(dtype),
        l2=0.01,
        fit_intercept=True,
        n_threads=1,
    )
    # Scores of about 10, so that samples are on the wrong side, where losses bend down.
    return objective, 4 * rng.normal(size=objective.n_parameters)


def full_hessian(objective, theta):
    lower = np.tril(objective.value_gradient_hessian(theta).hessian)
    return lower + np.tril(lower, -1).T


def numeric_hessian(objective, theta):
    def difference(direction, n_steps):
        plus, minus = (theta + sign * n_steps * 1e-3 * direction for sign in (1, -1))
        return objective.value_gradient(plus).gradient - objective.value_gradient(minus).gradient

    columns = np.eye(len(theta))
    return np.column_stack([(8 * difference(c, 1) - difference(c, 2)) / 0.012 for c in columns])


all_losses = pytest.mark.parametrize("loss", LOSSES, ids=repr)
hard_or_soft = pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
dense_or_sparse = pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "sparse"])


@all_losses
@hard_or_soft
@dense_or_sparse
def test_exact_hessian_is_the_derivative_of_the_gradient(loss, soft, is_sparse):
    objective, theta = make_objective(loss, soft, is_sparse, convex=False)
    # Truncation: step^4 / 30 = 3e-14 times the fifth derivative of a row's gradient, below 100,
    # times |x|^5 of up to 4^5; rounding: eps / step = 2e-13 times the size of gradients.
    np.testing.assert_allclose(
        full_hessian(objective, theta), numeric_hessian(objective, theta), rtol=0, atol=3e-9
    )


@all_losses
@hard_or_soft
@dense_or_sparse
@pytest.mark.parametrize("convex", [False, True], ids=["exact", "convex"])
def test_products_and_diagonal_are_the_hessians(loss, soft, is_sparse, convex):
    objective, theta = make_objective(loss, soft, is_sparse, convex)
    hessian = full_hessian(objective, theta)
    evaluation = objective.value_gradient_curvature(theta)
    columns = np.eye(len(theta))
    products = np.column_stack([objective.hessian_product(evaluation, c) for c in columns])
    # Means of 60 rows whose entries are of the size 1.
    np.testing.assert_allclose(products, hessian, rtol=0, atol=1e-14)
    diagonal = objective.hessian_diagonal(evaluation)
    np.testing.assert_allclose(diagonal, np.diag(hessian), rtol=0, atol=1e-14)


@all_losses
@hard_or_soft
def test_convex_hessian_is_positive_semi_definite(loss, soft):
    objective, theta = make_objective(loss, soft, False, convex=True)
    exact, _ = make_objective(loss, soft, False, convex=False)
    hessian, exact_hessian = full_hessian(objective, theta), full_hessian(exact, theta)
    assert np.linalg.eigvalsh(hessian)[0] > -1e-14
    if not isinstance(loss, BrierLoss):  # whose convex one is that of Gauss and Newton
        assert np.linalg.eigvalsh(hessian - exact_hessian)[0] > -1e-14
    gradient, exact_gradient = (
        o.value_gradient_hessian(theta).gradient for o in (objective, exact)
    )
    np.testing.assert_array_equal(gradient, exact_gradient)


@pytest.mark.parametrize("loss", [FocalLoss(5), FocalLoss(5, 3), BrierLoss()], ids=repr)
def test_exact_hessian_may_be_indefinite(loss):
    # All samples on the wrong side.
    X = np.ones((10, 1))
    kernel = loss.kernel()
    objective = LinearObjective(
        make_design(X),
        kernel,
        np.zeros((10, 1), order="F"),
        None,
        l2=0.0,
        fit_intercept=False,
        n_threads=1,
    )
    objective.center, objective.scale = np.zeros(1), np.ones(1)
    objective._use_center_and_scale()
    theta = np.full(objective.n_parameters, 6.0)
    theta[0] = 6.0 if loss.n_classes == 2 else 0.0
    assert np.linalg.eigvalsh(full_hessian(objective, theta))[0] < -1e-4


@all_losses
@hard_or_soft
def test_float32_is_close_to_float64(loss, soft):
    wide, theta = make_objective(loss, soft, False, convex=False)
    narrow, _ = make_objective(loss, soft, False, convex=False, dtype=np.float32)
    narrow.center, narrow.scale = wide.center.astype(np.float32), wide.scale.astype(np.float32)
    narrow._use_center_and_scale()
    difference = full_hessian(narrow, theta) - full_hessian(wide, theta)
    # X, center and theta are rounded to 24 bits; scores of 10 multiply that, and derivatives of 6.
    assert np.abs(difference).max() < 6 * 10 * 8 * np.finfo(np.float32).eps
