"""Systems of the classes, each with rows of its own, against NumPy."""

import numpy as np
import pytest

from sklogloss._cython.cholesky import CholeskyFactor
from sklogloss.linear.class_rows import ClassRows
from sklogloss.linear.objective import balanced_objective
from sklogloss.linear.samples import Samples, make_design
from sklogloss.losses import LogLoss
from sklogloss.penalties import Penalty

pytestmark = pytest.mark.skipif(
    not make_design(np.zeros((1, 1))).has_class_grams, reason="built without vector types"
)

N_SAMPLES, N_FEATURES, N_CLASSES = 120, 4, 15


def problem_and_point(*, fit_intercept, sample_weight, order):
    rng = np.random.default_rng(0)
    X = np.asarray(rng.normal(size=(N_SAMPLES, N_FEATURES)) * [1, 10, 0.1, 1] + 3, order=order)
    y = np.arange(N_SAMPLES, dtype=np.float64)[:, None] % N_CLASSES
    samples = Samples(make_design(X), y, sample_weight)
    loss, penalty = LogLoss(N_CLASSES).kernel(), Penalty(l2=0.01)
    objective = balanced_objective(samples, loss, penalty, fit_intercept=fit_intercept)
    theta = rng.normal(size=objective.n_parameters)
    return X, objective, objective.value_gradient(theta, curvature=True)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
def test_solutions_are_those_of_the_mean_and_the_rows_of_each_class(
    fit_intercept, is_weighted, order
):
    weight = np.random.default_rng(1).exponential(size=N_SAMPLES) if is_weighted else None
    X, objective, point = problem_and_point(
        fit_intercept=fit_intercept, sample_weight=weight, order=order
    )
    proba = point.curvature.values
    curvature = proba * (1 - proba) * (1 if weight is None else weight[:, None])
    curvature /= objective.weight_sum
    rows = np.argsort(curvature, axis=0)[-ClassRows.rows_of_each(N_SAMPLES, N_CLASSES) :]
    of_rows = np.zeros_like(curvature)
    np.put_along_axis(of_rows, rows, np.take_along_axis(curvature, rows, axis=0), axis=0)
    Z = (X - objective.coordinates.center) * objective.coordinates.scale
    Z = np.c_[Z, np.ones(N_SAMPLES)] if fit_intercept else Z
    mean = Z.T @ ((curvature - of_rows).mean(axis=1)[:, None] * Z)
    mean += np.diag(objective.penalty_in_theta.l2[::N_CLASSES])
    blocks = [mean + Z.T @ (of_class[:, None] * Z) for of_class in of_rows.T]
    b = np.random.default_rng(2).normal(size=objective.shape)
    expected = np.stack([np.linalg.solve(*each) for each in zip(blocks, b.T, strict=True)], axis=1)
    actual = ClassRows(objective, point.curvature).solve(b)
    # The cross-products and what couples a class's rows are in float32.
    error = max(map(np.linalg.cond, [mean, *blocks])) * 20 * np.finfo(np.float32).eps
    np.testing.assert_allclose(actual, expected, rtol=0, atol=error * np.abs(expected).max())


def test_pairs_of_rows_take_no_more_numbers_than_rows_and_classes():
    for n_samples in (1, 7, 100, 20_000):
        for n_classes in (1, 3, 100, 1_000):
            n_rows = ClassRows.rows_of_each(n_samples, n_classes)
            assert n_rows * n_classes <= n_samples
            assert n_rows**2 <= n_samples


def test_half_a_solution_has_the_squares_of_a_whole_one():
    rng = np.random.default_rng(0)
    root, b = rng.normal(size=(7, 7)), rng.normal(size=(7, 3))
    factor = CholeskyFactor(root @ root.T + np.eye(7))
    half = factor.half_solve(b)
    np.testing.assert_allclose(half.T @ half, b.T @ factor.solve(b), rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match="as many rows"):
        factor.half_solve(b[1:])
    assert np.all(np.isnan(CholeskyFactor(np.full((2, 2), np.nan)).half_solve(np.ones((2, 1)))))
