"""Cholesky factors of Hessians. The GIL is released, so that folds need not wait."""

from libc.math cimport NAN, fabs, sqrt
from libc.string cimport memcpy
from scipy.linalg.cython_blas cimport dtrsm, dtrsv
from scipy.linalg.cython_lapack cimport dpotrf, dtrtri

import numpy as np

# LAPACK is column-major, so it sees a C-ordered lower triangle as an upper one.
cdef char UPPER = b"U"
cdef char RIGHT = b"R"
cdef char NOT_TRANSPOSED = b"N"
cdef char TRANSPOSED = b"T"
cdef char NOT_UNIT = b"N"
cdef double LARGEST_DAMPING = 1e10
cdef double EPS = np.finfo(np.float64).eps


cdef class CholeskyFactor:
    """Cholesky factor of a positive semi-definite matrix, scaled to a unit diagonal.

    Directions in which the matrix vanishes, as for duplicated columns without a penalty, get just
    enough curvature for the factor to exist. The gradient vanishes in them, and so does the step.

    Parameters
    ----------
    matrix : C-contiguous ndarray of shape (n, n), float64
        Only its lower triangle is read; it is overwritten.
    is_raised : bool
        Whether its diagonal has been raised beyond rounding errors already. Such curvature is as
        good as any, however small: more would shorten the step.

    Attributes
    ----------
    is_damped : bool
        Whether there are such directions.
    smallest_pivot : float
        Squared, of the last factor: how independent the scaled rows are, at least.
    """

    def __init__(self, double[:, ::1] matrix not None, bint is_raised=False):
        cdef int n = matrix.shape[0]
        cdef double too_small = EPS if is_raised else n * EPS
        if matrix.shape[1] != n or n == 0:
            raise ValueError("matrix must be square")
        self.factor = np.empty((n, n))
        self.root = np.empty(n)
        with nogil:
            self.damping = 0
            self.is_damped = scale(matrix, self.root)
            while True:
                self.is_finite = factorise(
                    matrix, self.damping, too_small, self.factor, &self.smallest_pivot)
                if self.is_finite or self.damping > LARGEST_DAMPING:
                    break
                self.damping = max(10 * self.damping, 10 * too_small)
        self.is_damped |= self.damping > 0

    def shortfall(self, x not None):
        """Return b - matrix x for the solution x of b, which only the damping causes.

        Parameters
        ----------
        x : ndarray of shape (n,), float64
        """
        root = np.asarray(self.root)
        return (self.damping * root**2 + (root < 0)) * x

    @property
    def trace(self):
        """The trace of the matrix, infinite if that has no factor."""
        cdef double total = 0
        cdef Py_ssize_t i
        for i in range(self.root.shape[0]):
            total += self.root[i] ** 2
        return total if self.is_finite else np.inf

    def smallest_eigenvalue(self):
        """Return a lower bound of the matrix's smallest eigenvalue, at most n times too small.

        With the inverse of the factor, the inverse matrix is B'B. Its norm is at most the sum of
        the squares in B, and the largest sum of a row of B times that of a column (Golub and Van
        Loan, Matrix Computations, section 2.3). Zero where the factor is damped or not finite.
        """
        if self.is_damped or not self.is_finite:
            return 0.0
        cdef double[:, ::1] inverse = np.array(self.factor)
        cdef double[::1] column = np.zeros(len(inverse))
        cdef double squares = 0, largest_row = 0, largest_column = 0, row, size
        cdef int n = inverse.shape[0], info
        cdef Py_ssize_t i, j
        with nogil:
            dtrtri(&UPPER, &NOT_UNIT, &n, &inverse[0, 0], &n, &info)
            for i in range(n):
                row = 0
                for j in range(i + 1):
                    size = fabs(inverse[i, j]) / self.root[j]
                    squares += size * size
                    row += size
                    column[j] += size
                largest_row = max(largest_row, row)
            for j in range(n):
                largest_column = max(largest_column, column[j])
        return 1 / min(squares, largest_row * largest_column) if info == 0 else 0.0

    def solve(self, b not None):
        """Return the solution x of matrix x = b; NaN if the matrix is not finite.

        Parameters
        ----------
        b : ndarray of shape (n,) or (n, k), float64
        """
        x = np.array(b, dtype=np.float64, order="C")
        if len(x) != self.root.shape[0]:
            raise ValueError("b must have as many rows as the matrix")
        if not self.is_finite:
            x.fill(np.nan)
        elif x.size > 0:
            self._solve_in_place(x.reshape(len(x), -1))
        return x

    def half_solve(self, b not None):
        """Return y such that y'y = b'x for the solution x of matrix x = b.

        Parameters
        ----------
        b : ndarray of shape (n, k), float64
        """
        y_ = np.array(b, dtype=np.float64, order="C")
        cdef double[:, ::1] y = y_
        cdef int n = y.shape[0], k = y.shape[1]
        cdef double unit = 1
        if n != self.root.shape[0]:
            raise ValueError("b must have as many rows as the matrix")
        if not self.is_finite:
            y_.fill(np.nan)
        elif k > 0:
            with nogil:
                divide_rows(y, self.root)
                dtrsm(
                    &RIGHT, &UPPER, &NOT_TRANSPOSED, &NOT_UNIT, &k, &n, &unit,
                    &self.factor[0, 0], &n, &y[0, 0], &k)
        return y_

    cdef void _solve_in_place(self, double[:, ::1] x) noexcept:
        cdef int n = x.shape[0], k = x.shape[1], one = 1
        cdef double unit = 1
        with nogil:
            divide_rows(x, self.root)
            if k == 1:
                dtrsv(
                    &UPPER, &TRANSPOSED, &NOT_UNIT, &n, &self.factor[0, 0], &n, &x[0, 0], &one)
                dtrsv(
                    &UPPER, &NOT_TRANSPOSED, &NOT_UNIT, &n, &self.factor[0, 0], &n, &x[0, 0], &one)
            else:
                # LAPACK sees the transpose of x.
                dtrsm(
                    &RIGHT, &UPPER, &NOT_TRANSPOSED, &NOT_UNIT, &k, &n, &unit,
                    &self.factor[0, 0], &n, &x[0, 0], &k)
                dtrsm(
                    &RIGHT, &UPPER, &TRANSPOSED, &NOT_UNIT, &k, &n, &unit,
                    &self.factor[0, 0], &n, &x[0, 0], &k)
            divide_rows(x, self.root)


