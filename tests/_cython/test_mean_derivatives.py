import numpy as np
import pytest

from sklogloss._cython.mean_derivatives import center_grams


def test_cross_products_become_those_of_centred_columns():
    rng = np.random.default_rng(0)
    X, center = rng.standard_normal((50, 4)) + 3, rng.standard_normal(4)
    weights = rng.uniform(size=(3, 50))
    with_ones, centred = (np.column_stack([each, np.ones(50)]) for each in (X, X - center))
    grams = np.array([with_ones.T @ (weight[:, None] * with_ones) for weight in weights])
    center_grams(grams, center)
    expected = np.array([centred.T @ (weight[:, None] * centred) for weight in weights])
    # Sums of 50 products below 100, and what was added to them.
    np.testing.assert_allclose(np.tril(grams), np.tril(expected), rtol=0, atol=1e-10)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="a row and a column for each feature"):
        center_grams(np.zeros((2, 4, 4)), np.zeros(4))
