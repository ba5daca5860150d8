"""Rows, columns and entries of X, and checks of a sparse one."""

import numpy as np

from sklogloss._cython.csr_columns import csr_columns
from sklogloss._cython.largest_entries import largest_of_columns
from sklogloss._cython.sparse_design import SparseDesign

__all__ = [
    "check_sparse",
    "largest_entries",
    "row_slices",
    "sparse_design",
    "take_columns",
]

# Entries of X that are checked or converted at a time, because a copy of X would be too large
# (65,536: tests/linear/test_design.py::test_fit_does_not_copy_a_sparse_matrix fails).
BLOCK_ENTRIES = 16_384


def sparse_design(X, dtype) -> SparseDesign:
    """Return a view of a CSR or CSC matrix for passes in the arithmetic of dtype.

    It refers to X, without a copy, if the dtype is that of X, the indices are sorted and have no
    duplicates, and both index arrays have the same type.
    """
    _check_arrays(X)
    X = _with_plain_arrays(X)
    if X.dtype != dtype:
        X = type(X)((X.data.astype(dtype), X.indices, X.indptr), X.shape)
    design = SparseDesign(X)
    if not design.is_ordered:
        # SciPy's flags may be out of date if the indices were changed.
        X = X.copy()
        X.has_sorted_indices = X.has_canonical_format = False
        X.sum_duplicates()
        design = SparseDesign(X)
    return design


def check_sparse(X):
    """Raise a ValueError if a product with a CSR or CSC matrix would read outside its arrays.

    SciPy does not check the three arrays when they are replaced or changed.
    """
    _check_arrays(X)
    n_minor = X.shape[1] if X.format == "csr" else X.shape[0]
    indices = X.indices[: X.indptr[-1]]
    if len(indices) and not 0 <= indices.min() <= indices.max() < n_minor:
        raise ValueError(f"X has a sparse index outside 0 to {n_minor - 1}")


def _check_arrays(X):
    # The range of the indices is not checked here: a design checks it together with their order.
    for name in ("data", "indices", "indptr"):
        if np.ndim(getattr(X, name)) != 1:
            raise ValueError(f"X.{name} must be one-dimensional, got {getattr(X, name)!r}")
    for name in ("indices", "indptr"):
        dtype = getattr(X, name).dtype
        if dtype.kind not in "iu":
            raise ValueError(f"X.{name} must hold integers, got the dtype {dtype}")
    n_major = X.shape[0] if X.format == "csr" else X.shape[1]
    pointers, n_stored = X.indptr, min(len(X.indices), len(X.data))
    if len(pointers) != n_major + 1:
        of = "rows" if X.format == "csr" else "columns"
        raise ValueError(
            f"X.indptr must have {n_major + 1} entries, as X has {n_major} {of}; got "
            f"{len(pointers)}"
        )
    if pointers[0] != 0 or pointers[-1] > n_stored or np.any(pointers[1:] < pointers[:-1]):
        raise ValueError(f"X.indptr must ascend from 0 to at most {n_stored}, the stored entries")


def _with_plain_arrays(X):
    # In SciPy, the three arrays may have any strides, and indices any integer type.
    index_dtypes = {X.indices.dtype, X.indptr.dtype}
    index_dtype = index_dtypes.pop()
    if index_dtypes or index_dtype not in (np.int32, np.int64) or not index_dtype.isnative:
        index_dtype = np.dtype(np.int64)
    plain = (
        np.require(X.data, requirements="CA"),
        np.require(X.indices, index_dtype, requirements="CA"),
        np.require(X.indptr, index_dtype, requirements="CA"),
    )
    if plain[0] is X.data and plain[1] is X.indices and plain[2] is X.indptr:
        return X
    has_canonical_format = X.has_canonical_format
    X = type(X)(X.shape, dtype=X.dtype)
    X.data, X.indices, X.indptr = plain
    X.has_canonical_format = has_canonical_format
    return X


def row_slices(n_rows, numbers_per_row, most):
    """Yield slices that divide rows into blocks of at most `most` numbers, or of one row."""
    size = max(1, most // max(numbers_per_row, 1))
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


def take_columns(X, columns, n_threads):
    """Return a copy of some columns of X, given in ascending order, in the memory order of X."""
    if isinstance(X, np.ndarray):
        return X.take(columns, axis=1) if X.flags.c_contiguous else X.T.take(columns, axis=0).T
    if X.format != "csr":
        return X[:, columns]
    places = np.full(X.shape[1], -1, dtype=np.int32)
    places[columns] = np.arange(len(columns))
    taken = type(X)((X.shape[0], len(columns)), dtype=X.dtype)
    taken.indptr, taken.indices, taken.data = csr_columns(
        X.indptr, X.indices, X.data, places, n_threads
    )
    taken.has_canonical_format = True
    return taken


def largest_entries(X, which):
    """Return the largest absolute entry of each column where `which` is true.

    The values of the other columns may be too small.
    """
    if isinstance(X, np.ndarray):
        if X.flags.c_contiguous:
            return largest_of_columns(X).astype(np.float64)
        return np.maximum(X.max(axis=0), -X.min(axis=0)).astype(np.float64)
    # SciPy's max copies the matrix.
    size = np.zeros(X.shape[1])
    if X.format == "csc":
        for j in np.flatnonzero(which):
            entries = X.data[X.indptr[j] : X.indptr[j + 1]]
            size[j] = np.abs(entries).max(initial=0)
    else:
        for start in range(0, X.nnz, BLOCK_ENTRIES):
            part = slice(start, min(start + BLOCK_ENTRIES, X.nnz))
            columns, entries = X.indices[part], X.data[part]
            if not which.all():
                places = np.flatnonzero(which[columns])
                columns, entries = columns[places], entries[places]
            np.maximum.at(size, columns, np.abs(entries))
    return size
