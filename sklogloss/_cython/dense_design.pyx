"""Rows of a dense X: read in place, multiplied by BLAS or by the package's own kernels."""

from cython cimport floating
from libc.stdlib cimport malloc
from libc.string cimport memset

from .blas cimport gemm, gemv, syrk
from .design cimport (
    ALIGNMENT, ROWS_PER_LINE, aligned, first_aligned, rounded_up, rows_of_block)

import numpy as np


cdef enum:
    # The rows of a block fill at most this many bytes. They stay in the L2 cache between the
    # product that reads them first and the one that reads them again.
    BLOCK_BYTES = 393216
    # Up to this many columns of coef, the thin kernel is faster than BLAS.
    MAX_THIN_COLUMNS = 32


cdef class DenseDesign(Design):
    """Rows of a dense X whose rows or whose columns are contiguous.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), float64 or float32
    is_float32 : bool
        Whether a pass is float32. False for a float32 X: each block is widened as it is loaded.

    Attributes
    ----------
    has_single_gram : bool
        Whether cross-products of float64 can be taken in float32.
    """

    def __init__(self, X, bint is_float32):
        self.is_float32 = is_float32
        self.is_sparse = False
        self.has_rows = True
        self.n_samples, self.n_features = X.shape
        self.widens = X.dtype == np.float32 and not is_float32
        cdef Py_ssize_t itemsize = X.itemsize
        row_bytes, column_bytes = X.strides
        self.by_rows = column_bytes == itemsize and row_bytes >= column_bytes * X.shape[1]
        by_columns = row_bytes == itemsize and column_bytes >= itemsize * X.shape[0]
        if not (self.by_rows or by_columns):
            raise ValueError("X must have contiguous rows or contiguous columns")
        self.X = X
        self.itemsize = sizeof(float) if is_float32 else sizeof(double)
        self.functions = &dense_functions[is_float32]
        self.kernel = gram_kernel(GRAM_FLOAT32 if is_float32 else GRAM_FLOAT64)
        self.single_kernel = gram_kernel(GRAM_FLOAT32 if is_float32 else GRAM_MIXED)
        if self.kernel != NULL and self.n_features > self.kernel.max_features:
            self.kernel = NULL
        if self.single_kernel != NULL and self.n_features > self.single_kernel.max_features:
            self.single_kernel = NULL
        self.has_single_gram = self.single_kernel != NULL and not is_float32
        self.has_class_grams = self.single_kernel != NULL and not self.widens
        self.thin = thin_product(is_float32)
        cdef size_t address = X.ctypes.data
        self.first = <const char *> address
        self.first_itemsize = itemsize
        self.n_stored = self.n_samples * self.n_features
        cdef Py_ssize_t n_rows = BLOCK_BYTES // (self.itemsize * max(1, self.n_features))
        self.block_rows = rows_of_block(n_rows, ROWS_PER_LINE)
        self.first_row_stride = row_bytes // itemsize
        self.first_column_stride = column_bytes // itemsize
        self.row_stride = self.first_row_stride
        self.column_stride = self.first_column_stride
        if self.widens:
            self.row_stride = self.n_features if self.by_rows else 1
            self.column_stride = 1 if self.by_rows else self.block_rows
        self.leading = self.row_stride if self.by_rows else self.column_stride

    cdef const GramKernel *kernel_for(self, const Gram *gram) noexcept nogil:
        return self.single_kernel if gram.in_float32 else self.kernel

    cdef Py_ssize_t n_packed(self, const Gram *gram) noexcept nogil:
        # Return the number of columns of a packed block.
        cdef const GramKernel *kernel = self.kernel_for(gram)
        cdef Py_ssize_t size = self.n_features + gram.intercept
        if kernel == NULL:
            return size
        return rounded_up(size, kernel.multiple)

    cdef bint is_thin(self, Py_ssize_t n_columns) noexcept nogil:
        return self.thin != NULL and 1 < n_columns <= MAX_THIN_COLUMNS

    cdef int allocate(self, Block *block, Py_ssize_t n_columns, const Gram *gram) noexcept nogil:
        cdef Py_ssize_t own = aligned(sizeof(DenseBlock))
        cdef Py_ssize_t packed = 0, product = 0, coef = 0, gradient = 0, wide = 0
        if self.widens:
            wide = aligned(self.itemsize * self.n_features * self.block_rows)
        if gram != NULL:
            packed = aligned(self.itemsize * self.n_packed(gram) * self.block_rows)
        if self.is_float32 and not (self.is_thin(n_columns) and self.kernel != NULL):
            # Products in float64, and those of the package's kernels, are added to the sums
            # directly.
            product = self.n_features * n_columns
            if gram != NULL and self.kernel == NULL:
                product = max(product, (self.n_features + 1) * (self.n_features + 1))
            product = aligned(self.itemsize * product)
        if self.is_thin(n_columns):
            n_columns = rounded_up(n_columns, self.thin.lanes)
            coef = aligned(self.itemsize * n_columns * self.n_features)
            gradient = aligned(self.itemsize * n_columns * self.block_rows)
        block.memory = <char *> malloc(
            own + 2 * packed + product + coef + gradient + wide + ALIGNMENT)
        if block.memory == NULL:
            return -1
        cdef DenseBlock *dense = <DenseBlock *> block.memory
        dense.packed = first_aligned(block.memory + own)
        # The padding beside the columns is multiplied, too: subnormal numbers there would be slow.
        memset(dense.packed, 0, packed)
        dense.weighted = dense.packed + packed
        dense.product = dense.weighted + packed
        dense.packed_coef = dense.product + product
        dense.packed_gradient = dense.packed_coef + coef
        dense.wide = dense.packed_gradient + gradient
        dense.has_coef = False
        return 0

    cdef void load(self, Block *block, Py_ssize_t start, Py_ssize_t n_rows) noexcept nogil:
        cdef DenseBlock *dense = <DenseBlock *> block.memory
        block.start = start
        block.n_rows = n_rows
        dense.packed_start = -1
        dense.values = self.first + start * self.first_row_stride * self.first_itemsize
        if self.widens:
            widen_rows(self, n_rows, dense)

    cdef void add_times(
        self, Block *block, Py_ssize_t n_columns, const void *coef, void *raw, Py_ssize_t stride
    ) noexcept nogil:
        cdef DenseBlock *dense = <DenseBlock *> block.memory
        if self.is_thin(n_columns):
            thin_add_times(self, block.n_rows, dense, n_columns, coef, raw, stride)
        elif self.is_float32:
            blas_add_times[float](
                self, block.n_rows, dense, n_columns, <const float *> coef, <float *> raw, stride)
        else:
            blas_add_times[double](
                self, block.n_rows, dense, n_columns, <const double *> coef, <double *> raw,
                stride)

    cdef void add_transposed_times(
        self, Block *block, Py_ssize_t n_columns, const void *g, Py_ssize_t stride, double *out
    ) noexcept nogil:
        cdef DenseBlock *dense = <DenseBlock *> block.memory
        cdef float *product = <float *> dense.product
        if self.is_thin(n_columns):
            thin_transposed_times(self, block.n_rows, dense, n_columns, g, stride, out)
        elif self.is_float32:
            blas_transposed_times[float](
                self, block.n_rows, dense, n_columns, <const float *> g, stride, 0, product)
            self.functions.add(self.n_features * n_columns, product, out)
        else:
            blas_transposed_times[double](
                self, block.n_rows, dense, n_columns, <const double *> g, stride, 1, out)

    cdef void add_gram(
        self, Block *block, const Gram *gram, const void *weight, double *out
    ) noexcept nogil:
        cdef DenseBlock *dense = <DenseBlock *> block.memory
        cdef Py_ssize_t size = self.n_features + gram.intercept
        cdef float *product = <float *> dense.product
        if self.kernel_for(gram) != NULL:
            panel_gram(self, block, gram, weight, out)
        elif self.is_float32:
            # syrk writes one triangle only.
            memset(product, 0, size * size * sizeof(float))
            blas_gram[float](self, block, gram, weight, 0, product)
            self.functions.add(size * size, product, out)
        else:
            blas_gram[double](self, block, gram, weight, 1, out)

    cdef void add_squares(
        self, Block *block, const void *weight, const void *center, double *out
    ) noexcept nogil:
        self.functions.squares(
            block.n_rows, self.n_features, (<DenseBlock *> block.memory).values, self.row_stride,
            self.column_stride, weight, center, out)

    cdef void add_moments(
        self, Block *block, const void *weight, const void *center, double *out
    ) noexcept nogil:
        self.functions.moments(
            block.n_rows, self.n_features, (<DenseBlock *> block.memory).values, self.row_stride,
            self.column_stride, weight, center, out)

    cdef double total(self, Block *block) noexcept nogil:
        return self.functions.total(
            block.n_rows, self.n_features, (<DenseBlock *> block.memory).values, self.row_stride,
            self.column_stride)


