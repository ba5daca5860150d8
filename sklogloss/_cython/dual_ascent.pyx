"""Coordinate ascent on the dual of the K-class problem, one sample at a time.

Shalev-Shwartz and Zhang, "Stochastic Dual Coordinate Ascent Methods for Regularized Loss
Minimization", Journal of Machine Learning Research 14 (2013).
"""

from cython cimport floating
from libc.math cimport exp, fabs, isfinite, log
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc


cdef enum:
    MAX_STEPS = 12

# The Newton steps of a sample end when they change no probability by more than this fraction of the
# initial error.
cdef double ENOUGH = 0.01
# One step multiplies a probability by at most exp(LARGEST_RISE).
cdef double LARGEST_RISE = 3
cdef double SMALLEST_LOG = -700

ctypedef fused index_t:
    int32_t
    int64_t


cdef double ascend(
    Py_ssize_t n_classes, const double *z, double size, double *q, double *log_p, double *p
) noexcept nogil:
    # Set q to the maximiser of the dual over the probabilities of one sample, all others fixed. It
    # solves q = softmax(z + size * (old q - q)). Newton's method finds log q and the normaliser nu:
    #     log q_k + size * q_k + nu = z_k + size * (old q_k),  sum of q = 1.
    # log_p and p are scratch. Return the largest difference between softmax(z) and the old q.
    cdef Py_ssize_t k, _step
    cdef double largest = z[0], total = 0, wrong = 0, nu, change, residual, slope, mean, room, rise
    for k in range(1, n_classes):
        largest = max(largest, z[k])
    for k in range(n_classes):
        p[k] = exp(z[k] - largest)
        total += p[k]
    for k in range(n_classes):
        wrong = max(wrong, fabs(p[k] / total - q[k]))
    nu = largest + log(total)
    for k in range(n_classes):
        p[k] = q[k]
        log_p[k] = max(log(q[k]), SMALLEST_LOG) if q[k] > 0 else SMALLEST_LOG
    for _step in range(MAX_STEPS):
        mean = slope = 0
        room = 1
        for k in range(n_classes):
            residual = z[k] + size * (q[k] - p[k]) - nu - log_p[k]
            mean += p[k] * residual / (1 + size * p[k])
            slope += p[k] / (1 + size * p[k])
            room -= p[k]
        rise = (mean - room) / slope
        change = 0
        for k in range(n_classes):
            residual = z[k] + size * (q[k] - p[k]) - nu - log_p[k]
            log_p[k] += min((residual - rise) / (1 + size * p[k]), LARGEST_RISE)
            log_p[k] = min(max(log_p[k], SMALLEST_LOG), 0)
            residual = exp(log_p[k])
            change = max(change, fabs(residual - p[k]))
            p[k] = residual
        nu += rise
        if change <= ENOUGH * wrong:
            break
    total = 0
    for k in range(n_classes):
        total += p[k]
    for k in range(n_classes):
        q[k] = p[k] / total
    return wrong


def ascend_rows(
    const index_t[::1] indptr not None,
    const index_t[::1] indices not None,
    const floating[::1] data not None,
    const Py_ssize_t[::1] rows not None,
    const double[::1] scale not None,
    const double[::1] size not None,
    double[:, ::1] q not None,
    double[:, ::1] coef not None,
    double[::1] intercept not None,
    bint fit_intercept,
):
    """Maximise the dual along the variables of one row after another, in place.

    Parameters
    ----------
    indptr, indices, data : arrays of a CSR matrix
    rows : ndarray of shape (n_rows,)
    scale : ndarray of shape (n_samples,)
        The dual variables of a sample add scale times themselves times its row of X to the
        coefficients.
    size : ndarray of shape (n_samples,)
        scale times the squared norm of the row, with a one for the intercept.
    q : ndarray of shape (n_samples, n_classes)
        Probabilities: targets minus dual variables.
    coef : ndarray of shape (n_features, n_classes)
    intercept : ndarray of shape (n_classes,)
    fit_intercept : bool

    Returns
    -------
    wrong : float
        Largest difference between a probability of the model and q.
    """
    cdef Py_ssize_t n_classes = q.shape[1], i, j, k, place
    cdef double x, wrong = 0
    cdef double *scratch = <double *> malloc(4 * n_classes * sizeof(double))
    if scratch == NULL:
        raise MemoryError()
    cdef double *z = scratch
    cdef double *step = scratch + n_classes
    cdef double *row
    with nogil:
        for j in range(rows.shape[0]):
            i = rows[j]
            for k in range(n_classes):
                z[k] = intercept[k]
                step[k] = q[i, k]
            for place in range(indptr[i], indptr[i + 1]):
                x = data[place]
                row = &coef[indices[place], 0]
                for k in range(n_classes):
                    z[k] += x * row[k]
            x = ascend(
                n_classes, z, size[i], &q[i, 0], scratch + 2 * n_classes, scratch + 3 * n_classes)
            if not isfinite(x):
                wrong = x
                break
            wrong = max(wrong, x)
            for k in range(n_classes):
                step[k] = scale[i] * (step[k] - q[i, k])
                if fit_intercept:
                    intercept[k] += step[k]
            for place in range(indptr[i], indptr[i + 1]):
                x = data[place]
                row = &coef[indices[place], 0]
                for k in range(n_classes):
                    row[k] += x * step[k]
    free(scratch)
    return wrong
