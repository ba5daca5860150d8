"""Losses of arrays: value, gradient, diagonal of the Hessian and probabilities of each sample."""

from cython cimport floating
from libc.float cimport DBL_MAX, FLT_MAX

from .loss_kernel cimport LossKernel, link_block, loss_block
from .parallel cimport for_each_item

import numpy as np


cdef extern from "block_rows.h" nogil:
    void prefetch(const void *start, Py_ssize_t n_bytes)
    void rows_to_block_f64(Py_ssize_t n_rows, Py_ssize_t n_classes, const double *rows,
                           Py_ssize_t row_stride, double *block, Py_ssize_t stride)
    void rows_to_block_f32(Py_ssize_t n_rows, Py_ssize_t n_classes, const float *rows,
                           Py_ssize_t row_stride, float *block, Py_ssize_t stride)
    void block_to_rows_f64(Py_ssize_t n_rows, Py_ssize_t n_classes, const double *block,
                           Py_ssize_t stride, double *rows, Py_ssize_t row_stride)
    void block_to_rows_f32(Py_ssize_t n_rows, Py_ssize_t n_classes, const float *block,
                           Py_ssize_t stride, float *rows, Py_ssize_t row_stride)
    bint any_outside_f64(Py_ssize_t n_rows, double largest, const double *entries)
    bint any_outside_f32(Py_ssize_t n_rows, float largest, const float *entries)
    bint any_not_index_f64(Py_ssize_t n_rows, Py_ssize_t n_classes, const double *entries)
    bint any_not_index_f32(Py_ssize_t n_rows, Py_ssize_t n_classes, const float *entries)


# An array of the caller: entry (i, k) lies at data[i * row_stride + k * column_stride].
cdef struct Matrix:
    void *data                  # NULL where the argument is None
    Py_ssize_t n_columns
    Py_ssize_t row_stride
    Py_ssize_t column_stride    # 0 for a single column
    bint in_place               # C functions use it where it lies, not a copy in scratch memory


# Rows of a Matrix for a C function: entry (i, k) lies at data[i + k * stride].
cdef struct Block:
    void *data
    Py_ssize_t stride


# The arrays of evaluate().
cdef struct Arguments:
    Matrix target
    Matrix raw_prediction
    Matrix sample_weight
    Matrix value
    Matrix gradient
    Matrix hessian
    Py_ssize_t n_samples


# What evaluate() does with them.
cdef struct Evaluation:
    Arguments arguments
    bint is_float32
    loss_block function
    const void *parameters
    Py_ssize_t n_columns
    bint target_is_matrix
    Py_ssize_t block_rows
    Py_ssize_t scratch_stride
    Py_ssize_t scratch_size     # of a thread
    void *scratch
    int *status                 # of each thread: flags of the invalid arguments


# Tolerance of the sum of probabilities, which may be given in float32.
cdef double SUM_TOLERANCE = 1e-5

cdef enum:
    SUM_ROWS = 64       # rows whose target probabilities are summed together
    # Unused entries between the columns of scratch memory. Columns at a distance of a power of two
    # would compete for the same lines of cache.
    SCRATCH_GAP = 16
    BLOCKS_PER_ITEM = 16        # that a thread takes at a time
    INVALID_TARGET = 1
    INVALID_WEIGHT = 2


cdef Matrix as_matrix(const floating[:, :] array) noexcept:
    cdef Matrix matrix = Matrix(NULL, 0, 0, 0, False)
    if array is not None and array.shape[0] > 0:
        matrix.data = <void *> &array[0, 0]
        matrix.n_columns = array.shape[1]
        matrix.row_stride = array.strides[0] // <Py_ssize_t> sizeof(floating)
        if array.shape[1] > 1:
            matrix.column_stride = array.strides[1] // <Py_ssize_t> sizeof(floating)
        matrix.in_place = matrix.row_stride == 1
    return matrix


cdef Matrix as_column(const floating[:] array) noexcept:
    cdef Matrix matrix = Matrix(NULL, 0, 0, 0, False)
    if array is not None and array.shape[0] > 0:
        matrix.data = <void *> &array[0]
        matrix.n_columns = 1
        matrix.row_stride = array.strides[0] // <Py_ssize_t> sizeof(floating)
        matrix.in_place = matrix.row_stride == 1
    return matrix


