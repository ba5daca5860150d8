"""X as the data pass sees it: blocks of rows of a dense, CSR or CSC array, read in place."""

from cython cimport floating
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset
from scipy.linalg.cython_blas cimport dgemm, dgemv, dsyrk, sgemm, sgemv, ssyrk

import numpy as np


cdef extern from "dense_block.h" nogil:
    void block_pack_f64(
        Py_ssize_t, Py_ssize_t, const double *, Py_ssize_t, Py_ssize_t,
        const double *, const double *, const double *, int, double *) noexcept
    void block_pack_f32(
        Py_ssize_t, Py_ssize_t, const float *, Py_ssize_t, Py_ssize_t,
        const float *, const float *, const float *, int, float *) noexcept
    void block_weight_rows_f64(
        Py_ssize_t, Py_ssize_t, int, const double *, const double *, double *) noexcept
    void block_weight_rows_f32(
        Py_ssize_t, Py_ssize_t, int, const float *, const float *, float *) noexcept
    void block_moments_f64(
        Py_ssize_t, Py_ssize_t, const double *, Py_ssize_t, Py_ssize_t,
        const double *, const double *, double *) noexcept
    void block_moments_f32(
        Py_ssize_t, Py_ssize_t, const float *, Py_ssize_t, Py_ssize_t,
        const float *, const float *, double *) noexcept
    void block_squares_f64(
        Py_ssize_t, Py_ssize_t, const double *, Py_ssize_t, Py_ssize_t,
        const double *, const double *, Py_ssize_t, double *) noexcept
    void block_squares_f32(
        Py_ssize_t, Py_ssize_t, const float *, Py_ssize_t, Py_ssize_t,
        const float *, const float *, Py_ssize_t, double *) noexcept
    double block_total_f64(
        Py_ssize_t, Py_ssize_t, const double *, Py_ssize_t, Py_ssize_t) noexcept
    double block_total_f32(
        Py_ssize_t, Py_ssize_t, const float *, Py_ssize_t, Py_ssize_t) noexcept
    void block_add_f32(Py_ssize_t, const float *, double *) noexcept
    void block_root_f64(Py_ssize_t, const double *, double *) noexcept
    void block_root_f32(Py_ssize_t, const float *, float *) noexcept


cdef extern from "gram_kernel.h" nogil:
    ctypedef enum GramTypes:
        GRAM_FLOAT64
        GRAM_FLOAT32
        GRAM_MIXED

    ctypedef struct GramKernel:
        Py_ssize_t multiple
        Py_ssize_t max_features
        void (*pack)(
            Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t, Py_ssize_t, const void *,
            const void *, const void *, int, void *) noexcept nogil
        void (*weight_rows)(
            Py_ssize_t, Py_ssize_t, const void *, const void *, void *) noexcept nogil
        void (*gram)(
            Py_ssize_t, const void *, const void *, Py_ssize_t, double *) noexcept nogil

    const GramKernel *gram_kernel(GramTypes types)


cdef extern from "thin_product.h" nogil:
    ctypedef struct ThinProduct:
        Py_ssize_t lanes
        void (*add_by_columns)(
            Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t,
            const void *, void *, Py_ssize_t) noexcept nogil
        void (*add_by_rows)(
            Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t,
            const void *, double *) noexcept nogil

    const ThinProduct *thin_product(int is_float32)


# One C function per type of data and index; CsrFunctions holds the four that fit a matrix.
ctypedef void (*csr_times_t)(
    Py_ssize_t, const void *, const void *, const void *, Py_ssize_t, const void *, void *,
    Py_ssize_t, void *) noexcept nogil
ctypedef void (*csr_add_transposed_times_t)(
    Py_ssize_t, const void *, const void *, const void *, Py_ssize_t, const void *, Py_ssize_t,
    double *, void *) noexcept nogil
ctypedef void (*csr_add_gram_t)(
    Py_ssize_t, const void *, const void *, const void *, Py_ssize_t, const void *, const void *,
    Py_ssize_t, double *, void *) noexcept nogil
