# X as the data pass sees it: blocks of rows, whatever the layout. A Design reads the user's array
# where it lies.

ctypedef struct Block:
    # The rows at hand, and a thread's scratch memory.
    Py_ssize_t start
    Py_ssize_t n_rows
    const void *values          # dense: first entry; CSR: data
    const void *indptr
    const void *indices
    char *memory                # what the scratch pointers below point into
    void *packed
    void *weighted
    void *product
    void *packed_coef
    void *packed_gradient
    void *wide                  # dense: the rows as float64, where X is float32 and they are not
    bint has_coef               # whether packed_coef is set
    void *row_scratch
    void *cursor
    void *next_place
    Py_ssize_t packed_start     # the block that packed holds, -1 for none
    Py_ssize_t expected_start   # the block that cursor stands at, -1 for none


ctypedef struct Gram:
    # What to take the weighted cross-products of: (X - center) * scale, and a column of ones if
    # intercept is set. A sparse X is not centred.
    const void *center
    const void *scale
    bint intercept
    bint signed_weight          # weights may be negative
    bint in_float32             # float32 is enough for the products


cdef class Design:
    cdef readonly Py_ssize_t n_samples
    cdef readonly Py_ssize_t n_features
    cdef readonly bint is_float32
    cdef readonly bint is_sparse
    cdef readonly Py_ssize_t block_rows
    cdef readonly Py_ssize_t n_stored   # entries that a pass reads
    cdef double *workspace              # for the sums of passes, kept from one to the next
    cdef Py_ssize_t workspace_size

    cdef double *get_workspace(self, Py_ssize_t size) noexcept

    cdef int allocate(self, Block *block, Py_ssize_t n_columns, const Gram *gram) noexcept nogil
    cdef void load(self, Block *block, Py_ssize_t start, Py_ssize_t n_rows) noexcept nogil
    cdef void add_times(
        self, Block *block, Py_ssize_t n_columns, const void *coef, void *raw, Py_ssize_t stride
    ) noexcept nogil
    cdef void add_transposed_times(
        self, Block *block, Py_ssize_t n_columns, const void *g, Py_ssize_t stride, double *out
    ) noexcept nogil
    cdef void add_gram(
        self, Block *block, const Gram *gram, const void *weight, double *out
    ) noexcept nogil
    cdef void add_squares(
        self, Block *block, const void *weight, const void *center, Py_ssize_t out_stride,
        double *out,
    ) noexcept nogil
    cdef void add_moments(
        self, Block *block, const void *weight, const void *center, double *out
    ) noexcept nogil
    cdef double total(self, Block *block) noexcept nogil