cdef void widen_rows(DenseDesign design, Py_ssize_t n_rows, DenseBlock *dense) noexcept nogil:
    # values = the rows as float64
    cdef const float *X = <const float *> dense.values
    cdef double *wide = <double *> dense.wide
    cdef Py_ssize_t i, j, p = design.n_features
    if design.by_rows:
        for i in range(n_rows):
            for j in range(p):
                wide[i * p + j] = X[i * design.first_row_stride + j]
    else:
        for j in range(p):
            for i in range(n_rows):
                wide[i + j * design.block_rows] = X[i + j * design.first_column_stride]
    dense.values = dense.wide


# To BLAS, which is column-major, contiguous rows are the columns of the transpose.

cdef void blas_add_times(
    DenseDesign design, int n_rows, const DenseBlock *dense, Py_ssize_t n_columns,
    const floating *coef, floating *raw, Py_ssize_t stride,
) noexcept nogil:
    cdef const floating *X = <const floating *> dense.values
    cdef int n_features = design.n_features
    if n_columns == 1:
        if design.by_rows:
            gemv[floating](b"T", n_features, n_rows, X, design.leading, coef, 1, raw)
        else:
            gemv[floating](b"N", n_rows, n_features, X, design.leading, coef, 1, raw)
    else:
        gemm[floating](
            b"T" if design.by_rows else b"N", b"T", n_rows, n_columns, n_features, X,
            design.leading, coef, n_columns, 1, raw, stride)


