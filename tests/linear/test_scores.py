import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.special import expit

from sklogloss.linear.objective import Coordinates
from sklogloss.linear.samples import Samples, make_design
from sklogloss.linear.scores import (
    raw_prediction,
    row_gradients,
    transposed_product,
    weighted_gram,
)
from sklogloss.losses import LogLoss

FORMATS = [np.ascontiguousarray, np.asfortranarray, sparse.csr_matrix, sparse.csc_matrix]


@pytest.fixture
def X():
    X = np.random.default_rng(0).normal(size=(3000, 7))
    X[np.abs(X) < 0.5] = 0
    return X


def samples_of(X):
    return Samples(make_design(X), np.zeros((X.shape[0], 1), order="F"))


@pytest.mark.parametrize("form", FORMATS)
def test_raw_prediction_is_the_product(X, form):
    rng = np.random.default_rng(1)
    coef, intercept = rng.normal(size=(7, 3)), rng.normal(size=3)
    # Sums of seven products of numbers of size one.
    assert_allclose(
        raw_prediction(samples_of(form(X)), coef, intercept), X @ coef + intercept, atol=1e-14
    )


@pytest.mark.parametrize("has_offset", [False, True])
@pytest.mark.parametrize("form", FORMATS)
def test_gradients_of_rows_are_probability_less_target(X, form, has_offset):
    rng = np.random.default_rng(1)
    coef, intercept = rng.normal(size=(7, 1)), rng.normal(size=1)
    target = np.asfortranarray(rng.integers(2, size=(len(X), 1)), dtype=np.float64)
    offset = np.asfortranarray(rng.normal(size=(len(X), 1))) if has_offset else None
    samples = Samples(make_design(form(X)), target, rng.uniform(size=len(X)), offset)
    raw = X @ coef + intercept + (offset if has_offset else 0)
    found = row_gradients(samples, LogLoss(2).kernel(), coef, intercept)
    assert_allclose(found, expit(raw) - target, atol=1e-14)


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("n_columns", [1, 3, 8, 40])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("form", FORMATS)
def test_transposed_product_is_that_of_weighted_rows(X, form, dtype, n_columns, is_weighted):
    rng = np.random.default_rng(1)
    X = X.astype(dtype)
    rows = np.asfortranarray(rng.normal(size=(len(X), n_columns)), dtype=dtype)
    weight = rng.uniform(size=len(X)).astype(dtype) if is_weighted else None
    samples = Samples(make_design(form(X)), np.zeros((len(X), 1), dtype, order="F"), weight)
    sums = transposed_product(samples, rows)
    assert sums.shape == (n_columns, 8)
    X1 = np.column_stack([X, np.ones(len(X))]).astype(np.float64)
    weighted = rows.astype(np.float64) * (weight[:, None] if is_weighted else 1)
    # Rounding errors of sums are relative to those of absolute values.
    size = (np.abs(X1).T @ np.abs(weighted)).max()
    assert_allclose(sums, (X1.T @ weighted).T, rtol=0, atol=20 * np.finfo(dtype).eps * size)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("form", FORMATS)
def test_gram_takes_weights_of_any_sign(X, form, fit_intercept):
    rng = np.random.default_rng(1)
    weight = rng.normal(size=len(X))
    center = rng.normal(size=7) if fit_intercept else np.zeros(7)
    coordinates = Coordinates(center, 2.0 ** rng.integers(-2, 3, size=7), 1, fit_intercept)
    columns = (X - center) * coordinates.scale
    if fit_intercept:
        columns = np.column_stack([columns, np.ones(len(X))])
    expected = columns.T @ (weight[:, None] * columns)
    gram = weighted_gram(samples_of(form(X)), weight, coordinates, signed_weight=True)
    # Rounding errors of sums over the rows are relative to those of absolute values.
    size = np.abs(columns).T @ (np.abs(weight)[:, None] * np.abs(columns))
    assert_allclose(gram, expected, atol=1e-13 * size.max())
    assert_allclose(
        weighted_gram(samples_of(form(X)), np.abs(weight), coordinates),
        columns.T @ (np.abs(weight)[:, None] * columns),
        atol=1e-13 * size.max(),
    )
