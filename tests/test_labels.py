import numpy as np
import pytest

from sklogloss.labels import are_whole_numbers, unique_labels


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
def test_unique_labels(labels):
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
