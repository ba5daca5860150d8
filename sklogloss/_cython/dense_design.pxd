from .design cimport Block, Design, Gram


cdef extern from "dense_block.h" nogil:
    ctypedef struct DenseFunctions:
        void (*pack)(
            Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t, Py_ssize_t, const void *,
            const void *, const void *, int, void *) noexcept nogil
        void (*weight_rows)(
            Py_ssize_t, Py_ssize_t, int, const void *, const void *, void *) noexcept nogil
        void (*moments)(
            Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t, Py_ssize_t, const void *,
            const void *, double *) noexcept nogil
        void (*squares)(
            Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t, Py_ssize_t, const void *,
            const void *, double *) noexcept nogil
        double (*total)(
            Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t, Py_ssize_t) noexcept nogil
        void (*add)(Py_ssize_t, const void *, double *) noexcept nogil
        void (*root)(Py_ssize_t, const void *, void *) noexcept nogil

    const DenseFunctions dense_functions[2]


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
        void (*pack_rows)(
            Py_ssize_t, const Py_ssize_t *, Py_ssize_t, const void *, Py_ssize_t, Py_ssize_t,
            const void *, const void *, const void *, int, void *) noexcept nogil
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


ctypedef struct DenseBlock:
    const char *values          # first entry of the rows
    char *packed                # rows as a Gram kernel or BLAS takes them
    char *weighted              # packed rows times their weights
    char *product               # of float32, before it is added to float64 sums
    char *packed_coef
    char *packed_gradient
    char *wide                  # rows as float64, if X is float32 and the pass is float64
    bint has_coef               # whether packed_coef is set
    Py_ssize_t packed_start     # the block that packed holds, -1 for none


cdef enum:
    # Number of packed rows that are multiplied at a time: three panels of them fill most of the L1
    # cache. If there are few panels, all of them may fill PANEL_BYTES.
    PANEL_ROWS = 96
    PANEL_BYTES = 65536


cdef inline Py_ssize_t rows_at_a_time(Py_ssize_t row_bytes) noexcept nogil:
    return max(PANEL_ROWS, PANEL_BYTES // row_bytes // 16 * 16)


cdef class DenseDesign(Design):
    cdef readonly object X
    cdef readonly bint has_single_gram
    # X where it lies. Strides are in entries.
    cdef const char *first
    cdef Py_ssize_t first_itemsize
    cdef Py_ssize_t first_row_stride
    cdef Py_ssize_t first_column_stride
    # A block of it, which is a copy if it is widened to float64.
    cdef bint widens
    cdef bint by_rows
    cdef Py_ssize_t row_stride
    cdef Py_ssize_t column_stride
    cdef int leading                        # the stride that is not 1, for BLAS
    cdef const DenseFunctions *functions
    cdef const GramKernel *kernel           # NULL if BLAS takes the cross-products
    cdef const GramKernel *single_kernel    # with products in float32
    cdef const ThinProduct *thin            # NULL if BLAS takes the products for several columns

    cdef const GramKernel *kernel_for(self, const Gram *gram) noexcept nogil
    cdef Py_ssize_t n_packed(self, const Gram *gram) noexcept nogil
    cdef bint is_thin(self, Py_ssize_t n_columns) noexcept nogil
