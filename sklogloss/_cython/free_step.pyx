"""Newton's step of the coefficients that neither a kink of an L1 penalty nor a bound holds."""

from libc.math cimport fabs, isfinite, sqrt
from scipy.linalg.cython_blas cimport daxpy, dtrsv

from sklogloss._cython.cholesky cimport CholeskyFactor
from sklogloss._cython.coordinate_descent cimport check_shapes

import numpy as np

# BLAS is column-major, so it sees a C-ordered upper triangle as a lower one.
cdef char LOWER = b"L"
cdef char NOT_TRANSPOSED = b"N"
cdef char TRANSPOSED = b"T"
cdef char NOT_UNIT = b"N"
cdef double INFINITY = np.inf


def move_free(
    const double[:, ::1] matrix not None,
    double[::1] gradient not None,
    double[::1] x not None,
    const double[::1] l1 not None,
    const double[::1] lower,
    const double[::1] upper,
    bint is_exact=False,
):
    """Solve the equations of the free coefficients of q(x) + sum of l1 |x|, in place.

    q is a quadratic function. A coefficient is free if it is not zero or has no L1 penalty, and
    lies strictly within its bounds. One that would change its sign becomes zero, one that would
    leave its bounds ends there. If that gains nothing, the step ends where the first of them ends,
    which is free no more; so it goes on to the minimum over those that are left.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        Second derivatives of q, symmetric and positive semi-definite. If is_exact, its
        diagonal has been raised beyond rounding errors.
    gradient : ndarray of shape (n,)
        Gradient of q at x, kept up to date.
    x : ndarray of shape (n,)
    l1 : ndarray of shape (n,)
    lower, upper : ndarray of shape (n,) or None
        Bounds of x, -inf and inf where there is none. None, for both, means no bounds.
    is_exact : bool
        Whether the step goes to the minimum along equal columns, too, which may be far away.

    Returns
    -------
    gain : float
        Decrease of the function.

    Raises
    ------
    ValueError
        If the shapes do not fit each other, or only one of lower and upper is None.
    """
    cdef Py_ssize_t n = matrix.shape[0], i, j
    check_shapes(matrix, gradient, x, l1, lower, upper)
    cdef Py_ssize_t[::1] free = free_of(x, l1, lower, upper)
    cdef Py_ssize_t n_free = free.shape[0]
    if n_free == 0:
        return 0.0
    cdef CholeskyFactor factor = CholeskyFactor(submatrix(matrix, free), is_raised=is_exact)
    if not factor.is_finite:
        return 0.0
    cdef double[:, ::1] step = np.empty((n_free, 1))
    cdef double[:, ::1] limits = np.empty((n_free, 2))
    cdef double[::1] end = np.empty(n_free), change = np.empty(n), slope = np.empty(n_free)
    for i in range(n_free):
        j = free[i]
        slope[i] = gradient[j] + (l1[j] if x[j] > 0 else -l1[j] if x[j] < 0 else 0)
        step[i, 0] = -slope[i]
        limits[i, 0] = 0 if l1[j] > 0 and x[j] > 0 else -INFINITY
        limits[i, 1] = 0 if l1[j] > 0 and x[j] < 0 else INFINITY
        if lower is not None:
            limits[i, 0] = max(limits[i, 0], lower[j])
            limits[i, 1] = min(limits[i, 1], upper[j])
    factor._solve_in_place(step)
    for i in range(n_free):
        if not isfinite(step[i, 0]):
            return 0.0
        end[i] = min(max(x[free[i]] + step[i, 0], limits[i, 0]), limits[i, 1])
    gain = gain_at(matrix, gradient, x, l1, free, end, change)
    if not gain > 0:
        walk(factor, slope, x, free, limits, end)
        gain = gain_at(matrix, gradient, x, l1, free, end, change)
    if not gain > 0:
        return 0.0
    for i in range(n_free):
        x[free[i]] = end[i]
    for j in range(n):
        gradient[j] += change[j]
    return gain


cdef Py_ssize_t[::1] free_of(
    const double[::1] x, const double[::1] l1, const double[::1] lower, const double[::1] upper
):
    cdef Py_ssize_t[::1] free = np.empty(x.shape[0], dtype=np.intp)
    cdef Py_ssize_t j, n_free = 0
    for j in range(x.shape[0]):
        if x[j] == 0 and l1[j] > 0:
            continue
        if lower is not None and not lower[j] < x[j] < upper[j]:
            continue
        free[n_free] = j
        n_free += 1
    return free[:n_free]


