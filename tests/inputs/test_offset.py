"""The offset that users pass."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from sklogloss.inputs.offset import check_offset

OFFSET = np.array([0.5, -1.0, 2.0, 0.0])
OFFSETS = np.arange(12.0).reshape(4, 3)


def test_none():
    assert check_offset(None, 4, 1, np.float64) is None


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "container",
    [
        np.asarray,
        list,
        pd.Series,
        pl.Series,
        lambda x: x[:, None],
        lambda x: pd.DataFrame({"a": x}),
        lambda x: pl.DataFrame({"a": x}),
        lambda x: x.astype(np.float32),
        lambda x: x.astype(object),
    ],
)
def test_two_classes(container, dtype):
    offset = check_offset(container(OFFSET), 4, 1, np.dtype(dtype))
    assert offset.shape == (4, 1)
    assert offset.dtype == dtype
    assert offset.flags.f_contiguous
    np.testing.assert_array_equal(offset[:, 0], OFFSET)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "container",
    [
        np.asarray,
        np.asfortranarray,
        np.ndarray.tolist,
        pd.DataFrame,
        pl.DataFrame,
        lambda x: x.astype(np.int32),
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    ],
)
def test_more_classes(container, dtype):
    offset = check_offset(container(OFFSETS), 4, 3, np.dtype(dtype))
    assert offset.shape == (4, 3)
    assert offset.dtype == dtype
    assert offset.flags.f_contiguous
    np.testing.assert_array_equal(offset, OFFSETS)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_columns_are_put_in_the_order_of_the_classes(frame):
    classes = np.array(["a", "b", "c"])
    given = frame({name: OFFSETS[:, i] for i, name in ((2, "c"), (0, "a"), (1, "b"))})
    offset = check_offset(given, 4, 3, np.dtype(np.float64), classes)
    np.testing.assert_array_equal(offset, OFFSETS)
    # Other names say nothing.
    other = frame({name: OFFSETS[:, i] for i, name in ((0, "z"), (1, "y"), (2, "x"))})
    np.testing.assert_array_equal(check_offset(other, 4, 3, np.dtype(np.float64), classes), OFFSETS)
    one = frame({"b": OFFSET})
    offset = check_offset(one, 4, 1, np.dtype(np.float64), classes[:2])
    np.testing.assert_array_equal(offset[:, 0], OFFSET)
    with pytest.raises(ValueError, match="a single column is that of the second class"):
        check_offset(frame({"a": OFFSET}), 4, 1, np.dtype(np.float64), classes[:2])
    misspelt = frame({name: OFFSET for name in ("a", "b", "C")})
    with pytest.raises(
        ValueError, match=r"columns of offset, \['a', 'b', 'C'\], must have the names"
    ):
        check_offset(misspelt, 4, 3, np.dtype(np.float64), classes)


def changed(array, value):
    array = np.array(array, dtype=np.result_type(array, type(value)))
    array.flat[2] = value
    return array


@pytest.mark.parametrize(
    ("offset", "n_columns", "error", "message"),
    [
        (0.5, 1, ValueError, "offset must be an array with an entry per sample, .* number 0.5"),
        (np.array(1), 3, ValueError, "offset must be an array .* got the number 1"),
        (OFFSET[:3], 1, ValueError, r"offset has shape \(3,\), .* \(4,\) or \(4, 1\) for two"),
        (OFFSET[None], 1, ValueError, r"offset has shape \(1, 4\), .* \(4,\) or \(4, 1\)"),
        (OFFSETS[:, :2], 1, ValueError, r"offset has shape \(4, 2\), .* \(4,\) or \(4, 1\)"),
        (OFFSETS[None], 1, ValueError, r"offset has shape \(1, 4, 3\)"),
        (OFFSET, 3, ValueError, r"offset has shape \(4,\), .* \(4, 3\): pass one column per class"),
        (OFFSETS.T, 3, ValueError, r"offset has shape \(3, 4\), .* \(4, 3\)"),
        (OFFSETS[:, :2], 3, ValueError, r"offset has shape \(4, 2\), .* \(4, 3\)"),
        ([], 1, ValueError, r"offset has shape \(0,\)"),
        (changed(OFFSET, np.nan), 1, ValueError, r"offset contains NaN, .* got nan at \[2\]"),
        (
            changed(OFFSETS, -np.inf),
            3,
            ValueError,
            r"offset contains infinity .* got -inf at \[0, 2\]",
        ),
        (changed(OFFSET, 1e39), 1, ValueError, r"offset must fit in float32, got 1e\+39 at \[2"),
        (OFFSET.astype(complex), 1, TypeError, "offset must hold real numbers, got dtype complex"),
        (["a"] * 4, 1, TypeError, "offset must hold real numbers, got dtype <U1"),
        ("log_exposure", 1, TypeError, "offset must hold real numbers, got dtype <U"),
        (sparse.csr_array(OFFSETS), 3, TypeError, "offset must be a dense array, got csr_array"),
    ],
)
def test_bad_offsets(offset, n_columns, error, message):
    with pytest.raises(error, match=message):
        check_offset(offset, 4, n_columns, np.dtype(np.float32))
