"""X is read in place."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from sklogloss import LogLossClassifier
from sklogloss.linear.design import make_design

X = np.random.default_rng(0).normal(size=(60, 12))


@pytest.mark.parametrize(
    "view",
    [X, np.asfortranarray(X), X[::2], X[10:], X[:, 3:], np.asfortranarray(X)[10:, 3:], X[:, :1]],
    ids=["C", "F", "every second row", "rows", "columns", "rows and columns of F", "one column"],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_dense_array_is_not_copied(view, dtype):
    view = view if dtype == np.float64 else view.astype(dtype, order="K")
    view.flags.writeable = False
    assert np.shares_memory(make_design(view).X, view)


@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_sparse_matrix_is_not_copied(make, index_dtype):
    S = make(X * (X > 0))
    S.indices, S.indptr = S.indices.astype(index_dtype), S.indptr.astype(index_dtype)
    design = make_design(S)
    for name in ("data", "indices", "indptr"):
        assert np.shares_memory(getattr(design.X, name), getattr(S, name))
    assert design.n_stored == S.nnz


def test_what_has_to_be_copied_stays_as_it_is():
    S = sparse.csr_array((np.ones(4), [2, 0, 1, 1], [0, 2, 4]), shape=(2, 3))
    design = make_design(S)
    assert S.nnz == 4
    np.testing.assert_array_equal(S.indices, [2, 0, 1, 1])
    assert design.n_stored == 3


@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("index", [-1, 2, 1000])
def test_sparse_index_outside_x_is_refused(make, index):
    S = make(np.eye(2))
    S.indices[1] = index
    S.has_sorted_indices = S.has_canonical_format = True
    with pytest.raises(ValueError, match="X has a sparse index outside"):
        make_design(S)


@pytest.mark.parametrize("solver", ["newton-cholesky", "newton-cg", "lbfgs"])
@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("C", [1.0, np.inf])
def test_fit_does_not_copy_a_sparse_matrix(make, solver, C):
    rng = np.random.default_rng(0)
    n_samples, n_features, n_stored = 4000, 60, 40
    # One column has no entry: without penalty such a column needs a scale of its own.
    indices = np.sort(rng.permuted(np.tile(np.arange(59), (n_samples, 1)), axis=1)[:, :n_stored])
    indptr = np.arange(0, n_samples * n_stored + 1, n_stored)
    data = rng.normal(size=n_samples * n_stored)
    S = make(sparse.csr_array((data, indices.ravel(), indptr), shape=(n_samples, n_features)))
    y = rng.integers(2, size=n_samples)
    n_bytes = S.data.nbytes + S.indices.nbytes
    clf = LogLossClassifier(solver=solver, C=C, tol=1e-2).fit(S, y)
    tracemalloc.start()
    try:
        clf.fit(S, y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Some numbers per row and the Hessian are needed: 4000 x 8 bytes each, far less than X.
    assert peak < n_bytes / 3
