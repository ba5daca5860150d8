"""Loss kernels that call a Python function, with the GIL held."""

from cpython.buffer cimport PyBUF_WRITE
from cpython.memoryview cimport PyMemoryView_FromMemory
from cython cimport floating
from libc.math cimport NAN
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from .loss_kernel cimport LossKernel, set_links

import numpy as np


cdef class FunctionKernel(LossKernel):
    cdef object function


def function_kernel(
    Py_ssize_t n_classes, bint target_is_matrix, function not None, bint is_convex, double unit
):
    """Return the LossKernel of a loss that is given as a Python function.

    Parameters
    ----------
    n_classes : int
        Number of classes, at least 2.
    target_is_matrix : bool
        As for `log_loss_kernel`.
    function : callable
        Called as function(target, raw_prediction) with copies of a block of rows, of shape
        (n_rows, 1) or (n_rows, n_classes). It returns value (n_rows,), gradient and diagonal of
        the Hessian, both of the shape of raw_prediction, and the lower triangles of the Hessians
        (n_rows, n_columns * (n_columns + 1) / 2), row by row.
    is_convex : bool
        Whether no Hessian has a negative eigenvalue.
    unit : float
        As for `LossKernel`.

    Returns
    -------
    LossKernel
        What the function raises, the pass raises at its end.
    """
    cdef FunctionKernel kernel = FunctionKernel.__new__(FunctionKernel)
    set_links(kernel, n_classes, target_is_matrix)
    kernel.function = function
    kernel.parameters = <const void *> kernel
    kernel.n_curvature_columns = kernel.n_columns * (kernel.n_columns + 1) // 2
    kernel.is_convex = is_convex
    kernel.runs_python = True
    kernel.unit = unit
    kernel.loss[0] = loss_f64
    kernel.loss[1] = loss_f32
    kernel.curvature_product[0] = product_f64
    kernel.curvature_product[1] = product_f32
    kernel.curvature_entry[0] = entry_f64
    kernel.curvature_entry[1] = entry_f32
    return kernel


cdef as_rows(
    const void *data, bint is_float32, Py_ssize_t n_rows, Py_ssize_t n_columns, Py_ssize_t stride
):
    # Return a view of a block, of shape (n_rows, n_columns).
    cdef Py_ssize_t itemsize = sizeof(float) if is_float32 else sizeof(double)
    cdef Py_ssize_t n_bytes = (n_rows + (n_columns - 1) * stride) * itemsize
    memory = PyMemoryView_FromMemory(<char *> data, n_bytes, PyBUF_WRITE)
    dtype = np.float32 if is_float32 else np.float64
    return np.ndarray((n_rows, n_columns), dtype, memory, strides=(itemsize, stride * itemsize))


cdef void call(
    FunctionKernel kernel, bint is_float32, Py_ssize_t n_rows, Py_ssize_t stride,
    const void *target, Py_ssize_t target_stride, const void *raw_prediction, void *value,
    void *gradient, void *hessian, void *curvature, Py_ssize_t curvature_stride,
) noexcept:
    cdef Py_ssize_t n_columns = kernel.n_columns
    cdef Py_ssize_t n_target_columns = n_columns if kernel.target_is_matrix else 1
    if kernel.error is not None:
        return
    try:
        # Copies: the function may keep its arguments longer than the block lives.
        results = kernel.function(
            as_rows(target, is_float32, n_rows, n_target_columns, target_stride).copy(),
            as_rows(raw_prediction, is_float32, n_rows, n_columns, stride).copy())
        if value != NULL:
            as_rows(value, is_float32, n_rows, 1, 0)[:, 0] = results[0]
        if gradient != NULL:
            as_rows(gradient, is_float32, n_rows, n_columns, stride)[:] = results[1]
        if hessian != NULL:
            as_rows(hessian, is_float32, n_rows, n_columns, stride)[:] = results[2]
        if curvature != NULL:
            as_rows(
                curvature, is_float32, n_rows, kernel.n_curvature_columns, curvature_stride
            )[:] = results[3]
    except BaseException as error:
        kernel.error = error


cdef void loss_f64(
    Py_ssize_t n_rows, Py_ssize_t n_columns, Py_ssize_t stride, const void *target,
    Py_ssize_t target_stride, const void *raw_prediction, const void *parameters, void *value,
    void *gradient, void *hessian, void *curvature, Py_ssize_t curvature_stride,
) noexcept nogil:
    with gil:
        call(
            <FunctionKernel> parameters, False, n_rows, stride, target, target_stride,
            raw_prediction, value, gradient, hessian, curvature, curvature_stride)


cdef void loss_f32(
    Py_ssize_t n_rows, Py_ssize_t n_columns, Py_ssize_t stride, const void *target,
    Py_ssize_t target_stride, const void *raw_prediction, const void *parameters, void *value,
    void *gradient, void *hessian, void *curvature, Py_ssize_t curvature_stride,
) noexcept nogil:
    with gil:
        call(
            <FunctionKernel> parameters, True, n_rows, stride, target, target_stride,
            raw_prediction, value, gradient, hessian, curvature, curvature_stride)


cdef inline Py_ssize_t place(Py_ssize_t k, Py_ssize_t l) noexcept nogil:
    # Return the column of entry (k, l) among the lower triangles.
    return max(k, l) * (max(k, l) + 1) // 2 + min(k, l)


cdef void product(
    Py_ssize_t n_rows, Py_ssize_t n_columns, Py_ssize_t stride, const floating *curvature,
    Py_ssize_t curvature_stride, floating *direction,
) noexcept nogil:
    cdef Py_ssize_t i, k, other
    cdef floating total
    cdef floating *row = <floating *> malloc(n_columns * sizeof(floating))
    for i in range(n_rows):
        for k in range(n_columns):
            if row == NULL:
                direction[i + k * stride] = NAN
            else:
                row[k] = direction[i + k * stride]
        for k in range(n_columns if row != NULL else 0):
            total = 0
            for other in range(n_columns):
                total += curvature[i + place(k, other) * curvature_stride] * row[other]
            direction[i + k * stride] = total
    free(row)


cdef void product_f64(
    Py_ssize_t n_rows, Py_ssize_t n_columns, Py_ssize_t stride, const void *curvature,
    Py_ssize_t curvature_stride, void *direction,
) noexcept nogil:
    product[double](
        n_rows, n_columns, stride, <const double *> curvature, curvature_stride,
        <double *> direction)


cdef void product_f32(
    Py_ssize_t n_rows, Py_ssize_t n_columns, Py_ssize_t stride, const void *curvature,
    Py_ssize_t curvature_stride, void *direction,
) noexcept nogil:
    product[float](
        n_rows, n_columns, stride, <const float *> curvature, curvature_stride,
        <float *> direction)


cdef void entry_f64(
    Py_ssize_t n_rows, Py_ssize_t k, Py_ssize_t l, const void *curvature,
    Py_ssize_t curvature_stride, void *pair,
) noexcept nogil:
    memcpy(
        pair, <const double *> curvature + place(k, l) * curvature_stride,
        n_rows * sizeof(double))


cdef void entry_f32(
    Py_ssize_t n_rows, Py_ssize_t k, Py_ssize_t l, const void *curvature,
    Py_ssize_t curvature_stride, void *pair,
) noexcept nogil:
    memcpy(
        pair, <const float *> curvature + place(k, l) * curvature_stride,
        n_rows * sizeof(float))
