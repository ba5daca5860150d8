"""Lazy predictions are those of the local classifier, whatever the chunks and dtypes."""

import warnings

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from sklogloss.dask import LogLossClassifier

METHODS = ("decision_function", "predict", "predict_proba", "predict_log_proba")


@pytest.fixture(autouse=True)
def synchronous():
    """Run all tasks in this thread."""
    with dask.config.set(scheduler="sync"):
        yield


def make_data(dtype=np.float64):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4)).astype(dtype)
    return X, (X[:, 0] + rng.logistic(size=300) > 0).astype(int)


def fitted(X, y):
    return LogLossClassifier().fit(da.from_array(X, chunks=(100, 4)), da.from_array(y, chunks=100))


def test_chunks_along_the_columns():
    X, y = make_data()
    model, of_X = fitted(X, y), da.from_array(X, chunks=(100, 3))
    local = model.to_local()
    for method in METHODS:
        found = getattr(model, method)(of_X).compute()
        np.testing.assert_array_equal(found, getattr(local, method)(X))
    assert float(model.score(of_X, y)) == pytest.approx(local.score(X, y), rel=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("other", [np.float32, np.float64, np.int32])
def test_declared_dtypes_are_those_computed(dtype, other):
    X, y = make_data(dtype)
    model, X = fitted(X, y), X.astype(other)
    for of_X in (da.from_array(X, chunks=(100, 4)), dd.from_pandas(pd.DataFrame(X), npartitions=2)):
        for method in METHODS:
            found = getattr(model, method)(of_X)
            assert found.dtype == found.compute().dtype


def test_an_offset_is_no_number():
    X, y = make_data()
    model, of_X = fitted(X, y), da.from_array(X, chunks=(100, 4))
    for offset in (0, 0.5):
        for method in METHODS:
            with pytest.raises(ValueError, match=f"offset must be an array.*the number {offset}"):
                getattr(model, method)(of_X, offset=offset)
        with pytest.raises(ValueError, match="offset must be an array"):
            model.score(of_X, y, offset=offset)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.zeros(300), "sample_weight must not be zero for all samples"),
        (np.where(np.arange(300) == 250, np.nan, 1), "partition 2: .*sample_weight contains NaN"),
        (np.where(np.arange(300) == 150, -1, 1), "partition 1: sample_weight must not be negative"),
        (0.0, "sample_weight must not be zero for all samples"),
    ],
)
def test_score_checks_weights(weight, message):
    X, y = make_data()
    score = fitted(X, y).score(da.from_array(X, chunks=(100, 4)), y, weight)
    with pytest.raises(ValueError, match=message):
        score.compute()


def test_score_adds_weights_of_float16_in_float64():
    X, y = make_data()
    model = fitted(X, y)
    score = model.score(da.from_array(X, chunks=(300, 4)), y, np.full(300, 1000, np.float16))
    assert float(score) == pytest.approx(model.to_local().score(X, y), rel=1e-14)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: np.where(np.arange(300) == 150, np.nan, y), "partition 1: .*y contains NaN"),
        (lambda y: np.array(["no", "yes"])[y], r"partition \d: y: Mix of label input types"),
        (lambda y: y + np.linspace(0, 0.9, 300), r"partition \d: y must hold labels of classes"),
    ],
)
def test_score_refuses_the_labels_that_the_local_score_refuses(change, message):
    X, y = make_data()
    model, y = fitted(X, y), change(y)
    with pytest.raises(ValueError, match="y"):
        model.to_local().score(X, y)
    score = model.score(da.from_array(X, chunks=(100, 4)), da.from_array(y, chunks=100))
    with pytest.raises(ValueError, match=message):
        score.compute()


def test_score_takes_partitions_with_each_label_once():
    X, y = make_data()
    model = fitted(X, y)
    y = np.where(np.arange(300) % 3 == 0, y, np.arange(300) + 10).astype(float)
    score = model.score(da.from_array(X, chunks=(30, 4)), da.from_array(y, chunks=30))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = float(score)
    assert found == pytest.approx(np.mean(model.to_local().predict(X) == y), rel=1e-14)


@pytest.mark.parametrize("dtype", ["Int64", "category", "float32"])
def test_score_takes_the_labels_of_pandas(dtype):
    X, y = make_data()
    of_y = dd.from_pandas(pd.Series(y).astype(dtype), npartitions=3)
    model = fitted(X, y)
    score = model.score(dd.from_pandas(pd.DataFrame(X), npartitions=3), of_y)
    assert float(score) == pytest.approx(model.to_local().score(X, y), rel=1e-14)


def test_score_of_no_rows():
    X, y = make_data()
    score = fitted(X, y).score(da.from_array(X[:0], chunks=(1, 4)), y[:0])
    with pytest.raises(ValueError, match="at least one sample is required"):
        score.compute()


def test_an_empty_partition_has_the_names_of_the_columns():
    X, y = make_data()
    frame = dd.from_pandas(pd.DataFrame(X, columns=list("abcd")).assign(y=y), npartitions=3)
    model = LogLossClassifier().fit(frame[list("abcd")], frame["y"])
    some = frame[list("abcd")].loc[:150]
    some = dd.concat([some, some[some["a"] > 100]], axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(model.predict(some).compute()) == 151
