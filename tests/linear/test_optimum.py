"""Whether an objective has an optimum, by what is free of a penalty."""

import numpy as np
import pytest
from scipy import sparse

from sklogloss.linear import optimum, separation
from sklogloss.linear.objective import balanced_objective
from sklogloss.linear.optimum import has_no_optimum
from sklogloss.linear.samples import Samples, make_design
from sklogloss.losses import LogLoss
from sklogloss.penalties import Penalty


def answer(X, label, *, weight=None, directions=(), **strengths):
    """Return what is said at zero, where nothing is certain but by a linear programme."""
    kernel = LogLoss(n_classes=int(label.max()) + 1).kernel(target_is_matrix=False)
    target = np.asfortranarray(label[:, None], dtype=X.dtype)
    samples = Samples(make_design(X), target, weight)
    objective = balanced_objective(samples, kernel, Penalty(**strengths), fit_intercept=True)
    directions = [objective.theta(coef, 0.0) for coef in directions]
    point = objective.value_gradient(objective.start())
    return has_no_optimum(objective, point, directions, label)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.csc_array])
def test_separated_and_overlapping_sets(quasi_separated, container):
    for seed in range(12):
        for spoilt in (False, True):
            X, label, _ = quasi_separated(seed, spoilt=spoilt)
            assert answer(container(X), label) is not spoilt, (seed, spoilt)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_penalties_and_bounds_keep_coefficients_from_growing(n_classes):
    # Both features separate the last class.
    t = np.repeat([0.0, 1.0, 3.0], [2 * n_classes, 4, 4])
    label = np.append(np.tile(np.arange(n_classes), 2), np.full(8, n_classes - 1))
    X = np.column_stack([t, 2 * t])
    assert answer(X, label)
    for penalty in ({"l1": np.array([[0.1], [0.1]])}, {"l2": np.array([[0.1], [0.1]])}):
        assert not answer(X, label, **penalty)
    for penalty in ({"l1": np.array([[0.1], [0.0]])}, {"l2": np.array([[0.0], [0.1]])}):
        assert answer(X, label, **penalty)
    limit = np.full((2, 1 if n_classes == 2 else n_classes), np.inf)
    assert answer(X, label, lower=-limit, upper=limit)
    assert not answer(X, label, lower=-np.ones_like(limit), upper=np.ones_like(limit))
    limit[0] = 1
    assert answer(X, label, lower=-limit, upper=limit)
    # The classes are separated upwards; with columns turned round, downwards.
    one = np.full_like(limit, 1.0)
    if n_classes == 2:
        assert not answer(X, label, upper=one)
        assert not answer(-X, label, lower=-one)
        assert answer(X, label, lower=-one)


def test_rows_of_weight_zero_do_not_count():
    X, label = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 1, 0, 1])
    assert not answer(X, label)
    assert answer(X, label, weight=np.array([1.0, 0.0, 1.0, 1.0]))


def test_a_function_that_separates_needs_no_programme(monkeypatch):
    monkeypatch.setattr(optimum, "find_separation", None)
    X = np.array([[-3.0, 1.0], [-1.0, 5.0], [2.0, -5.0], [3.0, 1.0]])
    assert answer(X, np.array([0, 0, 1, 1]), directions=[[[0.0], [0.0]], [[1.0], [0.0]]])
    X = np.array([[-3.0, 0.0], [0.0, 5.0], [2.0, 1.0]])
    assert answer(X, np.array([0, 1, 2]), directions=[[[-1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]])


def test_where_a_programme_is_too_large_the_function_itself_decides(monkeypatch):
    monkeypatch.setattr(separation, "MAX_ENTRIES", 0)
    X, label = np.array([[-1.0], [0.0], [0.0], [2.0]]), np.array([0, 0, 1, 1])
    assert answer(X, label, directions=[[[1.0]]])
    assert not answer(X, label, directions=[[[1e-3]]])
    assert not answer(X, np.array([0, 1, 0, 1]), directions=[[[-1.0]]])


def test_a_step_that_overflows_tells_nothing():
    # Its coefficients do in the columns of X, of size 1e-10, and have no warning.
    X, label = 1e-10 * np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    target = np.asfortranarray(label[:, None], dtype=X.dtype)
    kernel = LogLoss(n_classes=2).kernel(target_is_matrix=False)
    samples = Samples(make_design(X), target, None)
    objective = balanced_objective(samples, kernel, Penalty(), fit_intercept=True)
    point = objective.value_gradient(objective.start())
    with np.errstate(all="raise"):
        assert has_no_optimum(objective, point, [np.full(2, 1e300)], label)
