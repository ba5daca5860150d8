"""The two loops of the inverse BFGS update over the remembered steps.

Nocedal and Wright, Numerical Optimization, algorithm 7.4.
"""

from scipy.linalg.cython_blas cimport daxpy, ddot


def take_changes(list steps not None, double[::1] vector not None, double[::1] parts not None):
    """Subtract from a vector its part along each change of the gradient, the newest first.

    Parameters
    ----------
    steps : list of tuple (step, change of the gradient, curvature along the step)
        Arrays of shape (n_parameters,).
    vector : ndarray of shape (n_parameters,)
        Changed in place.
    parts : ndarray of shape (n_steps,)
        Filled with the factor of each change.
    """
    cdef Py_ssize_t i
    cdef double factor
    cdef const double[::1] step, change
    check_lengths(steps, vector, parts)
    for i in range(len(steps) - 1, -1, -1):
        step, change, curvature = steps[i]
        parts[i] = dot(step, vector) / <double> curvature
        factor = -parts[i]
        add(factor, change, vector)


def add_steps(list steps not None, double[::1] vector not None, const double[::1] parts not None):
    """Add each step to a vector, the oldest first, in place: the second of the two loops.

    Parameters
    ----------
    steps, parts
        As for `take_changes`, which filled parts.
    vector : ndarray of shape (n_parameters,)
    """
    cdef Py_ssize_t i
    cdef const double[::1] step, change
    check_lengths(steps, vector, parts)
    for i in range(len(steps)):
        step, change, curvature = steps[i]
        add(parts[i] - dot(change, vector) / <double> curvature, step, vector)


cdef check_lengths(list steps, double[::1] vector, const double[::1] parts):
    if parts.shape[0] != len(steps):
        raise ValueError("parts must have one entry for each step")
    for step, change, _ in steps:
        if not len(step) == len(change) == vector.shape[0] > 0:
            raise ValueError("steps, changes and vector must have the same length, not zero")


cdef double dot(const double[::1] a, const double[::1] b) noexcept:
    cdef int n = a.shape[0], one = 1
    return ddot(&n, <double *> &a[0], &one, <double *> &b[0], &one)


cdef void add(double factor, const double[::1] a, double[::1] b) noexcept:
    cdef int n = a.shape[0], one = 1
    daxpy(&n, &factor, <double *> &a[0], &one, &b[0], &one)
