"""Coordinate descent on a quadratic function plus an L1 penalty.

Friedman, Hastie and Tibshirani, "Regularization Paths for Generalized Linear Models via Coordinate
Descent", Journal of Statistical Software 33 (2010), section 2: with the matrix at hand, a
coordinate that does not move costs nothing, and one that moves a row of the matrix.
"""

from libc.math cimport fabs
from scipy.linalg.cython_blas cimport daxpy


cdef enum:
    TILE = 32


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
