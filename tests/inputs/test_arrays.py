"""Arrays of real numbers, and what is not one."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from sklogloss.inputs.arrays import cast_array, check_finite, first_invalid, real_array


@pytest.mark.parametrize(
    "value",
    [
        [1.0, 0.0, 2.5],
        (1, 0, 2.5),
        np.array([1, 0, 2.5], dtype=np.float16),
        np.array([1, 0, 2.5], dtype=object),
        [Decimal(1), 0, 2.5],
        pd.Series([1, 0, 2.5]),
        pd.Series([1, 0, 2.5], dtype="Float64"),
        pl.Series([1.0, 0.0, 2.5]),
    ],
)
def test_containers(value):
    array = real_array("x", value)
    assert type(array) is np.ndarray
    assert array.dtype.kind == "f"
    np.testing.assert_array_equal(array, [1, 0, 2.5])


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames(frame):
    array = real_array("x", frame({"a": [1, 2], "b": [0.5, 1.5]}))
    np.testing.assert_array_equal(array, [[1, 0.5], [2, 1.5]])


def test_missing_values_are_nan():
    for missing in (pl.Series([1, None]), [1, None], pd.Series([1, None])):
        np.testing.assert_array_equal(real_array("x", missing), [1, np.nan])


def test_arrays_are_not_copied():
    x = np.arange(3.0)
    x.flags.writeable = False
    assert real_array("x", x) is x
    assert cast_array("x", x, np.float64) is x


def test_arrays_become_aligned():
    x = np.frombuffer(b"\0" + np.arange(3.0).tobytes(), dtype=np.float64, offset=1)
    assert not x.flags.aligned
    array = real_array("x", x)
    assert array.flags.aligned
    np.testing.assert_array_equal(array, [0, 1, 2])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros(2, dtype=complex), "x must hold real numbers, got dtype complex128"),
        (np.array([1, 2j], dtype=object), "x must hold real numbers: .*complex"),
        (["a", "b"], "x must hold real numbers, got dtype <U1"),
        (["1", "2"], "x must hold real numbers, got dtype <U1"),
        (np.array(["1", 2], dtype=object), "x must hold real numbers, got '1'"),
        (np.array(["2020-01-01"], dtype="M8[D]"), "x must hold real numbers, got dtype datetime"),
        ([[1, 2], [3]], "x must hold real numbers: .*inhomogeneous"),
        ({"a": 1}, "x must hold real numbers: .*dict"),
        (sparse.csr_array(np.eye(2)), "x must be a dense array, got csr_array"),
        (sparse.csc_matrix(np.eye(2)), "x must be a dense array, got csc_matrix"),
    ],
)
def test_what_is_no_array_of_real_numbers(value, message):
    with pytest.raises(TypeError, match=message):
        real_array("x", value)


def test_error_is_the_one_asked_for():
    with pytest.raises(ValueError, match="x must hold weights, got dtype"):
        real_array("x", ["a"], "weights", ValueError)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([0, np.nan], r"x contains NaN, .* got nan at \[1\]"),
        ([[0.0, 1.0], [-np.inf, np.nan]], r"x contains infinity .* got -inf at \[1, 0\]"),
        (np.nan, "x contains NaN, .* got nan$"),
    ],
)
def test_finite(value, message):
    check_finite("x", np.array([0, 1e308]))
    check_finite("x", np.array([0, 1]))
    with pytest.raises(ValueError, match=message):
        check_finite("x", np.array(value))


@pytest.mark.filterwarnings("error")
def test_cast():
    largest = np.finfo(np.float32).max
    cast = cast_array("x", np.array([[0.0, largest], [1, 2]]), np.float32, order="F")
    assert cast.dtype == np.float32
    assert cast.flags.f_contiguous
    np.testing.assert_array_equal(cast, np.array([[0, largest], [1, 2]], dtype=np.float32))
    with pytest.raises(ValueError, match=r"x must fit in float32, got 1e\+39 at \[1\]"):
        cast_array("x", np.array([0, 1e39]), np.float32)


def test_first_of_several():
    array = np.array([[1.0, -2.0], [-3.0, 4.0]])
    assert first_invalid(array, array > 0) == "-2.0 at [0, 1]"
