"""From the user's X to the compiled view that the passes read."""

import numpy as np
from scipy import sparse

from sklogloss._cython.dense_design import DenseDesign
from sklogloss._cython.design import Design
from sklogloss._cython.sparse_design import SparseDesign

__all__ = ["make_design", "passes_per_class_mean_hessian", "passes_per_newton_step"]

# BLAS takes the distance between rows, or columns, as a C int.
LARGEST_STRIDE = np.iinfo(np.intc).max


def make_design(X, dtype=None) -> Design:
    """Return a view of X for the data passes.

    Parameters
    ----------
    X : ndarray, CSR or CSC matrix of shape (n_samples, n_features), float64 or float32
    dtype : dtype, default=None
        That of the arithmetic, None for that of X. The entries of a sparse float32 X are copied
        for float64; those of a dense one are not.

    Returns
    -------
    design : DenseDesign or SparseDesign
        It refers to X, without a copy, if the rows or the columns of X are contiguous in memory,
        or if X is sparse with sorted indices, no duplicates, and index arrays of one type.
    """
    if dtype is None:
        dtype = X.dtype
    if sparse.issparse(X):
        _check_pointers(X)
        X = _with_plain_arrays(X)
        if X.dtype != dtype:
            X = type(X)((X.data.astype(dtype), X.indices, X.indptr), X.shape)
        design = SparseDesign(X)
        if not design.is_ordered:
            # SciPy's flags may be those of indices that have been changed since.
            X = X.copy()
            X.has_sorted_indices = X.has_canonical_format = False
            X.sum_duplicates()
            design = SparseDesign(X)
        return design
    return DenseDesign(X if _is_readable(X) else np.array(X, order="C"), dtype == np.float32)


def _check_pointers(X):
    # A pass would follow them outside the arrays.
    pointers, n_stored = X.indptr, min(len(X.indices), len(X.data))
    if pointers[0] != 0 or pointers[-1] > n_stored or np.any(pointers[1:] < pointers[:-1]):
        raise ValueError(f"X.indptr must ascend from 0 to at most {n_stored}, the stored entries")


def _is_readable(X):
    # Whether the entries of a row, or of a column, follow each other without gaps.
    itemsize = X.itemsize
    row_stride, column_stride = X.strides
    n_samples, n_features = X.shape
    by_rows = column_stride == itemsize and row_stride >= n_features * itemsize
    by_columns = row_stride == itemsize and column_stride >= n_samples * itemsize
    return (
        (by_rows or by_columns)
        and not (row_stride % itemsize or column_stride % itemsize or X.ctypes.data % itemsize)
        and max(row_stride, column_stride) // itemsize <= LARGEST_STRIDE
    )


def _with_plain_arrays(X):
    # SciPy lets the three arrays of a matrix have any strides, and indices of any integer type.
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


def passes_per_newton_step(design, n_columns, every=1):
    """Return how many passes for a gradient cost as much as a Hessian and its Cholesky factor.

    Parameters
    ----------
    design : Design
    n_columns : int
        Columns of raw_prediction.
    every : int
        Every how many blocks one is in the Hessian.
    """
    n_pairs = n_columns * (n_columns + 1) / 2 / every
    return _in_passes(design, n_columns, n_pairs, (design.n_features + 1) * n_columns)


def passes_per_class_mean_hessian(design, n_columns):
    """Return the same for the mean over the classes of the Hessian's blocks, and its factor."""
    return _in_passes(design, n_columns, 1, design.n_features + 1)


def _in_passes(design, n_columns, n_pairs, n_rows):
    # In multiplications, those of BLAS-3 counted as an eighth.
    n_stored = max(design.n_stored, 1)
    if design.is_sparse:
        hessian = n_stored * n_stored / design.n_samples / 2 * n_pairs
    else:
        hessian = n_stored * design.n_features * n_pairs / 8
    return (hessian + n_rows**3 / 3 / 8) / (2 * n_stored * n_columns)