cdef bint scale(double[:, ::1] matrix, double[::1] root) noexcept nogil:
    # Scale the diagonal to ones, except where it is not positive; return whether there is such a
    # place.
    cdef Py_ssize_t n = matrix.shape[0], i, j
    cdef bint is_lost = False
    for i in range(n):
        if matrix[i, i] > 0:
            root[i] = sqrt(matrix[i, i])
        else:
            root[i] = -1
            is_lost = True
        for j in range(i + 1):
            matrix[i, j] /= root[i] * root[j]
    return is_lost


cdef bint factorise(
    double[:, ::1] matrix, double damping, double too_small, double[:, ::1] factor, double *pivot
) noexcept nogil:
    # Factorise the matrix with 1 + damping as its diagonal. Return whether no pivot is too small,
    # and the smallest.
    cdef int n = matrix.shape[0], info
    cdef Py_ssize_t i
    for i in range(n):
        memcpy(&factor[i, 0], &matrix[i, 0], i * sizeof(double))
        factor[i, i] = 1 + damping
    dpotrf(&UPPER, &n, &factor[0, 0], &n, &info)
    pivot[0] = 0
    if info != 0:
        return False
    pivot[0] = factor[0, 0] ** 2
    for i in range(n):
        pivot[0] = min(pivot[0], factor[i, i] ** 2)
        if not factor[i, i] ** 2 > too_small * (1 + damping):
            return False
    return True


cdef void divide_rows(double[:, ::1] x, double[::1] divisor) noexcept nogil:
    cdef Py_ssize_t i, j
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            x[i, j] /= divisor[i]


def solve_blocks(list factors not None, const double[:, ::1] b not None):
    """Return the solutions of several systems: of factors[k] and column k of b.

    Parameters
    ----------
    factors : list of CholeskyFactor
    b : ndarray of shape (n, len(factors)), float64
    """
    cdef Py_ssize_t n = b.shape[0], i, k
    cdef CholeskyFactor factor
    cdef double[:, ::1] column = np.empty((n, 1))
    x_ = np.empty((n, len(factors)))
    cdef double[:, ::1] x = x_
    if b.shape[1] != len(factors):
        raise ValueError("b must have a column for each factor")
    for k in range(len(factors)):
        factor = factors[k]
        if n != factor.root.shape[0]:
            raise ValueError("b must have as many rows as the matrices")
        for i in range(n):
            column[i, 0] = b[i, k] if factor.is_finite else NAN
        if factor.is_finite:
            factor._solve_in_place(column)
        for i in range(n):
            x[i, k] = column[i, 0]
    return x_