cdef void blas_transposed_times(
    DenseDesign design, int n_rows, const DenseBlock *dense, Py_ssize_t n_columns,
    const floating *g, Py_ssize_t stride, floating beta, floating *out,
) noexcept nogil:
    cdef const floating *X = <const floating *> dense.values
    cdef int n_features = design.n_features
    if n_columns == 1:
        if design.by_rows:
            gemv[floating](b"N", n_features, n_rows, X, design.leading, g, beta, out)
        else:
            gemv[floating](b"T", n_rows, n_features, X, design.leading, g, beta, out)
    else:
        gemm[floating](
            b"T", b"T" if design.by_rows else b"N", n_columns, n_features, n_rows, g, stride, X,
            design.leading, beta, out, n_columns)


cdef void pack_columns(
    Py_ssize_t n_rows, Py_ssize_t n_columns, const floating *B, Py_ssize_t row_stride,
    Py_ssize_t column_stride, Py_ssize_t n_packed, floating *packed,
) noexcept nogil:
    cdef Py_ssize_t i, k
    for i in range(n_rows):
        for k in range(n_columns):
            packed[i * n_packed + k] = B[i * row_stride + k * column_stride]
        for k in range(n_columns, n_packed):
            packed[i * n_packed + k] = 0


cdef void thin_add_times(
    DenseDesign design, Py_ssize_t n_rows, DenseBlock *dense, Py_ssize_t n_columns,
    const void *coef, void *raw, Py_ssize_t stride,
) noexcept nogil:
    cdef Py_ssize_t n_packed = rounded_up(n_columns, design.thin.lanes)
    if not dense.has_coef:
        # coef is the same for all blocks of a pass.
        if design.is_float32:
            pack_columns[float](
                design.n_features, n_columns, <const float *> coef, n_columns, 1, n_packed,
                <float *> dense.packed_coef)
        else:
            pack_columns[double](
                design.n_features, n_columns, <const double *> coef, n_columns, 1, n_packed,
                <double *> dense.packed_coef)
        dense.has_coef = True
    design.thin.add_by_columns(
        n_rows, design.n_features, dense.values, design.row_stride, design.column_stride,
        n_columns, n_packed, dense.packed_coef, raw, stride)


