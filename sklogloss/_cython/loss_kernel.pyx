"""Loss kernels: the C functions of a loss, and what a solver may assume of it.

To add a loss: write its C functions and a table of them for each kind of target, and a function
here like `log_loss_kernel`.
"""


cdef extern from "loss_functions.h" nogil:
    ctypedef struct skl_loss_functions:
        loss_block loss
        curvature_product_block curvature_product
        curvature_entry_block curvature_entry


cdef extern from "links.h" nogil:
    const link_block skl_binary_link[2]
    const link_block skl_multiclass_link[2]


cdef extern from "log_loss.h" nogil:
    const skl_loss_functions skl_log_loss_binary[2]
    const skl_loss_functions skl_log_loss_index[2]
    const skl_loss_functions skl_log_loss_soft[2]


cdef extern from "focal_loss.h" nogil:
    ctypedef struct skl_focal_parameters:
        double gamma
        int convex
        double root
        double root_low
        double radius
        double at_root
        double coefficient[10]

    const skl_loss_functions skl_focal_loss_binary[2]
    const skl_loss_functions skl_focal_loss_index[2]
    const skl_loss_functions skl_focal_loss_soft[2]


cdef extern from "brier_loss.h" nogil:
    ctypedef struct skl_brier_parameters:
        int convex

    const skl_loss_functions skl_brier_loss_binary[2]
    const skl_loss_functions skl_brier_loss_index[2]
    const skl_loss_functions skl_brier_loss_soft[2]


cdef class LossKernel:
    """C functions of one loss for one kind of target. Made by functions such as `log_loss_kernel`.

    Attributes
    ----------
    n_columns : int
        Columns of raw_prediction: 1 for two classes, else the number of classes.
    n_curvature_columns : int
        Numbers that a pass keeps of each row for products with the Hessian.
    target_is_matrix : bool
        Whether the target is an (n_samples, n_classes) matrix of probabilities.
    is_convex : bool
        Whether the Hessian of no row has a negative eigenvalue.
    is_log_loss : bool
        Whether this is log loss itself. With more than two classes a pass then keeps the
        probabilities as the curvature.
    unit : float
        Loss at a probability of 1/2 as a fraction of the log loss there: what one nat is to log
        loss.
    runs_python : bool
        Whether the loss is a Python function. Passes then use one thread.
    """

    def __reduce__(self):
        # C functions cannot be pickled, but the function that made the kernel can make it again.
        if self.made_by is None:
            raise TypeError(f"a {type(self).__name__} cannot be pickled")
        return self.made_by

    cdef int raise_error(self) except -1:
        error, self.error = self.error, None
        if error is not None:
            raise error
        return 0


cdef class FocalLossKernel(LossKernel):
    cdef skl_focal_parameters own_parameters


cdef class BrierLossKernel(LossKernel):
    cdef skl_brier_parameters own_parameters


cdef int set_links(LossKernel kernel, Py_ssize_t n_classes, bint target_is_matrix) except -1:
    cdef const link_block *link = skl_multiclass_link
    if n_classes < 2:
        raise ValueError(f"n_classes must be at least 2, got {n_classes}.")
    if n_classes == 2 and target_is_matrix:
        raise ValueError("For two classes the target is one-dimensional.")
    if n_classes == 2:
        link = skl_binary_link
    kernel.n_columns = 1 if n_classes == 2 else n_classes
    kernel.target_is_matrix = target_is_matrix
    kernel.link[0] = link[0]
    kernel.link[1] = link[1]
    return 0


cdef void set_functions(
    LossKernel kernel, Py_ssize_t n_classes, bint target_is_matrix,
    const skl_loss_functions *binary, const skl_loss_functions *index,
    const skl_loss_functions *soft,
) except *:
    # Choose the functions for the kind of target.
    cdef const skl_loss_functions *functions = index
    cdef int i
    set_links(kernel, n_classes, target_is_matrix)
    if n_classes == 2:
        functions = binary
    elif target_is_matrix:
        functions = soft
    for i in range(2):
        kernel.loss[i] = functions[i].loss
        kernel.curvature_product[i] = functions[i].curvature_product
        kernel.curvature_entry[i] = functions[i].curvature_entry


