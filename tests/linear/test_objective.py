"""The objective in scaled parameters against formulas in coefficients and intercepts."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import log_softmax

from sklogloss.linear.design import make_design
from sklogloss.linear.objective import LinearObjective
from sklogloss.losses import LogLoss

N_SAMPLES, N_FEATURES = 150, 4
WEIGHT = np.random.default_rng(1).exponential(size=N_SAMPLES)
# Columns centred by up to three standard deviations cancel one digit of N_SAMPLES roundings.
TOLERANCE = 10 * N_SAMPLES * np.finfo(np.float64).eps


def make_objective(n_classes, container, **options):
    rng = np.random.default_rng(0)
    X = container(rng.normal(size=(N_SAMPLES, N_FEATURES)) * [1, 0.01, 100, 5] + [3, 0, 300, 0])
    target = np.asfortranarray(rng.integers(n_classes, size=(N_SAMPLES, 1)).astype(np.float64))
    kernel = LogLoss(n_classes).kernel(target_is_matrix=False)
    return LinearObjective(make_design(X), kernel, target, WEIGHT, n_threads=1, **options)


def in_coefficients(objective, theta):
    """Return value, gradient and Hessian in (coef; intercept) raveled, by plain NumPy."""
    coef, intercept = objective.coef_intercept(theta)
    X = objective.design.X
    X1 = np.c_[X.toarray() if sparse.issparse(X) else X, np.ones(N_SAMPLES)]
    raw_prediction = X1 @ np.vstack([coef, intercept])
    k = raw_prediction.shape[1]
    if k == 1:
        raw_prediction = np.c_[np.zeros(N_SAMPLES), raw_prediction]
    label = objective.target[:, 0].astype(int)
    log_proba = log_softmax(raw_prediction, axis=1)
    proba = np.exp(log_proba)[:, -k:]
    weight = WEIGHT / WEIGHT.sum()
    residual = weight[:, None] * (proba - np.eye(max(k, 2))[label][:, -k:])
    curvature = weight[:, None, None] * (
        proba[:, :, None] * np.eye(k) - proba[:, :, None] * proba[:, None, :]
    )
    penalty = np.vstack([np.full((N_FEATURES, k), objective.l2), np.zeros((1, k))])
    value = -weight @ log_proba[np.arange(N_SAMPLES), label] + objective.l2 / 2 * np.sum(coef**2)
    gradient = X1.T @ residual + penalty * np.vstack([coef, intercept])
    size = (N_FEATURES + 1) * k
    hessian = np.einsum("ij,ikl,im->jkml", X1, curvature, X1).reshape(size, size)
    return value, gradient.ravel(), hessian + np.diag(penalty.ravel())


def jacobian(objective):
    """Return the matrix of the linear map from theta to (coef; intercept) raveled."""
    rows = [np.vstack(objective.coef_intercept(e)).ravel() for e in np.eye(objective.n_parameters)]
    return np.array(rows).T


def assert_close(actual, expected):
    assert np.max(np.abs(actual - expected)) <= TOLERANCE * np.max(np.abs(expected))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("container", [np.array, sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_derivatives_obey_the_chain_rule(n_classes, container, fit_intercept, l2):
    objective = make_objective(n_classes, container, l2=l2, fit_intercept=fit_intercept)
    rng = np.random.default_rng(2)
    theta, direction = rng.normal(size=(2, objective.n_parameters))
    J = jacobian(objective)
    value, gradient, hessian = in_coefficients(objective, theta)
    hessian = J.T @ hessian @ J

    plain = objective.value_gradient(theta)
    with_curvature = objective.value_gradient_curvature(theta)
    with_hessian = objective.value_gradient_hessian(theta)
    largest = np.abs(gradient if fit_intercept else gradient[: objective.n_parameters]).max()
    for evaluation in (plain, with_curvature, with_hessian):
        assert_close(evaluation.value, value)
        assert_close(evaluation.gradient, J.T @ gradient)
        assert_close(evaluation.max_gradient, largest)
    assert_close(np.tril(with_hessian.hessian), np.tril(hessian))
    assert_close(objective.hessian_product(with_curvature, direction), hessian @ direction)
    assert_close(objective.hessian_diagonal(with_curvature), np.diagonal(hessian))


@pytest.mark.parametrize("fit_intercept", [False, True])
def test_theta_undoes_coef_intercept(fit_intercept):
    objective = make_objective(3, np.array, l2=0.1, fit_intercept=fit_intercept)
    theta = np.random.default_rng(2).normal(size=objective.n_parameters)
    assert_close(objective.theta(*objective.coef_intercept(theta)), theta)


@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_scaled_hessian_at_zero_has_a_diagonal_close_to_one(l2):
    # What the scaling is for: columns of sizes 0.01 and 300 make an even problem. Scales are
    # rounded to powers of two, 2^-1/2 to 2^1/2, and enter squared.
    objective = make_objective(2, np.array, l2=l2, fit_intercept=True)
    hessian = objective.value_gradient_hessian(np.zeros(N_FEATURES + 1)).hessian
    diagonal = np.diagonal(hessian)[:N_FEATURES]
    assert np.all((diagonal >= 0.5 * (1 - TOLERANCE)) & (diagonal <= 2 * (1 + TOLERANCE)))


def test_hessian_in_single_precision_does_not_overflow():
    # A row without weight, beyond the largest float32, has no say in either precision.
    objective = make_objective(3, np.asarray, l2=0.1, fit_intercept=True)
    objective.design.X[7] = 1e60
    objective.sample_weight = WEIGHT.copy()
    objective.sample_weight[7] = 0
    theta = np.zeros(objective.n_parameters)
    exact = objective.value_gradient_hessian(theta).hessian
    single = objective.value_gradient_hessian(theta, single=True).hessian
    np.testing.assert_array_equal(single, exact)
