"""Center and scale: theta against coefficients and intercepts, and even problems in theta."""

import numpy as np
import pytest
from scipy import sparse

from sklogloss.linear.objective import (
    Coordinates,
    Objective,
    balanced_coordinates,
)
from sklogloss.linear.samples import Samples, make_design
from sklogloss.losses import LogLoss
from sklogloss.penalties import Penalty

N_SAMPLES, N_FEATURES = 150, 4
EPS = np.finfo(np.float64).eps
CONTAINERS = [np.array, sparse.csr_array, sparse.csc_array]


def make_X(dtype=np.float64):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_SAMPLES, N_FEATURES)) * [1, 0.01, 100, 5] + [3, 0, 300, 0]
    return X.astype(dtype)


def make_samples(container=np.array, weight=None, dtype=np.float64):
    target = (np.arange(N_SAMPLES) % 2).astype(dtype)[:, None]
    return Samples(make_design(container(make_X(dtype))), target, weight)


def make_coordinates(n_columns, fit_intercept):
    center, scale = np.array([3.0, 0.0, 300.0, 0.1]), np.exp2([0.0, 7.0, -6.0, -2.0])
    return Coordinates(center * fit_intercept, scale, n_columns, fit_intercept)


@pytest.mark.parametrize("n_columns", [1, 3])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_raw_predictions_are_those_of_centred_and_scaled_columns(n_columns, fit_intercept):
    coordinates = make_coordinates(n_columns, fit_intercept)
    assert coordinates.shape == (N_FEATURES + fit_intercept, n_columns)
    theta = np.random.default_rng(2).normal(size=coordinates.shape)
    coef, intercept = coordinates.coef_intercept(theta.ravel())
    X = make_X()
    expected = (X - coordinates.center) * coordinates.scale @ theta[:N_FEATURES]
    if fit_intercept:
        expected += theta[-1]
    # Terms of size 300 cancel.
    np.testing.assert_allclose(X @ coef + intercept, expected, rtol=0, atol=1e4 * EPS)


@pytest.mark.parametrize("n_columns", [1, 3])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_theta_undoes_coef_intercept(n_columns, fit_intercept):
    coordinates = make_coordinates(n_columns, fit_intercept)
    theta = np.random.default_rng(2).normal(size=coordinates.shape).ravel()
    actual = coordinates.theta(*coordinates.coef_intercept(theta))
    # The intercept has the roundings of center @ coef: terms of size 5.
    np.testing.assert_allclose(actual, theta, rtol=0, atol=100 * EPS)


def test_columns_are_the_coordinates_of_some_features():
    coordinates = make_coordinates(3, True)
    some = coordinates.columns(np.array([0, 2]))
    np.testing.assert_array_equal(some.center, coordinates.center[[0, 2]])
    np.testing.assert_array_equal(some.scale, coordinates.scale[[0, 2]])
    assert some.shape == (3, 3)
    assert some.fit_intercept


@pytest.mark.parametrize("n_columns", [1, 3])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("per_feature", [False, True])
def test_penalty_in_theta_is_the_same_penalty(n_columns, fit_intercept, per_feature):
    coordinates = make_coordinates(n_columns, fit_intercept)
    rng = np.random.default_rng(3)
    shape = (N_FEATURES, n_columns)
    if per_feature:
        l1, l2 = rng.uniform(size=(2, N_FEATURES, 1))
        l1[1] = l2[2] = 0
    else:
        l1, l2 = 0.3, 0.7
    lower, upper = -rng.uniform(size=shape), rng.uniform(size=shape)
    lower[0], upper[-1] = -np.inf, np.inf
    of_theta = coordinates.penalty_in_theta(Penalty(l1, l2, lower, upper))
    assert of_theta.l1.shape == of_theta.upper.shape == (np.prod(coordinates.shape),)

    theta = rng.normal(size=coordinates.shape).ravel()
    coef, _ = coordinates.coef_intercept(theta)
    value = np.sum(l1 * np.abs(coef)) + np.sum(l2 * coef**2) / 2
    actual = of_theta.l1 @ np.abs(theta) + of_theta.l2 @ theta**2 / 2
    assert actual == pytest.approx(value, rel=100 * EPS)
    # The intercept has none.
    of_intercept = slice(N_FEATURES * n_columns, None)
    assert not of_theta.l1[of_intercept].any()
    assert not of_theta.l2[of_intercept].any()
    assert np.all(of_theta.upper[of_intercept] == np.inf)

    # Scales are powers of two: a bound is the same number from both sides.
    in_coef, _ = coordinates.coef_intercept(of_theta.project(theta))
    np.testing.assert_array_equal(in_coef, np.clip(coef, lower, upper))


