"""Separation, decided by hand for a few samples, and on random sets whose truth is certain."""

import time
from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog, nnls

from sklogloss.linear import separation
from sklogloss.linear.separation import (
    Pairs,
    TooLarge,
    Undecided,
    find_separation,
    null_space,
)

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


@pytest.mark.parametrize("n_zero_columns", [0, 20])
@pytest.mark.parametrize("ends", ["linprog", "nnls"])
def test_where_one_method_takes_too_many_steps_the_other_decides(
    quasi_separated, monkeypatch, ends, n_zero_columns
):
    # Seed 8034242 of the campaign took 55,000 steps of the simplex method.
    calls = []

    def linprog_that_wanders(*arguments, **others):
        calls.append("linprog")
        result = linprog(*arguments, **others)
        if ends == "linprog":
            result.status, result.x = 1, None
        return result

    def nnls_that_wanders(*arguments):
        calls.append("nnls")
        if ends == "nnls":
            raise RuntimeError("Maximum number of iterations reached.")
        return nnls(*arguments)

    monkeypatch.setattr(separation, "linprog", linprog_that_wanders)
    monkeypatch.setattr(separation, "nnls", nnls_that_wanders)
    for seed in range(4):
        for spoilt in (False, True):
            X, label, expected = quasi_separated(seed, spoilt=spoilt)
            X = np.hstack([X, np.zeros((len(X), n_zero_columns))])
            pairs = pairs_of(X, label, expected.shape[1])
            found = find_separation(pairs, all_of_it=True)
            if spoilt:
                assert found is None
            else:
                np.testing.assert_array_equal(found.is_separated, expected)
    # Columns of few entries are for the simplex method.
    assert calls[0] == ("linprog" if n_zero_columns else "nnls")
    assert set(calls) == {calls[0]} if ends != calls[0] else {"linprog", "nnls"}


def test_a_full_programme_with_many_ties_takes_less_than_a_second():
    # Ten classes, some of them rare, and a constant column beside the intercept: the simplex
    # method takes two seconds.
    rng = np.random.default_rng(0)
    X = rng.standard_normal((270, 30))
    X[:, -1] = 1
    pairs = pairs_of(X, np.minimum(rng.geometric(0.3, size=270) - 1, 9), 10)
    start = time.process_time()
    assert find_separation(pairs) is not None
    assert time.process_time() - start < 1


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


def quasi_separated_by_alike_columns(seed):
    """Return X of whole numbers up to 1e9, labels, and how many samples at the end are separated.

    The columns are those of a quasi-separated set plus multiples of one another, so that they are
    nearly alike.
    """
    rng = np.random.default_rng(seed)
    n_classes, p = int(rng.integers(2, 5)), int(rng.integers(2, 9))
    n_points = int(rng.integers(p + 2, 60))
    points = np.vstack([np.zeros(p), np.eye(p), rng.integers(-9, 10, size=(n_points, p))])
    # Each happens with every class: their margins are zero, which leaves the first column alone.
    Z, label = np.repeat(points, n_classes, axis=0), np.tile(np.arange(n_classes), len(points))
    n_separated = int(rng.integers(1, 20))
    first = np.append(np.zeros(len(Z)), rng.integers(1, 3, size=n_separated))
    X = np.column_stack([first, np.vstack([Z, rng.integers(-9, 10, size=(n_separated, p))])])
    mix = np.eye(p + 1)
    for _ in range(16):
        i, j = rng.choice(p + 1, 2, replace=False)
        mix[:, j] += int(rng.integers(-9, 10)) * mix[:, i]
    return X @ mix, np.append(label, np.full(n_separated, n_classes - 1)), n_separated


def test_columns_nearly_alike_put_pairs_on_the_boundary():
    # The programme knows its direction to 1e-10. Taken as it is, with the limits that are close, it
    # separates none of the sets that this test is about, about a fifth of them.
    n_found, n_sets = 0, 20
    for seed in range(n_sets):
        X, label, n_separated = quasi_separated_by_alike_columns(seed)
        assert np.abs(X).max() < 2**53  # exact
        found = find_separation(pairs_of(X, label, 1 if label.max() == 1 else label.max() + 1))
        if found is not None:
            assert not found.is_separated[:-n_separated].any()
            assert found.is_separated[-n_separated:].any()
            n_found += 1
    # Without these it is four fifths.
    assert n_found > 0.9 * n_sets


