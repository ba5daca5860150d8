"""Newton's step of the coefficients that no kink of an L1 penalty and no bound holds."""

from libc.math cimport fabs, isfinite
from scipy.linalg.cython_blas cimport daxpy

from sklogloss._cython.cholesky cimport CholeskyFactor

import numpy as np

cdef double INFINITY = np.inf


def move_free(
    const double[:, ::1] matrix not None,
    double[::1] gradient not None,
    double[::1] x not None,
    const double[::1] l1 not None,
    const double[::1] lower,
    const double[::1] upper,
):
    """Solve the equations of the free coefficients of q(x) + sum of l1 |x|, in place.

    q is a quadratic function. A coefficient is free if it is not zero or has no L1 penalty, and
    lies strictly within its bounds. One that would change its sign becomes zero, one that would
    leave its bounds ends there. If that gains nothing, the step ends where half of those would not
    have ended yet, in the end where the first one does.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        Second derivatives of q, symmetric and positive semi-definite.
    gradient : ndarray of shape (n,)
        Gradient of q at x, kept up to date.
    x : ndarray of shape (n,)
    l1 : ndarray of shape (n,)
    lower, upper : ndarray of shape (n,) or None
        Bounds of x, -inf and inf where there is none. None, for both, means no bounds.

    Returns
    -------
    gain : float
        Decrease of the function.
    is_cut : bool
        Whether the step ended early.

    Raises
    ------
    ValueError
        If the shapes do not fit each other, or only one of lower and upper is None.
    """
    cdef int n = matrix.shape[0], one = 1
    cdef bint is_bounded = lower is not None
    cdef Py_ssize_t i, j, k, n_free = 0, n_shorter
    cdef double length = 1, gain
    if is_bounded != (upper is not None):
        raise ValueError("lower and upper must both be arrays or both be None")
    sizes = {n, matrix.shape[1], gradient.shape[0], x.shape[0], l1.shape[0]}
    if is_bounded:
        sizes |= {lower.shape[0], upper.shape[0]}
    if len(sizes) > 1:
        raise ValueError("matrix must have shape (n, n), all other arrays shape (n,)")
    cdef Py_ssize_t[::1] free = np.empty(n, dtype=np.intp)
    with nogil:
        for j in range(n):
            if x[j] == 0 and l1[j] > 0:
                continue
            if is_bounded and not lower[j] < x[j] < upper[j]:
                continue
            free[n_free] = j
            n_free += 1
    if n_free == 0:
        return 0.0, False
    cdef double[:, ::1] system = np.empty((n_free, n_free))
    with nogil:
        for i in range(n_free):
            for k in range(i + 1):
                system[i, k] = matrix[free[i], free[k]]
    cdef CholeskyFactor factor = CholeskyFactor(system)
    if not factor.is_finite:
        return 0.0, False
    cdef double[:, ::1] step = np.empty((n_free, 1))
    cdef double[:, ::1] limits = np.empty((n_free, 3))
    cdef double[::1] lengths = np.empty(n_free), end = np.empty(n_free), move = np.empty(n_free)
    cdef double[::1] change = np.empty(n)
    for i in range(n_free):
        j = free[i]
        step[i, 0] = -gradient[j] - (l1[j] if x[j] > 0 else -l1[j] if x[j] < 0 else 0)
    factor._solve_in_place(step)
    for i in range(n_free):
        if not isfinite(step[i, 0]):
            return 0.0, False
        j = free[i]
        limits[i, 0] = 0 if l1[j] > 0 and x[j] > 0 else -INFINITY
        limits[i, 1] = 0 if l1[j] > 0 and x[j] < 0 else INFINITY
        if is_bounded:
            limits[i, 0] = max(limits[i, 0], lower[j])
            limits[i, 1] = min(limits[i, 1], upper[j])
        limits[i, 2] = limits[i, 0 if step[i, 0] < 0 else 1]
        lengths[i] = INFINITY if step[i, 0] == 0 else (limits[i, 2] - x[j]) / step[i, 0]
    ordered = None
    while True:
        with nogil:
            gain = 0
            change[:] = 0
            for i in range(n_free):
                j = free[i]
                if lengths[i] <= length:
                    end[i] = limits[i, 2]
                else:
                    end[i] = min(max(x[j] + length * step[i, 0], limits[i, 0]), limits[i, 1])
                gain -= l1[j] * (fabs(end[i]) - fabs(x[j]))
                move[i] = end[i] - x[j]
                daxpy(&n, &move[i], <double *> &matrix[j, 0], &one, &change[0], &one)
            for i in range(n_free):
                gain -= move[i] * (gradient[free[i]] + change[free[i]] / 2)
        if gain > 0:
            break
        if ordered is None:
            ordered = np.sort(lengths)
        n_shorter = np.searchsorted(ordered, length)
        if n_shorter == 0:
            return 0.0, False
        length = ordered[(n_shorter - 1) // 2]
    for i in range(n_free):
        x[free[i]] = end[i]
    for j in range(n):
        gradient[j] += change[j]
    return gain, length < 1