ctypedef void (*csr_add_squares_t)(
    Py_ssize_t, const void *, const void *, const void *, const void *, const void *, Py_ssize_t,
    double *) noexcept nogil
ctypedef void (*csc_rows_t)(
    Py_ssize_t, Py_ssize_t, Py_ssize_t, const void *, const void *, const void *, void *,
    const void *, void *, void *, void *) noexcept nogil


cdef extern from "sparse_block.h" nogil:
    ctypedef struct CsrFunctions:
        csr_times_t times
        csr_add_transposed_times_t add_transposed_times
        csr_add_gram_t add_gram
        csr_add_squares_t add_squares
        csc_rows_t csc_rows

    # [is_float32][is_int64]
    const CsrFunctions csr_functions[2][2]


# The rows of a block of a dense X fill at most this many bytes, so that they stay in the L2 cache
# between the product that reads them first and the one that reads them again.
cdef enum:
    DENSE_BLOCK_BYTES = 393216
    SPARSE_BLOCK_BYTES = 131072
    DENSE_MIN_BLOCK_ROWS = 8
    SPARSE_MIN_BLOCK_ROWS = 64
    MAX_BLOCK_ROWS = 1024
    ALIGNMENT = 64
    # Packed rows that are multiplied at a time: three panels of that many fill most of the L1
    # cache. Where panels are few, all of them may.
    PANEL_ROWS = 96
    PANEL_BYTES = 65536
    # Up to this many columns of coef our kernel is faster than BLAS.
    MAX_THIN_COLUMNS = 32


cdef inline Py_ssize_t rounded_up(Py_ssize_t n, Py_ssize_t multiple) noexcept nogil:
    return (n + multiple - 1) // multiple * multiple


cdef inline Py_ssize_t aligned(Py_ssize_t n_bytes) noexcept nogil:
    return rounded_up(n_bytes, ALIGNMENT)


cdef inline char *first_aligned(char *memory) noexcept nogil:
    return memory + (ALIGNMENT - <size_t> memory % ALIGNMENT) % ALIGNMENT


cdef void gemm(
    char transa, char transb, int m, int n, int k, const floating *a, int lda,
    const floating *b, int ldb, floating beta, floating *c, int ldc,
) noexcept nogil:
    cdef floating alpha = 1
    if floating is float:
        sgemm(&transa, &transb, &m, &n, &k, &alpha, <float *> a, &lda, <float *> b, &ldb,
              &beta, c, &ldc)
    else:
        dgemm(&transa, &transb, &m, &n, &k, &alpha, <double *> a, &lda, <double *> b, &ldb,
              &beta, c, &ldc)


cdef void gemv(
    char trans, int m, int n, const floating *a, int lda, const floating *x,
    floating beta, floating *y,
) noexcept nogil:
    cdef floating alpha = 1
    cdef int one = 1
    if floating is float:
        sgemv(&trans, &m, &n, &alpha, <float *> a, &lda, <float *> x, &one, &beta, y, &one)
    else:
        dgemv(&trans, &m, &n, &alpha, <double *> a, &lda, <double *> x, &one, &beta, y, &one)


cdef void syrk(
    char trans, int n, int k, const floating *a, int lda, floating beta, floating *c,
) noexcept nogil:
    # Column-major upper triangle: row-major lower.
    cdef char uplo = b"U"
    cdef floating alpha = 1
    if floating is float:
        ssyrk(&uplo, &trans, &n, &k, &alpha, <float *> a, &lda, &beta, c, &n)
    else:
        dsyrk(&uplo, &trans, &n, &k, &alpha, <double *> a, &lda, &beta, c, &n)