def test_limits_of_the_direction():
    X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    pairs = Pairs.of(X, LABEL, 1, fit_intercept=False)
    assert find_separation(pairs, lower=0.0) is not None
    assert find_separation(pairs, upper=0.0) is None


def test_both_methods_agree_within_limits(monkeypatch):
    n_separated = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        X, label = rng.normal(size=(rng.integers(3, 20), 6)), rng.integers(2, size=20)
        pairs = pairs_of(X, label[: len(X)], 1)
        limits = {
            "lower": np.where(rng.random((7, 1)) < 0.4, 0.0, -1.0),
            "upper": np.where(rng.random((7, 1)) < 0.4, 0.0, 1.0),
        }
        found = []
        for unused in ("_climb", "_project"):
            with monkeypatch.context() as patch:
                patch.setattr(separation._Search, unused, lambda *parts: None)
                found.append(find_separation(pairs, **limits) is not None)
        assert found[0] == found[1], seed
        n_separated += found[0]
    assert 10 < n_separated < 50


# HiGHS warns of a tolerance that it does not have.
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9, 1e-12])
def test_two_samples_next_to_each_other(gap):
    # Separated if they are in the order of their classes, else not.
    X = np.array([[0.0], [1.0], [1.0 + gap], [2.0]])
    try:
        assert find_separation(pairs_of(X, np.array([0, 1, 0, 1]), 1)) is None
    except Undecided:
        # The HiGHS of SciPy 1.13 gives up on differences close to its tolerance.
        assert 1e-10 < gap < 1e-8
    if gap > 1e-10:
        assert find_separation(pairs_of(X, np.array([0, 0, 1, 1]), 1)) is not None


def test_too_large_a_programme_is_an_error(monkeypatch):
    monkeypatch.setattr(separation, "MAX_ENTRIES", 3)
    with pytest.raises(TooLarge):
        find_separation(pairs_of(np.array([[-2.0], [-1.0], [1.0], [2.0]]), LABEL, 1))


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_category_that_a_class_lacks_separates_without_a_programme(
    monkeypatch, container, n_classes
):
    monkeypatch.setattr(separation, "MAX_ENTRIES", 3)
    rng = np.random.default_rng(0)
    level, label = np.repeat(np.arange(4), 30), np.arange(120) % n_classes
    label[(level == 2) & (label == 1)] = 0
    X = np.column_stack([rng.normal(size=120), -5.0 * np.eye(4)[level]])
    pairs = pairs_of(container(X), label, 1 if n_classes == 2 else n_classes)
    found = find_separation(pairs)
    assert np.all(found.is_separated[level == 2].any(axis=1) == (label[level == 2] != 1))
    assert not found.is_separated[level != 2].any()
    margin = pairs.margins(found.direction)
    assert np.array_equal(found.is_separated & pairs.exist, (margin > 0) & pairs.exist)
    assert margin[pairs.exist].min() == 0
    # All of it is more than one direction shows, and limits may forbid it.
    with pytest.raises(TooLarge):
        find_separation(pairs, all_of_it=True)
    with pytest.raises(TooLarge):
        find_separation(pairs, lower=0.0, upper=0.0)
    with pytest.raises(TooLarge):
        find_separation(pairs_of(container(X), np.arange(120) % 2, 1))


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


def whole_numbers(seed):
    """Return X of whole numbers, labels of 2 to 5 classes, and whether to fit an intercept."""
    rng = np.random.default_rng(seed)
    n_classes = 2 + seed % 4
    n_samples, n_features = int(rng.integers(n_classes + 1, 25)), int(rng.integers(1, 4))
    X = rng.integers(-2, 3, size=(n_samples, n_features)).astype(float)
    label = rng.integers(0, n_classes, size=n_samples)
    if seed % 3 == 0:
        noise = rng.normal(size=n_classes)
        label = (X @ rng.normal(size=(n_features, n_classes)) + noise).argmax(axis=1)
    elif seed % 3 == 1:  # on the boundary, often
        scores = X @ rng.integers(-1, 2, size=(n_features, n_classes))
        label = np.array([rng.choice(np.flatnonzero(row == row.max())) for row in scores])
    label[:n_classes] = np.arange(n_classes)
    return X, label, bool(rng.integers(0, 2))


