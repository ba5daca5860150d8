# The compiled face of a loss. The data pass holds a LossKernel and calls its C functions by
# pointer; it never knows which loss it runs.
#
# A block is class-major: entry (row i, column k) lies at [i + k * stride]. n_columns is 1 for two
# classes, else the number of classes. All arrays are float64 or all are float32.

# Outputs that are NULL are not computed. hessian and curvature come with the gradient, and only one
# of them is requested at a time.
ctypedef void (*loss_block)(
    Py_ssize_t n_rows, Py_ssize_t n_columns,
    Py_ssize_t stride,              # of raw_prediction, gradient and hessian
    const void *target,             # probabilities of class 1, class indices as floats, or
    Py_ssize_t target_stride,       # class-major probabilities with this column stride
    const void *raw_prediction,
    const void *parameters,         # the loss's own struct; NULL for log loss
    void *value,                    # (n_rows,)
    void *gradient,                 # (n_rows, n_columns)
    void *hessian,                  # (n_rows, n_columns): the diagonal
    void *curvature,                # (n_rows, n_curvature_columns)
    Py_ssize_t curvature_stride,
) noexcept nogil

# In place: direction (n_rows, n_columns) becomes the Hessian of each row times direction.
ctypedef void (*curvature_product_block)(
    Py_ssize_t n_rows, Py_ssize_t n_columns, Py_ssize_t stride,
    const void *curvature, Py_ssize_t curvature_stride,
    void *direction,
) noexcept nogil

# pair (n_rows,) = entry (k, l) of the Hessian of each row.
ctypedef void (*curvature_entry_block)(
    Py_ssize_t n_rows, Py_ssize_t k, Py_ssize_t l,
    const void *curvature, Py_ssize_t curvature_stride,
    void *pair,
) noexcept nogil

# out (n_rows, n_classes) = probabilities or log-probabilities; two columns for two classes.
ctypedef void (*link_block)(
    Py_ssize_t n_rows, Py_ssize_t n_columns, Py_ssize_t stride,
    const void *raw_prediction, int logarithm,
    void *out, Py_ssize_t out_stride,
) noexcept nogil


# Each table has one function for float64 and one for float32: index with is_float32.
cdef class LossKernel:
    cdef readonly Py_ssize_t n_columns
    cdef readonly Py_ssize_t n_curvature_columns
    cdef readonly bint target_is_matrix     # (n_samples, n_classes) probabilities, else 1-d
    cdef readonly bint is_convex            # no row's Hessian has a negative eigenvalue
    cdef readonly bint is_log_loss          # log loss itself: curvature is the probabilities
    cdef readonly double unit               # nats that are to this loss what one is to log loss
    cdef readonly bint runs_python          # the loss is a Python function: one thread
    cdef object error                       # what that function has raised, else None
    cdef tuple made_by                      # function and arguments that make it, or None
    cdef const void *parameters
    cdef loss_block loss[2]
    # For two classes, the curvature is the second derivative; for K classes, it is what these two
    # functions need.
    cdef curvature_product_block curvature_product[2]
    cdef curvature_entry_block curvature_entry[2]
    cdef link_block link[2]

    # Raise what the Python function has raised since the last call.
    cdef int raise_error(self) except -1


# Set the fields that follow from the number of classes and the kind of target: numbers and links.
cdef int set_links(LossKernel kernel, Py_ssize_t n_classes, bint target_is_matrix) except -1