cdef class Design:
    """Blocks of rows of X, and the products that the data pass takes of them.

    It serves one pass at a time.

    Attributes
    ----------
    n_samples, n_features : int
    is_float32 : bool
        Whether the arithmetic and the arrays of a pass are float32, else they are float64.
    is_sparse : bool
    block_rows : int
        Rows of a block.
    n_stored : int
        Entries that one pass reads.
    """

    def __dealloc__(self):
        free(self.workspace)

    cdef double *get_workspace(self, Py_ssize_t size) noexcept:
        # That many numbers, not set, NULL if there is no memory for them. New memory each time
        # would cost many passes more than the sums themselves.
        if self.workspace_size < size:
            free(self.workspace)
            self.workspace = <double *> malloc(size * sizeof(double))
            self.workspace_size = 0 if self.workspace == NULL else size
        return self.workspace

    cdef int allocate(self, Block *block, Py_ssize_t n_columns, const Gram *gram) noexcept nogil:
        # Allocate the scratch of a thread in one piece; block.memory is to be freed by the caller.
        return -1

    cdef void load(self, Block *block, Py_ssize_t start, Py_ssize_t n_rows) noexcept nogil:
        # Make block the rows from start.
        pass

    cdef void add_times(
        self, Block *block, Py_ssize_t n_columns, const void *coef, void *raw, Py_ssize_t stride
    ) noexcept nogil:
        # raw (n_rows, n_columns) += X coef
        pass

    cdef void add_transposed_times(
        self, Block *block, Py_ssize_t n_columns, const void *g, Py_ssize_t stride, double *out
    ) noexcept nogil:
        # out (n_features, n_columns) += X' g
        pass

    cdef void add_gram(
        self, Block *block, const Gram *gram, const void *weight, double *out
    ) noexcept nogil:
        # Lower triangle of out += Z' diag(weight) Z with Z as gram says.
        pass

    cdef void add_squares(
        self, Block *block, const void *weight, const void *center, Py_ssize_t out_stride,
        double *out,
    ) noexcept nogil:
        # out[j * out_stride] += sum of weight * (x_j - center_j)^2; for a sparse X less
        # center_j^2, which takes the entries that are not stored out of the sum
        pass

    cdef void add_moments(
        self, Block *block, const void *weight, const void *center, double *out
    ) noexcept nogil:
        # out[j] += sum of weight * (x_j - center_j), out[n_features + j] likewise of the squares;
        # a sparse X is not centred
        pass

    cdef double total(self, Block *block) noexcept nogil:
        # sum of X, of a dense one
        return 0


