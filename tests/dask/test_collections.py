"""What is wrong with collections is said before the first pass, where it can be known."""

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklogloss.dask import LogLossClassifier
from sklogloss.dask.collections import Blocks

X = da.ones((60, 3), chunks=(10, 3))
Y = da.from_array(np.arange(60) % 2, chunks=10)
FRAME = pd.DataFrame({"a": np.arange(60.0), "b": ["x", "y"] * 30, "y": [0, 1] * 30})


def no_entries(block):
    raise AssertionError("a pass was made")


def frame(*columns):
    return dd.from_pandas(FRAME, npartitions=3)[list(columns)]


@pytest.mark.parametrize(
    ("of_X", "y", "kind", "message"),
    [
        (frame("a", "b"), FRAME["y"], TypeError, r"columns of numbers, got 'b' \("),
        (
            frame("a", "b").astype({"b": "category"}),
            FRAME["y"],
            TypeError,
            r"columns of numbers, got 'b' \(category",
        ),
        (X.astype(object), Y, TypeError, "X must hold numbers, got the dtype object"),
        (X[:, 0], Y, ValueError, "X must be two-dimensional"),
        (X, Y[:50], ValueError, "y must have as many rows as X, 60, got 50"),
        (X, np.ones(61), ValueError, "y must have as many rows as X, 60, got 61"),
        (X, frame("y")["y"], ValueError, "y must have as many partitions as X, 6, got 3"),
        (
            frame("a"),
            np.ones(60),
            TypeError,
            r"y must be a dask collection with .* got ndarray. X.to_dask_array\(lengths=True\)",
        ),
        (
            X[da.from_array(np.arange(60) >= 0, chunks=10)],
            np.ones(60),
            TypeError,
            r"y must be a dask collection with .* got ndarray. X.compute_chunk_sizes\(\)",
        ),
        (
            X.map_blocks(sparse.coo_array, meta=sparse.coo_array((0, 0))).map_blocks(
                np.asarray, meta=np.ma.masked_array([[1.0]])
            ),
            Y,
            TypeError,
            "X must have blocks of NumPy or SciPy, got numpy.ma",
        ),
        (np.ones((60, 3)), Y, TypeError, "X must be a dask array or a dask DataFrame, got ndarray"),
    ],
)
def test_errors_before_a_pass(of_X, y, kind, message):
    if hasattr(of_X, "map_blocks") and of_X.ndim == 2 and type(of_X._meta) is np.ndarray:
        of_X = of_X.map_blocks(no_entries, meta=of_X._meta, dtype=of_X.dtype)
    with pytest.raises(kind, match=message):
        LogLossClassifier().fit(of_X, y)


def test_names_of_columns_are_refused():
    with pytest.raises(TypeError, match=r"sample_weight must be a collection .* got 'w'"):
        LogLossClassifier().fit(frame("a"), frame("y")["y"], sample_weight="w")


def test_other_partitions_of_known_sizes_are_cut_anew():
    rng = np.random.default_rng(0)
    of_X = da.from_array(rng.normal(size=(60, 3)), chunks=(10, 3))
    one, other = (LogLossClassifier().fit(of_X, Y.rechunk(size)) for size in (10, 17))
    np.testing.assert_array_equal(one.coef_, other.coef_)


def test_lengths_of_a_frame_let_y_be_in_memory():
    with dask.config.set(scheduler="sync"):
        of_X = frame("a").to_dask_array(lengths=True)
        found = LogLossClassifier().fit(of_X, FRAME["y"])
        expected = LogLossClassifier().fit(frame("a"), frame("y")["y"])
    np.testing.assert_array_equal(found.coef_, expected.coef_)


