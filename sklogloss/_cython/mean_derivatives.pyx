"""From the sums over the rows to the gradient and the Hessian in the scaled parameters."""

from libc.math cimport INFINITY, NAN, fabs, isnan

import numpy as np


def finish_gradient(
    double[::1] sums not None,
    const double[::1] theta not None,
    const double[::1] center not None,
    const double[::1] scale not None,
    const double[::1] l2 not None,
    const double[::1] l1 not None,
    const double[::1] lower,
    const double[::1] upper,
    double weight_sum,
    Py_ssize_t n_columns,
    bint fit_intercept,
):
    """Turn sums of the loss's gradient into the mean gradient in theta with the L2 part, in place.

    Parameters
    ----------
    sums : ndarray of shape ((n_features + 1) * n_columns,)
        In coef, then in intercept, not divided by weight_sum.
    theta : ndarray of shape ((n_features + fit_intercept) * n_columns,)
    center, scale : ndarray of shape (n_features,)
        Of theta.
    l2, l1 : ndarray of the shape of theta
        Strengths of the penalties of theta.
    lower, upper : ndarray of the shape of theta, or None
        Bounds of theta.

    Returns
    -------
    penalty : float
        In nats.
    max_gradient : float
        Largest absolute entry of the gradient in coef and intercept; with an L1 penalty or bounds,
        of the subgradient closest to zero. NaN if one of them is.
    """
    cdef Py_ssize_t n_features = center.shape[0], j, k, i
    cdef double penalty = 0, largest = 0, in_coef, of_l2, least, most
    cdef double *in_intercept = &sums[n_features * n_columns]
    cdef bint has_nan = False, is_bounded = lower is not None
    if sums.shape[0] != (n_features + 1) * n_columns:
        raise ValueError("sums must have (n_features + 1) * n_columns entries")
    if theta.shape[0] != (n_features + fit_intercept) * n_columns:
        raise ValueError("theta must have (n_features + fit_intercept) * n_columns entries")
    if scale.shape[0] != n_features:
        raise ValueError("scale must have n_features entries")
    if l2.shape[0] != theta.shape[0] or l1.shape[0] != theta.shape[0]:
        raise ValueError("l2 and l1 must have the shape of theta")
    if is_bounded and (lower.shape[0] != theta.shape[0] or upper.shape[0] != theta.shape[0]):
        raise ValueError("lower and upper must have the shape of theta")
    with nogil:
        for k in range(n_columns):
            in_intercept[k] /= weight_sum
            if fit_intercept:
                has_nan |= isnan(in_intercept[k])
                largest = max(largest, fabs(in_intercept[k]))
        for j in range(n_features):
            for k in range(n_columns):
                i = j * n_columns + k
                of_l2 = l2[i] * theta[i]
                penalty += of_l2 * theta[i] / 2 + l1[i] * fabs(theta[i])
                in_coef = sums[i] / weight_sum
                sums[i] = (in_coef - center[j] * in_intercept[k]) * scale[j] + of_l2
                in_coef += of_l2 / scale[j]
                has_nan |= isnan(in_coef)
                if l1[i] > 0 or is_bounded:
                    # The distance of -gradient from the subdifferential [least, most].
                    most = l1[i] / scale[j]
                    least = -most
                    if theta[i] > 0:
                        least = most
                    elif theta[i] < 0:
                        most = least
                    if is_bounded and theta[i] <= lower[i]:
                        least = -INFINITY
                    if is_bounded and theta[i] >= upper[i]:
                        most = INFINITY
                    in_coef = max(max(least + in_coef, -in_coef - most), 0)
                largest = max(largest, fabs(in_coef))
    return penalty, NAN if has_nan else largest


def center_grams(double[:, :, ::1] grams not None, const double[::1] center not None):
    """Turn cross-products of columns and 1 into those of columns minus their center, in place.

    Parameters
    ----------
    grams : ndarray of shape (n, n_features + 1, n_features + 1)
        Their lower triangles.
    center : ndarray of shape (n_features,)
    """
    cdef Py_ssize_t p = center.shape[0], g, i, j
    cdef double total
    if grams.shape[1] != p + 1 or grams.shape[2] != p + 1:
        raise ValueError("grams must have a row and a column for each feature and one for 1")
    with nogil:
        for g in range(grams.shape[0]):
            total = grams[g, p, p]
            for i in range(p):
                for j in range(i + 1):
                    grams[g, i, j] -= center[i] * (grams[g, p, j] - total / 2 * center[j])
                    grams[g, i, j] -= center[j] * (grams[g, p, i] - total / 2 * center[i])
            for j in range(p):
                grams[g, p, j] -= total * center[j]


def join_class_pairs(const double[:, :, ::1] pairs not None, Py_ssize_t n_columns):
    """Return the Hessian of several classes from the parts of the pairs of classes.

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
