"""X is read in place."""

import itertools
import sys
import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from sklogloss import LogLossClassifier
from sklogloss.linear.design import check_sparse
from sklogloss.linear.samples import make_design

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


def record_field(array):
    """Return the array as a field of records, whose rows lie a fraction of an entry further."""
    records = np.zeros(len(array), dtype=[("x", array.dtype, array.shape[1:]), ("id", "u1", 3)])
    records["x"] = array
    return records["x"]


def far_apart(array, tmp_path):
    """Return the array with rows further apart than BLAS can be told, in a file with a hole."""
    shape = (len(array), 2**31 + 8)
    mapped = np.memmap(tmp_path / "X", dtype=array.dtype, mode="w+", shape=shape)
    mapped[:, : array.shape[1]] = array
    return mapped[:, : array.shape[1]]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "layout",
    [record_field, lambda X: record_field(X.T).T, lambda X: np.repeat(X, 2, axis=1)[:, ::2]],
    ids=["record field", "columns from a record field", "every second column"],
)
def test_dense_layouts_that_the_passes_cannot_read(layout, dtype):
    x = X.astype(dtype)
    np.testing.assert_array_equal(make_design(layout(x)).X, x)
    expected = LogLossClassifier().fit(x, np.arange(60) % 2).coef_
    actual = LogLossClassifier().fit(layout(x), np.arange(60) % 2).coef_
    np.testing.assert_allclose(actual, expected, rtol=0, atol=100 * np.finfo(dtype).eps)


@pytest.mark.skipif(sys.platform != "linux", reason="needs files with holes")
def test_rows_further_apart_than_a_c_int(tmp_path):
    x = X[:4, :2].astype(np.float32)
    np.testing.assert_array_equal(make_design(far_apart(x, tmp_path)).X, x)


def strided(array):
    return np.repeat(array, 2)[::2]


@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
@pytest.mark.parametrize(
    ("data", "indices", "indptr"),
    [
        (None, np.int32, np.int64),
        (None, np.int64, np.int32),
        (None, np.int16, np.int16),
        (None, ">i4", ">i4"),
        (strided, None, None),
        (None, strided, None),
        (None, None, strided),
        (record_field, None, None),
    ],
)
def test_sparse_matrices_of_unusual_arrays(make, data, indices, indptr):
    S = make(X * (X > 0))
    expected = S.toarray()
    y = np.arange(60) % 2
    coef = LogLossClassifier().fit(S, y).coef_
    for name, change in {"data": data, "indices": indices, "indptr": indptr}.items():
        array = getattr(S, name)
        if callable(change) and not isinstance(change, type):
            setattr(S, name, change(array))
        elif change is not None:
            setattr(S, name, array.astype(change))
    np.testing.assert_array_equal(make_design(S).X.toarray(), expected)
    np.testing.assert_allclose(LogLossClassifier().fit(S, y).coef_, coef, rtol=0, atol=1e-14)


@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("index", [-1, 2, 1000])
def test_sparse_index_outside_x_is_refused(make, index):
    S = make(np.eye(2))
    S.indices[1] = index
    S.has_sorted_indices = S.has_canonical_format = True
    with pytest.raises(ValueError, match="X has a sparse index outside"):
        make_design(S)


BROKEN = {
    "too few pointers": (
        lambda S: setattr(S, "indptr", S.indptr[:5].copy()),
        r"X\.indptr must have",
    ),
    "too many pointers": (
        lambda S: setattr(S, "indptr", np.append(S.indptr, S.indptr[-1])),
        r"X\.indptr must have",
    ),
    "no pointers": (lambda S: setattr(S, "indptr", S.indptr[:0]), r"X\.indptr must have"),
    "first pointer": (lambda S: S.indptr.__setitem__(0, 1), r"X\.indptr must ascend"),
    "pointers descend": (lambda S: S.indptr.__setitem__(3, 10**6), r"X\.indptr must ascend"),
    "too little data": (lambda S: setattr(S, "data", S.data[:7].copy()), r"X\.indptr must ascend"),
    "too few indices": (
        lambda S: setattr(S, "indices", S.indices[:7].copy()),
        r"X\.indptr must ascend",
    ),
    "index too large": (lambda S: S.indices.__setitem__(4, 10**6), "X has a sparse index outside"),
    "index negative": (lambda S: S.indices.__setitem__(4, -1), "X has a sparse index outside"),
    "fractions": (
        lambda S: setattr(S, "indices", S.indices + 0.5),
        r"X\.indices must hold integers",
    ),
    "two dimensions": (
        lambda S: setattr(S, "indices", S.indices[:, None]),
        r"X\.indices must be one-dimensional",
    ),
}


@pytest.mark.parametrize("defect", BROKEN)
@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
def test_broken_sparse_matrices_are_refused(make, defect):
    break_it, message = BROKEN[defect]
    S = make(sparse.random(200, 30, density=0.2, format="csr", random_state=0))
    assert S.has_canonical_format  # SciPy keeps its answer
    break_it(S)
    with pytest.raises(ValueError, match=message):
        check_sparse(S)
    with pytest.raises(ValueError):  # noqa: PT011 - scikit-learn or SciPy may see it first
        LogLossClassifier().fit(S, np.arange(200) % 2)


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


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_array])
def test_indices_are_put_in_order_whatever_the_flags_say(container):
    # SciPy looks at the indices once, and does not see that they change.
    dense = np.random.default_rng(0).normal(size=(300, 70)) * (np.arange(21_000) % 3 == 0).reshape(
        300, 70
    )
    X = container(dense)
    assert X.has_canonical_format
    for start, end in itertools.pairwise(X.indptr):
        X.indices[start:end] = X.indices[start:end][::-1].copy()
        X.data[start:end] = X.data[start:end][::-1].copy()
    y = (dense[:, 0] > 0).astype(int)
    expected = LogLossClassifier().fit(dense, y)
    np.testing.assert_allclose(LogLossClassifier().fit(X, y).coef_, expected.coef_, atol=1e-7)