cdef void thin_transposed_times(
    DenseDesign design, Py_ssize_t n_rows, DenseBlock *dense, Py_ssize_t n_columns,
    const void *g, Py_ssize_t stride, double *out,
) noexcept nogil:
    cdef Py_ssize_t n_packed = rounded_up(n_columns, design.thin.lanes)
    if design.is_float32:
        pack_columns[float](
            n_rows, n_columns, <const float *> g, 1, stride, n_packed,
            <float *> dense.packed_gradient)
    else:
        pack_columns[double](
            n_rows, n_columns, <const double *> g, 1, stride, n_packed,
            <double *> dense.packed_gradient)
    design.thin.add_by_rows(
        design.n_features, n_rows, dense.values, design.column_stride, design.row_stride,
        n_columns, n_packed, dense.packed_gradient, out)


cdef void blas_gram(
    DenseDesign design, Block *block, const Gram *gram, const void *weight, floating beta,
    floating *out,
) noexcept nogil:
    cdef DenseBlock *dense = <DenseBlock *> block.memory
    cdef int n_rows = block.n_rows
    cdef int size = design.n_features + gram.intercept
    cdef int leading = size if design.by_rows else n_rows
    cdef const floating *packed = <const floating *> dense.packed
    if not gram.signed_weight:
        pack_rows(design, n_rows, dense, gram, weight)
        syrk[floating](b"N" if design.by_rows else b"T", size, n_rows, packed, leading, beta, out)
        return
    if dense.packed_start != block.start:
        pack_rows(design, n_rows, dense, gram, NULL)
        dense.packed_start = block.start
    design.functions.weight_rows(
        n_rows, size, design.by_rows, weight, dense.packed, dense.weighted)
    gemm[floating](
        b"N" if design.by_rows else b"T", b"T" if design.by_rows else b"N", size, size, n_rows,
        packed, leading, <const floating *> dense.weighted, leading, beta, out, size)


cdef void pack_rows(
    DenseDesign design, Py_ssize_t n_rows, DenseBlock *dense, const Gram *gram, const void *weight
) noexcept nogil:
    design.functions.pack(
        n_rows, design.n_features, dense.values, design.row_stride, design.column_stride,
        gram.center, gram.scale, weight, gram.intercept, dense.packed)


cdef void panel_gram(
    DenseDesign design, Block *block, const Gram *gram, const void *weight, double *out
) noexcept nogil:
    cdef DenseBlock *dense = <DenseBlock *> block.memory
    cdef const GramKernel *kernel = design.kernel_for(gram)
    cdef Py_ssize_t itemsize = design.itemsize
    cdef Py_ssize_t size = design.n_features + gram.intercept
    cdef Py_ssize_t n_packed = design.n_packed(gram)
    cdef Py_ssize_t chunk, start, n_rows
    cdef char *root = dense.weighted
    cdef char *packed = dense.packed
    cdef bint is_packed = gram.signed_weight and dense.packed_start == block.start
    if gram.signed_weight:
        # The chunks stay packed for the next weights of the block.
        root = NULL
        dense.packed_start = block.start
    else:
        design.functions.root(block.n_rows, weight, root)
    chunk = rows_at_a_time(n_packed * itemsize)
    start = 0
    while start < block.n_rows:
        n_rows = min(chunk, block.n_rows - start)
        if not is_packed:
            kernel.pack(
                n_rows, design.n_features, dense.values + start * design.row_stride * itemsize,
                design.row_stride, design.column_stride, gram.center, gram.scale,
                NULL if root == NULL else root + start * itemsize, gram.intercept, packed)
        if gram.signed_weight:
            kernel.weight_rows(
                n_rows, n_packed, <const char *> weight + start * itemsize, packed,
                dense.weighted)
            kernel.gram(n_rows, packed, dense.weighted, size, out)
            packed += n_rows * n_packed * itemsize
        else:
            kernel.gram(n_rows, packed, packed, size, out)
        start += chunk
