"""Columns that have the classes as names."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sklogloss.inputs.columns import (
    column_names,
    in_order_of_classes,
    order_of_classes,
    sorted_columns,
)

TWO = np.array(["a", "b"])
THREE = np.array(["a", "b", "c"])
SCORES = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (pd.DataFrame({"b": [1], "a": [2]}), ["b", "a"]),
        (pl.DataFrame({"b": [1], "a": [2]}), ["b", "a"]),
        (pd.Series([1, 2], name="b"), ["b"]),
        (pl.Series("b", [1, 2]), ["b"]),
        (pd.Series([1, 2]), []),
        (pl.Series([1, 2]), []),
        (np.zeros((2, 3)), []),
        ([[1, 2]], []),
    ],
)
def test_names(data, names):
    assert column_names(data) == names


def test_sorted_columns():
    names, order = sorted_columns(["b", "c", "a"], "y")
    assert names.tolist() == ["a", "b", "c"]
    assert order.tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["a", "a"], "y must have columns of different names"),
        (["a", 1], "y must have column names that can be sorted"),
        ([("a", 0), ("a", 1)], "y must have one name for each column"),
    ],
)
def test_columns_that_cannot_be_sorted(columns, message):
    with pytest.raises(ValueError, match=message):
        sorted_columns(columns, "y")


@pytest.mark.parametrize(
    ("columns", "classes", "order"),
    [
        (["c", "a", "b"], THREE, [1, 2, 0]),
        (["0", "2", "1"], np.arange(3), [0, 2, 1]),
        ([2, 0, 1], np.arange(3), [1, 2, 0]),
        (["True", "False"], np.array([False, True]), [1, 0]),
        (["a", "b", "x"], THREE, None),
        (["a", "b"], THREE, None),
        (["a", "b", "b"], THREE, None),
    ],
)
def test_order_of_classes(columns, classes, order):
    assert order_of_classes(columns, classes) == order


def test_columns_are_put_in_order():
    result = in_order_of_classes("x", SCORES, ["c", "a", "b"], THREE)
    np.testing.assert_array_equal(result, SCORES[:, [1, 2, 0]])


@pytest.mark.parametrize("columns", [["a", "b", "c"], ["x", "y", "z"], [0, 1, 2], ["0", "1", "2"]])
def test_columns_that_stay(columns):
    assert in_order_of_classes("x", SCORES, columns, THREE) is SCORES


def test_difference_of_two_columns_changes_its_sign():
    difference = np.array([1.0, -2.0])
    np.testing.assert_array_equal(
        in_order_of_classes("x", difference, ["b", "a"], TWO), -difference
    )
    assert in_order_of_classes("x", difference, ["a", "b"], TWO) is difference
    assert in_order_of_classes("x", difference, ["b"], TWO) is difference


@pytest.mark.parametrize(
    ("columns", "classes", "message"),
    [
        (["a", "b", "C"], THREE, r"columns of x, \['a', 'b', 'C'\], must have the names"),
        (["a", "b", "b"], THREE, "in any order and each once"),
        (["a"], TWO, "a single column is that of the second class"),
    ],
)
def test_some_names_are_classes(columns, classes, message):
    with pytest.raises(ValueError, match=message):
        in_order_of_classes("x", SCORES[:, : len(columns)], columns, classes)