def exactly_separated(X, label, fit_intercept):
    """Return which pairs can be separated, proved in fractions.

    A direction proves those that it separates. Positive weights with which the margins of all
    others sum to zero, whatever the direction, prove that none separates these.
    """
    n_classes = int(label.max()) + 1
    rows = np.column_stack([X, np.ones(len(X))]) if fit_intercept else X
    samples, others = np.nonzero(np.arange(n_classes) != label[:, None])
    unit = np.eye(n_classes)
    contrast = unit[label[samples]] - unit[others]
    margins = (rows[samples][:, :, None] * contrast[:, None, :]).reshape(len(samples), -1)
    n_pairs, n_entries = margins.shape
    solution = linprog(
        np.append(np.zeros(n_entries), -np.ones(n_pairs)),
        A_ub=np.hstack([-margins, np.eye(n_pairs)]),
        b_ub=np.zeros(n_pairs),
        bounds=[(None, None)] * n_entries + [(0, 1)] * n_pairs,
    ).x
    is_separated = solution[n_entries:] > 0.5
    whole = margins.astype(int).astype(object)
    margin = whole @ in_fractions(solution[:n_entries])
    assert np.all(margin >= 0)
    np.testing.assert_array_equal(margin > 0, is_separated)
    if not is_separated.all():
        rest = whole[~is_separated]
        zero = np.zeros(n_entries)
        overlap = linprog(
            np.ones(len(rest)), A_eq=margins[~is_separated].T, b_eq=zero, bounds=(1, None)
        )
        weight = in_fractions(overlap.x)
        assert np.all(weight > 0)
        assert not np.any(weight @ rest)
    of_pairs = np.zeros((len(X), n_classes), dtype=bool)
    of_pairs[samples, others] = is_separated
    return of_pairs


def in_fractions(values):
    return np.array([Fraction(value).limit_denominator(20_000) for value in values], dtype=object)


@pytest.mark.parametrize("first_seed", range(0, 240, 60))
def test_whole_numbers_are_decided_as_fractions_decide_them(first_seed):
    for seed in range(first_seed, first_seed + 60):
        X, label, fit_intercept = whole_numbers(seed)
        expected = exactly_separated(X, label, fit_intercept)
        n_columns = 1 if expected.shape[1] == 2 else expected.shape[1]
        pairs = Pairs.of(X, label, n_columns, fit_intercept=fit_intercept)
        found = find_separation(pairs, all_of_it=True)
        assert (found is not None) == expected.any(), seed
        if found is not None:
            if n_columns == 1:
                expected = expected.any(axis=1, keepdims=True)
            np.testing.assert_array_equal(found.is_separated, expected, err_msg=f"seed {seed}")


def test_five_classes_on_one_line():
    # Margins of rounding error, 9e-15, once hid that z = x * (1, -1, -1, 1, -1) separates.
    x = np.array([0.0, 2, 0, -1, -1, 1, 2, -1, 2, 2])
    label = np.array([0, 3, 4, 2, 4, 3, 0, 1, 3, 3])
    scores = x[:, None] * [1, -1, -1, 1, -1]
    margin = scores[np.arange(10), label][:, None] - scores
    assert margin.min() == 0
    found = find_separation(pairs_of(x[:, None], label, 5), all_of_it=True)
    assert np.all(found.is_separated[margin > 0])


def test_a_direction_that_fails_by_little_leaves_it_undecided(monkeypatch):
    # Overlapping by three times what is taken for rounding errors.
    X = np.array([[0.0], [1.0], [1.0 + 1e-9], [2.0]])
    pairs = pairs_of(X, np.array([0, 1, 0, 1]), 1)
    monkeypatch.setattr(separation, "rounding_of", lambda pairs: 1e-9 / 6)
    with pytest.raises(Undecided):
        find_separation(pairs)
