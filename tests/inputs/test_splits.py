"""Splits of a cross-validation: rows, or an error that says what is wrong with cv."""

import numpy as np
import pytest
from sklearn.model_selection import KFold

from sklogloss.inputs.splits import check_splitter, train_test_rows

N = 6


class Splitter:
    def __init__(self, *splits):
        self.splits = splits

    def split(self, X, y):
        yield from self.splits


def rows_of(*splits):
    return [
        (train.tolist(), test.tolist())
        for train, test in train_test_rows(Splitter(*splits), None, None, N)
    ]


def test_indices_lists_and_masks():
    mask = np.arange(N) < 2
    assert rows_of((~mask, mask), ([2, 3], np.array([-1], dtype=np.int8)), ((0,), [])) == [
        ([2, 3, 4, 5], [0, 1]),
        ([2, 3], [-1]),
        ([0], []),
    ]


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (3, "cv must yield pairs .* got 3 as split 0"),
        (None, "cv must yield pairs .* got None as split 0"),
        (([0], [1], [2]), "cv must yield pairs"),
        ("ab", "cv must yield pairs"),
        (([0], [6]), r"cv must yield .*row indices below 6.* got \[6\] as test of split 0"),
        (([-7], [0]), r"cv must yield .*row indices below 6.* got \[-7\] as train of split 0"),
        (([0.0, 1.0], [2]), "cv must yield .*as train of split 0"),
        (("a", [2]), "cv must yield .*as train of split 0"),
        (([[0, 1]], [2]), "cv must yield one-dimensional arrays"),
        (([True, False], [2]), "cv must yield .*masks of 6 rows"),
        (([[0], [1, 2]], [2]), "^cv: "),
    ],
)
def test_splits_that_are_none(split, message):
    with pytest.raises(ValueError, match=message):
        rows_of(split)


def test_errors_of_a_splitter_name_cv():
    with pytest.raises(ValueError, match=r"^cv: Cannot have number of splits n_splits=7"):
        list(train_test_rows(KFold(7), np.zeros((N, 1)), None, N))


@pytest.mark.parametrize(
    ("cv", "message"),
    [("abc", "cv"), (1.5, "cv"), (1, "^cv: k-fold.* got n_splits=1"), (-1, "^cv: k-fold")],
)
def test_what_is_no_cross_validation(cv, message):
    with pytest.raises((TypeError, ValueError), match=message):
        check_splitter(cv, np.arange(N) % 2, classifier=True)


def test_integers_are_stratified_folds():
    splitter = check_splitter(3, np.arange(N) % 2, classifier=True)
    assert [len(test) for _, test in splitter.split(np.zeros(N), np.arange(N) % 2)] == [2, 2, 2]
