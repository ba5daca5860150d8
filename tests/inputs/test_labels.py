"""Labels of classes."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from sklogloss.inputs.targets import (
    LARGEST_RANGE,
    are_whole_floats,
    check_labels,
    find_labels,
    group_indices,
    is_soft,
    label_column,
    unique_labels,
)


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
    assert are_whole_floats(np.array([1.0, -2.0, 0.0]))
    assert not are_whole_floats(np.array([1.0, other]))
    assert not are_whole_floats(np.array(["1"]))


@pytest.mark.parametrize("labels", [[1, "a"], [None, "a"]])
def test_labels_of_several_types_are_named(labels):
    with pytest.raises(TypeError, match="y_true must have labels of one type"):
        unique_labels(np.array(labels, dtype=object), "y_true")


@pytest.mark.parametrize("frame", [np.asarray, np.ndarray.tolist, pd.DataFrame, pl.DataFrame])
def test_is_soft(frame):
    assert is_soft(frame(np.full((3, 2), 0.5)))
    assert not is_soft(frame(np.full((3, 1), 0.5)))


def test_labels_are_not_soft():
    for y in ([0, 1, 1], np.array(["a", "b"]), pd.Series([0, 1]), pl.Series([0, 1])):
        assert not is_soft(y)


@pytest.mark.parametrize(
    "y",
    [
        ["b", "a"],
        [["b"], ["a"]],
        np.array(["b", "a"], dtype=object),
        pd.Series(["b", "a"]),
        pd.Categorical(["b", "a"]),
        pl.Series(["b", "a"]),
        pd.DataFrame({"y": ["b", "a"]}),
    ],
)
@pytest.mark.filterwarnings("error")
def test_column(y):
    assert label_column("y", y).tolist() == ["b", "a"]


@pytest.mark.parametrize(
    ("y", "error"),
    [
        ([["a", "b"], ["c", "d"]], ValueError),
        ("a", (TypeError, ValueError)),
        (None, (TypeError, ValueError)),
        (sparse.csr_array([[1], [0]]), TypeError),
        (np.array([1j, 2]), ValueError),
    ],
)
def test_what_is_no_column_of_labels(y, error):
    with pytest.raises(error, match="labels must have one label for each sample: "):
        label_column("labels", y)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("y", [[0, 1], [1.0, 3.0, 2.0], ["a", "b"], [True, False], [1, 1]])
def test_labels_of_classes(y):
    check_labels("y", np.array(y))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0.5, 1.5], "y must hold labels of classes, got continuous values. Unknown label type"),
        ([0.5, 0.25], "got continuous values; if they are .* pass one column per class"),
        ([0.5, -0.25], "got continuous values. Unknown label type: continuous"),
        ([1.0, np.nan], r"Input y contains NaN, .* got nan at \[1\]"),
        ([1.0, np.inf], r"Input y contains infinity .* got inf at \[1\]"),
    ],
)
def test_what_is_no_label(y, message):
    with pytest.raises(ValueError, match=message):
        check_labels("y", np.array(y))


def test_place_of_labels():
    classes = np.array([1, 3, 5])
    index, is_known = find_labels(np.array([5, 1, 4, 7, 0]), classes)
    assert is_known.tolist() == [True, True, False, False, False]
    assert index[:2].tolist() == [2, 0]
    index, is_known = find_labels(np.array(["b", "z"]), np.array(["a", "b"]))
    assert is_known.tolist() == [True, False]
    assert index[0] == 1


def test_groups_have_indices_and_a_number():
    index, n_groups = group_indices("groups", np.array(["b", "a", "c", "a"]))
    assert (index.tolist(), n_groups) == ([1, 0, 2, 0], 3)
    with pytest.raises(ValueError, match="at least 2 folds with weight, got 1"):
        group_indices("folds", np.zeros(3), "folds")
    with pytest.raises(ValueError, match="NaN or None"):
        group_indices("groups", np.array([0, None, 1], dtype=object))
