"""Labels of classes."""

import numpy as np
import pytest

from sklogloss.inputs.labels import LARGEST_RANGE, are_whole_numbers, unique_labels


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint64, bool, ">i8", float, str])
@pytest.mark.parametrize(
    "values", [[0, 1], [1, 2], [-1, 1], [3], [0, 1, 2], [5, 0, 2], [0, LARGEST_RANGE + 1]]
)
def test_unique_labels_are_those_of_numpy(values, dtype):
    y = np.random.default_rng(0).choice(values, size=50).astype(dtype)
    kept = y.copy()
    classes, label = unique_labels(y)
    expected_classes, expected_label = np.unique(y, return_inverse=True)
    np.testing.assert_array_equal(classes, expected_classes)
    assert classes.dtype == expected_classes.dtype
    np.testing.assert_array_equal(label, expected_label)
    np.testing.assert_array_equal(y, kept)


@pytest.mark.parametrize(
    "labels",
    [
        [3, 1, 7, 1],
        [True, False, True, True],
        np.array([2, 1, 2], dtype=np.uint64),
        np.array([-1, 1, -1], dtype=np.int8),
        [1.0, -1.0, 1.0],
        np.array([1, 2, 1], dtype=np.float16),
        np.array([0, 20_000_000], dtype=np.float32),
        [0.5, 1.0, 0.5],
        [1e300, -1e300],
        ["b", "a", "b"],
    ],
)
def test_labels_of_many_types(labels):
    y = np.asarray(labels)
    classes, label = unique_labels(y)
    expected_classes, expected_label = np.unique(y, return_inverse=True)
    assert classes.dtype == y.dtype
    np.testing.assert_array_equal(classes, expected_classes)
    np.testing.assert_array_equal(label, expected_label)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("other", [0.5, np.nan, np.inf, -np.inf, 1e300])
def test_whole_numbers(other):
    assert are_whole_numbers(np.array([1.0, -2.0, 0.0]))
    assert not are_whole_numbers(np.array([1.0, other]))
    assert not are_whole_numbers(np.array(["1"]))
