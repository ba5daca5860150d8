"""From the sums over the rows to the gradient and the Hessian in the scaled parameters."""

from libc.math cimport NAN, fabs, isnan

import numpy as np


def finish_gradient(
    double[::1] sums not None,
    const double[::1] theta not None,
    const double[::1] center not None,
    const double[::1] scale not None,
    const double[::1] l2 not None,
    double l1,
    double weight_sum,
    Py_ssize_t n_columns,
    bint fit_intercept,
):
    """Turn sums of the loss's gradient into the mean gradient in theta, that of L2 added, in place.

    Parameters
    ----------
    sums : ndarray of shape ((n_features + 1) * n_columns,)
        In coef, then in intercept, not divided by weight_sum.
    theta : ndarray of shape ((n_features + fit_intercept) * n_columns,)
    center, scale : ndarray of shape (n_features,)
        Of theta.
    l2 : ndarray of shape (n_features,)
        Strength of the L2 penalty of each feature in theta.
    l1 : float
        That of the L1 penalty in coef.

    Returns
    -------
    penalty : float
        In nats.
    max_gradient : float
        Largest absolute entry of the gradient in coef and intercept; with an L1 penalty, of the
        subgradient closest to zero. NaN if one of them is.
    """
    cdef Py_ssize_t n_features = center.shape[0], j, k, i
    cdef double penalty = 0, largest = 0, in_coef, of_l2, coef
    cdef double *in_intercept = &sums[n_features * n_columns]
    cdef bint has_nan = False
    if sums.shape[0] != (n_features + 1) * n_columns:
        raise ValueError("sums must have (n_features + 1) * n_columns entries")
    if theta.shape[0] != (n_features + fit_intercept) * n_columns:
        raise ValueError("theta must have (n_features + fit_intercept) * n_columns entries")
    if scale.shape[0] != n_features or l2.shape[0] != n_features:
        raise ValueError("scale and l2 must have n_features entries")
    with nogil:
        for k in range(n_columns):
            in_intercept[k] /= weight_sum
            if fit_intercept:
                has_nan |= isnan(in_intercept[k])
                largest = max(largest, fabs(in_intercept[k]))
        for j in range(n_features):
            for k in range(n_columns):
                i = j * n_columns + k
                coef = scale[j] * theta[i]
                of_l2 = l2[j] * theta[i]
                penalty += of_l2 * theta[i] / 2
                in_coef = sums[i] / weight_sum
                sums[i] = (in_coef - center[j] * in_intercept[k]) * scale[j] + of_l2
                in_coef += of_l2 / scale[j]
                if l1 > 0:
                    penalty += l1 * fabs(coef)
                    if coef > 0:
                        in_coef += l1
                    elif coef < 0:
                        in_coef -= l1
                    else:
                        in_coef = max(fabs(in_coef) - l1, 0) if not isnan(in_coef) else in_coef
                has_nan |= isnan(in_coef)
                largest = max(largest, fabs(in_coef))
    return penalty, NAN if has_nan else largest


def join_class_pairs(const double[:, :, ::1] pairs not None, Py_ssize_t n_columns):
    """Return the Hessian of several classes, of which each pair of classes has a part.

    Parameters
    ----------
    pairs : ndarray of shape (n_columns * (n_columns + 1) / 2, size, size)
        The lower triangles of the parts of the pairs k <= l, which are symmetric.
    n_columns : int

    Returns
    -------
    hessian : ndarray of shape (size * n_columns, size * n_columns)
        Its lower triangle.
    """
    cdef Py_ssize_t size = pairs.shape[1], pair = 0, k, other, i, j
    cdef double[:, :, :, ::1] hessian = np.zeros((size, n_columns, size, n_columns))
    if pairs.shape[0] != n_columns * (n_columns + 1) // 2 or pairs.shape[2] != size:
        raise ValueError("pairs must have a (size, size) part for each pair of columns")
    with nogil:
        for k in range(n_columns):
            for other in range(k, n_columns):
                for i in range(size):
                    for j in range(i + 1):
                        hessian[i, k, j, other] = pairs[pair, i, j]
                        hessian[i, other, j, k] = pairs[pair, i, j]
                pair += 1
    return np.asarray(hessian).reshape(size * n_columns, size * n_columns)