cdef void copy_rows(
    Py_ssize_t n_rows, Py_ssize_t n_columns,
    const floating *source, Py_ssize_t source_row_stride, Py_ssize_t source_column_stride,
    floating *out, Py_ssize_t out_row_stride, Py_ssize_t out_column_stride,
) noexcept nogil:
    cdef Py_ssize_t i, k
    if source_column_stride == 1 and out_row_stride == 1:
        if floating is double:
            rows_to_block_f64(n_rows, n_columns, source, source_row_stride, out, out_column_stride)
        else:
            rows_to_block_f32(n_rows, n_columns, source, source_row_stride, out, out_column_stride)
    elif source_row_stride == 1 and out_column_stride == 1:
        if floating is double:
            block_to_rows_f64(n_rows, n_columns, source, source_column_stride, out, out_row_stride)
        else:
            block_to_rows_f32(n_rows, n_columns, source, source_column_stride, out, out_row_stride)
    else:
        for k in range(n_columns):
            for i in range(n_rows):
                out[i * out_row_stride + k * out_column_stride] = (
                    source[i * source_row_stride + k * source_column_stride]
                )


cdef void write_rows(
    bint is_float32, Py_ssize_t n_rows, Py_ssize_t n_columns, const void *block, Py_ssize_t stride,
    void *rows,
) noexcept nogil:
    if is_float32:
        block_to_rows_f32(
            n_rows, n_columns, <const float *> block, stride, <float *> rows, n_columns)
    else:
        block_to_rows_f64(
            n_rows, n_columns, <const double *> block, stride, <double *> rows, n_columns)


cdef void prefetch_rows(
    const Matrix *matrix, Py_ssize_t start, Py_ssize_t stop, size_t itemsize
) noexcept nogil:
    """Prefetch rows of a matrix of several columns while a C function computes."""
    cdef Py_ssize_t k, n_rows = stop - start
    cdef char *data = <char *> matrix.data
    if matrix.data == NULL or n_rows <= 0:
        return
    if matrix.in_place and matrix.n_columns > 1:
        for k in range(matrix.n_columns):
            prefetch(
                data + (start + k * matrix.column_stride) * <Py_ssize_t> itemsize,
                n_rows * <Py_ssize_t> itemsize,
            )
    elif not matrix.in_place and matrix.row_stride == matrix.n_columns:
        prefetch(
            data + start * matrix.row_stride * <Py_ssize_t> itemsize,
            n_rows * matrix.row_stride * <Py_ssize_t> itemsize,
        )


cdef Block block_of(
    const Matrix *matrix, Py_ssize_t start, Py_ssize_t scratch_stride, floating **scratch
) noexcept nogil:
    """Return where C functions find the rows from start on: in place or in the next scratch."""
    cdef Block block = Block(NULL, 0)
    if matrix.data == NULL:
        return block
    if matrix.in_place:
        block.data = <floating *> matrix.data + start
        block.stride = matrix.column_stride
    else:
        block.data = scratch[0]
        block.stride = scratch_stride
        scratch[0] += matrix.n_columns * scratch_stride
    return block


cdef Block read(
    const Matrix *matrix, Py_ssize_t start, Py_ssize_t n_rows, Py_ssize_t scratch_stride,
    floating **scratch,
) noexcept nogil:
    cdef Block block = block_of(matrix, start, scratch_stride, scratch)
    if block.data != NULL and not matrix.in_place:
        copy_rows(
            n_rows, matrix.n_columns,
            <const floating *> matrix.data + start * matrix.row_stride,
            matrix.row_stride, matrix.column_stride,
            <floating *> block.data, 1, block.stride,
        )
    return block


cdef void weight_and_write(
    Block block, const floating *weight, const Matrix *matrix, Py_ssize_t start, Py_ssize_t n_rows,
) noexcept nogil:
    """Multiply rows by their weights, if there are any, and write them into the matrix."""
    cdef Py_ssize_t i, k
    cdef floating *column
    if block.data == NULL:
        return
    if weight != NULL:
        for k in range(matrix.n_columns):
            column = <floating *> block.data + k * block.stride
            for i in range(n_rows):
                column[i] = weight[i] * column[i] if weight[i] != 0 else <floating> 0
    if not matrix.in_place:
        copy_rows(
            n_rows, matrix.n_columns, <const floating *> block.data, 1, block.stride,
            <floating *> matrix.data + start * matrix.row_stride,
            matrix.row_stride, matrix.column_stride,
        )


