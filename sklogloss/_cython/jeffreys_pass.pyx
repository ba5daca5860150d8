"""The pass of Jeffreys' penalty: its gradient, and the pseudo-counts that it adds to the classes.

The penalty is half the log-determinant of the Fisher information of log loss. With
A_i = L^-1 (I kron x_i), where L L' is the information and column k of A_i belongs to class k (zero
for the first class, the baseline), the pseudo-count of class k in row i is

    r_ik = s_i p_ik |A_i (e_k - p_i)|^2 / 2

and the gradient of the penalty in the raw predictions r_ik - p_ik sum_l r_il.
"""

from libc.string cimport memset

from .design cimport Design
from .loss_kernel cimport LossKernel, link_block
from .row_pass cimport Scratch, Step, run


cdef struct Request:
    Py_ssize_t n_predicted      # columns of raw_prediction: 1 for two classes
    Py_ssize_t n_classes
    Py_ssize_t n_parameters     # rows of A_i
    const double *coef          # (n_features, n_predicted + n_parameters * (n_classes - 1))
    const double *intercept
    const double *offset        # (n_samples, n_predicted), NULL for none
    link_block link
    double *counts              # (n_samples, n_classes) to fill, NULL for none


cdef void predict_block(Design design, const Request *request, Scratch *scratch) noexcept nogil:
    # raw_prediction = the raw predictions, then A_i row by row
    cdef Py_ssize_t n = scratch.block.n_rows, stride = design.block_rows, i, k
    cdef Py_ssize_t n_columns = (
        request.n_predicted + request.n_parameters * (request.n_classes - 1))
    cdef double *column = <double *> scratch.raw_prediction
    cdef const double *offset
    for k in range(n_columns):
        if k < request.n_predicted and request.offset != NULL:
            offset = request.offset + scratch.block.start + k * design.n_samples
            for i in range(n):
                column[i] = request.intercept[k] + offset[i]
        else:
            for i in range(n):
                column[i] = request.intercept[k]
        column += stride
    design.add_times(
        &scratch.block, n_columns, request.coef, scratch.raw_prediction, stride)


cdef void add_squares_of_two(
    Py_ssize_t n, Py_ssize_t n_parameters, Py_ssize_t stride, const double *A, const double *p,
    double *squares,
) noexcept nogil:
    # For two classes, A_i has one column. Its squared length is that of both, apart from a factor.
    cdef Py_ssize_t i, _d
    cdef double *second = squares + stride
    for _d in range(n_parameters):
        for i in range(n):
            squares[i] += A[i] * A[i]
        A += stride
    for i in range(n):
        second[i] = p[i] * p[i] * squares[i]
        squares[i] *= p[stride + i] * p[stride + i]


cdef void add_squares(
    Py_ssize_t n, Py_ssize_t n_classes, Py_ssize_t n_parameters, Py_ssize_t stride,
    const double *A, const double *p, double *mean, double *squares,
) noexcept nogil:
    # squares (n, n_classes) += |A_i (e_k - p_i)|^2
    cdef Py_ssize_t i, k, _d
    cdef double deviation
    for _d in range(n_parameters):
        memset(mean, 0, n * sizeof(double))
        for k in range(1, n_classes):
            for i in range(n):
                mean[i] += p[k * stride + i] * A[(k - 1) * stride + i]
        for i in range(n):
            squares[i] += mean[i] * mean[i]
        for k in range(1, n_classes):
            for i in range(n):
                deviation = A[(k - 1) * stride + i] - mean[i]
                squares[k * stride + i] += deviation * deviation
        A += (n_classes - 1) * stride


