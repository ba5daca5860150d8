"""Coordinate descent on a quadratic function plus an L1 penalty, and on log loss of K classes.

Friedman, Hastie and Tibshirani, "Regularization Paths for Generalized Linear Models via Coordinate
Descent", Journal of Statistical Software 33 (2010), section 2. With the matrix of second
derivatives at hand, a coordinate that does not move costs nothing; one that moves costs a row of
the matrix. Without the matrix, a coordinate costs the stored entries of its column of X.
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

# Sufficient decrease of a line search (Nocedal and Wright, Numerical Optimization, 3.1).
cdef double ARMIJO = 1e-4
# The curvature vanishes where the classes are separated; without a floor, the step would be
# infinite.
cdef double SMALLEST_CURVATURE = 1e-12


def fill_upper_triangle(double[:, ::1] matrix not None):
    """Make a square matrix symmetric by its lower triangle, in place."""
    cdef Py_ssize_t n = matrix.shape[0], n_tiles = (n + TILE - 1) // TILE, row, column, i, j
    with nogil:
        # Tile by tile: whole columns would read memory at distant places.
        for column in range(n_tiles):
            for row in range(column, n_tiles):
                for i in range(row * TILE, min((row + 1) * TILE, n)):
                    for j in range(column * TILE, min((column + 1) * TILE, i)):
                        matrix[j, i] = matrix[i, j]


cdef check_shapes(
    const double[:, ::1] matrix, const double[::1] gradient, const double[::1] x,
    const double[::1] l1, const double[::1] lower, const double[::1] upper,
):
    if (lower is None) != (upper is None):
        raise ValueError("lower and upper must both be arrays or both be None")
    sizes = {matrix.shape[0], matrix.shape[1], gradient.shape[0], x.shape[0], l1.shape[0]}
    if lower is not None:
        sizes |= {lower.shape[0], upper.shape[0]}
    if len(sizes) > 1:
        raise ValueError("matrix must have shape (n, n), all other arrays shape (n,)")


def descend(
    const double[:, ::1] matrix not None,
    double[::1] gradient not None,
    double[::1] x not None,
    const double[::1] l1 not None,
    const double[::1] lower,
    const double[::1] upper,
    Py_ssize_t max_sweeps,
    double enough,
):
    """Minimise q(x) + sum of l1 |x| by coordinate descent, in place; q is a quadratic function.

    The first sweep visits all coordinates. Later sweeps visit those that are not zero or have no
    penalty. A coordinate without curvature stays where it is.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        Second derivatives of q, positive semi-definite.
    gradient : ndarray of shape (n,)
        Gradient of q at x, kept up to date.
    x : ndarray of shape (n,)
        The starting point, within the bounds.
    l1 : ndarray of shape (n,)
    lower, upper : ndarray of shape (n,) or None
        Bounds of x, -inf and inf where there is none. None, for both, means no bounds.
    max_sweeps : int
    enough : float
        Sweeps end when one gains less than this fraction of the total gain.

    Returns
    -------
    first_gain, gain : float
        Decrease of the function in the first sweep, and in total.
    is_done : bool
        Whether the last sweep gained little enough.

    Raises
    ------
    ValueError
        If the shapes do not fit each other, or only one of lower and upper is None.
    """
    cdef int n = matrix.shape[0], one = 1
    cdef Py_ssize_t sweep, j
    cdef double curvature, wanted, step, gain, first_gain = 0, total = 0
    cdef bint is_done = False, is_bounded = lower is not None
    check_shapes(matrix, gradient, x, l1, lower, upper)
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
                if is_bounded:
                    # Along one coordinate the function is convex: the minimiser within the bounds
                    # is the one without them, clipped.
                    wanted = min(max(wanted, lower[j]), upper[j])
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
    """Descend on the log loss of K classes, column of X by column, in place.

    One Newton step with a line search changes the coefficients of a column for all classes (Yuan,
    Chang, Hsieh and Lin, "A Comparison of Optimization Methods and Software for Large-scale
    L1-regularized Linear Classification", Journal of Machine Learning Research 11, 2010,
    section 4.1). The probabilities are updated after each step.

    Parameters
    ----------
    indptr, indices, data : arrays of X as a CSC matrix
    columns : ndarray
        The columns to visit, in this order.
    weight : ndarray of shape (n_samples,)
    target_sum : ndarray of shape (n_features, n_classes)
        X' times the weighted targets.
    l2, l1 : ndarray of shape (n_features,)
    x : ndarray of shape (n_features, n_classes)
        Coefficients, updated in place.
    p : ndarray of shape (n_samples, n_classes)
        Probabilities at x, updated in place.
    shared : float
        A step uses diag(p) - shared * diag(p)^2 as the curvature of a sample. 0 is an upper
        bound, which suits large steps. 1 is the diagonal, in which separated samples count little.

    Returns
    -------
    gain : float
        Decrease of the objective.
    """
    cdef Py_ssize_t n_classes = x.shape[1], c, j, k, i, n_entries, q
    cdef Py_ssize_t longest = 0, _halving
    cdef double wanted, gain = 0, value, total, slope, change, length, penalty
    for c in range(columns.shape[0]):
        longest = max(longest, <Py_ssize_t> (indptr[columns[c] + 1] - indptr[columns[c]]))
    # Gradient, curvature and step of a column, then the new probabilities of its samples.
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
