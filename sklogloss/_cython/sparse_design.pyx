"""Rows of a CSR or CSC matrix."""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport malloc

from .design cimport ALIGNMENT, aligned, first_aligned, rows_of_block

import numpy as np

ctypedef fused index_t:
    int32_t
    int64_t


cdef enum:
    # The rows of a block fill at most this many bytes.
    BLOCK_BYTES = 131072
    MIN_BLOCK_ROWS = 72


cdef class SparseDesign(Design):
    """Rows of a CSR or CSC matrix, with 32- or 64-bit indices.

    A block of a CSC matrix is copied to CSR in scratch memory; the matrix as a whole is not.

    Parameters
    ----------
    X : CSR or CSC matrix or array of shape (n_samples, n_features), float64 or float32
        In canonical format: indices ascending, without duplicates.

    Attributes
    ----------
    is_ordered : bool
        Whether X is in canonical format, whatever its flags say. If not, no pass must be made.

    Raises
    ------
    ValueError
        If an index points outside X.
    """

    def __init__(self, X):
        self.is_float32 = X.dtype == np.float32
        self.is_sparse = True
        self.has_rows = X.format == "csr"
        self.n_samples, self.n_features = X.shape
        self.X = X
        self.itemsize = X.data.itemsize
        self.index_size = X.indptr.itemsize
        self.n_stored = X.nnz
        self.block_rows = rows_of_block(
            BLOCK_BYTES * self.n_samples
            // max(1, self.n_stored * (self.itemsize + self.index_size)), MIN_BLOCK_ROWS)
        self.functions = &csr_functions[self.is_float32][self.index_size == 8]

        minor = self.n_features if X.format == "csr" else self.n_samples
        cdef size_t data = X.data.ctypes.data
        cdef size_t index = X.indices.ctypes.data
        cdef size_t pointer = X.indptr.ctypes.data
        self.data = <const char *> data
        self.indices = <const char *> index
        cdef Order order
        if self.index_size == 8:
            order = order_of[int64_t](
                len(X.indptr) - 1, minor, <const int64_t *> pointer, <const int64_t *> index)
        else:
            order = order_of[int32_t](
                len(X.indptr) - 1, minor, <const int32_t *> pointer, <const int32_t *> index)
        self.is_ordered = order != UNORDERED
        if order == OUTSIDE:
            raise ValueError(f"X has a sparse index outside 0 to {minor - 1}")
        if not self.is_ordered:
            return
        if X.format == "csr":
            self.indptr = <const char *> pointer
            self.column_indptr = NULL
            return
        self.column_indptr = <const char *> pointer
        self.row_indptr = np.zeros(self.n_samples + 1, dtype=X.indptr.dtype)
        pointer = self.row_indptr.ctypes.data
        self.indptr = <const char *> pointer
        if self.index_size == 8:
            count_rows[int64_t](
                self.n_samples, X.nnz, <const int64_t *> index, <int64_t *> pointer)
        else:
            count_rows[int32_t](
                self.n_samples, X.nnz, <const int32_t *> index, <int32_t *> pointer)
        starts = self.row_indptr[0:self.n_samples:self.block_rows]
        ends = np.append(starts[1:], self.row_indptr[self.n_samples])
        self.max_block_stored = (ends - starts).max()

    cdef int allocate(self, Block *block, Py_ssize_t n_columns, const Gram *gram) noexcept nogil:
        cdef Py_ssize_t own = aligned(sizeof(SparseBlock))
        cdef Py_ssize_t row_scratch = aligned(self.itemsize * max(n_columns, self.n_features))
        cdef Py_ssize_t values = 0, indices = 0, cursor = 0, rows = 0
        if self.column_indptr != NULL:
            values = aligned(self.itemsize * self.max_block_stored)
            indices = aligned(self.index_size * self.max_block_stored)
            cursor = aligned(self.index_size * self.n_features)
            rows = aligned(self.index_size * (self.block_rows + 1))
        block.memory = <char *> malloc(
            own + row_scratch + values + indices + cursor + 2 * rows + ALIGNMENT)
        if block.memory == NULL:
            return -1
        cdef SparseBlock *sparse = <SparseBlock *> block.memory
        sparse.row_scratch = first_aligned(block.memory + own)
        sparse.own_values = sparse.row_scratch + row_scratch
        sparse.own_indices = sparse.own_values + values
        sparse.cursor = sparse.own_indices + indices
        sparse.next_place = sparse.cursor + cursor
        sparse.own_indptr = sparse.next_place + rows
        sparse.expected_start = -1
        return 0

    cdef void load(self, Block *block, Py_ssize_t start, Py_ssize_t n_rows) noexcept nogil:
        cdef SparseBlock *sparse = <SparseBlock *> block.memory
        block.start = start
        block.n_rows = n_rows
        if self.column_indptr == NULL:
            sparse.indptr = self.indptr + start * self.index_size
            sparse.indices = self.indices
            sparse.values = self.data
        elif self.index_size == 8:
            load_csc_rows[int64_t](self, block, <const int64_t *> self.column_indptr)
        else:
            load_csc_rows[int32_t](self, block, <const int32_t *> self.column_indptr)

    cdef void add_times(
        self, Block *block, Py_ssize_t n_columns, const void *coef, void *raw, Py_ssize_t stride
    ) noexcept nogil:
        cdef SparseBlock *sparse = <SparseBlock *> block.memory
        self.functions.times(
            block.n_rows, sparse.indptr, sparse.indices, sparse.values, n_columns, coef, raw,
            stride, sparse.row_scratch)

    cdef void add_transposed_times(
        self, Block *block, Py_ssize_t n_columns, const void *g, Py_ssize_t stride, double *out
    ) noexcept nogil:
        cdef SparseBlock *sparse = <SparseBlock *> block.memory
        self.functions.add_transposed_times(
            block.n_rows, sparse.indptr, sparse.indices, sparse.values, n_columns, g, stride, out,
            sparse.row_scratch)

    cdef void add_gram(
        self, Block *block, const Gram *gram, const void *weight, double *out
    ) noexcept nogil:
        cdef SparseBlock *sparse = <SparseBlock *> block.memory
        self.functions.add_gram(
            block.n_rows, sparse.indptr, sparse.indices, sparse.values, self.n_features,
            gram.scale, weight, self.n_features + gram.intercept, out, sparse.row_scratch)

    cdef void add_squares(
        self, Block *block, const void *weight, const void *center, double *out
    ) noexcept nogil:
        cdef SparseBlock *sparse = <SparseBlock *> block.memory
        self.functions.add_squares(
            block.n_rows, sparse.indptr, sparse.indices, sparse.values, weight, center, out)

    cdef void add_moments(
        self, Block *block, const void *weight, const void *center, double *out
    ) noexcept nogil:
        self.add_transposed_times(block, 1, weight, 0, out)
        self.add_squares(block, weight, center, out + self.n_features)


cdef enum Order:
    ASCENDING
    UNORDERED
    OUTSIDE


cdef Order order_of(
    Py_ssize_t n_major, index_t n_minor, const index_t *indptr, const index_t *indices
) noexcept nogil:
    # Return whether the indices of each row, or column, ascend and lie in 0 to n_minor - 1.
    cdef Py_ssize_t i, q
    cdef bint is_unordered = False, is_outside = False
    for i in range(n_major):
        for q in range(indptr[i] + 1, indptr[i + 1]):
            is_unordered |= indices[q] <= indices[q - 1]
        if indptr[i] < indptr[i + 1]:
            is_outside |= indices[indptr[i]] < 0 or indices[indptr[i + 1] - 1] >= n_minor
    if is_unordered:
        return UNORDERED
    return OUTSIDE if is_outside else ASCENDING


cdef void count_rows(
    Py_ssize_t n_rows, Py_ssize_t n_stored, const index_t *indices, index_t *indptr
) noexcept nogil:
    # indptr, zero on entry, becomes that of the CSR matrix whose entries have these row indices.
    cdef Py_ssize_t q, i
    for q in range(n_stored):
        indptr[indices[q] + 1] += 1
    for i in range(n_rows):
        indptr[i + 1] += indptr[i]


cdef void load_csc_rows(
    SparseDesign design, Block *block, const index_t *column_indptr
) noexcept nogil:
    cdef SparseBlock *sparse = <SparseBlock *> block.memory
    cdef const index_t *row_indices = <const index_t *> design.indices
    cdef const index_t *row_indptr = (<const index_t *> design.indptr) + block.start
    cdef index_t *cursor = <index_t *> sparse.cursor
    cdef index_t *indptr = <index_t *> sparse.own_indptr
    cdef index_t low, high, middle
    cdef Py_ssize_t i, j
    if sparse.expected_start != block.start:
        for j in range(design.n_features):
            low = column_indptr[j]
            high = column_indptr[j + 1]
            while low < high:
                middle = low + (high - low) // 2
                if row_indices[middle] < block.start:
                    low = middle + 1
                else:
                    high = middle
            cursor[j] = low
    for i in range(block.n_rows + 1):
        indptr[i] = row_indptr[i] - row_indptr[0]
    design.functions.csc_rows(
        block.start, block.n_rows, design.n_features, column_indptr, row_indices, design.data,
        cursor, indptr, sparse.next_place, sparse.own_indices, sparse.own_values)
    sparse.values = sparse.own_values
    sparse.indices = sparse.own_indices
    sparse.indptr = sparse.own_indptr
    sparse.expected_start = block.start + block.n_rows
