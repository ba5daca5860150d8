"""Separation, decided by hand for a few samples."""

import numpy as np
import pytest

from sklogloss.linear.separation import separates

LABEL = np.array([0, 0, 1, 1])


def raw_prediction_separates(raw_prediction, label, sample_weight=None):
    # The scores are the features, each the score of its column.
    X = np.asarray(raw_prediction, dtype=float).reshape(len(label), -1)
    n_columns = X.shape[1]
    return separates(X, np.eye(n_columns), np.zeros(n_columns), label, sample_weight, False)


@pytest.mark.parametrize(
    ("raw_prediction", "expected"),
    [
        ([-2.0, -1.0, 1.0, 2.0], True),
        ([-2.0, 0.0, 0.0, 2.0], True),
        ([-2.0, 0.5, -0.5, 2.0], False),
        ([2.0, 1.0, -1.0, -2.0], False),
        ([0.0, 0.0, 0.0, 0.0], False),
    ],
    ids=["separated", "quasi-separated", "overlapping", "reversed", "constant"],
)
def test_two_classes(raw_prediction, expected):
    assert raw_prediction_separates(raw_prediction, LABEL) is expected


@pytest.mark.parametrize(
    ("raw_prediction", "expected"),
    [
        ([[3, 0, 0], [0, 1, 0], [0, 0, 2]], True),
        ([[3, 0, 0], [0, 0, 0], [0, 0, 0]], True),
        ([[3, 0, 0], [1, 0, 0], [0, 0, 2]], False),
        ([[1, 1, 1], [2, 2, 2], [3, 3, 3]], False),
    ],
    ids=["separated", "one class separated", "overlapping", "the same for all classes"],
)
def test_three_classes(raw_prediction, expected):
    assert raw_prediction_separates(raw_prediction, np.arange(3)) is expected


def test_samples_of_weight_zero_do_not_count():
    raw_prediction = np.array([-2.0, 0.5, -0.5, 2.0])
    assert raw_prediction_separates(raw_prediction, LABEL, np.array([1.0, 0.0, 0.0, 1.0]))
    assert not raw_prediction_separates(raw_prediction, LABEL, np.array([1.0, 1.0, 0.0, 1.0]))


def test_function_known_to_a_tolerance_only():
    # Feature 0 has the samples of the boundary at zero; the solver's function leans a little.
    X = np.array([[-2.0, 1.0], [0.0, 1.0], [0.0, -1.0], [0.0, -1.0], [0.0, 1.0], [2.0, 1.0]])
    label = np.array([0, 0, 0, 1, 1, 1])
    assert separates(X, np.array([[1.0], [1e-3]]), np.zeros(1), label, None, True)
    assert not separates(X, np.array([[1.0], [0.5]]), np.zeros(1), label, None, True)