def log_loss_kernel(Py_ssize_t n_classes, bint target_is_matrix):
    """Return the LossKernel of log loss.

    Parameters
    ----------
    n_classes : int
        Number of classes, at least 2.
    target_is_matrix : bool
        Whether the target is a matrix of probabilities; only for more than two classes. Otherwise
        the target is the probability of class 1 (two classes) or the index of the class.

    Returns
    -------
    LossKernel
    """
    cdef LossKernel kernel = LossKernel.__new__(LossKernel)
    set_functions(
        kernel, n_classes, target_is_matrix, skl_log_loss_binary, skl_log_loss_index,
        skl_log_loss_soft)
    kernel.n_curvature_columns = kernel.n_columns
    kernel.is_convex = True
    kernel.is_log_loss = True
    kernel.unit = 1
    kernel.made_by = log_loss_kernel, (n_classes, target_is_matrix)
    return kernel


def focal_loss_kernel(
    Py_ssize_t n_classes, bint target_is_matrix, double gamma, bint convex, tuple root_parameters,
):
    """Return the LossKernel of focal loss.

    Parameters
    ----------
    n_classes : int
        Number of classes, at least 2.
    target_is_matrix : bool
        As for `log_loss_kernel`.
    gamma : float
        Not negative.
    convex : bool
        Whether the Hessians leave out what may be negative. Values and gradients are the same.
    root_parameters : tuple of 14 floats
        What `sklogloss.losses.focal_root` computes from gamma.

    Returns
    -------
    LossKernel
    """
    cdef FocalLossKernel kernel = FocalLossKernel.__new__(FocalLossKernel)
    cdef skl_focal_parameters *parameters = &kernel.own_parameters
    set_functions(
        kernel, n_classes, target_is_matrix, skl_focal_loss_binary, skl_focal_loss_index,
        skl_focal_loss_soft)
    if len(root_parameters) != 14:
        raise ValueError(f"root_parameters must be 14 numbers, got {len(root_parameters)}.")
    parameters.gamma = gamma
    parameters.convex = convex
    parameters.root, parameters.root_low, parameters.radius, parameters.at_root = (
        root_parameters[:4])
    parameters.coefficient = root_parameters[4:]
    kernel.parameters = parameters
    kernel.is_convex = convex or gamma == 0
    # Equal probabilities of more classes have a larger loss, but a sample may also waver between
    # only two of them.
    kernel.unit = 0.5 ** gamma
    if n_classes == 2:
        kernel.n_curvature_columns = 1
    else:
        kernel.n_curvature_columns = 2 * n_classes + 3 if target_is_matrix else n_classes + 2
    kernel.made_by = (
        focal_loss_kernel, (n_classes, target_is_matrix, gamma, convex, root_parameters))
    return kernel


def brier_loss_kernel(Py_ssize_t n_classes, bint target_is_matrix, bint convex):
    """Return the LossKernel of Brier loss.

    Parameters
    ----------
    n_classes : int
        Number of classes, at least 2.
    target_is_matrix : bool
        As for `log_loss_kernel`.
    convex : bool
        Whether the Hessians are those of Gauss and Newton.

    Returns
    -------
    LossKernel
    """
    cdef BrierLossKernel kernel = BrierLossKernel.__new__(BrierLossKernel)
    set_functions(
        kernel, n_classes, target_is_matrix, skl_brier_loss_binary, skl_brier_loss_index,
        skl_brier_loss_soft)
    kernel.own_parameters.convex = convex
    kernel.parameters = &kernel.own_parameters
    kernel.is_convex = convex
    kernel.unit = 1
    kernel.n_curvature_columns = 1 if n_classes == 2 else 2 * n_classes + 2
    kernel.made_by = brier_loss_kernel, (n_classes, target_is_matrix, convex)
    return kernel
