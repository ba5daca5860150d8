"""The objective in scaled parameters against formulas in coefficients and intercepts."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import log_softmax

from sklogloss.linear.objective import (
    Coordinates,
    Objective,
    balanced_objective,
    least_class_shift,
)
from sklogloss.linear.samples import Samples, make_design
from sklogloss.losses import BrierLoss, FocalLoss, LogLoss
from sklogloss.penalties import Penalty

N_SAMPLES, N_FEATURES = 150, 4
WEIGHT = np.random.default_rng(1).exponential(size=N_SAMPLES)
# Columns centred by up to three standard deviations cancel one digit of N_SAMPLES roundings.
TOLERANCE = 10 * N_SAMPLES * np.finfo(np.float64).eps

LOSSES = [
    make(n_classes)
    for n_classes in (2, 3, 5)
    for make in (
        LogLoss,
        BrierLoss,
        *(lambda n_classes, gamma=gamma: FocalLoss(gamma, n_classes) for gamma in (0.1, 2, 5)),
    )
]


def make_objective(
    n_classes, container, penalty, *, fit_intercept, weight=WEIGHT, has_offset=False
):
    rng = np.random.default_rng(0)
    X = container(rng.normal(size=(N_SAMPLES, N_FEATURES)) * [1, 0.01, 100, 5] + [3, 0, 300, 0])
    target = np.asfortranarray(rng.integers(n_classes, size=(N_SAMPLES, 1)).astype(np.float64))
    kernel = LogLoss(n_classes).kernel(target_is_matrix=False)
    offset = None
    if has_offset:
        offset = np.asfortranarray(rng.normal(size=(N_SAMPLES, kernel.n_columns)))
    samples = Samples(make_design(X), target, weight, offset)
    return balanced_objective(samples, kernel, penalty, fit_intercept=fit_intercept)


def in_coefficients(objective, theta):
    """Return value, gradient and Hessian in (coef; intercept) raveled, by plain NumPy."""
    coef, intercept = objective.coef_intercept(theta)
    samples = objective.samples
    X = samples.design.X
    X1 = np.c_[X.toarray() if sparse.issparse(X) else X, np.ones(N_SAMPLES)]
    raw_prediction = X1 @ np.vstack([coef, intercept])
    if samples.offset is not None:
        raw_prediction += samples.offset
    k = raw_prediction.shape[1]
    if k == 1:
        raw_prediction = np.c_[np.zeros(N_SAMPLES), raw_prediction]
    label = samples.target[:, 0].astype(int)
    log_proba = log_softmax(raw_prediction, axis=1)
    proba = np.exp(log_proba)[:, -k:]
    weight = WEIGHT / WEIGHT.sum()
    residual = weight[:, None] * (proba - np.eye(max(k, 2))[label][:, -k:])
    curvature = weight[:, None, None] * (
        proba[:, :, None] * np.eye(k) - proba[:, :, None] * proba[:, None, :]
    )
    l2 = np.broadcast_to(objective.penalty.l2, (N_FEATURES, k))
    penalty = np.vstack([l2, np.zeros((1, k))])
    value = -weight @ log_proba[np.arange(N_SAMPLES), label] + np.sum(l2 * coef**2) / 2
    value += np.sum(objective.penalty.l1 * np.abs(coef))
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
@pytest.mark.parametrize("l2", [0.0, 0.1, [[0.0], [0.1], [0.2], [0.0]]], ids=str)
@pytest.mark.parametrize("has_offset", [False, True])
def test_derivatives_obey_the_chain_rule(n_classes, container, fit_intercept, l2, has_offset):
    penalty = Penalty(l2=np.array(l2) if np.ndim(l2) else l2)
    objective = make_objective(
        n_classes, container, penalty, fit_intercept=fit_intercept, has_offset=has_offset
    )
    rng = np.random.default_rng(2)
    theta, direction = rng.normal(size=(2, objective.n_parameters))
    J = jacobian(objective)
    value, gradient, hessian = in_coefficients(objective, theta)
    hessian = J.T @ hessian @ J

    plain = objective.value_gradient(theta)
    with_curvature = objective.value_gradient(theta, curvature=True)
    with_hessian = objective.value_gradient_hessian(theta)
    largest = np.abs(gradient if fit_intercept else gradient[: objective.n_parameters]).max()
    for evaluation in (plain, with_curvature, with_hessian):
        assert_close(evaluation.value, value)
        assert_close(evaluation.gradient, J.T @ gradient)
        assert_close(evaluation.max_gradient, largest)
    assert_close(np.tril(with_hessian.hessian), np.tril(hessian))
    assert_close(objective.hessian_product(with_curvature, direction), hessian @ direction)
    assert_close(objective.hessian_diagonal(with_curvature), np.diagonal(hessian))


@pytest.mark.parametrize("container", [np.array, sparse.csr_array])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_class_mean_hessian_is_the_mean_of_the_diagonal_blocks(container, fit_intercept):
    objective = make_objective(3, container, Penalty(l2=0.1), fit_intercept=fit_intercept)
    theta = np.random.default_rng(2).normal(size=objective.n_parameters)
    J = jacobian(objective)
    hessian = J.T @ in_coefficients(objective, theta)[2] @ J
    size = objective.shape[0]
    expected = np.einsum("jkmk->jm", hessian.reshape(size, 3, size, 3)) / 3
    # The products that make it are in float32.
    error = N_SAMPLES * np.finfo(np.float32).eps * np.abs(expected).max()
    actual = objective.class_mean_hessian(theta)
    np.testing.assert_allclose(np.tril(actual), np.tril(expected), rtol=0, atol=error)


@pytest.mark.parametrize("fit_intercept", [False, True])
def test_class_hessians_are_close_to_the_diagonal_blocks(fit_intercept):
    objective = make_objective(3, np.array, Penalty(l2=0.1), fit_intercept=fit_intercept)
    theta = np.random.default_rng(2).normal(size=objective.n_parameters)
    J = jacobian(objective)
    hessian = J.T @ in_coefficients(objective, theta)[2] @ J
    size = objective.shape[0]
    expected = np.einsum("jkmk->kjm", hessian.reshape(size, 3, size, 3))
    # Rows that have a hundredth of the curvature of a class at most are left out.
    actual = objective.class_hessians(theta)
    for block, whole in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(np.triu(block, 1), 0)
        block += np.tril(block, -1).T
        missing = np.linalg.eigvalsh(whole - block)
        rounding = N_SAMPLES * np.finfo(np.float32).eps * np.trace(whole)
        assert missing[0] >= -rounding
        assert 0 < missing.sum() < 0.5 * np.trace(whole)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_value_and_subgradient_with_l1_and_bounds(n_classes, fit_intercept):
    k = 1 if n_classes == 2 else n_classes
    lower, upper = np.full((N_FEATURES, k), -np.inf), np.full((N_FEATURES, k), np.inf)
    lower[0], upper[1] = 0.3, -0.2
    l1 = np.array([[0.2], [0.0], [0.3], [5.0]])
    objective = make_objective(
        n_classes, np.array, Penalty(l1, 0.1, lower, upper), fit_intercept=fit_intercept
    )
    coef = np.full((N_FEATURES, k), 0.01)
    coef[0], coef[1], coef[3] = 0.3, -0.2, 0.0
    theta = objective.theta(coef, np.arange(k) / 10.0 * fit_intercept)
    value, gradient, _ = in_coefficients(objective, theta)
    point = objective.value_gradient(theta)
    assert_close(point.value, value)
    by_coef = gradient[: N_FEATURES * k].reshape(N_FEATURES, k)
    # At its lower bound a coefficient may only grow, at its upper one only fall.
    violation = np.abs(by_coef + l1 * np.sign(coef))
    violation[0] = np.maximum(-(by_coef[0] + l1[0]), 0)
    violation[1] = np.maximum(by_coef[1] - l1[1], 0)
    violation[3] = np.maximum(np.abs(by_coef[3]) - l1[3], 0)
    of_intercept = np.abs(gradient[N_FEATURES * k :]) * fit_intercept
    assert_close(point.max_gradient, max(violation.max(), of_intercept.max()))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("container", [np.array, sparse.csr_array, sparse.csc_array])
def test_restricted_is_the_objective_where_the_others_are_zero(n_classes, container):
    k = 1 if n_classes == 2 else n_classes
    l1, l2 = np.arange(4.0)[:, None] / 10, np.arange(4.0, 0, -1)[:, None] / 10
    penalty = Penalty(l1, l2, upper=np.array([[1.0], [0.5], [np.inf], [np.inf]]))
    objective = make_objective(n_classes, container, penalty, fit_intercept=True, has_offset=True)
    features = np.array([1, 3])
    part = objective.restricted(features)
    assert part.shape == (3, k)
    np.testing.assert_array_equal(part.penalty.l1, l1[features])
    np.testing.assert_array_equal(part.penalty.upper, penalty.upper[features])
    theta = np.zeros(objective.shape)
    rows = [1, 3, 4]
    theta[rows] = np.random.default_rng(2).normal(size=(3, k))
    whole = objective.value_gradient(theta.ravel())
    of_part = part.value_gradient(theta[rows].ravel())
    assert_close(of_part.value, whole.value)
    assert_close(of_part.gradient, whole.gradient.reshape(objective.shape)[rows].ravel())


def test_replace_keeps_the_rest():
    objective = make_objective(3, np.array, Penalty(l2=0.1), fit_intercept=True)
    penalty = Penalty(l1=0.2)
    other = objective.replace(penalty=penalty)
    assert other.penalty is penalty
    assert other.samples is objective.samples
    assert other.loss is objective.loss
    assert other.coordinates is objective.coordinates
    assert other.penalty_in_theta.has_l1
    assert not objective.penalty_in_theta.has_l1


def test_start_is_zero_or_the_closest_within_the_bounds():
    bounds = np.array([[0.0], [0.5], [-np.inf], [-3.0]]), np.array([[1.0], [2.0], [np.inf], [-1.0]])
    objective = make_objective(2, np.array, Penalty(0.0, 0.1, *bounds), fit_intercept=True)
    coef, _ = objective.coef_intercept(objective.start())
    np.testing.assert_array_equal(coef[:, 0], [0, 0.5, 0, -1])
    assert objective.start()[-1] == 0


def test_a_few_rows_with_weight_set_the_coordinates():
    weight = np.where(np.arange(20_000) % 2, 1.0, 0.0)
    X = np.random.default_rng(0).normal(3, 2, size=(20_000, 1))
    X[::2] = 1e6
    samples = Samples(make_design(X), np.zeros((20_000, 1)), weight)
    objective = balanced_objective(
        samples, LogLoss().kernel(), Penalty(), fit_intercept=True, n_rows=1000
    )
    # A mean of 1,000 is known to 2 / sqrt(1,000).
    assert objective.coordinates.center == pytest.approx(3, abs=5 * 2 / np.sqrt(1000))
    # 1 / sqrt(2^2 / 4), as a power of two.
    assert objective.coordinates.scale == 1
    assert objective.samples is samples


@pytest.mark.parametrize("n_samples", [1_000, 200_000])
def test_a_constant_sparse_column_is_found_behind_the_rounding_errors_of_its_sums(n_samples):
    # 1/3 is rounded, and so is each of the sums: the spread is hundreds of times eps.
    X = np.full((n_samples, 2), 1 / 3)
    X[0, 1] = 1
    samples = Samples(make_design(sparse.csr_array(X)), np.zeros((n_samples, 1), order="F"), None)
    objective = balanced_objective(
        samples,
        LogLoss(2).kernel(target_is_matrix=False),
        Penalty(l2=0.01),
        fit_intercept=True,
    )
    np.testing.assert_array_equal(objective.coordinates.constant, [0])


def test_hessian_in_single_precision_does_not_overflow():
    # A row without weight, beyond the largest float32, has no say in either precision.
    weight = WEIGHT.copy()
    objective = make_objective(3, np.asarray, Penalty(l2=0.1), fit_intercept=True, weight=weight)
    objective.samples.design.X[7] = 1e60
    weight[7] = 0
    theta = np.zeros(objective.n_parameters)
    exact = objective.value_gradient_hessian(theta).hessian
    single = objective.value_gradient_hessian(theta, single=True).hessian
    np.testing.assert_array_equal(single, exact)


@pytest.mark.parametrize("container", [np.array, sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_hessian_of_some_blocks(container, weighted):
    n_samples, stride = 14_000, 6
    weight = np.random.default_rng(1).uniform(size=n_samples) if weighted else None
    # X in float32 numbers, of which products in float32 are nearly as good.
    rng = np.random.default_rng(0)
    X = rng.integers(-3, 4, size=(n_samples, 50)).astype(np.float64)
    target = (X[:, 0] + 3 * rng.logistic(size=n_samples) > 0).astype(np.float64)[:, None]
    samples = Samples(make_design(container(X)), target, weight, n_threads=2)
    objective = balanced_objective(
        samples, LogLoss(2).kernel(), Penalty(l2=1e-4), fit_intercept=True
    )
    theta = np.random.default_rng(2).normal(size=51) / 10
    point = objective.value_gradient_hessian(theta, stride=stride)
    # Products are added in another order than without the Hessian.
    exact = objective.value_gradient(theta)
    np.testing.assert_allclose(point.gradient, exact.gradient, rtol=0, atol=1e-12)
    rows = np.arange(n_samples) // samples.design.block_rows % stride == 0
    center, scale = objective.coordinates.center, objective.coordinates.scale
    Z = np.column_stack([(X[rows] - center) * scale, np.ones(rows.sum())])
    p = 1 / (1 + np.exp(-Z @ theta))
    row_weight = p * (1 - p) * (1 if weight is None else weight[rows])
    expected = (Z.T * row_weight) @ Z / (rows.sum() if weight is None else weight[rows].sum())
    expected[np.arange(50), np.arange(50)] += 1e-4 * scale**2
    # Some 3,000 terms of size 1, with a few roundings each.
    atol = 3_000 * 10 * np.finfo(np.float64).eps
    np.testing.assert_allclose(np.tril(point.hessian), np.tril(expected), rtol=0, atol=atol)

    # Blocks without their fair share of the weight make no Hessian.
    weight = np.where(rows, 0.0, 1.0)
    objective = objective.replace(samples=Samples(samples.design, target, weight, n_threads=2))
    whole = objective.value_gradient_hessian(theta).hessian
    part = objective.value_gradient_hessian(theta, stride=stride).hessian
    np.testing.assert_array_equal(part, whole)


def objective_of_loss(loss, soft, is_sparse, convex, dtype=np.float64):
    rng = np.random.default_rng(0)
    n_samples, K = 60, loss.n_classes
    X = rng.normal(size=(n_samples, 3)).astype(dtype)
    label = rng.integers(0, K, n_samples)
    target = label[:, None]
    if soft:
        target = rng.dirichlet(np.ones(K), n_samples)
        target[:20] = np.eye(K)[label[:20]]
        target = target[:, [1]] if K == 2 else target
    samples = Samples(
        make_design(sparse.csr_matrix(X) if is_sparse else X),
        np.asfortranarray(target, dtype=dtype),
        rng.uniform(0.5, 2, n_samples).astype(dtype),
    )
    objective = balanced_objective(
        samples, loss.kernel(soft and K > 2, convex=convex), Penalty(l2=0.01), fit_intercept=True
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
    objective, theta = objective_of_loss(loss, soft, is_sparse, convex=False)
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
    objective, theta = objective_of_loss(loss, soft, is_sparse, convex)
    hessian = full_hessian(objective, theta)
    evaluation = objective.value_gradient(theta, curvature=True)
    columns = np.eye(len(theta))
    products = np.column_stack([objective.hessian_product(evaluation, c) for c in columns])
    # Means of 60 rows whose entries are of the size 1.
    np.testing.assert_allclose(products, hessian, rtol=0, atol=1e-14)
    diagonal = objective.hessian_diagonal(evaluation)
    np.testing.assert_allclose(diagonal, np.diag(hessian), rtol=0, atol=1e-14)


@all_losses
@hard_or_soft
def test_convex_hessian_is_positive_semi_definite(loss, soft):
    objective, theta = objective_of_loss(loss, soft, False, convex=True)
    exact, _ = objective_of_loss(loss, soft, False, convex=False)
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
    kernel = loss.kernel()
    samples = Samples(make_design(np.ones((10, 1))), np.zeros((10, 1), order="F"))
    plain = Coordinates(np.zeros(1), np.ones(1), kernel.n_columns, fit_intercept=False)
    objective = Objective(samples, kernel, Penalty(), plain)
    theta = np.full(objective.n_parameters, 6.0)
    theta[0] = 6.0 if loss.n_classes == 2 else 0.0
    assert np.linalg.eigvalsh(full_hessian(objective, theta))[0] < -1e-4


@all_losses
@hard_or_soft
def test_float32_is_close_to_float64(loss, soft):
    wide, theta = objective_of_loss(loss, soft, False, convex=False)
    narrow, _ = objective_of_loss(loss, soft, False, convex=False, dtype=np.float32)
    c = wide.coordinates
    center, scale = (a.astype(np.float32).astype(np.float64) for a in (c.center, c.scale))
    narrow = narrow.replace(coordinates=Coordinates(center, scale, c.n_columns, True))
    difference = full_hessian(narrow, theta) - full_hessian(wide, theta)
    # X, center and theta are rounded to 24 bits; scores of 10 multiply that, and derivatives of 6.
    assert np.abs(difference).max() < 6 * 10 * 8 * np.finfo(np.float32).eps


@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.parametrize("n_classes", [3, 4])
@pytest.mark.parametrize("bounds", [(-np.inf, np.inf), (-1.0, 2.0)])
def test_no_equal_change_of_all_classes_has_a_smaller_penalty(l2, n_classes, bounds):
    l1 = np.array([0.2, 1.0, 0.0, 3.0])[:, None]
    penalty = Penalty(l1, l2 * np.ones_like(l1), *bounds)
    objective = make_objective(n_classes, np.asarray, penalty, fit_intercept=True)
    rng = np.random.default_rng(0)
    coef = np.clip(rng.normal(size=(N_FEATURES, n_classes)), *bounds)
    start = objective.theta(coef, rng.normal(size=n_classes))
    theta = least_class_shift(start, objective)
    shifted, intercept = objective.coef_intercept(theta)
    # The intercepts change alike, too.
    for change in (shifted - coef, intercept - objective.coef_intercept(start)[1]):
        np.testing.assert_allclose(change, change[..., :1] + 0 * change, rtol=0, atol=1e-13)
    assert np.all((shifted >= bounds[0]) & (shifted <= bounds[1]))
    assert np.array_equal(shifted[2], coef[2])  # without an L1 penalty
    grid = np.linspace(-5, 5, 10_001)
    others = shifted[:, :, None] - grid
    cost = np.sum(l1[:, :, None] * np.abs(others) + l2 / 2 * others**2, axis=1)
    cost[~np.all((others >= bounds[0]) & (others <= bounds[1]), axis=1)] = np.inf
    value = np.sum(l1 * np.abs(shifted) + l2 / 2 * shifted**2, axis=1)
    rounding = 100 * np.finfo(np.float64).eps
    assert np.all(value[[0, 1, 3]] <= cost[[0, 1, 3]].min(axis=1) + rounding)
