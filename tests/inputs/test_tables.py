"""Dates and tables without rows, which NumPy would take as numbers or as one object."""

import datetime

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklogloss import LogLossClassifier, LogLossClassifierCV, logloss_path
from sklogloss.inference import separation
from sklogloss.inputs.tables import check_collected, check_holds_no_times

N = 20
NUMBERS = np.random.default_rng(0).normal(size=N)
DAYS = np.datetime64("2020-01-01") + np.arange(N).astype("m8[D]")
Y = np.arange(N) % 2


def of_numpy(times):
    return times[:, None]


def of_objects(times):
    return np.array([[time, 1.0] for time in times], dtype=object)


def of_lists(times):
    return [[time, 1.0] for time in times]


@pytest.mark.parametrize("make", [of_numpy, of_objects, of_lists])
@pytest.mark.parametrize(
    "times",
    [DAYS, DAYS.astype("M8[ns]"), DAYS - DAYS[0], (DAYS - DAYS[0]).astype("m8[ns]")],
    ids=["days", "nanoseconds", "durations", "durations in nanoseconds"],
)
def test_arrays_and_lists(make, times):
    with pytest.raises(TypeError, match=r"X must hold numbers, got (date|time)"):
        check_holds_no_times(make(times))


def pandas_table(times, others):
    return pd.DataFrame({**others, "when": times})


def pandas_with_zone(times, others):
    return pd.DataFrame({**others, "when": pd.Series(times).dt.tz_localize("UTC")})


def pandas_durations(times, others):
    return pd.DataFrame({**others, "when": times - times[0]})


def pandas_periods(times, others):
    return pd.DataFrame({**others, "when": pd.PeriodIndex(times, freq="D")})


def polars_table(times, others, name="Date"):
    pl = pytest.importorskip("polars")
    column = pl.Series(times)
    if name == "Duration":
        column = column - column[0]
    elif name == "Time":
        column = pl.Series([datetime.time(hour % 24) for hour in range(len(times))])
    return pl.DataFrame({**others, "when": column.cast(getattr(pl, name))})


def pyarrow_table(times, others, name="date32"):
    pa = pytest.importorskip("pyarrow")
    return pa.table({**others, "when": pa.array(times.tolist(), getattr(pa, name)())})


MAKERS = [
    pandas_table,
    pandas_with_zone,
    pandas_durations,
    pandas_periods,
    polars_table,
    lambda *columns: polars_table(*columns, "Datetime"),
    lambda *columns: polars_table(*columns, "Duration"),
    lambda *columns: polars_table(*columns, "Time"),
    pyarrow_table,
    lambda *columns: pyarrow_table(*columns, "date64"),
]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("others", [{}, {"a": NUMBERS}], ids=["alone", "beside numbers"])
def test_columns_of_tables(make, others):
    X = make(DAYS, others)
    for fit in (LogLossClassifier().fit, LogLossClassifierCV().fit, logloss_path, separation):
        with pytest.raises(TypeError, match=r"X must hold numbers, but not the columns \['when'\]"):
            fit(X, Y)


def test_new_rows():
    columns = {"a": NUMBERS, "when": NUMBERS}
    clf = LogLossClassifier().fit(pd.DataFrame(columns), Y)
    X = pandas_table(DAYS, {"a": NUMBERS})
    for predict in (clf.predict, clf.predict_proba, clf.decision_function):
        with pytest.raises(TypeError, match=r"not the columns \['when'\]"):
            predict(X)


@pytest.mark.parametrize(
    "X",
    [
        NUMBERS[:, None],
        NUMBERS[:, None].astype(object),
        sparse.csr_array(NUMBERS[:, None]),
        [[1.0]],
        [1.0],
        [[np.float32(1)]],
        [],
        np.array(None),
        pd.DataFrame({"date": NUMBERS, "time": Y, "c": pd.Series(Y).astype("category")}),
        pd.DataFrame({"dtype": NUMBERS}, index=pd.Index(DAYS, name="date")),
        None,
    ],
    ids=[
        "float",
        "object",
        "sparse",
        "list",
        "flat list",
        "scalars",
        "empty",
        "no array",
        "table",
        "column named dtype",
        "None",
    ],
)
def test_numbers_pass(X):
    check_holds_no_times(X)


def test_a_lazy_frame_is_to_be_collected():
    pl = pytest.importorskip("polars")
    lazy = pl.LazyFrame({"a": NUMBERS})
    labels, X = pl.LazyFrame({"y": Y}), NUMBERS[:, None]
    clf = LogLossClassifier()
    for name, call in [
        ("X", lambda: clf.fit(lazy, Y)),
        ("y", lambda: clf.fit(X, labels)),
        ("sample_weight", lambda: clf.fit(X, Y, sample_weight=lazy)),
        ("offset", lambda: clf.fit(X, Y, offset=lazy)),
        ("X", lambda: clf.fit(X, Y).predict(lazy)),
        ("z", lambda: check_collected("z", lazy)),
    ]:
        with pytest.raises(
            TypeError, match=rf"{name} must have its rows.*call \.collect\(\) first"
        ):
            call()
    clf.fit(lazy.collect(), Y)
