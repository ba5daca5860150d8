"""The entries of X, for work that is not a pass over samples."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy import sparse

from sklogloss._cython import data_pass
from sklogloss._cython.dense_design import DenseDesign
from sklogloss.linear.design import BLOCK_ENTRIES, row_slices
from sklogloss.linear.limits import LARGEST_HESSIAN

__all__ = ["Entries"]


class Entries:
    """X as a whole, in the memory of this process: its rows, its entries and products with it.

    A sum over the rows is a pass, and a method of `Samples`, because the rows may lie in
    partitions. `Entries` is for code that needs X in one place, or that runs where a partition is.

    Parameters
    ----------
    matrix : ndarray, CSR or CSC matrix of shape (n_samples, n_features), float64 or float32
        X.

    Attributes
    ----------
    shape : tuple of int
    dtype : dtype
    is_sparse : bool
    """

    def __init__(self, matrix):
        self.matrix = matrix
        self.shape, self.dtype = matrix.shape, matrix.dtype
        self.is_sparse = sparse.issparse(matrix)

    @classmethod
    def of(cls, samples) -> Entries:
        """Return the entries of Samples. `PartitionedSamples` have none."""
        return cls(samples.local.design.X)

    def csr(self):
        """Return a sparse X as a CSR matrix, without a copy if it is one."""
        return self.matrix.tocsr()

    def csc(self):
        """Return a sparse X as a CSC matrix, without a copy if it is one."""
        return self.matrix.tocsc()

    @property
    def is_full(self):
        """Whether a sparse X takes at least as much memory as a dense one."""
        X, (n_samples, n_features) = self.matrix, self.shape
        return X.data.nbytes + X.indices.nbytes >= X.dtype.itemsize * n_samples * n_features

    @property
    def largest(self) -> float:
        """The largest absolute value of a stored entry of a sparse X."""
        entries = self.matrix.data
        return float(max(entries.max(initial=0), -entries.min(initial=0)))

    @cached_property
    def _by_rows(self):
        # Taking rows of a CSC matrix reads the whole matrix each time.
        return self.csr() if self.is_sparse else self.matrix

    def rows(self, which):
        """Return some rows as a dense array.

        Parameters
        ----------
        which : slice or ndarray of int

        Returns
        -------
        rows : ndarray of shape (n_rows, n_features), of the dtype of X
            It may be a view.
        """
        rows = self._by_rows[which]
        return rows.toarray() if self.is_sparse else rows

    def binary_columns(self):
        """Return which columns hold 0 and 1 only: a boolean array of shape (n_features,)."""
        n_samples, n_features = self.shape
        is_binary = np.ones(n_features, dtype=bool)
        if self.is_sparse:
            by_columns = self.csc()
            other = (by_columns.data != 0) & (by_columns.data != 1)
            columns = np.repeat(np.arange(n_features), np.diff(by_columns.indptr))
            is_binary[columns[other]] = False
            return is_binary
        for block in row_slices(n_samples, n_features, BLOCK_ENTRIES):
            candidates = np.flatnonzero(is_binary)
            values = self.matrix[block][:, candidates]
            is_binary[candidates] = np.all((values == 0) | (values == 1), axis=0)
        return is_binary

    def times(self, vectors):
        """Return X @ vectors, in the wider of the two dtypes.

        Parameters
        ----------
        vectors : ndarray of shape (n_features, n_columns)
        """
        if self.is_sparse or vectors.dtype == self.dtype:
            return np.asarray(self.matrix @ vectors)
        # NumPy would make a converted copy of X.
        product = np.empty((self.shape[0], vectors.shape[1]), np.result_type(self.dtype, vectors))
        for block in row_slices(*self.shape, BLOCK_ENTRIES):
            product[block] = self.matrix[block] @ vectors
        return product

    def transposed_times(self, vectors):
        """Return X' @ vectors of a dense X, for vectors of shape (n_samples, n_columns)."""
        return self.matrix.T @ vectors

    def has_row_kernel(self, dtype):
        """Return whether the cross-products of rows of a dense X have a kernel for float32."""
        return self._transposed(dtype).has_single_gram

    def row_products(self, weight, *, dtype, single, centred, n_threads):
        """Return the cross-products of the rows of a dense X: one pass.

        Parameters
        ----------
        weight : ndarray of shape (n_features,) or None
            Of the columns; None for 1.
        dtype : dtype
            Of the arithmetic.
        single : bool
            Whether float32 will do for the products of float64.
        centred : bool
            Whether columns may be centred first, if that costs nothing.
        n_threads : int

        Returns
        -------
        products : ndarray of shape (n_samples, n_samples)
            The lower triangle; the upper one is zero.
        of_means : ndarray of shape (n_samples,)
            What centring subtracted from the means of the products: zero if the passes have a
            kernel. With many rows, BLAS is faster, some columns at a time.
        """
        X, (n_rows, n_features) = self.matrix, self.shape
        design = self._transposed(dtype)
        if design.has_single_gram or dtype == np.float32:
            zero, one = np.zeros(n_rows, dtype=dtype), np.ones(n_rows, dtype=dtype)
            products = data_pass.gram(design, zero, one, weight, False, single, n_threads)
            return products, np.zeros(n_rows)
        center = X.mean(axis=0, dtype=dtype) if centred else np.zeros(n_features)
        of_center = center if weight is None else weight * center
        products, of_means = np.zeros((n_rows, n_rows)), np.zeros(n_rows)
        # A copy of this many columns is no larger than the largest cross-products.
        for start in range(0, n_features, LARGEST_HESSIAN):
            of_block = slice(start, start + LARGEST_HESSIAN)
            block = X[:, of_block].astype(np.float64, copy=False)
            of_means += block @ of_center[of_block]
            block = block - center[of_block]
            if weight is not None:
                block *= np.sqrt(weight[of_block])
            if single:
                block = block.astype(np.float32)
            products += block @ block.T
        return np.tril(products), of_means

    def _transposed(self, dtype):
        # A pass over it reads X column by column.
        return DenseDesign(self.matrix.T, dtype == np.float32)
