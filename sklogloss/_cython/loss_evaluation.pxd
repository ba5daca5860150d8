# Write a block of class-major columns into a C-ordered array: rows (n_rows, n_columns), no gaps.
cdef void write_rows(
    bint is_float32, Py_ssize_t n_rows, Py_ssize_t n_columns, const void *block, Py_ssize_t stride,
    void *rows,
) noexcept nogil
