"""p > n: the problem in the space of the rows has the same optimum."""

import numpy as np
import pytest

from sklogloss import LogLossClassifier
from sklogloss.linear.objective import balanced_objective
from sklogloss.linear.reduction import RowReduction, is_reducible_in_single
from sklogloss.linear.samples import Samples, make_design
from sklogloss.losses import LogLoss
from sklogloss.penalties import Penalty
from sklogloss.solvers.plan import Facts, Start, make_plan

N_SAMPLES, N_FEATURES = 40, 1200


def make_data(n_classes=2, offset=0.0, n_copies=1):
    rng = np.random.default_rng(0)
    X = offset + rng.normal(size=(N_SAMPLES, N_FEATURES))
    y = np.digitize(X[:, :5].sum(axis=1) + rng.logistic(size=N_SAMPLES), [5 * offset, 6])
    return np.tile(X, (n_copies, 1)), np.tile(np.minimum(y, n_classes - 1), n_copies)


def make_objective(X, y, n_classes, fit_intercept=True, l2=0.1, offset=None):
    samples = Samples(make_design(X), y.astype(X.dtype)[:, None], offset=offset)
    kernel = LogLoss(n_classes).kernel()
    return balanced_objective(samples, kernel, Penalty(l2=l2), fit_intercept=fit_intercept)