cdef void jeffreys_step(
    Design design, const char *sample_weight, const void *request_, Scratch *scratch,
    double *sums,
) noexcept nogil:
    # sums = gradient in coef, class by class, gradient in intercept, trace of the leverages
    cdef const Request *request = <const Request *> request_
    cdef Py_ssize_t n = scratch.block.n_rows, stride = design.block_rows, i, k
    cdef Py_ssize_t n_classes = request.n_classes, n_predicted = request.n_predicted
    cdef const double *A = <const double *> scratch.raw_prediction + n_predicted * stride
    cdef const double *weight = NULL
    cdef double *p = <double *> scratch.curvature
    cdef double *count = p + n_classes * stride
    cdef double *total = <double *> scratch.value
    cdef double *gradient = <double *> scratch.gradient
    cdef double *out
    if sample_weight != NULL:
        weight = <const double *> sample_weight + scratch.block.start
    predict_block(design, request, scratch)
    request.link(n, n_predicted, stride, scratch.raw_prediction, 0, p, stride)
    memset(count, 0, n_classes * stride * sizeof(double))
    memset(total, 0, n * sizeof(double))
    if n_classes == 2:
        add_squares_of_two(n, request.n_parameters, stride, A, p, count)
    else:
        add_squares(
            n, n_classes, request.n_parameters, stride, A, p, <double *> scratch.pair, count)
    for k in range(n_classes):
        for i in range(n):
            count[k * stride + i] *= p[k * stride + i] / 2
            if weight != NULL:
                count[k * stride + i] *= weight[i]
            total[i] += count[k * stride + i]
    for k in range(n_predicted):
        # Of two classes the raw prediction is that of the second.
        out = count + (n_classes - n_predicted + k) * stride
        for i in range(n):
            gradient[i] = out[i] - p[(n_classes - n_predicted + k) * stride + i] * total[i]
            sums[design.n_features * n_predicted + k] += gradient[i]
        design.add_transposed_times(
            &scratch.block, 1, gradient, stride, sums + k * design.n_features)
    for i in range(n):
        sums[(design.n_features + 1) * n_predicted] += 2 * total[i]
    if request.counts != NULL:
        for k in range(n_classes):
            out = request.counts + scratch.block.start + k * design.n_samples
            for i in range(n):
                out[i] = count[k * stride + i] + p[k * stride + i] * total[i]


def jeffreys_gradient(
    Design design not None,
    LossKernel loss not None,
    const double[::1] sample_weight,
    const double[::1, :] offset,
    const double[:, ::1] coef not None,
    const double[::1] intercept not None,
    double[::1, :] counts,
    int n_threads,
):
    """Return the gradient of Jeffreys' penalty and the trace of the leverages, in one pass.

    Parameters
    ----------
    design : Design
        With arithmetic in float64.
    loss : LossKernel
        That of log loss.
    sample_weight : array of shape (n_samples,) or None
    offset : Fortran-ordered array of shape (n_samples, n_columns) or None
        n_columns is that of raw_prediction: 1 for two classes, else the number of classes.
    coef : C-ordered array of shape (n_features, n_columns + n_parameters * (n_classes - 1))
        The coefficients of the raw predictions, then those of A_i: row after row, the classes but
        the first within a row.
    intercept : array of shape (n_columns + n_parameters * (n_classes - 1),)
    counts : Fortran-ordered array of shape (n_samples, n_classes) or None
        Filled with r_ik + p_ik sum_l r_il, whose gradient is that of r_ik. For two classes both are
        half the leverage, and for more they sum to the leverage, too.
    n_threads : int

    Returns
    -------
    sums : ndarray of shape (n_columns * (n_features + 1) + 1,), float64
        The gradient in coef, class-major, the gradient in intercept, the trace.
    """
    cdef Request request
    cdef Py_ssize_t n_columns = loss.n_columns, n_classes = max(2, loss.n_columns)
    cdef const char *weight = NULL
    if design.is_float32:
        raise TypeError("design must have arithmetic in float64")
    n_of_factor = coef.shape[1] - n_columns
    if n_of_factor < 0 or n_of_factor % (n_classes - 1) != 0:
        raise ValueError("coef must have columns for raw predictions and for each class but one")
    if coef.shape[0] != design.n_features or intercept.shape[0] != coef.shape[1]:
        raise ValueError("coef and intercept must fit X and each other")
    request = Request(
        n_columns, n_classes, n_of_factor // (n_classes - 1), NULL, &intercept[0], NULL,
        loss.link[0], NULL)
    if design.n_features > 0:
        request.coef = &coef[0, 0]
    if sample_weight is not None:
        if sample_weight.shape[0] != design.n_samples:
            raise ValueError("sample_weight must have one entry per row")
        weight = <const char *> &sample_weight[0]
    if offset is not None:
        if offset.shape[0] != design.n_samples or offset.shape[1] != n_columns:
            raise ValueError("offset must have one row per row of X and one column per raw one")
        request.offset = &offset[0, 0]
    if counts is not None:
        if counts.shape[0] != design.n_samples or counts.shape[1] != n_classes:
            raise ValueError("counts must have one row per row of X and one column per class")
        request.counts = &counts[0, 0]
    cdef Step step = Step(jeffreys_step, &request, coef.shape[1], 2 * n_classes, NULL)
    n_sums = n_columns * (design.n_features + 1) + 1
    work = (design.n_stored / 8.0 + 2.0 * design.n_samples) * coef.shape[1]
    return run(design, weight, &step, n_sums, work, n_threads)
