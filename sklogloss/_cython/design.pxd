# X as the data pass sees it: blocks of rows, whatever the layout. A Design reads the user's array
# where it lies.

# The current rows of a thread.
ctypedef struct Block:
    Py_ssize_t start
    Py_ssize_t n_rows
    char *memory                # a DenseBlock or SparseBlock, then its scratch memory


# Cross-products of the columns (X - center) * scale and, with intercept, 1. A sparse X is not
# centred.
ctypedef struct Gram:
    const void *center
    const void *scale
    bint intercept
    bint signed_weight          # weights may be negative
    bint in_float32             # float32 is enough for the products of a dense X


cdef enum:
    ALIGNMENT = 64              # of scratch memory, in bytes
    ROWS_PER_LINE = 8           # entries of float64 of a cache line
    MAX_BLOCK_ROWS = 1024


cdef inline Py_ssize_t rounded_up(Py_ssize_t n, Py_ssize_t multiple) noexcept nogil:
    return (n + multiple - 1) // multiple * multiple


cdef inline Py_ssize_t rows_of_block(Py_ssize_t wanted, Py_ssize_t least) noexcept nogil:
    # An odd number of cache lines. Otherwise, the entries of a row in several columns, a block's
    # length apart, would push each other out of the cache.
    cdef Py_ssize_t n_rows = min(max(wanted, least), MAX_BLOCK_ROWS)
    return (n_rows - ROWS_PER_LINE) // (2 * ROWS_PER_LINE) * (2 * ROWS_PER_LINE) + ROWS_PER_LINE


cdef inline Py_ssize_t aligned(Py_ssize_t n_bytes) noexcept nogil:
    return rounded_up(n_bytes, ALIGNMENT)


cdef inline char *first_aligned(char *memory) noexcept nogil:
    return memory + (ALIGNMENT - <size_t> memory % ALIGNMENT) % ALIGNMENT


# Uninitialised numbers.
cdef struct Workspace:
    double *numbers
    Py_ssize_t size


cdef class Design:
    cdef readonly Py_ssize_t n_samples
    cdef readonly Py_ssize_t n_features
    cdef readonly bint is_float32
    cdef readonly bint is_sparse
    cdef readonly bint has_rows         # rows can be taken without a look at all entries
    cdef readonly bint has_class_grams  # class_grams serves
    cdef readonly Py_ssize_t block_rows
    cdef readonly Py_ssize_t n_stored   # entries that a pass reads
    cdef Py_ssize_t itemsize            # of the arithmetic and the arrays of a pass
    cdef Workspace workspace            # for the sums of passes, kept from one to the next

    cdef Workspace take_workspace(self, Py_ssize_t size) noexcept
    cdef void give_back(self, Workspace taken) noexcept

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
        self, Block *block, const void *weight, const void *center, double *out
    ) noexcept nogil
    cdef void add_moments(
        self, Block *block, const void *weight, const void *center, double *out
    ) noexcept nogil
    cdef double total(self, Block *block) noexcept nogil
