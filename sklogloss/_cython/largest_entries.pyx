"""The largest absolute entry of each column: one pass, which NumPy takes two for."""

from cython cimport floating
from libc.math cimport fabs, fabsf

import numpy as np


def largest_of_columns(const floating[:, ::1] X not None):
    """Return the largest absolute entry of each column of a C-ordered X.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)

    Returns
    -------
    largest : ndarray of shape (n_columns,), of the dtype of X
    """
    largest_ = np.zeros(X.shape[1], dtype=np.asarray(X).dtype)
    cdef floating[::1] largest = largest_
    cdef floating size
    cdef Py_ssize_t i, j
    with nogil:
        for i in range(X.shape[0]):
            for j in range(X.shape[1]):
                size = fabsf(X[i, j]) if floating is float else fabs(X[i, j])
                largest[j] = size if size > largest[j] else largest[j]
    return largest_