cdef bint is_invalid_weight(Py_ssize_t n_rows, const floating *weight) noexcept nogil:
    """Whether a weight is negative or not finite."""
    if floating is double:
        return any_outside_f64(n_rows, DBL_MAX, weight)
    else:
        return any_outside_f32(n_rows, FLT_MAX, weight)


cdef bint is_invalid_probability(Py_ssize_t n_rows, const floating *target) noexcept nogil:
    """Whether an entry is outside [0, 1]."""
    if floating is double:
        return any_outside_f64(n_rows, 1, target)
    else:
        return any_outside_f32(n_rows, 1, target)


cdef bint is_invalid_index(
    Py_ssize_t n_rows, Py_ssize_t n_classes, const floating *target
) noexcept nogil:
    """Whether an entry is not one of 0, 1, ..., n_classes - 1."""
    if floating is double:
        return any_not_index_f64(n_rows, n_classes, target)
    else:
        return any_not_index_f32(n_rows, n_classes, target)


cdef bint is_invalid_distribution(
    Py_ssize_t n_rows, Py_ssize_t n_classes, const floating *target, Py_ssize_t stride,
) noexcept nogil:
    """Whether an entry is outside [0, 1] or the sum of a row is not 1 up to rounding errors."""
    cdef double[SUM_ROWS] total
    cdef const floating *column
    cdef Py_ssize_t tile, start, rows, i, k
    cdef int invalid = 0
    for tile in range((n_rows + SUM_ROWS - 1) // SUM_ROWS):
        start = tile * SUM_ROWS
        rows = min(n_rows - start, <Py_ssize_t> SUM_ROWS)
        for i in range(rows):
            total[i] = -1
        for k in range(n_classes):
            column = target + start + k * stride
            invalid |= is_invalid_probability(rows, column)
            for i in range(rows):
                total[i] += column[i]
        for i in range(rows):
            invalid |= (not total[i] <= SUM_TOLERANCE) | (not total[i] >= -SUM_TOLERANCE)
    return invalid


cdef int evaluate_block(
    const Evaluation *of, Py_ssize_t start, Py_ssize_t n_rows, floating *scratch
) noexcept nogil:
    """Evaluate rows. Return 0, or flags of the invalid arguments."""
    cdef const Arguments *arguments = &of.arguments
    cdef Py_ssize_t scratch_stride = of.scratch_stride, n_columns = of.n_columns
    cdef Block raw_prediction, target, weight, value, gradient, hessian
    cdef bint is_invalid
    cdef int status = 0
    cdef Py_ssize_t stop, start_out, stop_out
    target = read(&arguments.target, start, n_rows, scratch_stride, &scratch)
    weight = read(&arguments.sample_weight, start, n_rows, scratch_stride, &scratch)
    raw_prediction = read(&arguments.raw_prediction, start, n_rows, scratch_stride, &scratch)
    value = block_of(&arguments.value, start, scratch_stride, &scratch)
    gradient = block_of(&arguments.gradient, start, scratch_stride, &scratch)
    hessian = block_of(&arguments.hessian, start, scratch_stride, &scratch)
    stop = start + n_rows
    prefetch_rows(
        &arguments.raw_prediction, stop, min(stop + n_rows, arguments.n_samples), sizeof(floating)
    )
    # Outputs in place are written while the function computes, others only afterwards.
    if arguments.gradient.in_place:
        start_out, stop_out = stop, min(stop + n_rows, arguments.n_samples)
    else:
        start_out, stop_out = start, stop
    prefetch_rows(&arguments.gradient, start_out, stop_out, sizeof(floating))
    prefetch_rows(&arguments.hessian, start_out, stop_out, sizeof(floating))
    of.function(
        n_rows, n_columns, raw_prediction.stride, target.data, target.stride,
        raw_prediction.data, of.parameters, value.data, gradient.data, hessian.data, NULL, 0,
    )
    # The function has brought the target into cache: only now is the check cheap.
    if of.target_is_matrix:
        is_invalid = is_invalid_distribution(
            n_rows, n_columns, <const floating *> target.data, target.stride
        )
    elif n_columns == 1:
        is_invalid = is_invalid_probability(n_rows, <const floating *> target.data)
    else:
        is_invalid = is_invalid_index(n_rows, n_columns, <const floating *> target.data)
    if is_invalid:
        status |= INVALID_TARGET
    if weight.data != NULL and is_invalid_weight(n_rows, <const floating *> weight.data):
        status |= INVALID_WEIGHT
    weight_and_write(value, <const floating *> weight.data, &arguments.value, start, n_rows)
    weight_and_write(gradient, <const floating *> weight.data, &arguments.gradient, start, n_rows)
    weight_and_write(hessian, <const floating *> weight.data, &arguments.hessian, start, n_rows)
    return status


cdef void evaluate_rows(
    const Evaluation *of, Py_ssize_t start, Py_ssize_t end, int thread, floating *scratch
) noexcept nogil:
    scratch += thread * of.scratch_size
    while start < end:
        of.status[thread] |= evaluate_block(of, start, min(of.block_rows, end - start), scratch)
        start += of.block_rows


cdef void evaluate_item(void *context, Py_ssize_t item, int thread) noexcept nogil:
    cdef const Evaluation *of = <Evaluation *> context
    cdef Py_ssize_t n_rows = BLOCKS_PER_ITEM * of.block_rows, start = item * n_rows
    cdef Py_ssize_t end = min(start + n_rows, of.arguments.n_samples)
    if of.is_float32:
        evaluate_rows(of, start, end, thread, <float *> of.scratch)
    else:
        evaluate_rows(of, start, end, thread, <double *> of.scratch)


cdef void share_stride(Arguments *arguments) noexcept:
    """Use arrays in place only if all have the same stride: C functions take a single one."""
    cdef Py_ssize_t stride = arguments.raw_prediction.column_stride
    cdef bint in_place = arguments.raw_prediction.in_place
    cdef Matrix *outs[2]
    cdef int i
    outs[0] = &arguments.gradient
    outs[1] = &arguments.hessian
    for i in range(2):
        if outs[i].data != NULL:
            in_place = in_place and outs[i].in_place and outs[i].column_stride == stride
    arguments.raw_prediction.in_place = in_place
    arguments.gradient.in_place = in_place
    arguments.hessian.in_place = in_place


cdef Py_ssize_t rows_per_block(Py_ssize_t n_columns) noexcept:
    """Return the rows of a block, by the shape alone, so that it mostly stays in L1 cache."""
    return max(64, min(1024, 1024 // n_columns // 64 * 64))


def evaluate(
    LossKernel kernel not None,
    const floating[:, :] target,
    const floating[:, :] raw_prediction,
    const floating[:] sample_weight,
    floating[:] value,
    floating[:, :] gradient,
    floating[:, :] hessian,
    int n_threads,
):
    """Fill value, gradient and hessian, those that are not None, with the loss of each sample.

    Parameters
    ----------
    kernel : LossKernel
    target : ndarray of shape (n_samples, 1) or, for a matrix kernel, (n_samples, n_classes)
    raw_prediction : ndarray of shape (n_samples, n_columns)
    sample_weight : ndarray of shape (n_samples,) or None
    value : ndarray of shape (n_samples,) or None
    gradient, hessian : ndarray of shape (n_samples, n_columns) or None
        hessian is the diagonal of the Hessian; it comes with the gradient only.
    n_threads : int

    Returns
    -------
    invalid : str or None
        "target" or "sample_weight" if such an array has invalid entries. Outputs are then filled
        only in part. Shapes are not checked.
    """
    cdef Evaluation of
    of.arguments.target = as_matrix[floating](target)
    of.arguments.raw_prediction = as_matrix[floating](raw_prediction)
    of.arguments.sample_weight = as_column[floating](sample_weight)
    of.arguments.value = as_column[floating](value)
    of.arguments.gradient = as_matrix[floating](gradient)
    of.arguments.hessian = as_matrix[floating](hessian)
    of.arguments.n_samples = raw_prediction.shape[0]
    share_stride(&of.arguments)
    of.is_float32 = floating is float
    of.function = kernel.loss[of.is_float32]
    of.parameters = kernel.parameters
    of.n_columns = kernel.n_columns
    of.target_is_matrix = kernel.target_is_matrix
    of.block_rows = rows_per_block(of.n_columns)
    of.scratch_stride = of.block_rows + SCRATCH_GAP
    # Value, weight, and at most four matrices.
    of.scratch_size = (2 + 4 * of.n_columns) * of.scratch_stride

    cdef Py_ssize_t item_rows = BLOCKS_PER_ITEM * of.block_rows
    cdef Py_ssize_t n_items = (of.arguments.n_samples + item_rows - 1) // item_rows
    n_threads = 1 if kernel.runs_python else max(1, min(n_threads, n_items))
    dtype = np.float32 if floating is float else np.float64
    cdef floating[::1] scratch = np.empty(n_threads * of.scratch_size, dtype=dtype)
    cdef int[::1] status_of_threads = np.zeros(n_threads, dtype=np.intc)
    of.scratch = &scratch[0]
    of.status = &status_of_threads[0]
    with nogil:
        for_each_item(n_items, n_threads, evaluate_item, &of)
    cdef int status = np.bitwise_or.reduce(status_of_threads)
    if status & INVALID_TARGET:
        kernel.error = None
        return "target"
    kernel.raise_error()
    return "sample_weight" if status else None


def mean_curvature(LossKernel kernel not None, const floating[::1, :] curvature):
    """Return the mean of the diagonal of each row's Hessian.

    Parameters
    ----------
    kernel : LossKernel
    curvature : Fortran-ordered ndarray of shape (n_samples, n_curvature_columns)
        Filled by a data pass.

    Returns
    -------
    mean : ndarray of shape (n_samples,)
    """
    cdef Py_ssize_t n_samples = curvature.shape[0], k, i
    dtype = np.float32 if floating is float else np.float64
    cdef floating[::1] mean = np.zeros(n_samples, dtype=dtype)
    cdef floating[::1] entry = np.empty(n_samples, dtype=dtype)
    with nogil:
        for k in range(kernel.n_columns):
            kernel.curvature_entry[floating is float](
                n_samples, k, k, &curvature[0, 0], n_samples, &entry[0])
            for i in range(n_samples):
                mean[i] += entry[i] / kernel.n_columns
    return np.asarray(mean)


def class_curvature(LossKernel kernel not None, const floating[::1, :] curvature, Py_ssize_t k):
    """Return entry k of the diagonal of each row's Hessian.

    Parameters
    ----------
    kernel, curvature
        As for `mean_curvature`.
    k : int
        A column of raw_prediction.

    Returns
    -------
    of_class : ndarray of shape (n_samples,)
    """
    cdef Py_ssize_t n_samples = curvature.shape[0]
    if not 0 <= k < kernel.n_columns:
        raise IndexError("there is no such column of raw_prediction")
    cdef floating[::1] entry = np.empty(
        n_samples, dtype=np.float32 if floating is float else np.float64)
    with nogil:
        kernel.curvature_entry[floating is float](
            n_samples, k, k, &curvature[0, 0], n_samples, &entry[0])
    return np.asarray(entry)


def evaluate_link(
    LossKernel kernel not None, bint logarithm, const floating[:, :] raw_prediction,
    floating[:, :] out,
):
    """Fill out with the probabilities of the classes of each sample, or their logarithms.

    Parameters
    ----------
    kernel : LossKernel
    logarithm : bool
    raw_prediction : ndarray of shape (n_samples, n_columns)
    out : ndarray of shape (n_samples, n_classes)
    """
    cdef int is_float32 = floating is float
    cdef link_block function = kernel.link[is_float32]
    cdef Matrix matrix = as_matrix[floating](raw_prediction), out_matrix = as_matrix[floating](out)
    cdef Py_ssize_t n_samples = raw_prediction.shape[0], n_columns = kernel.n_columns
    cdef Py_ssize_t block_rows = rows_per_block(n_columns)
    cdef Py_ssize_t scratch_stride = block_rows + SCRATCH_GAP
    dtype = np.float32 if floating is float else np.float64
    cdef floating[::1] scratch = np.empty(
        (raw_prediction.shape[1] + out.shape[1]) * scratch_stride, dtype=dtype
    )
    cdef floating *next_scratch
    cdef Block block, out_block
    cdef Py_ssize_t start, n_rows, i
    with nogil:
        for i in range((n_samples + block_rows - 1) // block_rows):
            start = i * block_rows
            n_rows = min(block_rows, n_samples - start)
            next_scratch = &scratch[0]
            block = read[floating](&matrix, start, n_rows, scratch_stride, &next_scratch)
            out_block = block_of[floating](&out_matrix, start, scratch_stride, &next_scratch)
            function(
                n_rows, n_columns, block.stride, block.data, logarithm, out_block.data,
                out_block.stride)
            weight_and_write[floating](out_block, NULL, &out_matrix, start, n_rows)
