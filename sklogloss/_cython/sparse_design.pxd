from .design cimport Block, Design, Gram


# One C function per type of data and index; CsrFunctions holds those that fit a matrix.
cdef extern from "sparse_block.h" nogil:
    ctypedef struct CsrFunctions:
        void (*times)(
            Py_ssize_t, const void *, const void *, const void *, Py_ssize_t, const void *,
            void *, Py_ssize_t, void *) noexcept nogil
        void (*add_transposed_times)(
            Py_ssize_t, const void *, const void *, const void *, Py_ssize_t, const void *,
            Py_ssize_t, double *, void *) noexcept nogil
        void (*add_gram)(
            Py_ssize_t, const void *, const void *, const void *, Py_ssize_t, const void *,
            const void *, Py_ssize_t, double *, void *) noexcept nogil
        void (*add_squares)(
            Py_ssize_t, const void *, const void *, const void *, const void *, const void *,
            double *) noexcept nogil
        void (*csc_rows)(
            Py_ssize_t, Py_ssize_t, Py_ssize_t, const void *, const void *, const void *, void *,
            const void *, void *, void *, void *) noexcept nogil

    # [is_float32][is_int64]
    const CsrFunctions csr_functions[2][2]


# The rows as CSR: those of X, or a copy in the scratch memory of a thread.
ctypedef struct SparseBlock:
    const char *values
    const char *indices
    const char *indptr
    char *row_scratch
    # Only for a CSC matrix:
    char *own_values
    char *own_indices
    char *own_indptr
    char *cursor                # of each column, its first entry in the rows after the block
    char *next_place
    Py_ssize_t expected_start   # the block that cursor stands at, -1 for none


cdef class SparseDesign(Design):
    cdef readonly object X
    cdef readonly bint is_ordered
    cdef const char *data
    cdef const char *indices
    cdef const char *indptr         # of the rows
    cdef const char *column_indptr  # of a CSC matrix, else NULL
    cdef object row_indptr          # holds what indptr points to, for a CSC matrix
    cdef Py_ssize_t index_size
    cdef Py_ssize_t max_block_stored
    cdef const CsrFunctions *functions
