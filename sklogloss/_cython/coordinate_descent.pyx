"""Coordinate descent on a quadratic function plus an L1 penalty.

Friedman, Hastie and Tibshirani, "Regularization Paths for Generalized Linear Models via Coordinate
Descent", Journal of Statistical Software 33 (2010), section 2: with the matrix at hand, a
coordinate that does not move costs nothing, and one that moves a row of the matrix. Without it, a
coordinate costs the stored entries of its column.
"""

from libc.math cimport fabs, log
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc
from scipy.linalg.cython_blas cimport daxpy


cdef extern from "softmax_row.h" nogil:
    void softmax_add_derivatives(
        Py_ssize_t, double, double, double, const double *, double *, double *) noexcept
    double softmax_move(Py_ssize_t, double, const double *, const double *, double *) noexcept


ctypedef fused index_t:
    int32_t
    int64_t


cdef enum:
    TILE = 32
    MAX_HALVINGS = 20

# Of a line search (Nocedal and Wright, Numerical Optimization, 3.1).
cdef double ARMIJO = 1e-4
# Where the classes are told apart the curvature vanishes, and a step would have no end.
cdef double SMALLEST_CURVATURE = 1e-12


def fill_upper_triangle(double[:, ::1] matrix not None):
    """Make a square matrix symmetric by its lower triangle, in place."""
    cdef Py_ssize_t n = matrix.shape[0], n_tiles = (n + TILE - 1) // TILE, row, column, i, j
    with nogil:
        # By tiles: going down whole columns would read memory far apart.
        for column in range(n_tiles):
            for row in range(column, n_tiles):
                for i in range(row * TILE, min((row + 1) * TILE, n)):
                    for j in range(column * TILE, min((column + 1) * TILE, i)):
                        matrix[j, i] = matrix[i, j]


def descend(
    const double[:, ::1] matrix not None,
    double[::1] gradient not None,
    double[::1] x not None,
    const double[::1] l1 not None,
    Py_ssize_t max_sweeps,
    double enough,
):
    """Descend from x along one coordinate after the other, in place.

    The function is q(x) + sum of l1 |x|, q quadratic. The first sweep is over all coordinates, the
    others over those that are not zero or have no penalty.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        Second derivatives of q, positive semi-definite.
    gradient : ndarray of shape (n,)
        Of q at x, kept up to date.
    x : ndarray of shape (n,)
    l1 : ndarray of shape (n,)
    max_sweeps : int
    enough : float
        Sweeps end when one gains less than this part of all.

    Returns
    -------
    first_gain, gain : float
        By how much the function fell in the first sweep, and in all.
    is_done : bool
        Whether the last sweep gained little enough.
    """
    cdef int n = matrix.shape[0], one = 1
    cdef Py_ssize_t sweep, j
    cdef double curvature, wanted, step, gain, first_gain = 0, total = 0
    cdef bint is_done = False
    with nogil:
        for sweep in range(max_sweeps):
            gain = 0
            for j in range(n):
                if sweep > 0 and x[j] == 0 and l1[j] > 0:
                    continue
                curvature = matrix[j, j]
                if not curvature > 0:
                    continue
                wanted = curvature * x[j] - gradient[j]
                if wanted > l1[j]:
                    wanted = (wanted - l1[j]) / curvature
                elif wanted < -l1[j]:
                    wanted = (wanted + l1[j]) / curvature
                else:
                    wanted = 0
                step = wanted - x[j]
                if step == 0:
                    continue
                gain -= step * (gradient[j] + curvature * step / 2)
                gain -= l1[j] * (fabs(wanted) - fabs(x[j]))
                x[j] = wanted
                daxpy(&n, &step, <double *> &matrix[j, 0], &one, &gradient[0], &one)
            total += gain
            if sweep == 0:
                first_gain = gain
            if gain <= enough * total:
                is_done = True
                break
    return first_gain, total, is_done