cdef double[:, ::1] submatrix(const double[:, ::1] matrix, Py_ssize_t[::1] free):
    # The lower triangle of some rows and columns.
    cdef double[:, ::1] system = np.empty((free.shape[0], free.shape[0]))
    cdef Py_ssize_t i, k
    for i in range(free.shape[0]):
        for k in range(i + 1):
            system[i, k] = matrix[free[i], free[k]]
    return system


cdef double gain_at(
    const double[:, ::1] matrix, const double[::1] gradient, const double[::1] x,
    const double[::1] l1, Py_ssize_t[::1] free, double[::1] end, double[::1] change,
) noexcept nogil:
    # The decrease of the function where the free coefficients are at an end, and the change of the
    # gradient.
    cdef int n = matrix.shape[0], one = 1
    cdef double gain = 0, move
    cdef Py_ssize_t i, j
    change[:] = 0
    for i in range(free.shape[0]):
        j = free[i]
        move = end[i] - x[j]
        daxpy(&n, &move, <double *> &matrix[j, 0], &one, &change[0], &one)
    for i in range(free.shape[0]):
        j = free[i]
        gain -= (end[i] - x[j]) * (gradient[j] + change[j] / 2)
        gain -= l1[j] * (fabs(end[i]) - fabs(x[j]))
    return gain


cdef void walk(
    CholeskyFactor factor, double[::1] slope, const double[::1] x, Py_ssize_t[::1] free,
    double[:, ::1] limits, double[::1] end,
):
    # Go to the minimum over the coefficients that have not reached a limit on the way. A step of
    # length t leaves the fraction 1 - t of the slope of each.
    cdef Py_ssize_t n = free.shape[0], i, first
    cdef int size = n, one = 1
    cdef double length, nearest, left = 1
    cdef double[:, ::1] upper = np.ascontiguousarray(np.asarray(factor.factor).T)
    cdef double[::1] residual = np.empty(n), step = np.empty(n), scratch = np.empty(n)
    for i in range(n):
        end[i] = x[free[i]]
        residual[i] = -slope[i] / factor.root[i]
    with nogil:
        for _ in range(n):
            step[:] = residual
            dtrsv(&LOWER, &NOT_TRANSPOSED, &NOT_UNIT, &size, &upper[0, 0], &size, &step[0], &one)
            dtrsv(&LOWER, &TRANSPOSED, &NOT_UNIT, &size, &upper[0, 0], &size, &step[0], &one)
            nearest, first = 1, -1
            for i in range(n):
                step[i] *= left / factor.root[i]
                if step[i] != 0:
                    length = (limits[i, 0 if step[i] < 0 else 1] - end[i]) / step[i]
                    if length < nearest:
                        nearest, first = max(length, 0), i
            for i in range(n):
                end[i] = min(max(end[i] + nearest * step[i], limits[i, 0]), limits[i, 1])
            if first < 0:
                break
            end[first] = limits[first, 0 if step[first] < 0 else 1]
            left *= 1 - nearest
            residual[first] = 0
            remove(upper, first, scratch)


cdef void remove(double[:, ::1] upper, Py_ssize_t k, double[::1] row) noexcept nogil:
    # Turn the factor U of a matrix U'U into that of the matrix whose row and column k are those of
    # the unit matrix: the update of rank one of what follows row k (Golub and Van Loan, Matrix
    # Computations, section 6.5.4).
    cdef Py_ssize_t n = upper.shape[0], i, j
    cdef double pivot, c, s
    for i in range(k + 1, n):
        row[i] = upper[k, i]
        upper[k, i] = 0
    for j in range(k):
        upper[j, k] = 0
    upper[k, k] = 1
    for j in range(k + 1, n):
        if row[j] == 0:
            continue
        pivot = sqrt(upper[j, j] * upper[j, j] + row[j] * row[j])
        c, s = pivot / upper[j, j], row[j] / upper[j, j]
        upper[j, j] = pivot
        for i in range(j + 1, n):
            upper[j, i] = (upper[j, i] + s * row[i]) / c
            row[i] = c * row[i] - s * upper[j, i]
