"""Separation, decided by hand for a few samples, and on random sets whose truth is certain."""

import numpy as np
import pytest
from scipy import sparse

from sklogloss.linear import separation
from sklogloss.linear.separation import Pairs, TooLarge, find_separation, null_space

LABEL = np.array([0, 0, 1, 1])


def raw_prediction_separates(raw_prediction, label, **options):
    # The features are the scores: some direction separates if that of the identity does not fall.
    X = np.asarray(raw_prediction, dtype=float).reshape(len(label), -1)
    n_classes = int(max(label)) + 1
    n_columns = 1 if n_classes == 2 else n_classes
    pairs = Pairs.of(X, np.asarray(label), n_columns, fit_intercept=False, **options)
    return find_separation(pairs) is not None


@pytest.mark.parametrize(
    ("raw_prediction", "expected"),
    [
        ([-2.0, -1.0, 1.0, 2.0], True),
        ([-2.0, 0.0, 0.0, 2.0], True),
        ([-2.0, 0.5, -0.5, 2.0], False),
        ([2.0, 1.0, -1.0, -2.0], True),
        ([0.0, 0.0, 0.0, 0.0], False),
    ],
    ids=["separated", "quasi-separated", "overlapping", "reversed", "constant"],
)
def test_two_classes(raw_prediction, expected):
    assert raw_prediction_separates(raw_prediction, LABEL) is expected


@pytest.mark.parametrize(
    ("feature", "label", "expected"),
    [
        ([-1, 0, 1], [0, 1, 2], True),
        ([-1, -1, 1], [0, 1, 2], True),
        ([1, 1, 1], [0, 1, 2], False),
        ([1, 1, 1, 2, 2, 2], [0, 1, 2, 0, 1, 2], False),
        ([1, 1, 1, 2], [0, 1, 2, 0], False),
        ([0, 0, 0, 2], [0, 1, 2, 0], True),
    ],
    ids=["separated", "one class", "constant", "overlapping", "no boundary at zero", "boundary"],
)
def test_three_classes(feature, label, expected):
    assert raw_prediction_separates(feature, label) is expected


def test_rows_that_are_not_seen_do_not_count():
    feature = [-2.0, 0.5, -0.5, 2.0]
    for seen, expected in (([1, 0, 0, 1], True), ([1, 1, 0, 1], False)):
        is_seen = np.array(seen, dtype=bool)
        assert raw_prediction_separates(feature, LABEL, is_seen=is_seen) is expected


def test_a_sample_of_two_classes_lies_on_the_boundary():
    tied = np.array([[False], [True], [False], [False]])
    assert raw_prediction_separates([-2.0, 0.0, 1.0, 2.0], LABEL, tied=tied)
    assert not raw_prediction_separates([-2.0, -0.5, 1.0, 2.0], LABEL, tied=tied)
    tied = np.zeros((3, 3), dtype=bool)
    tied[0, 1] = True  # of classes 0 and 1: class 2 can still be separated from it
    assert raw_prediction_separates([-1, 0, 1], [0, 1, 2], tied=tied)
    tied[0, 2] = tied[1] = True
    assert not raw_prediction_separates([-1, 0, 1], [0, 1, 2], tied=tied)


def pairs_of(X, label, n_columns, **options):
    return Pairs.of(X, label, n_columns, fit_intercept=True, **options)


@pytest.mark.parametrize("first_seed", range(0, 100, 50))
def test_quasi_separated_sets_are_found_to_the_last_pair(quasi_separated, first_seed):
    for seed in range(first_seed, first_seed + 50):
        X, label, expected = quasi_separated(seed)
        pairs = pairs_of(X, label, expected.shape[1])
        found = find_separation(pairs, all_of_it=True)
        assert found is not None, seed
        np.testing.assert_array_equal(found.is_separated, expected, err_msg=f"seed {seed}")
        # By the definition, in the columns as they were given.
        coef, intercept = pairs.coef_intercept(found.direction)
        raw_prediction = X @ coef + intercept
        if expected.shape[1] == 1:
            raw_prediction = np.column_stack([-raw_prediction / 2, raw_prediction / 2])
        margin = raw_prediction[np.arange(len(X)), label][:, None] - raw_prediction
        # The largest entry of the direction is one, where a row has the length that pairs know.
        assert np.all(margin >= -separation.rounding_of(pairs) * pairs.length[:, None]), seed


@pytest.mark.parametrize("first_seed", range(0, 100, 50))
def test_overlapping_sets_give_no_false_alarm(quasi_separated, first_seed):
    for seed in range(first_seed, first_seed + 50):
        X, label, expected = quasi_separated(seed, spoilt=True)
        assert find_separation(pairs_of(X, label, expected.shape[1])) is None, seed


@pytest.mark.parametrize(
    "container", [np.asarray, np.asfortranarray, sparse.csr_array, sparse.csc_array]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_containers(quasi_separated, container, dtype):
    for seed in range(20):
        X, label, expected = quasi_separated(seed)
        if np.any(X.astype(dtype) != X):
            continue
        pairs = pairs_of(container(X.astype(dtype)), label, expected.shape[1])
        found = find_separation(pairs, all_of_it=True)
        np.testing.assert_array_equal(found.is_separated, expected)


def test_units_and_zeros_of_columns_do_not_matter(quasi_separated):
    for seed in range(20):
        X, label, expected = quasi_separated(seed)
        rng = np.random.default_rng(seed)
        # Powers of two, and whole numbers that leave every entry whole: nothing rounds.
        X = (X + rng.integers(-(10**6), 10**6, size=X.shape[1])) * 2.0 ** rng.integers(
            -40, 40, size=X.shape[1]
        )
        found = find_separation(pairs_of(X, label, expected.shape[1]), all_of_it=True)
        np.testing.assert_array_equal(found.is_separated, expected)


def test_limits_of_the_direction():
    X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    pairs = Pairs.of(X, LABEL, 1, fit_intercept=False)
    assert find_separation(pairs, lower=0.0) is not None
    assert find_separation(pairs, upper=0.0) is None


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9, 1e-12])
def test_two_samples_next_to_each_other(gap):
    # Separated if they are in the order of their classes, else not.
    X = np.array([[0.0], [1.0], [1.0 + gap], [2.0]])
    assert find_separation(pairs_of(X, np.array([0, 1, 0, 1]), 1)) is None
    if gap > separation.TOLERANCE:
        assert find_separation(pairs_of(X, np.array([0, 0, 1, 1]), 1)) is not None


def test_too_large_a_programme_is_an_error(monkeypatch):
    monkeypatch.setattr(separation, "MAX_ENTRIES", 3)
    with pytest.raises(TooLarge):
        find_separation(pairs_of(np.array([[-2.0], [-1.0], [1.0], [2.0]]), LABEL, 1))


def test_more_columns_than_the_boundary_allows_are_an_error():
    # A dense basis of the boundary would take gigabytes.
    X = sparse.csr_array((4, 20_000))
    with pytest.raises(TooLarge):
        find_separation(pairs_of(X, LABEL, 1))


def test_null_space_of_many_alike_pairs():
    # 5,000 pairs know as little as one, but for the last: a sample of them misses it.
    X = np.zeros((5000, 3))
    X[:, 0] = np.arange(5000) % 7
    X[-1, 1] = 1
    pairs = pairs_of(X, np.arange(5000) % 2, 1)
    basis = null_space(pairs, pairs.exist, np.ones(4, dtype=bool))
    assert basis.shape == (4, 1)
    np.testing.assert_allclose(np.abs(basis[:, 0]), [0, 0, 1, 0], atol=1e-12)
