# The compiled face of a loss. The data pass holds a LossKernel and calls its C functions by
# pointer; it never knows which loss it runs.
#
# A block is class-major: entry (row i, column k) of raw_prediction, gradient, hessian and
# curvature lies at [i + k * stride]. n_columns is 1 for two classes, else the number of classes.
# curvature has n_curvature_columns columns.
# The arrays are float64 or float32 throughout, as the function's dtype says.

ctypedef void (*loss_block)(
    Py_ssize_t n_rows, Py_ssize_t n_columns, Py_ssize_t stride,
    const void *target,             # probabilities of class 1, class indices as floats, or
    Py_ssize_t target_stride,       # class-major probabilities with this column stride
    const void *raw_prediction,
    const double *parameter,        # the loss's own numbers, log loss has none
    void *value,                    # (n_rows,)
    void *gradient,                 # (n_rows, n_columns)
    void *hessian,                  # (n_rows, n_columns): diagonal of the Hessian, or curvature
) noexcept nogil

# In place: direction (n_rows, n_columns) becomes Hessian of each row times direction.
ctypedef void (*curvature_product_block)(
    Py_ssize_t n_rows, Py_ssize_t n_columns, Py_ssize_t stride,
    const void *curvature, Py_ssize_t curvature_stride,
    void *direction,
) noexcept nogil

# pair (n_rows,) = entry (k, l) of each row's Hessian.
ctypedef void (*curvature_entry_block)(
    Py_ssize_t n_rows, Py_ssize_t k, Py_ssize_t l,
    const void *curvature, Py_ssize_t curvature_stride,
    void *pair,
) noexcept nogil

# out (n_rows, n_classes) = probabilities or log-probabilities; two columns for two classes.
ctypedef void (*link_block)(
    Py_ssize_t n_rows, Py_ssize_t n_columns, Py_ssize_t stride,
    const void *raw_prediction,
    Py_ssize_t out_stride, void *out,
) noexcept nogil


# Each table has one function for float64 and one for float32: index with is_float32.
cdef class LossKernel:
    cdef readonly Py_ssize_t n_columns
    cdef readonly Py_ssize_t n_curvature_columns
    cdef readonly bint target_is_matrix     # (n_samples, n_classes) probabilities, else 1-d
    cdef readonly bint is_convex            # no row's Hessian has a negative eigenvalue
    cdef readonly bint is_log_loss          # log loss itself: curvature is the probabilities
    cdef readonly double unit               # nats that are to this loss what one is to log loss
    cdef double parameter[16]
    cdef loss_block value[2]
    cdef loss_block gradient[2]
    cdef loss_block value_gradient[2]
    cdef loss_block gradient_hessian[2]
    # The pass's own: hessian receives the curvature, from which the two functions below make
    # products and entries. For two classes curvature is the second derivative, for K classes
    # whatever the loss needs: the probabilities for log loss.
    cdef loss_block value_gradient_curvature[2]
    cdef curvature_product_block curvature_product[2]
    cdef curvature_entry_block curvature_entry[2]
    cdef link_block link[2]
    cdef link_block log_link[2]


# Write a block into a C-ordered array: rows (n_rows, n_columns), without gaps.
cdef void write_rows(
    bint is_float32, Py_ssize_t n_rows, Py_ssize_t n_columns, const void *block, Py_ssize_t stride,
    void *rows,
) noexcept nogil