def descend_softmax(
    const index_t[::1] indptr not None,
    const index_t[::1] indices not None,
    const double[::1] data not None,
    const Py_ssize_t[::1] columns not None,
    const double[::1] weight not None,
    const double[:, ::1] target_sum not None,
    const double[::1] l2 not None,
    const double[::1] l1 not None,
    double[:, ::1] x not None,
    double[:, ::1] p not None,
    double shared,
):
    """Descend on the log loss of K classes, along the coefficients of one column after the other.

    The coefficients of a column are found together, by a step of Newton's method with a line
    search of its own (Yuan, Chang, Hsieh and Lin, "A Comparison of Optimization Methods and
    Software for Large-scale L1-regularized Linear Classification", Journal of Machine Learning
    Research 11, 2010, section 4.1). Probabilities follow each step.

    Parameters
    ----------
    indptr, indices, data : arrays of X as a CSC matrix
    columns : ndarray
        In the order in which they are taken.
    weight : ndarray of shape (n_samples,)
    target_sum : ndarray of shape (n_features, n_classes)
        X' times the weighted targets.
    l2, l1 : ndarray of shape (n_features,)
    x : ndarray of shape (n_features, n_classes)
        Coefficients, changed in place.
    p : ndarray of shape (n_samples, n_classes)
        Their probabilities, changed in place.
    shared : float
        The curvature of a sample is taken for diag(p) - shared * diag(p)^2. 0 bounds it, which
        suits large steps; 1 is its diagonal, which lets samples that are told apart count little.

    Returns
    -------
    gain : float
        By how much the objective fell.
    """
    cdef Py_ssize_t n_classes = x.shape[1], c, j, k, i, n_entries, q
    cdef Py_ssize_t longest = 0, _halving
    cdef double wanted, gain = 0, value, total, slope, change, length, penalty
    for c in range(columns.shape[0]):
        longest = max(longest, <Py_ssize_t> (indptr[columns[c] + 1] - indptr[columns[c]]))
    # Gradient, curvature, step, and the new probabilities of the samples of a column.
    cdef double *scratch = <double *> malloc((3 + longest) * n_classes * sizeof(double))
    if scratch == NULL:
        raise MemoryError()
    cdef double *gradient = scratch
    cdef double *curvature = gradient + n_classes
    cdef double *step = curvature + n_classes
    cdef double *new = step + n_classes
    with nogil:
        for c in range(columns.shape[0]):
            j = columns[c]
            n_entries = indptr[j + 1] - indptr[j]
            for k in range(n_classes):
                gradient[k] = l2[j] * x[j, k] - target_sum[j, k]
                curvature[k] = l2[j] + SMALLEST_CURVATURE
            for q in range(n_entries):
                i = indices[indptr[j] + q]
                value = data[indptr[j] + q] * weight[i]
                softmax_add_derivatives(
                    n_classes, value, value * data[indptr[j] + q], shared, &p[i, 0], gradient,
                    curvature)
            slope = 0
            for k in range(n_classes):
                wanted = curvature[k] * x[j, k] - gradient[k]
                if wanted > l1[j]:
                    wanted = (wanted - l1[j]) / curvature[k]
                elif wanted < -l1[j]:
                    wanted = (wanted + l1[j]) / curvature[k]
                else:
                    wanted = 0
                step[k] = wanted - x[j, k]
                slope += step[k] * gradient[k] + l1[j] * (fabs(wanted) - fabs(x[j, k]))
            if not slope < 0:
                continue
            length = 1
            for _halving in range(MAX_HALVINGS):
                change = penalty = 0
                for q in range(n_entries):
                    i = indices[indptr[j] + q]
                    total = softmax_move(
                        n_classes, length * data[indptr[j] + q], step, &p[i, 0],
                        new + q * n_classes)
                    change += weight[i] * log(total)
                for k in range(n_classes):
                    wanted = x[j, k] + length * step[k]
                    penalty += l1[j] * (fabs(wanted) - fabs(x[j, k]))
                    penalty += l2[j] / 2 * (wanted * wanted - x[j, k] * x[j, k])
                    change -= length * step[k] * target_sum[j, k]
                change += penalty
                if change <= ARMIJO * length * slope:
                    gain -= change
                    for k in range(n_classes):
                        x[j, k] = x[j, k] + length * step[k]
                    for q in range(n_entries):
                        i = indices[indptr[j] + q]
                        for k in range(n_classes):
                            p[i, k] = new[q * n_classes + k]
                    break
                length /= 2
    free(scratch)
    return gain