def is_reducible(objective):
    parts = objective.samples, objective.loss, objective.penalty, objective.fit_intercept
    return make_plan(Facts.of(*parts)).start is Start.ROWS


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize(("offset", "n_copies"), [(0.0, 1), (3.0, 1), (0.0, 2)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_objective_is_the_same(n_classes, fit_intercept, offset, n_copies, order):
    X, y = make_data(n_classes, offset, n_copies)
    full = make_objective(np.asarray(X, order=order), y, n_classes, fit_intercept)
    reduction = RowReduction.of(full)
    assert reduction.objective.n_features <= N_SAMPLES
    theta = np.random.default_rng(1).normal(size=reduction.objective.n_parameters)
    reduced_value = reduction.objective.value_gradient(theta).value
    value = full.value_gradient(full.theta(*reduction.coef_intercept(theta))).value
    # The cross-products are sums of N_FEATURES terms of size 1 + offset^2; rows that depend on
    # others are dropped at n eps times the largest, which enters by its root.
    error = np.sqrt(N_FEATURES * (1 + offset**2) * np.finfo(float).eps)
    assert abs(value - reduced_value) <= 10 * error * abs(value)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_penalties_per_feature_and_offsets_come_along(n_classes, fit_intercept):
    X, y = make_data(n_classes)
    rng = np.random.default_rng(3)
    l2 = 0.1 * np.exp2(rng.integers(-3, 4, size=N_FEATURES))[:, None]
    offset = np.asfortranarray(rng.normal(size=(N_SAMPLES, 1 if n_classes == 2 else n_classes)))
    full = make_objective(X, y, n_classes, fit_intercept, l2, offset)
    reduction = RowReduction.of(full)
    theta = rng.normal(size=reduction.objective.n_parameters)
    coef_intercept = reduction.coef_intercept(theta)
    value = full.value_gradient(full.theta(*coef_intercept)).value
    # As above, with columns of up to 8 times the size.
    error = np.sqrt(N_FEATURES * 8 * np.finfo(float).eps)
    assert abs(value - reduction.objective.value_gradient(theta).value) <= 10 * error * abs(value)
    again = reduction.theta(*reduction.row_coefficients(theta))
    np.testing.assert_allclose(
        np.hstack([c.ravel() for c in reduction.coef_intercept(again)]),
        np.hstack([c.ravel() for c in coef_intercept]),
        rtol=0,
        atol=error * np.abs(coef_intercept[0]).max(),
    )


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("solver", ["newton-cg", "newton-cholesky"])
def test_optimum_is_that_of_another_solver(n_classes, dtype, solver, plain_objective):
    X, y = make_data(n_classes)
    weight = np.random.default_rng(2).random(N_SAMPLES)
    clf = LogLossClassifier(solver=solver).fit(X.astype(dtype), y, sample_weight=weight)
    objective = plain_objective(X.astype(dtype), y, sample_weight=weight)
    assert is_reducible(make_objective(X, y, n_classes, l2=objective.l2))
    # float32: sums of N_FEATURES terms in the raw predictions.
    tolerance = 1e-4 if dtype == np.float64 else N_FEATURES * np.finfo(np.float32).eps
    assert objective.max_gradient(clf) <= tolerance
    expected = LogLossClassifier(solver="lbfgs", tol=1e-10, max_iter=1000).fit(
        X, y, sample_weight=weight
    )
    gap = objective.value(clf) / objective.value(expected) - 1
    assert abs(gap) <= (1e-9 if dtype == np.float64 else tolerance)


def factors(n_samples=200, n_features=2000):
    """Return rows of twenty large directions and many small ones: of a bad condition."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, 20)) @ rng.normal(size=(20, n_features))
    X += 0.01 * rng.normal(size=X.shape)
    return X, X[:, 0] + rng.logistic(size=n_samples) > 0


@pytest.mark.parametrize("make", [make_data, factors])
@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("C", [1e-3, 1.0])
def test_a_rough_optimum_is_as_good_as_it_says(make, offset, C, plain_objective):
    # tol=10 asks for a relative 1e-6, for which the cross-products are tried in float32.
    X, y = make()
    X = X + offset
    objective = plain_objective(X, y, C)
    clf = LogLossClassifier(C=C, tol=10, max_iter=1000).fit(X, y)
    expected = LogLossClassifier(C=C, tol=1e-8, max_iter=5000, solver="lbfgs").fit(X - offset, y)
    expected.intercept_ -= offset * expected.coef_.sum()
    assert objective.value(clf) <= (1 + 1e-6) * objective.value(expected)


def test_float32_is_tried_where_it_may_serve():
    X, y = make_data()
    assert is_reducible_in_single(make_objective(X, y, 2))
    assert not is_reducible_in_single(make_objective(X.astype(np.float32), y, 2))
    # The rows' mean takes the digits, unless it stays.
    assert not is_reducible_in_single(make_objective(X + 10, y, 2))
    assert is_reducible_in_single(make_objective(X + 10, y, 2, fit_intercept=False))


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("has_factors", [False, True])
def test_cross_products_of_many_rows(single, fit_intercept, has_factors):
    rng = np.random.default_rng(4)
    n_samples, n_features = 1010, 1300  # more rows than the passes have a kernel for
    X = 5 * fit_intercept + rng.normal(size=(n_samples, n_features))
    l2 = np.exp2(rng.integers(-2, 3, size=n_features))[:, None] if has_factors else 1.0
    y = np.arange(n_samples) % 2
    full = make_objective(X, y, 2, fit_intercept, l2)
    assert is_reducible_in_single(full)
    reduction = RowReduction.of(full, single=single)
    assert reduction.has_all_rows
    centred = X - X.mean(axis=0) if fit_intercept else X
    expected = centred * (np.min(l2) / np.ravel(l2)) @ centred.T
    L = reduction.objective.samples.design.X
    eps = np.finfo(np.float32 if single else np.float64).eps
    # Pivots of this size are rounding errors of the sums, and are left out.
    error = n_features * eps * np.diagonal(expected).max()
    np.testing.assert_allclose(L @ L.T, expected, rtol=0, atol=error)
    # The gradient of the whole becomes that in the reduction.
    theta = rng.normal(size=reduction.objective.n_parameters)
    point = full.value_gradient(full.theta(*reduction.coef_intercept(theta)))
    of_v = reduction.gradient(*full.coordinates.gradient_in_coef(point.gradient))
    gradient = reduction.objective.coordinates.gradient_in_theta(*of_v)
    expected = reduction.objective.value_gradient(theta).gradient
    condition = np.linalg.cond(L)
    atol = 8 * np.sqrt(n_features) * eps * condition**2 * np.abs(expected).max()
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=atol)


def test_another_reduction_goes_on_from_the_solution_of_one():
    X, y = make_data()
    objective = make_objective(X, y, 2)
    rough, exact = RowReduction.of(objective, single=True), RowReduction.of(objective)
    theta = np.random.default_rng(1).normal(size=rough.objective.n_parameters)
    coef, intercept = rough.coef_intercept(theta)
    again, same_intercept = exact.coef_intercept(exact.theta(*rough.row_coefficients(theta)))
    # The cross-products' condition is about (1 + sqrt(1 / 30)) / (1 - sqrt(1 / 30)), squared.
    error = 10 * N_FEATURES * np.finfo(np.float32).eps
    np.testing.assert_allclose(again, coef, rtol=0, atol=error * np.abs(coef).max())
    np.testing.assert_allclose(same_intercept, intercept, rtol=0, atol=error)


@pytest.mark.parametrize("solver", ["newton-cg", "newton-cholesky", "lbfgs"])
def test_rows_that_span_nothing_are_fitted_all_the_same(solver):
    y = np.arange(N_SAMPLES) % 2
    X = make_data()[0]
    for same in (np.zeros_like(X), np.tile(X[0], (N_SAMPLES, 1)), 1e-170 * X):
        objective = make_objective(same, y, 2)
        assert is_reducible(objective)
        assert RowReduction.of(objective) is None
        clf = LogLossClassifier(solver=solver).fit(same, y)
        assert np.abs(clf.predict_proba(same) - 0.5).max() <= 1e-4  # tol, as y is balanced


def test_entries_that_are_not_finite_are_named():
    X, y = make_data()
    for entry in (np.nan, np.inf):
        X[3, 700] = entry
        with pytest.raises(ValueError, match="Input X contains"):
            LogLossClassifier(fit_intercept=False).fit(X, y)


def test_cross_products_that_overflow_are_no_reduction_and_no_warning():
    X, y = make_data()
    objective = make_objective((1e30 * X).astype(np.float32), y, 2)
    assert RowReduction.of(objective) is None