def test_errors_of_the_blocks_name_the_partition():
    lists = X.map_blocks(lambda block: block.tolist(), meta=np.ones((0, 3)))
    narrow = X.map_blocks(lambda block: block[:, :2], meta=np.ones((0, 3)), chunks=X.chunks)
    unknown = X[da.from_array(np.arange(60) >= 0, chunks=10)]
    short = Y[da.from_array(np.arange(60) != 33, chunks=10)]
    for of_X, y, kind, message in [
        (
            lists,
            Y,
            TypeError,
            r"partition \d: X must have blocks of NumPy, SciPy or pandas",
        ),
        (narrow, Y, ValueError, r"partition \d: X must have 3 columns, got the shape \(10, 2\)"),
        (unknown, short, ValueError, "partition 3: .*10.*9"),
    ]:
        with dask.config.set(scheduler="sync"), pytest.raises(kind, match=message):
            LogLossClassifier().fit(of_X, y)


@pytest.mark.parametrize("columns", [["d", "c", "b", "a"], ["a", "b", "c", "e"]])
def test_columns_of_partitions_are_those_of_the_collection(columns):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(200, 4)), columns=list("abcd"))
    y = dd.from_pandas(pd.Series((rows["a"] > 0).astype(int)), npartitions=2)
    other = rows[100:].rename(columns={"d": "e"}) if "e" in columns else rows[100:]
    parts = [dask.delayed(rows[:100]), dask.delayed(other[columns])]
    of_X = dd.from_delayed(parts, meta=rows[:0], verify_meta=False)
    message = r"partition 1: X must have the columns of the collection in their order, got '[de]'"
    with dask.config.set(scheduler="sync"), pytest.raises(ValueError, match=message):
        LogLossClassifier().fit(of_X, y)


def test_columns_of_probabilities_are_those_of_the_collection():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(200, 2)), columns=list("ab"))
    y = pd.DataFrame(rng.dirichlet([1, 2], size=200), columns=["no", "yes"])
    parts = [dask.delayed(y[:100]), dask.delayed(y[["yes", "no"]][100:])]
    of_y = dd.from_delayed(parts, meta=y[:0], verify_meta=False)
    message = "partition 1: y must have the columns .* got 'yes' instead of 'no'"
    with dask.config.set(scheduler="sync"), pytest.raises(ValueError, match=message):
        LogLossClassifier().fit(dd.from_pandas(rows, npartitions=2), of_y)


def test_categories_of_y_count_by_their_names():
    values = pd.Series(["b", "a"] * 30).astype("category")
    parts = [
        dask.delayed(part.cat.reorder_categories(order))
        for part, order in ((values[:30], ["a", "b"]), (values[30:], ["b", "a"]))
    ]
    y = dd.from_delayed(parts, meta=values[:0].cat.as_unordered(), verify_meta=False)
    model = LogLossClassifier().fit(dd.from_pandas(FRAME[["a"]], npartitions=2), y)
    assert list(model.classes_) == ["a", "b"]
    swapped = LogLossClassifier().fit(frame("a"), frame("y")["y"])
    np.testing.assert_allclose(model.coef_, -swapped.coef_, rtol=1e-8)


def test_columns_of_parquet_keep_their_partitions(tmp_path):
    parts = dd.from_pandas(FRAME, npartitions=4)
    parts.to_parquet(tmp_path / "rows")
    rows = dd.read_parquet(tmp_path / "rows")
    found = LogLossClassifier().fit(rows[["a"]], rows["y"])
    expected = LogLossClassifier().fit(parts[["a"]], parts["y"])
    np.testing.assert_array_equal(found.coef_, expected.coef_)
    assert len(found.predict(rows[["a"]]).compute()) == 60


def test_persisted_collections_are_held_and_others_are_not():
    frame_of_a = frame("a")
    assert Blocks.of(X.persist(), Y, None, None).is_held
    assert not Blocks.of(X, Y, None, None).is_held
    assert Blocks.of(frame_of_a.persist(), frame("y")["y"], None, None).is_held
    assert not Blocks.of(frame_of_a + 1, frame("y")["y"], None, None).is_held
