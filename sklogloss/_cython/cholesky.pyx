"""Cholesky factor of a Hessian, which may be singular."""

from libc.float cimport DBL_EPSILON
from libc.math cimport sqrt
from scipy.linalg.cython_blas cimport dtrsv
from scipy.linalg.cython_lapack cimport dpotrf, dpotrs

import numpy as np

# Damping at which to give up: no number in the Hessian counts any more.
cdef double LARGEST_DAMPING = 1e10


cdef class CholeskySolver:
    """Solves hessian x = b for a positive semi-definite Hessian: call it with b.

    The Hessian is scaled to a unit diagonal. Directions in which it vanishes, as for duplicated
    columns without penalty, get as much curvature as keeps the factor well defined: the gradient
    vanishes in them, so that the step does, too. NaN solves a Hessian that is not finite.

    Parameters
    ----------
    hessian : C-ordered ndarray of shape (n_parameters, n_parameters)
        Its lower triangle.
    """

    cdef double[:, ::1] factor      # its lower triangle; to LAPACK, the upper one of the transpose
    cdef double[::1] root           # of the diagonal
    cdef bint is_solvable

    def __init__(self, const double[:, ::1] hessian not None):
        cdef Py_ssize_t n = hessian.shape[0], i
        cdef double smallest_pivot = n * DBL_EPSILON, damping = 0
        self.factor = np.empty((n, n))
        self.root = np.empty(n)
        with nogil:
            for i in range(n):
                self.root[i] = sqrt(hessian[i, i]) if hessian[i, i] > 0 else 1
            while damping <= LARGEST_DAMPING:
                self.is_solvable = self.factorise(hessian, damping, smallest_pivot)
                if self.is_solvable:
                    break
                damping = max(10 * damping, 10 * smallest_pivot)

    cdef bint factorise(
        self, const double[:, ::1] hessian, double damping, double smallest_pivot
    ) noexcept nogil:
        # Return whether the factor has pivots that are more than rounding errors.
        cdef int n = hessian.shape[0], info
        cdef char uplo = b"U"
        cdef Py_ssize_t i, j
        for i in range(n):
            for j in range(i):
                self.factor[i, j] = hessian[i, j] / self.root[j] / self.root[i]
            self.factor[i, i] = 1 + damping
        dpotrf(&uplo, &n, &self.factor[0, 0], &n, &info)
        if info != 0:
            return False
        for i in range(n):
            if not self.factor[i, i] ** 2 > smallest_pivot * (1 + damping):
                return False
        return True

    def __call__(self, b):
        """Return x.

        Parameters
        ----------
        b : ndarray of shape (n_parameters,) or (n_parameters, n_columns)
        """
        if not self.is_solvable:
            return np.full(b.shape, np.nan)
        if b.ndim == 1:
            x = np.empty(len(b))
            self.solve(b, x)
        else:
            x = np.empty(b.shape, order="F")
            self.solve_columns(b, x)
        return x

    cdef solve(self, const double[:] b, double[::1] x):
        # For one column, dpotrs takes three times as long.
        cdef int n = self.root.shape[0], one = 1
        cdef char uplo = b"U", transposed = b"T", plain = b"N"
        cdef Py_ssize_t i
        if b.shape[0] != n:
            raise ValueError("b must have n_parameters rows")
        with nogil:
            for i in range(n):
                x[i] = b[i] / self.root[i]
            dtrsv(&uplo, &transposed, &plain, &n, &self.factor[0, 0], &n, &x[0], &one)
            dtrsv(&uplo, &plain, &plain, &n, &self.factor[0, 0], &n, &x[0], &one)
            for i in range(n):
                x[i] /= self.root[i]

    cdef solve_columns(self, const double[:, :] b, double[::1, :] x):
        cdef int n = self.root.shape[0], n_columns = b.shape[1], info
        cdef char uplo = b"U"
        cdef Py_ssize_t i, k
        if b.shape[0] != n:
            raise ValueError("b must have n_parameters rows")
        with nogil:
            for k in range(n_columns):
                for i in range(n):
                    x[i, k] = b[i, k] / self.root[i]
            dpotrs(&uplo, &n, &n_columns, &self.factor[0, 0], &n, &x[0, 0], &n, &info)
            for k in range(n_columns):
                for i in range(n):
                    x[i, k] /= self.root[i]
