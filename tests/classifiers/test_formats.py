"""Tables, columns and sparse formats of other libraries give the fit of a plain array."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklogloss import (
    FirthLogisticRegression,
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
    logloss_path,
)
from sklogloss.metrics import brier_score, log_loss

X, y = make_classification(80, 4, random_state=0)
X[np.abs(X) < 0.3] = 0
NAMES = list("abcd")
WORDS = np.where(y == 1, "yes", "no")
FRAME = pd.DataFrame(X, columns=NAMES)
MODELS = [
    LogLossClassifier(),
    LogLossClassifierCV(Cs=2, cv=2),
    FocalLogisticRegression(),
    FirthLogisticRegression(),
]
# Sums in another order: the coefficients are below 10, the Hessian is well conditioned.
TOLERANCE = {"rtol": 1e-9, "atol": 1e-12}


def pandas_tables():
    return {
        "float": (FRAME, pd.Series(y)),
        "nullable": (FRAME.astype("Float64"), pd.Series(y, dtype="Int64")),
        "boolean y": (FRAME, pd.Series(y == 1, dtype="boolean")),
        "string y": (FRAME, pd.Series(WORDS, dtype="string")),
        "category y": (FRAME, pd.Series(WORDS, dtype="category")),
    }


def polars_tables():
    frame = pl.DataFrame(X, schema=NAMES)
    words = pl.Series("y", WORDS.tolist())
    return {
        "int y": (frame, pl.Series("y", y)),
        "boolean y": (frame, pl.Series("y", y == 1)),
        "string y": (frame, words),
        "category y": (frame, words.cast(pl.Categorical)),
    }


def arrow_tables():
    pa = pytest.importorskip("pyarrow")
    table = pa.table({name: X[:, i] for i, name in enumerate(NAMES)})
    arrow = FRAME.astype("double[pyarrow]")
    return {
        "table": (table, pa.array(y)),
        "chunks": (table, pa.chunked_array([y[:30], y[30:]])),
        "words": (table, pa.array(WORDS)),
        "columns of pandas": (arrow, pd.Series(y, dtype="int64[pyarrow]")),
        "words of pandas": (arrow, pd.Series(WORDS, dtype="string[pyarrow]")),
        "booleans of pandas": (arrow, pd.Series(y == 1, dtype="bool[pyarrow]")),
    }


@pytest.fixture(params=MODELS, ids=lambda model: type(model).__name__)
def fitted(request):
    return request.param.fit(X, y)


def assert_fits_as(fitted, table, labels):
    model = type(fitted)(**fitted.get_params()).fit(table, labels)
    assert_allclose(model.coef_, fitted.coef_, **TOLERANCE)
    proba = fitted.predict_proba(X)
    assert_allclose(model.predict_proba(table), proba, **TOLERANCE)
    assert_array_equal(model.predict(table) == model.classes_[1], fitted.predict(X) == 1)
    assert_allclose(model.score(table, labels), fitted.score(X, y), **TOLERANCE)
    for metric in (log_loss, brier_score):
        of_table = metric(labels, proba)
        assert_allclose(of_table, metric(y, proba), **TOLERANCE)
    return model


@pytest.mark.parametrize("tables", [pandas_tables, polars_tables, arrow_tables])
def test_tables_fit_as_arrays(fitted, tables):
    for table, labels in tables().values():
        model = assert_fits_as(fitted, table, labels)
        assert model.feature_names_in_.tolist() == NAMES


@pytest.mark.filterwarnings("ignore:Constructing a DIA")
@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("format", ["csr", "csc", "coo", "bsr", "dia", "lil", "dok"])
def test_sparse_formats_fit_as_dense(fitted, format, kind):
    assert_fits_as(fitted, getattr(sparse, f"{format}_{kind}")(X), y)


def boolean_tables():
    flags = X > 0
    frame = pd.DataFrame(flags, columns=NAMES)
    return {
        "array": flags,
        "pandas": frame,
        "nullable": frame.astype("boolean"),
        "polars": pl.DataFrame(flags, schema=NAMES),
        "sparse": sparse.csr_array(flags),
    }


@pytest.mark.parametrize("name", boolean_tables())
def test_booleans_are_zeros_and_ones(name):
    table = boolean_tables()[name]
    expected = LogLossClassifier().fit((X > 0).astype(float), y)
    assert_allclose(LogLossClassifier().fit(table, y).coef_, expected.coef_, **TOLERANCE)


def test_path_takes_tables():
    expected = logloss_path(X, y, Cs=[0.1, 1.0])
    for table, labels in {**pandas_tables(), **polars_tables()}.values():
        assert_allclose(
            logloss_path(table, labels, Cs=[0.1, 1.0]).coefs, expected.coefs, **TOLERANCE
        )


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_set_output_of_what_is_before_gives_names(library):
    scaling = make_column_transformer((StandardScaler(), ["b", "a"]))
    pipeline = make_pipeline(scaling, LogLossClassifier())
    pipeline.set_output(transform=library).fit(FRAME, y)
    names = [name.split("__")[-1] for name in pipeline[-1].feature_names_in_]
    assert names == ["b", "a"]
    assert pipeline.predict_proba(FRAME).shape == (len(y), 2)


def test_errors_name_columns():
    model = LogLossClassifier().fit(FRAME, y)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(FRAME[["b", "a", "c", "d"]])
    with pytest.raises(ValueError, match="X: could not convert string to float: 'red'"):
        LogLossClassifier().fit(FRAME.assign(c="red"), y)
    with pytest.raises(ValueError, match="X contains NaN"):
        LogLossClassifier().fit(FRAME.assign(c=pd.array([None] * len(y), dtype="Float64")), y)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        LogLossClassifier().fit(FRAME, pd.Series(y, dtype="Int64").mask(y == 1))
    factor = pd.Series([1.0, 2.0], index=["a", "e"])
    with pytest.raises(ValueError, match="'e'"):
        LogLossClassifier(penalty_factor=factor).fit(FRAME, y)
