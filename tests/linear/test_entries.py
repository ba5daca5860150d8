"""X itself, of any layout, where NumPy and SciPy say what it should be."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from sklogloss.linear.entries import Entries

EPS = np.finfo(np.float64).eps
DENSE = {"C": np.ascontiguousarray, "F": np.asfortranarray}
SPARSE = {"CSR": sparse.csr_array, "CSC": sparse.csc_array, "CSR matrix": sparse.csr_matrix}
LAYOUTS = DENSE | SPARSE


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    return rng.normal(size=(50, 7)) * (rng.random((50, 7)) < 0.7)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("which", [slice(3, 20), np.array([7, 3, 3, 40])], ids=["slice", "indices"])
def test_rows_are_dense_and_in_the_order_asked_for(X, layout, which):
    rows = Entries(LAYOUTS[layout](X)).rows(which)
    assert isinstance(rows, np.ndarray)
    assert_array_equal(rows, X[which])


@pytest.mark.parametrize("layout", DENSE)
def test_neighbouring_rows_of_a_dense_matrix_are_a_view(X, layout):
    matrix = LAYOUTS[layout](X)
    assert np.shares_memory(Entries(matrix).rows(slice(3, 20)), matrix)


@pytest.mark.parametrize("layout", SPARSE)
def test_a_sparse_matrix_has_both_formats_and_its_own_is_no_copy(X, layout):
    matrix = LAYOUTS[layout](X)
    entries = Entries(matrix)
    for format, converted in (("csr", entries.csr()), ("csc", entries.csc())):
        assert converted.format == format
        assert_array_equal(converted.toarray(), X)
        assert np.shares_memory(converted.data, matrix.data) == (format == matrix.format)


@pytest.mark.parametrize("layout", SPARSE)
def test_a_matrix_is_full_where_zeros_save_less_than_indices_take(layout):
    # An index takes half of what an entry takes: a third of the entries may be zero.
    for n_zeros, is_full in ((8, True), (9, False)):
        X = np.ones((6, 4))
        X.ravel()[:n_zeros] = 0
        assert Entries(LAYOUTS[layout](X)).is_full == is_full


@pytest.mark.parametrize("layout", LAYOUTS)
def test_binary_columns_hold_zero_and_one_alone(layout):
    X = np.array([[0, 1, 0.5, 1, 0], [1, 1, 0, 2, 0], [0, 1, 1, 0, 0]])
    assert Entries(LAYOUTS[layout](X)).binary_columns().tolist() == [True, True, False, False, True]


def test_stored_zeros_are_zeros():
    X = sparse.csr_array((np.array([0.0, 1, 1]), [0, 0, 1], [0, 1, 3]), shape=(2, 2))
    assert Entries(X).binary_columns().all()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_products_are_in_the_wider_dtype(X, layout, dtype):
    X = X.astype(dtype)
    vectors = np.random.default_rng(1).normal(size=(7, 3))
    product = Entries(LAYOUTS[layout](X)).times(vectors)
    assert product.dtype == np.float64
    # Sums of seven products.
    size = np.abs(X).astype(np.float64) @ np.abs(vectors)
    assert np.all(np.abs(product - X.astype(np.float64) @ vectors) <= 14 * EPS * size)
    assert Entries(LAYOUTS[layout](X)).times(vectors.astype(dtype)).dtype == dtype


@pytest.mark.parametrize("layout", DENSE)
def test_products_of_the_transpose(X, layout):
    vectors = np.random.default_rng(1).normal(size=(50, 2))
    assert_allclose(Entries(LAYOUTS[layout](X)).transposed_times(vectors), X.T @ vectors)


def test_a_product_in_float64_copies_no_float32_matrix():
    X = np.ones((20_000, 50), np.float32)
    vectors = np.ones((50, 1))
    tracemalloc.start()
    product = Entries(X).times(vectors)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The product, and a block; a copy in float64 would take twice what X takes.
    assert peak < product.nbytes + X.nbytes / 4


@pytest.mark.parametrize("layout", DENSE)
@pytest.mark.parametrize("n_rows", [20, 600], ids=["kernel", "BLAS"])
@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("has_weight", [False, True])
def test_row_products_are_those_of_the_rows(layout, n_rows, centred, single, has_weight):
    rng = np.random.default_rng(0)
    X = 1 + rng.normal(size=(n_rows, 70))
    weight = rng.exponential(size=70) if has_weight else None
    root = np.sqrt(weight) if has_weight else np.ones(70)
    products, of_means = Entries(LAYOUTS[layout](X)).row_products(
        weight, dtype=np.dtype(np.float64), single=single, centred=centred, n_threads=1
    )
    assert_array_equal(np.triu(products, 1), 0)
    columns = X * root
    if np.any(of_means):
        assert centred
        mean = columns.mean(axis=0)
        # What centring took from the products of a row with all others, on average.
        assert_allclose(of_means, columns @ mean, rtol=1e-12)
        columns = columns - mean
    eps = np.finfo(np.float32 if single else np.float64).eps
    size = np.abs(columns) @ np.abs(columns).T
    # Sums of 70 products of rounded numbers.
    assert np.all(np.abs(products - np.tril(columns @ columns.T)) <= 72 * eps * size)
