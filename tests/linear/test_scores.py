import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from sklogloss.linear.objective import Coordinates
from sklogloss.linear.samples import Samples, make_design
from sklogloss.linear.scores import raw_prediction, weighted_gram

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