cdef class DenseDesign(Design):
    """Rows of a dense X whose rows or whose columns are contiguous.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), float64 or float32
    is_float32 : bool
        False for a float32 X makes each block float64 as it is loaded.

    Attributes
    ----------
    has_single_gram : bool
        Whether cross-products of float64 can be taken in float32.
    """

    cdef readonly object X
    cdef readonly bint has_single_gram
    cdef const char *first
    cdef Py_ssize_t first_itemsize
    cdef Py_ssize_t first_row_stride
    cdef Py_ssize_t first_column_stride
    cdef bint widens
    cdef Py_ssize_t row_stride      # of a block
    cdef Py_ssize_t column_stride
    cdef bint by_rows
    cdef int leading
    cdef Py_ssize_t itemsize
    # NULL if BLAS takes the Gram matrices
    cdef const GramKernel *kernel
    cdef const GramKernel *single_kernel
    cdef const ThinProduct *thin    # NULL if BLAS takes the products for several columns

    def __init__(self, X, bint is_float32):
        self.is_float32 = is_float32
        self.is_sparse = False
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
        self.kernel = gram_kernel(GRAM_FLOAT32 if self.is_float32 else GRAM_FLOAT64)
        self.single_kernel = gram_kernel(GRAM_FLOAT32 if self.is_float32 else GRAM_MIXED)
        if self.kernel != NULL and self.n_features > self.kernel.max_features:
            self.kernel = self.single_kernel = NULL
        self.has_single_gram = self.single_kernel != NULL and not self.is_float32
        self.thin = thin_product(self.is_float32)
        cdef size_t address = X.ctypes.data
        self.first = <const char *> address
        self.first_itemsize = itemsize
        self.n_stored = self.n_samples * self.n_features
        cdef Py_ssize_t n_rows = DENSE_BLOCK_BYTES // (self.itemsize * max(1, self.n_features))
        self.block_rows = min(max(n_rows // 8 * 8, DENSE_MIN_BLOCK_ROWS), MAX_BLOCK_ROWS)
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
        # Columns of a packed block.
        cdef const GramKernel *kernel = self.kernel_for(gram)
        cdef Py_ssize_t size = self.n_features + gram.intercept
        if kernel == NULL:
            return size
        return rounded_up(size, kernel.multiple)

    cdef bint is_thin(self, Py_ssize_t n_columns) noexcept nogil:
        return self.thin != NULL and 1 < n_columns <= MAX_THIN_COLUMNS

    cdef int allocate(self, Block *block, Py_ssize_t n_columns, const Gram *gram) noexcept nogil:
        cdef Py_ssize_t packed = 0, product = 0, coef = 0, gradient = 0, wide = 0
        if self.widens:
            wide = aligned(self.itemsize * self.n_features * self.block_rows)
        if gram != NULL:
            packed = aligned(self.itemsize * self.n_packed(gram) * self.block_rows)
        if self.is_float32 and not (self.is_thin(n_columns) and self.kernel != NULL):
            # float64 products, and those of our kernels, go straight to the sums.
            product = self.n_features * n_columns
            if gram != NULL and self.kernel == NULL:
                product = max(product, (self.n_features + 1) * (self.n_features + 1))
            product = aligned(self.itemsize * product)
        if self.is_thin(n_columns):
            n_columns = rounded_up(n_columns, self.thin.lanes)
            coef = aligned(self.itemsize * n_columns * self.n_features)
            gradient = aligned(self.itemsize * n_columns * self.block_rows)
        block.memory = <char *> malloc(2 * packed + product + coef + gradient + wide + ALIGNMENT)
        if block.memory == NULL:
            return -1
        cdef char *memory = first_aligned(block.memory)
        block.packed = memory
        block.weighted = memory + packed
        block.product = memory + 2 * packed
        block.packed_coef = memory + 2 * packed + product
        block.packed_gradient = memory + 2 * packed + product + coef
        block.wide = memory + 2 * packed + product + coef + gradient
        block.has_coef = False
        return 0

    cdef void load(self, Block *block, Py_ssize_t start, Py_ssize_t n_rows) noexcept nogil:
        block.start = start
        block.n_rows = n_rows
        block.packed_start = -1
        block.values = self.first + start * self.first_row_stride * self.first_itemsize
        if self.widens:
            widen_rows(self, block)

    cdef void add_times(
        self, Block *block, Py_ssize_t n_columns, const void *coef, void *raw, Py_ssize_t stride
    ) noexcept nogil:
        if self.is_thin(n_columns):
            thin_add_times(self, block, n_columns, coef, raw, stride)
        elif self.is_float32:
            dense_add_times[float](
                self, block, n_columns, <const float *> coef, <float *> raw, stride)
        else:
            dense_add_times[double](
                self, block, n_columns, <const double *> coef, <double *> raw, stride)

    cdef void add_transposed_times(
        self, Block *block, Py_ssize_t n_columns, const void *g, Py_ssize_t stride, double *out
    ) noexcept nogil:
        cdef float *product = <float *> block.product
        if self.is_thin(n_columns):
            thin_transposed_times(self, block, n_columns, g, stride, out)
        elif self.is_float32:
            dense_transposed_times[float](
                self, block, n_columns, <const float *> g, stride, 0, product)
            block_add_f32(self.n_features * n_columns, product, out)
        else:
            dense_transposed_times[double](
                self, block, n_columns, <const double *> g, stride, 1, out)

    cdef void add_gram(
        self, Block *block, const Gram *gram, const void *weight, double *out
    ) noexcept nogil:
        cdef Py_ssize_t size = self.n_features + gram.intercept
        cdef float *product = <float *> block.product
        if self.kernel != NULL:
            panel_gram(self, block, gram, weight, out)
        elif self.is_float32:
            # syrk writes one triangle only.
            memset(product, 0, size * size * sizeof(float))
            dense_gram[float](self, block, gram, <const float *> weight, 0, product)
            block_add_f32(size * size, product, out)
        else:
            dense_gram[double](self, block, gram, <const double *> weight, 1, out)

    cdef void add_squares(
        self, Block *block, const void *weight, const void *center, Py_ssize_t out_stride,
        double *out,
    ) noexcept nogil:
        if self.is_float32:
            block_squares_f32(
                block.n_rows, self.n_features, <const float *> block.values, self.row_stride,
                self.column_stride, <const float *> weight, <const float *> center, out_stride, out)
        else:
            block_squares_f64(
                block.n_rows, self.n_features, <const double *> block.values, self.row_stride,
                self.column_stride, <const double *> weight, <const double *> center, out_stride,
                out)

    cdef void add_moments(
        self, Block *block, const void *weight, const void *center, double *out
    ) noexcept nogil:
        if self.is_float32:
            block_moments_f32(
                block.n_rows, self.n_features, <const float *> block.values, self.row_stride,
                self.column_stride, <const float *> weight, <const float *> center, out)
        else:
            block_moments_f64(
                block.n_rows, self.n_features, <const double *> block.values, self.row_stride,
                self.column_stride, <const double *> weight, <const double *> center, out)

    cdef double total(self, Block *block) noexcept nogil:
        if self.is_float32:
            return block_total_f32(
                block.n_rows, self.n_features, <const float *> block.values, self.row_stride,
                self.column_stride)
        return block_total_f64(
            block.n_rows, self.n_features, <const double *> block.values, self.row_stride,
            self.column_stride)


cdef void widen_rows(DenseDesign design, Block *block) noexcept nogil:
    # values = those of the rows, as float64
    cdef const float *X = <const float *> block.values
    cdef double *wide = <double *> block.wide
    cdef Py_ssize_t i, j, p = design.n_features
    if design.by_rows:
        for i in range(block.n_rows):
            for j in range(p):
                wide[i * p + j] = X[i * design.first_row_stride + j]
    else:
        for j in range(p):
            for i in range(block.n_rows):
                wide[i + j * design.block_rows] = X[i + j * design.first_column_stride]
    block.values = wide


# To BLAS, which is column-major, contiguous rows are the columns of the transpose.

cdef void dense_add_times(
    DenseDesign design, Block *block, Py_ssize_t n_columns, const floating *coef, floating *raw,
    Py_ssize_t stride,
) noexcept nogil:
    cdef const floating *X = <const floating *> block.values
    cdef int n_rows = block.n_rows, n_features = design.n_features
    if n_columns == 1:
        if design.by_rows:
            gemv[floating](b"T", n_features, n_rows, X, design.leading, coef, 1, raw)
        else:
            gemv[floating](b"N", n_rows, n_features, X, design.leading, coef, 1, raw)
    else:
        gemm[floating](
            b"T" if design.by_rows else b"N", b"T", n_rows, n_columns, n_features, X,
            design.leading, coef, n_columns, 1, raw, stride)


cdef void dense_transposed_times(
    DenseDesign design, Block *block, Py_ssize_t n_columns, const floating *g, Py_ssize_t stride,
    floating beta, floating *out,
) noexcept nogil:
    cdef const floating *X = <const floating *> block.values
    cdef int n_rows = block.n_rows, n_features = design.n_features
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
    DenseDesign design, Block *block, Py_ssize_t n_columns, const void *coef, void *raw,
    Py_ssize_t stride,
) noexcept nogil:
    cdef Py_ssize_t n_packed = rounded_up(n_columns, design.thin.lanes)
    if not block.has_coef:
        # coef is the same for all blocks of a pass.
        if design.is_float32:
            pack_columns[float](
                design.n_features, n_columns, <const float *> coef, n_columns, 1, n_packed,
                <float *> block.packed_coef)
        else:
            pack_columns[double](
                design.n_features, n_columns, <const double *> coef, n_columns, 1, n_packed,
                <double *> block.packed_coef)
        block.has_coef = True
    design.thin.add_by_columns(
        block.n_rows, design.n_features, block.values, design.row_stride, design.column_stride,
        n_columns, n_packed, block.packed_coef, raw, stride)


cdef void thin_transposed_times(
    DenseDesign design, Block *block, Py_ssize_t n_columns, const void *g, Py_ssize_t stride,
    double *out,
) noexcept nogil:
    cdef Py_ssize_t n_packed = rounded_up(n_columns, design.thin.lanes)
    if design.is_float32:
        pack_columns[float](
            block.n_rows, n_columns, <const float *> g, 1, stride, n_packed,
            <float *> block.packed_gradient)
    else:
        pack_columns[double](
            block.n_rows, n_columns, <const double *> g, 1, stride, n_packed,
            <double *> block.packed_gradient)
    design.thin.add_by_rows(
        design.n_features, block.n_rows, block.values, design.column_stride, design.row_stride,
        n_columns, n_packed, block.packed_gradient, out)


cdef void dense_gram(
    DenseDesign design, Block *block, const Gram *gram, const floating *weight, floating beta,
    floating *out,
) noexcept nogil:
    cdef int n_rows = block.n_rows
    cdef int size = design.n_features + gram.intercept
    cdef floating *packed = <floating *> block.packed
    cdef floating *weighted = <floating *> block.weighted
    cdef int leading = size if design.by_rows else n_rows
    if not gram.signed_weight:
        dense_pack[floating](design, block, gram, weight, packed)
        syrk[floating](b"N" if design.by_rows else b"T", size, n_rows, packed, leading, beta, out)
        return
    if block.packed_start != block.start:
        dense_pack[floating](design, block, gram, NULL, packed)
        block.packed_start = block.start
    if floating is float:
        block_weight_rows_f32(n_rows, size, design.by_rows, weight, packed, weighted)
    else:
        block_weight_rows_f64(n_rows, size, design.by_rows, weight, packed, weighted)
    gemm[floating](
        b"N" if design.by_rows else b"T", b"T" if design.by_rows else b"N", size, size, n_rows,
        packed, leading, weighted, leading, beta, out, size)


cdef void panel_gram(
    DenseDesign design, Block *block, const Gram *gram, const void *weight, double *out
) noexcept nogil:
    cdef const GramKernel *kernel = design.kernel_for(gram)
    cdef Py_ssize_t itemsize = design.itemsize
    cdef Py_ssize_t size = design.n_features + gram.intercept
    cdef Py_ssize_t n_packed = design.n_packed(gram)
    cdef Py_ssize_t chunk, start, n_rows
    cdef char *root = <char *> block.weighted
    if gram.signed_weight:
        if block.packed_start != block.start:
            kernel.pack(
                block.n_rows, design.n_features, block.values, design.row_stride,
                design.column_stride, gram.center, gram.scale, NULL, gram.intercept, block.packed)
            block.packed_start = block.start
        kernel.weight_rows(block.n_rows, n_packed, weight, block.packed, block.weighted)
        kernel.gram(block.n_rows, block.packed, block.weighted, size, out)
        return
    if design.is_float32:
        block_root_f32(block.n_rows, <const float *> weight, <float *> root)
    else:
        block_root_f64(block.n_rows, <const double *> weight, <double *> root)
    chunk = max(PANEL_ROWS, PANEL_BYTES // (n_packed * itemsize) // 16 * 16)
    start = 0
    while start < block.n_rows:
        n_rows = min(chunk, block.n_rows - start)
        kernel.pack(
            n_rows, design.n_features,
            (<const char *> block.values) + start * design.row_stride * itemsize,
            design.row_stride, design.column_stride, gram.center, gram.scale,
            root + start * itemsize, gram.intercept, block.packed)
        kernel.gram(n_rows, block.packed, block.packed, size, out)
        start += chunk


cdef void dense_pack(
    DenseDesign design, Block *block, const Gram *gram, const floating *weight, floating *packed
) noexcept nogil:
    cdef const floating *X = <const floating *> block.values
    if floating is float:
        block_pack_f32(
            block.n_rows, design.n_features, X, design.row_stride, design.column_stride,
            <const float *> gram.center, <const float *> gram.scale, weight, gram.intercept, packed)
    else:
        block_pack_f64(
            block.n_rows, design.n_features, X, design.row_stride, design.column_stride,
            <const double *> gram.center, <const double *> gram.scale, weight, gram.intercept,
            packed)


ctypedef fused index_t:
    int32_t
    int64_t


cdef class SparseDesign(Design):
    """Rows of a CSR or CSC matrix, with 32- or 64-bit indices.

    A block of a CSC matrix is copied to CSR in scratch memory; the matrix as a whole is not.

    Parameters
    ----------
    X : CSR or CSC matrix or array of shape (n_samples, n_features), float64 or float32
        In canonical format: indices ascending, none twice.

    Attributes
    ----------
    is_ordered : bool
        Whether X is so, whatever its flags say; if not, no pass must be made.

    Raises
    ------
    ValueError
        If an index points outside X.
    """

    cdef readonly object X
    cdef readonly bint is_ordered
    cdef const char *data
    cdef const char *indices
    cdef const char *indptr         # of the rows
    cdef const char *column_indptr  # of a CSC matrix, else NULL
    cdef object row_indptr          # what indptr points to, where it is not X's
    cdef Py_ssize_t itemsize
    cdef Py_ssize_t index_size
    cdef Py_ssize_t max_block_stored
    cdef CsrFunctions functions

    def __init__(self, X):
        self.is_float32 = X.dtype == np.float32
        self.is_sparse = True
        self.n_samples, self.n_features = X.shape
        self.X = X
        self.itemsize = X.data.itemsize
        self.index_size = X.indptr.itemsize
        self.n_stored = X.nnz
        self.block_rows = min(
            max(SPARSE_BLOCK_BYTES * self.n_samples
                // max(1, self.n_stored * (self.itemsize + self.index_size)) // 8 * 8,
                SPARSE_MIN_BLOCK_ROWS),
            MAX_BLOCK_ROWS)
        self.functions = csr_functions[self.is_float32][self.index_size == 8]

        minor = self.n_features if X.format == "csr" else self.n_samples
        cdef size_t data = X.data.ctypes.data
        cdef size_t index = X.indices.ctypes.data
        cdef size_t pointer = X.indptr.ctypes.data
        self.data = <const char *> data
        self.indices = <const char *> index
        cdef Order order
        if self.index_size == 8:
            order = order_of[int64_t](
                len(X.indptr) - 1, minor, <const int64_t *> pointer, <const int64_t *> self.indices)
        else:
            order = order_of[int32_t](
                len(X.indptr) - 1, minor, <const int32_t *> pointer, <const int32_t *> self.indices)
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
        if self.index_size == 8:
            count_rows[int64_t](X.nnz, <const int64_t *> self.indices, self.row_indptr)
        else:
            count_rows[int32_t](X.nnz, <const int32_t *> self.indices, self.row_indptr)
        pointer = self.row_indptr.ctypes.data
        self.indptr = <const char *> pointer
        starts = self.row_indptr[0:self.n_samples:self.block_rows]
        ends = np.append(starts[1:], self.row_indptr[self.n_samples])
        self.max_block_stored = (ends - starts).max()

    cdef int allocate(self, Block *block, Py_ssize_t n_columns, const Gram *gram) noexcept nogil:
        cdef Py_ssize_t row_scratch = aligned(self.itemsize * max(n_columns, self.n_features))
        cdef Py_ssize_t values = 0, indices = 0, cursor = 0, rows = 0
        if self.column_indptr != NULL:
            values = aligned(self.itemsize * self.max_block_stored)
            indices = aligned(self.index_size * self.max_block_stored)
            cursor = aligned(self.index_size * self.n_features)
            rows = aligned(self.index_size * (self.block_rows + 1))
        block.memory = <char *> malloc(
            row_scratch + values + indices + cursor + 2 * rows + ALIGNMENT)
        if block.memory == NULL:
            return -1
        cdef char *memory = first_aligned(block.memory)
        block.row_scratch = memory
        memory += row_scratch
        block.expected_start = -1
        if self.column_indptr != NULL:
            block.values = memory
            memory += values
            block.indices = memory
            memory += indices
            block.cursor = memory
            memory += cursor
            block.next_place = memory
            memory += rows
            block.indptr = memory
        return 0

    cdef void load(self, Block *block, Py_ssize_t start, Py_ssize_t n_rows) noexcept nogil:
        block.start = start
        block.n_rows = n_rows
        if self.column_indptr == NULL:
            block.indptr = self.indptr + start * self.index_size
            block.indices = self.indices
            block.values = self.data
        elif self.index_size == 8:
            load_csc_rows[int64_t](self, block, <const int64_t *> self.column_indptr)
        else:
            load_csc_rows[int32_t](self, block, <const int32_t *> self.column_indptr)

    cdef void add_times(
        self, Block *block, Py_ssize_t n_columns, const void *coef, void *raw, Py_ssize_t stride
    ) noexcept nogil:
        self.functions.times(
            block.n_rows, block.indptr, block.indices, block.values, n_columns, coef, raw, stride,
            block.row_scratch)

    cdef void add_transposed_times(
        self, Block *block, Py_ssize_t n_columns, const void *g, Py_ssize_t stride, double *out
    ) noexcept nogil:
        self.functions.add_transposed_times(
            block.n_rows, block.indptr, block.indices, block.values, n_columns, g, stride, out,
            block.row_scratch)

    cdef void add_gram(
        self, Block *block, const Gram *gram, const void *weight, double *out
    ) noexcept nogil:
        self.functions.add_gram(
            block.n_rows, block.indptr, block.indices, block.values, self.n_features, gram.scale,
            weight, self.n_features + gram.intercept, out, block.row_scratch)

    cdef void add_squares(
        self, Block *block, const void *weight, const void *center, Py_ssize_t out_stride,
        double *out,
    ) noexcept nogil:
        self.functions.add_squares(
            block.n_rows, block.indptr, block.indices, block.values, weight, center, out_stride,
            out)

    cdef void add_moments(
        self, Block *block, const void *weight, const void *center, double *out
    ) noexcept nogil:
        self.add_transposed_times(block, 1, weight, 0, out)
        self.add_squares(block, weight, center, 1, out + self.n_features)


cdef enum Order:
    ASCENDING
    UNORDERED
    OUTSIDE


cdef Order order_of(
    Py_ssize_t n_major, index_t n_minor, const index_t *indptr, const index_t *indices
) noexcept nogil:
    # Whether the indices of each row, or column, ascend, and from 0 to n_minor - 1.
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


cdef count_rows(Py_ssize_t n_stored, const index_t *indices, index_t[::1] row_indptr):
    # row_indptr of the CSR matrix that has these row indices, in place.
    cdef Py_ssize_t q, i
    for q in range(n_stored):
        row_indptr[indices[q] + 1] += 1
    for i in range(row_indptr.shape[0] - 1):
        row_indptr[i + 1] += row_indptr[i]


cdef void load_csc_rows(
    SparseDesign design, Block *block, const index_t *column_indptr
) noexcept nogil:
    cdef const index_t *row_indices = <const index_t *> design.indices
    cdef const index_t *row_indptr = (<const index_t *> design.indptr) + block.start
    cdef index_t *cursor = <index_t *> block.cursor
    cdef index_t *indptr = <index_t *> block.indptr
    cdef index_t low, high, middle
    cdef Py_ssize_t i, j
    if block.expected_start != block.start:
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
        cursor, indptr, block.next_place, <void *> block.indices, <void *> block.values)
    block.expected_start = block.start + block.n_rows
