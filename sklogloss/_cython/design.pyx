"""The operations that the data pass needs of X, whatever its layout."""

from libc.stdlib cimport free, malloc


cdef class Design:
    """Blocks of rows of X, and the products that the data pass makes of them.

    Attributes
    ----------
    n_samples, n_features : int
    is_float32 : bool
        Whether the arithmetic and the arrays of a pass are float32; otherwise they are float64.
    is_sparse : bool
    has_rows : bool
        Whether rows can be taken from X: of a CSC matrix, that reads all entries.
    block_rows : int
        Rows of a block.
    n_stored : int
        Entries that one pass reads.
    """

    def __dealloc__(self):
        free(self.workspace.numbers)

    cdef Workspace take_workspace(self, Py_ssize_t size) noexcept:
        # Return room for at least this many numbers; numbers is NULL if there is no memory. In many
        # passes, new memory would cost more than the sums themselves. A pass has the workspace to
        # itself until it returns it: a pass of another thread gets another one.
        cdef Workspace taken = self.workspace
        self.workspace = Workspace(NULL, 0)
        if taken.size < size:
            free(taken.numbers)
            taken = Workspace(<double *> malloc(size * sizeof(double)), size)
        return taken

    cdef void give_back(self, Workspace taken) noexcept:
        # Keep it for the next pass.
        free(self.workspace.numbers)
        self.workspace = taken

    cdef int allocate(self, Block *block, Py_ssize_t n_columns, const Gram *gram) noexcept nogil:
        # Allocate the memory of a block of a thread; the caller frees block.memory. Return -1 if
        # there is none.
        return -1

    cdef void load(self, Block *block, Py_ssize_t start, Py_ssize_t n_rows) noexcept nogil:
        # Make block the n_rows rows from start on.
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
        # Lower triangle of out += cross-products of the columns that gram describes, each row
        # weighted.
        pass

    cdef void add_squares(
        self, Block *block, const void *weight, const void *center, double *out
    ) noexcept nogil:
        # out[j] += sum of weight * (x_j - center_j)^2. A sparse X adds
        # (x_j - center_j)^2 - center_j^2, so that entries that are not stored add nothing.
        pass

    cdef void add_moments(
        self, Block *block, const void *weight, const void *center, double *out
    ) noexcept nogil:
        # out[j] += sum of weight * (x_j - center_j), out[n_features + j] likewise of the squares.
        # A sparse X is not centred.
        pass

    cdef double total(self, Block *block) noexcept nogil:
        # Return the sum of a dense X.
        return 0
