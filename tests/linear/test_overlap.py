"""The certificate that classes overlap: only where they do, and for the solutions of usual data."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from sklogloss.linear import overlap
from sklogloss.linear.objective import balanced_objective
from sklogloss.linear.overlap import certainly_overlap
from sklogloss.linear.samples import Samples, make_design
from sklogloss.linear.scores import weighted_gram
from sklogloss.losses import FocalLoss, LogLoss
from sklogloss.penalties import Penalty
from sklogloss.solvers.plan import Facts, make_plan
from sklogloss.solvers.solve import solve
from sklogloss.solvers.stopping import Goal


def solve_labels(X, label, *, loss=LogLoss, weight=None, offset=None, penalty=None, tol=1e-4):
    """Return the SolverResult of labels."""
    n_classes = int(label.max()) + 1
    kernel = loss(n_classes=n_classes).kernel(target_is_matrix=False)
    target = np.asfortranarray(label[:, None], dtype=X.dtype)
    samples = Samples(make_design(X), target, weight, offset)
    objective = balanced_objective(samples, kernel, penalty or Penalty(), fit_intercept=True)
    plan = make_plan(Facts.of(samples, kernel, objective.penalty, True))
    return solve(plan, objective, None, Goal.of(tol, 200))


def solution(X, label, **options):
    """Return the objective of labels and the evaluation at its optimum, if there is one."""
    result = solve_labels(X, label, **options)
    return result.objective, result.point


def overlapping(n_samples, n_classes, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 4)) * [1, 1e-3, 1e3, 5] + [0, 1, 3e3, 0]
    standard = (X - X.mean(axis=0)) / X.std(axis=0)
    scores = standard @ rng.normal(size=(4, n_classes)) + rng.gumbel(size=(n_samples, n_classes))
    return X, scores.argmax(axis=1)


@pytest.mark.parametrize("n_samples", [200, 5000])
@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize(
    "container", [np.asarray, np.asfortranarray, sparse.csr_array, sparse.csc_array]
)
def test_solutions_of_overlapping_classes_are_certain(n_samples, n_classes, container):
    X, label = overlapping(n_samples, n_classes)
    assert certainly_overlap(*solution(container(X), label))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_factor_of_a_solver_makes_passes_needless(monkeypatch, n_classes, container, dtype):
    # So the certificate costs no more than a look at the largest entry, also where only some
    # columns have a penalty.
    monkeypatch.setattr(overlap, "_factor_at", None)
    monkeypatch.setattr(overlap, "_is_certain_by_residuals", None)
    X, label = overlapping(500, n_classes)
    X = container((X / X.std(axis=0)).astype(dtype))
    factor = np.array([[0.0], [1.0], [0.0], [1e-3]])
    for penalty in (Penalty(), Penalty(l2=factor)):
        result = solve_labels(X, label, penalty=penalty)
        assert certainly_overlap(result.objective, result.factored_point)


def test_rounding_errors_of_the_gradient_certify_nothing():
    # Three rows differ from zero in a column, and are on their side: without the last digits of
    # the gradient, which is none there, no step would lead further.
    X, label = overlapping(500, 2)
    rare = np.zeros(len(X))
    rare[:3], label[:3] = 1, 0
    result = solve_labels(np.column_stack([X, rare]), label)
    objective = result.objective
    coef, intercept = objective.coef_intercept(result.theta)
    for margin, is_certain in ((3.0, True), (33.0, False)):
        coef[4] = -margin
        theta = objective.theta(coef, intercept)
        nothing = np.zeros_like(theta)
        factor = overlap._factor_at(objective, theta)
        assert not factor.is_damped
        assert overlap._is_certain_by_step(objective, nothing, factor) is is_certain


def test_rows_whose_length_overflows_certify_nothing():
    # Coordinates for a point where next to no curvature is left may have such scales.
    X, label = np.array([[0.0], [1.0]]), np.array([1, 0])
    objective = solve_labels(X, label, penalty=Penalty(upper=np.zeros((1, 1)))).objective
    coordinates = replace(objective.coordinates, scale=np.array([2.0**536]))
    objective = objective.replace(coordinates=coordinates)
    theta = objective.theta(np.array([[-1600.0]]), np.array([800.0]))
    assert not certainly_overlap(objective, objective.value_gradient(theta))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_offsets_and_weights(n_classes):
    X, label = overlapping(300, n_classes)
    rng = np.random.default_rng(1)
    offset = np.asfortranarray(rng.normal(size=(300, 1 if n_classes == 2 else n_classes)))
    weight = rng.exponential(size=300) * (rng.random(300) < 0.8)
    assert certainly_overlap(*solution(X, label, weight=weight, offset=offset))
    # The rows of weight zero do not certify anything.
    separated = X[:, 0] > np.median(X[:, 0])
    weight = (separated == (label == 0)).astype(float)
    label = np.where(weight > 0, separated, ~separated).astype(int)
    assert not certainly_overlap(*solution(X, label, weight=weight))


def test_collinear_and_constant_columns():
    X, label = overlapping(300, 3)
    dummies = np.eye(3)[np.arange(300) % 3]
    X = np.column_stack([X, X[:, 0] + X[:, 1], dummies, np.full(300, 7.0), np.zeros(300)])
    assert certainly_overlap(*solution(X, label))


def test_many_flat_directions_take_little_memory():
    X, label = overlapping(20_000, 2)
    X = np.hstack([X / X.std(axis=0)] * 15)
    objective, point = solution(X, label)
    tracemalloc.start()
    try:
        assert certainly_overlap(objective, point)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Of the 56 directions.
    assert peak < X.nbytes / 2


def test_other_losses_and_types():
    X, label = overlapping(400, 2)
    assert certainly_overlap(*solution(X, label, loss=FocalLoss))
    X32 = (X - X.mean(axis=0)).astype(np.float32)
    assert certainly_overlap(*solution(X32, label))


def test_only_columns_without_a_penalty_matter():
    X, label = overlapping(200, 2)
    X = np.column_stack([X, label])
    l2 = np.zeros((5, 1))
    assert not certainly_overlap(*solution(X, label))
    l2[4] = 1e-3
    assert certainly_overlap(*solution(X, label, penalty=Penalty(l2=l2)))


def test_a_coefficient_at_its_bound():
    X, label = overlapping(200, 2)
    X = np.column_stack([X, label])
    upper = np.array([[np.inf]] * 4 + [[1.0]])
    assert certainly_overlap(*solution(X, label, penalty=Penalty(upper=upper)))


def test_bounds_of_several_classes():
    # The coefficients of all classes but the last, which has one row, rise for ever. Its own stays
    # at the bound, with a gradient that only all of theirs together make up for.
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X, label = rng.integers(2, size=(70, 1)).astype(float), rng.integers(5, size=70)
        X[0], label[0] = 0, 5
        lower = np.full((1, 1), -1.0)
        assert not certainly_overlap(*solution(X, label, penalty=Penalty(lower=lower))), seed
    X, label = overlapping(500, 3)
    for bounds in ({"lower": 0.0}, {"lower": -0.1, "upper": 0.1}):
        bounds = {name: np.full((4, 1), bound) for name, bound in bounds.items()}
        assert certainly_overlap(*solution(X, label, penalty=Penalty(**bounds))), bounds


def test_what_few_rows_know_is_asked_of_all():
    # A column that differs from zero in 3 of 20,000 rows, which overlap: some rows miss it.
    X, label = overlapping(20_000, 2)
    rare = np.zeros(len(X))
    rare[:3], label[:3] = [1, 2, 3], [0, 1, 0]
    assert certainly_overlap(*solution(np.column_stack([X, rare]), label, tol=1e-8))
    label[:3] = [0, 0, 0]
    assert not certainly_overlap(*solution(np.column_stack([X, rare]), label, tol=1e-8))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("far", [1e2, 1e4])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sparse_columns_far_from_zero_hide_no_separation(n_classes, far, dtype):
    # Centred after the sums, they leave rounding errors in the Hessian where curvature vanishes.
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X, label = rng.normal(size=(300, 2)), rng.integers(n_classes, size=300)
        rare = np.zeros(300)
        rare[rng.choice(np.flatnonzero(label == 0), 5)] = 1
        X = sparse.csr_array(np.column_stack([X, far + rare]).astype(dtype))
        result = solve_labels(X, label)
        for point in (result.last_point, result.factored_point):
            assert point is None or not certainly_overlap(result.objective, point), seed


def test_some_more_rows_are_asked_before_all(monkeypatch):
    # A step before the optimum, the gradient is too much for few rows, but not for twice as many.
    X, label = overlapping(100_000, 2)
    objective, point = solution(X, label, loss=FocalLoss)
    n_rows = []

    def recorded(samples, *args):
        n_rows.append(samples.n_samples)
        return weighted_gram(samples, *args)

    monkeypatch.setattr(overlap, "weighted_gram", recorded)
    theta = point.theta.copy()
    theta[-1] += 0.1
    assert certainly_overlap(objective, objective.value_gradient(theta))
    assert len(n_rows) == 2
    assert n_rows[0] < n_rows[1] < len(X) // 2


def test_what_would_take_long_is_not_certain(monkeypatch):
    # A matrix of many columns.
    at_optimum = solution(*overlapping(400, 2), loss=FocalLoss)
    assert certainly_overlap(*at_optimum)
    monkeypatch.setattr(overlap, "LARGEST_HESSIAN", 1)
    assert not certainly_overlap(*at_optimum)


@pytest.mark.parametrize("first_seed", range(0, 100, 50))
def test_separated_classes_never_get_one(quasi_separated, first_seed):
    for seed in range(first_seed, first_seed + 50):
        X, label, _ = quasi_separated(seed)
        result = solve_labels(X, label)
        objective = result.objective
        for point in (result.point, result.factored_point):
            assert point is None or not certainly_overlap(objective, point), seed
        # Nor at a random point, however sure it is of all samples.
        rng = np.random.default_rng(seed)
        theta = rng.normal(size=objective.n_parameters) * 10 ** rng.uniform(-2, 3)
        assert not certainly_overlap(objective, objective.value_gradient(theta)), seed
