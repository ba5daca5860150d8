"""Labels of classes."""

import numpy as np
import pytest

from sklogloss.labels import LARGEST_RANGE, unique_labels


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
