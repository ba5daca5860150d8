"""From the user's X to the compiled view that the passes read."""

import numpy as np
from scipy import sparse

from sklogloss._cython.design import DenseDesign, Design, SparseDesign

__all__ = ["make_design"]


def make_design(X) -> Design:
    """Return a view of X for the data passes.

    Parameters
    ----------
    X : ndarray, CSR or CSC matrix of shape (n_samples, n_features), float64 or float32

    Returns
    -------
    design : DenseDesign or SparseDesign
        It refers to X, without a copy, if the rows or the columns of X are contiguous in memory,
        or if X is sparse with sorted indices and no duplicates.
    """
    if sparse.issparse(X):
        if not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()
        return SparseDesign(X)
    itemsize = X.itemsize
    row_stride, column_stride = X.strides
    n_samples, n_features = X.shape
    by_rows = column_stride == itemsize and row_stride >= n_features * itemsize
    by_columns = row_stride == itemsize and column_stride >= n_samples * itemsize
    if not (by_rows or by_columns) or X.ctypes.data % itemsize:
        X = np.ascontiguousarray(X).copy()
    return DenseDesign(X)
