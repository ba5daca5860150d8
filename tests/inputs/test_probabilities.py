"""Probabilities of classes, and rows that sum to 1."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from sklogloss.inputs.probabilities import (
    check_probabilities,
    check_row_sums,
    float_array,
    normalized_rows,
)

PROBA = np.array([[0.25, 0.5, 0.25], [0.0, 1.0, 0.0]])


@pytest.mark.parametrize(
    ("given", "dtype"), [(np.float64, "f8"), (np.float32, "f4"), (np.float16, "f8"), (">f8", "f8")]
)
def test_dtype_and_its_rounding_error(given, dtype):
    array, eps = float_array("x", PROBA.astype(given))
    assert array.dtype == np.dtype(dtype)
    assert eps == np.finfo(given).eps
    np.testing.assert_array_equal(array, PROBA)


@pytest.mark.parametrize("container", [np.ndarray.tolist, pd.DataFrame, pl.DataFrame])
def test_containers(container):
    array, eps = float_array("x", container(PROBA))
    np.testing.assert_array_equal(array, PROBA)
    assert eps == np.finfo(np.float64).eps


@pytest.mark.parametrize("column", [[[0], [1]], [0, 1], pd.DataFrame({"a": [0, 1]})])
def test_one_column_becomes_one_dimension(column):
    array, eps = float_array("x", column)
    assert array.dtype == np.float64
    np.testing.assert_array_equal(array, [0.0, 1.0])
    assert eps == np.finfo(np.float64).eps


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0.5, ValueError, r"y_proba must have one or two dimensions, got shape \(\)"),
        (
            PROBA[None],
            ValueError,
            r"y_proba must have one or two dimensions, got shape \(1, 2, 3\)",
        ),
        ([], ValueError, "y_proba has 0 samples"),
        (np.zeros((0, 3)), ValueError, r"y_proba has 0 samples or columns, its shape is \(0, 3\)"),
        (PROBA.astype(complex), ValueError, "y_proba must hold real numbers, got dtype complex"),
        (["a"], ValueError, "y_proba must hold real numbers"),
        ([[0.5, 0.5], [1]], ValueError, "y_proba must hold real numbers"),
        (sparse.csr_array(PROBA), TypeError, "y_proba must be a dense array"),
    ],
)
def test_what_is_no_array(value, error, message):
    with pytest.raises(error, match=message):
        float_array("y_proba", value)


def test_probabilities():
    proba, _ = check_probabilities("y_proba", PROBA)
    assert proba is PROBA
    proba, _ = check_probabilities("y_proba", [0.0, 1.0, 0.3])
    np.testing.assert_array_equal(proba, [0, 1, 0.3])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([0.5, 1.5], "y_proba must hold probabilities between 0 and 1, found 1.5"),
        ([[1.5, -0.5]], "y_proba must hold probabilities between 0 and 1, found -0.5"),
        ([0.5, np.nan], "y_proba contains NaN"),
        ([0.5, np.inf], "y_proba must hold probabilities between 0 and 1, found inf"),
        ([[0.5, 0.5], [0.5, 0.4]], "the rows of y_proba must sum to 1; row 1 sums to 0.9"),
    ],
)
def test_what_is_no_probability(value, message):
    with pytest.raises(ValueError, match=message):
        check_probabilities("y_proba", value)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_rows_may_be_rounded(dtype):
    # The rounding errors of the entries are up to eps / 2 each, relative to the entry.
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(50), size=100).astype(dtype)
    array, eps = float_array("y", proba)
    total = check_row_sums("y", array, eps)
    assert total.dtype == np.float64
    np.testing.assert_allclose(total, 1, rtol=0, atol=np.finfo(dtype).eps / 2 + 1e-15)
    # Decimals.
    check_row_sums("y", np.array([[0.33333, 0.33333, 0.33333]]), np.finfo(np.float64).eps)
    with pytest.raises(ValueError, match="must sum to 1"):
        check_row_sums("y", np.array([[0.3333, 0.3333, 0.3333]]), np.finfo(np.float64).eps)


def test_normalized_rows():
    rows = normalized_rows("y", [[1, 0], [0.333333, 0.666666]])
    assert rows.dtype == np.float64
    np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=0, atol=1e-15)
    # 0.999999 is made 1.
    np.testing.assert_allclose(rows[1], [1 / 3, 2 / 3], rtol=1e-15)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            [[0.5, 0.4]],
            r"y has 2 or more columns, so its rows are class probabilities and must sum to 1; "
            r"row 0 sums to 0.9 \(y has the shape \(1, 2\)\). The rows of y .* within 1e-05",
        ),
        ([[0, 1], [2, 3]], "y has 2 or more columns, .* must sum to 1; row 1 sums to 5.0"),
        (
            [[1.5, -0.5]],
            r"y has class probabilities, which must not be negative, got -0.5 at \[0, 1",
        ),
        ([[0.5, np.nan]], r"y contains NaN, .* got nan at \[0, 1\]"),
        ([[0.5, np.inf]], "y contains infinity"),
        ([["a", "b"]], "y has 2 or more columns, so it must hold class probabilities: .*dtype"),
        ([[1j, 0]], "y has 2 or more columns, so it must hold class probabilities: .*complex"),
        (sparse.eye_array(2), "y has 2 .* must hold class probabilities: y must be a dense array"),
    ],
)
def test_what_is_no_soft_target(value, message):
    with pytest.raises(ValueError, match=message):
        normalized_rows("y", value)