def test_a_penalty_in_theta_does_not_overflow_where_the_product_does_not():
    coordinates = Coordinates(np.zeros(1), np.array([2.0**600]), 1, False)
    of_theta = coordinates.penalty_in_theta(Penalty(l2=2.0**-1000))
    assert of_theta.l2 == 2.0**200


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("n_columns", [1, 3])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("l2", [0.0, 0.1, np.array([[0.0], [1.0], [0.1], [0.01]])], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_hessian_at_zero_has_a_diagonal_close_to_one(
    container, n_columns, fit_intercept, l2, weighted
):
    # What the scaling is for: columns of sizes 0.01 and 300 make an even problem. Scales are
    # rounded to powers of two, 2^-1/2 to 2^1/2, and enter squared.
    weight = np.arange(N_SAMPLES) % 3 / 2.0 if weighted else None
    samples, penalty = make_samples(container, weight), Penalty(l2=l2)
    coordinates = balanced_coordinates(
        samples, penalty, n_columns=n_columns, fit_intercept=fit_intercept
    )
    np.testing.assert_array_equal(np.log2(coordinates.scale) % 1, 0)
    X, weight = make_X(), np.ones(N_SAMPLES) if weight is None else weight
    mean = weight @ X / weight.sum() if fit_intercept else np.zeros(N_FEATURES)
    np.testing.assert_allclose(coordinates.center, mean, rtol=1e-12, atol=1e-12)
    n_classes = max(2, n_columns)
    curvature = 1 / n_classes * (1 - 1 / n_classes)
    diagonal = curvature * weight @ (X - mean) ** 2 / weight.sum() + np.ravel(l2)
    diagonal *= coordinates.scale**2
    error = 10 * N_SAMPLES * EPS
    assert np.all((diagonal >= 0.5 * (1 - error)) & (diagonal <= 2 * (1 + error)))


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_columns_without_curvature_get_a_scale_by_their_size(container, fit_intercept):
    # Constant, empty, with squares that overflow, with squares that underflow.
    X = np.zeros((20, 4))
    X[:, 0] = 8
    X[::2, 2], X[1::2, 2] = 2.0**600, -(2.0**600)
    X[::2, 3] = 2.0**-600
    samples = Samples(make_design(container(X)), np.zeros((20, 1)))
    coordinates = balanced_coordinates(samples, Penalty(), n_columns=1, fit_intercept=fit_intercept)
    assert np.all(np.isfinite(coordinates.center))
    expected = [1 / 8, 1, 2.0**-600, 2.0**600]
    if not fit_intercept:
        # Not centred, a constant column has a curvature: 8^2 / 4 = 4^2.
        expected[0] = 1 / 4
    np.testing.assert_array_equal(coordinates.scale, expected)


def test_scales_of_float32_fit_into_float32():
    X = np.array([[1e-38], [-1e-38]], dtype=np.float32)
    samples = Samples(make_design(X), np.zeros((2, 1), dtype=np.float32))
    coordinates = balanced_coordinates(samples, Penalty(), n_columns=1, fit_intercept=True)
    assert coordinates.scale.dtype == np.float64
    assert np.isfinite(coordinates.scale.astype(np.float32)).all()
    assert (1 / coordinates.scale).astype(np.float32).all()


def test_coordinates_of_a_point_are_even_where_one_row_has_none_left():
    # One row far from all others, separated: at that point it has no curvature left.
    rng = np.random.default_rng(0)
    X = rng.normal([5, 0, 0], size=(100, 3))
    X[0] = 1e8
    target = np.asfortranarray(rng.integers(2, size=(100, 1)), dtype=np.float64)
    target[0] = 1
    samples, penalty, kernel = Samples(make_design(X), target), Penalty(l2=1e-3), LogLoss().kernel()
    first = balanced_coordinates(samples, penalty, n_columns=1, fit_intercept=True)
    theta = first.theta(np.full((3, 1), 0.1), np.zeros(1))
    objective = Objective(samples, kernel, penalty, first)
    point = objective.value_gradient(theta, curvature=True)
    row_curvature = point.curvature.of_rows()
    options = {"n_columns": 1, "fit_intercept": True}
    second = balanced_coordinates(samples, penalty, row_curvature=row_curvature, **options)
    assert second.shape == first.shape
    rest = np.average(X[1:], axis=0, weights=row_curvature[1:])
    np.testing.assert_allclose(second.center, rest, rtol=1e-12)
    other = objective.replace(coordinates=second)
    coef_intercept = first.coef_intercept(theta)
    hessian = other.value_gradient_hessian(other.theta(*coef_intercept)).hessian
    diagonal = np.diagonal(hessian)[:3]
    assert np.all((diagonal >= 0.5 - 1e-12) & (diagonal <= 2 + 1e-12))
    # At the floor of the curvature, scales have an end.
    floor = balanced_coordinates(
        samples, penalty, row_curvature=1e-30 * row_curvature, smallest=1 - 1e-3, **options
    )
    np.testing.assert_array_equal(floor.scale, 1)
