"""Parts of the rows that stand for the whole: a subset to solve first, blocks for a Hessian."""

import numpy as np
import pytest
from scipy import sparse

from sklogloss import LogLossClassifier
from sklogloss.linear.design import make_design
from sklogloss.linear.objective import LinearObjective
from sklogloss.linear.subset import (
    ROWS_FOR_SCALE,
    ROWS_PER_CLASS,
    random_rows,
    rows_for_scale,
    rows_for_starts,
)
from sklogloss.losses import LogLoss
from sklogloss.solvers.newton_cholesky import NewtonCholeskySolver

N_SAMPLES = 200_000


def binary_target(n_positive):
    return (np.arange(N_SAMPLES) < n_positive).astype(np.float64)[:, None]


def test_rows_are_few_random_and_the_same_each_time():
    target = binary_target(N_SAMPLES // 2)
    rows = random_rows(target, None, 1, 21)
    assert N_SAMPLES / 32 < len(rows) <= N_SAMPLES / 8
    assert np.all(np.diff(rows) > 0)
    np.testing.assert_array_equal(rows, random_rows(target, None, 1, 21))
    # Sorted rows: of about 12,500 draws, the part below the middle is 1/2 up to 5 sqrt(1/4n).
    assert abs(np.mean(rows < N_SAMPLES / 2) - 0.5) < 5 * 0.5 / np.sqrt(len(rows))


def test_rows_without_weight_are_not_drawn():
    weight = np.zeros(N_SAMPLES)
    weight[::2] = 1
    rows = random_rows(binary_target(N_SAMPLES // 2), weight, 1, 21)
    assert np.all(rows % 2 == 0)
    weight[1000:] = 0
    assert random_rows(binary_target(N_SAMPLES // 2), weight, 1, 21) is None


@pytest.mark.parametrize("n_parameters", [21, 10_000])
@pytest.mark.parametrize("n_samples", [1000, N_SAMPLES])
def test_small_problems_have_no_subset(n_parameters, n_samples):
    rows = random_rows(binary_target(500)[:n_samples], None, 1, n_parameters)
    # And 500 of 200,000 positives make about 30 of 12,500: too rare.
    assert rows is None


def test_no_class_is_rare_in_the_subset():
    index = (np.arange(N_SAMPLES) % 3).astype(np.float64)[:, None]
    rows = random_rows(index, None, 3, 30)
    assert np.bincount(index[rows, 0].astype(int)).min() >= ROWS_PER_CLASS
    index[index == 2] = 0
    index[:10] = 2
    assert random_rows(index, None, 3, 30) is None
    proba = np.full((N_SAMPLES, 3), [0.5, 0.5 - 1e-5, 1e-5])
    assert random_rows(proba, None, 3, 30) is None
    assert random_rows(np.full((N_SAMPLES, 3), 1 / 3), None, 3, 30) is not None


def test_starts_are_followed_on_a_quarter_of_the_rows_at_most():
    for n_samples in (10_000, N_SAMPLES):
        rows = rows_for_starts((np.arange(n_samples) % 2).astype(np.float64)[:, None], None, 1)
        assert n_samples / 32 < len(rows) <= n_samples / 4
    assert rows_for_starts(binary_target(500)[:1000], None, 1) is None
    assert rows_for_starts(binary_target(500), None, 1) is None
    weight = np.zeros(N_SAMPLES)
    weight[::2] = 1
    assert np.all(rows_for_starts(binary_target(N_SAMPLES // 2), weight, 1) % 2 == 0)


def test_rows_for_the_scale_are_few_and_have_weight():
    weight = np.zeros(N_SAMPLES)
    weight[1::2] = 1
    for given in (None, weight):
        rows = rows_for_scale(N_SAMPLES, given)
        assert ROWS_FOR_SCALE <= len(rows) < 2 * ROWS_FOR_SCALE
    assert np.all(rows % 2 == 1)
    np.testing.assert_array_equal(rows_for_scale(5, None), np.arange(5))


def make_many_features(container=np.array, weight=None, n_samples=14_000):
    # X in float32 numbers, of which products in float32 are nearly as good.
    rng = np.random.default_rng(0)
    X = rng.integers(-3, 4, size=(n_samples, 250)).astype(np.float64)
    target = (X[:, 0] + 3 * rng.logistic(size=n_samples) > 0).astype(np.float64)[:, None]
    objective = LinearObjective(
        make_design(container(X)),
        LogLoss(2).kernel(),
        target,
        weight,
        l2=1e-4,
        fit_intercept=True,
        n_threads=2,
    )
    return X, target, objective


@pytest.mark.parametrize("container", [np.array, sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_hessian_of_some_blocks(container, weighted):
    weight = np.random.default_rng(1).uniform(size=14_000) if weighted else None
    X, _, objective = make_many_features(container, weight)
    every = objective.every
    assert objective.subset is None
    assert every >= 4
    theta = np.random.default_rng(2).normal(size=251) / 50
    point = objective.value_gradient_hessian(theta, every=every)
    # Products are added in another order than without the Hessian.
    exact = objective.value_gradient(theta)
    np.testing.assert_allclose(point.gradient, exact.gradient, rtol=0, atol=1e-12)
    rows = np.arange(len(X)) // objective.design.block_rows % every == 0
    Z = np.column_stack([(X[rows] - objective.center) * objective.scale, np.ones(rows.sum())])
    p = 1 / (1 + np.exp(-Z @ theta))
    row_weight = p * (1 - p) * (1 if weight is None else weight[rows])
    expected = (Z.T * row_weight) @ Z / (rows.sum() if weight is None else weight[rows].sum())
    expected[np.arange(250), np.arange(250)] += 1e-4 * objective.scale**2
    # Some 3,000 terms of size 1, with a few roundings each.
    atol = 3_000 * 10 * np.finfo(np.float64).eps
    np.testing.assert_allclose(np.tril(point.hessian), np.tril(expected), rtol=0, atol=atol)


def test_blocks_without_their_part_of_the_weight_make_no_hessian():
    _, _, objective = make_many_features()
    every, block_rows = objective.every, objective.design.block_rows
    weight = np.where(np.arange(14_000) // block_rows % every == 0, 0.0, 1.0)
    _, _, objective = make_many_features(weight=weight)
    theta = np.zeros(251)
    whole = objective.value_gradient_hessian(theta).hessian
    part = objective.value_gradient_hessian(theta, every=every).hessian
    np.testing.assert_array_equal(part, whole)


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("order", ["random", "by class", "copies of few", "weights on few"])
def test_the_optimum_does_not_depend_on_the_blocks(order, l1_ratio):
    X, target, _ = make_many_features()
    y, weight = target[:, 0], None
    if order == "by class":
        rows = np.lexsort([X[:, 0], y])
        X, y = X[rows], y[rows]
    elif order == "copies of few":
        # A block has copies of two rows at most, and all the Hessian's blocks together of 40.
        X, y = np.repeat(X[::200], 200, axis=0), np.repeat(y[::200], 200)
    elif order == "weights on few":
        weight = (np.arange(len(X)) % 3000 < 600).astype(np.float64)
    clf = LogLossClassifier(C=0.05, l1_ratio=l1_ratio, tol=1e-8).fit(X, y, weight)
    row_weight = np.ones(len(X)) if weight is None else weight
    p = 1 / (1 + np.exp(-clf.decision_function(X)))
    gradient = X.T @ (row_weight * (p - y)) / row_weight.sum()
    strength = 1 / (0.05 * row_weight.sum())
    coef = clf.coef_[0]
    if l1_ratio == 0:
        gradient += strength * coef
    else:
        gradient = np.where(
            coef != 0,
            gradient + strength * np.sign(coef),
            np.maximum(np.abs(gradient) - strength, 0),
        )
    assert np.abs(gradient).max() <= 1e-8
    assert abs(row_weight @ (p - y)) / row_weight.sum() <= 1e-8


@pytest.mark.parametrize("seed", [0, 1])
def test_the_solution_of_a_subset_with_its_own_subset_is_a_start(seed, monkeypatch):
    # With seed 1 the loss on all rows is larger than that on the subset, at the same coefficients.
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(560_000, 3))
    y = (X.sum(axis=1) + rng.logistic(size=len(X)) > 0).astype(np.float64)
    objective = LinearObjective(
        make_design(X),
        LogLoss(2).kernel(),
        y[:, None],
        None,
        l2=1e-6,
        fit_intercept=True,
        n_threads=1,
    )
    assert objective.subset.subset is not None
    abandoned = []
    monkeypatch.setattr(NewtonCholeskySolver, "abandon", lambda self, solver: abandoned.append(1))
    solver = NewtonCholeskySolver(objective, tol=1e-4, max_iter=100)
    assert solver.solve(np.zeros(4)).converged
    assert not abandoned
    assert solver.start_value == pytest.approx(np.log(2), rel=1e-12)


@pytest.mark.parametrize("C", [1.0, np.inf])
@pytest.mark.parametrize("is_sorted", [False, True])
@pytest.mark.parametrize("solver", ["newton-cholesky", "newton-cg", "lbfgs"])
def test_the_optimum_is_that_of_all_rows(solver, is_sorted, C):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(70_000, 3))
    y = X @ [1, -1, 0.5] + rng.logistic(size=len(X)) > 1
    if is_sorted:
        order = np.lexsort([X[:, 0], y])
        X, y = X[order], y[order]
    clf = LogLossClassifier(solver=solver, C=C).fit(X, y)
    # Newton's method by hand, from zero; the Hessian's eigenvalues are about 0.1.
    X1 = np.column_stack([X, np.ones(len(X))])
    penalty = np.array([1, 1, 1, 0]) / (C * len(X))
    theta = np.zeros(4)
    for _ in range(10):
        p = 1 / (1 + np.exp(-X1 @ theta))
        gradient = X1.T @ (p - y) / len(X) + penalty * theta
        hessian = (X1.T * (p * (1 - p))) @ X1 / len(X) + np.diag(penalty)
        theta -= np.linalg.solve(hessian, gradient)
    np.testing.assert_allclose(clf.coef_[0], theta[:3], rtol=0, atol=1e-6)
    np.testing.assert_allclose(clf.intercept_[0], theta[3], rtol=0, atol=1e-6)
