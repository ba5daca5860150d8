"""The passes of conjugate gradients on a Newton step of the log loss of K classes, for sparse X.

Samples and features are cut into slots. Each slot is summed in order, then the sums of the slots
are added in order, so that results have the same bits for any number of threads. A pass takes a few
milliseconds for ten million stored entries times classes. softmax_passes.h has the formulas.
"""

from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t

import numpy as np


cdef extern from "softmax_passes.h" nogil:
    void softmax_rows(
        Py_ssize_t, Py_ssize_t, Py_ssize_t, const int64_t *, const int32_t *, const float *,
        const float *, const float *, const float *, const float *, float *, double *,
        double *) noexcept
    void softmax_columns(
        Py_ssize_t, Py_ssize_t, Py_ssize_t, const int64_t *, const int32_t *, const float *,
        const float *, const float *, const float *, const float *, const float *, float,
        const float *, float *, float *, float *, double *) noexcept
    void softmax_search(
        Py_ssize_t, Py_ssize_t, Py_ssize_t, const float *, const float *, float, const float *,
        const float *, float *, double *, double *) noexcept


cdef void rows_slot(
    const int64_t[::1] slots, Py_ssize_t s, const int64_t[::1] indptr, const int32_t[::1] indices,
    const float[::1] data, const float[:, ::1] search, const float[::1] shift,
    const float[:, ::1] proba, const float[::1] weight, float[:, ::1] image, double[:, ::1] sums,
) noexcept nogil:
    cdef Py_ssize_t n = search.shape[1]
    softmax_rows(
        slots[s], slots[s + 1], n, &indptr[0], &indices[0], &data[0], &search[0, 0], &shift[0],
        &proba[0, 0], &weight[0], &image[0, 0], &sums[s, 0], &sums[s, n])


def rows_pass(
    const int64_t[::1] slots not None,
    const int64_t[::1] indptr not None,
    const int32_t[::1] indices not None,
    const float[::1] data not None,
    const float[:, ::1] search not None,
    const float[::1] shift not None,
    const float[:, ::1] proba not None,
    const float[::1] weight not None,
    float[:, ::1] image not None,
    int n_threads,
):
    """Set image to the curvature of the loss times (X search + shift), for all rows.

    Parameters
    ----------
    slots : ndarray of shape (n_slots + 1,)
        Where the slots of rows start, and the number of rows.
    indptr, indices, data : arrays of a CSR matrix
    search : ndarray of shape (n_features, n_packed)
    shift : ndarray of shape (n_packed,)
    proba, image : ndarray of shape (n_samples, n_packed)
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    total : ndarray of shape (n_packed,)
        Sum of image over the rows.
    curvature : float
        Sum of (X search + shift) * image.
    """
    cdef Py_ssize_t n_slots = slots.shape[0] - 1, n = search.shape[1], s
    sums_ = np.zeros((n_slots, n + 1))
    cdef double[:, ::1] sums = sums_
    with nogil:
        if n_threads == 1:
            for s in range(n_slots):
                rows_slot(
                    slots, s, indptr, indices, data, search, shift, proba, weight, image, sums)
        else:
            for s in prange(n_slots, num_threads=n_threads, schedule="dynamic", chunksize=1):
                rows_slot(
                    slots, s, indptr, indices, data, search, shift, proba, weight, image, sums)
    total = sums_.sum(axis=0)
    return total[:n], total[n]


cdef void columns_slot(
    const int64_t[::1] slots, Py_ssize_t s, const int64_t[::1] indptr, const int32_t[::1] indices,
    const float[::1] data, const float[:, ::1] image, const float[::1] center,
    const float[::1] total, const float[::1] penalty, const float[::1] inverse, float step,
    const float[:, ::1] search, float[:, ::1] residual, float[:, ::1] direction,
    float[:, ::1] scratch, double[::1] norm,
) noexcept nogil:
    softmax_columns(
        slots[s], slots[s + 1], image.shape[1], &indptr[0], &indices[0], &data[0], &image[0, 0],
        &center[0], &total[0], &penalty[0], &inverse[0], step, &search[0, 0], &residual[0, 0],
        &direction[0, 0], &scratch[s, 0], &norm[s])


def columns_pass(
    const int64_t[::1] slots not None,
    const int64_t[::1] indptr not None,
    const int32_t[::1] indices not None,
    const float[::1] data not None,
    const float[:, ::1] image not None,
    const float[::1] center not None,
    const float[::1] total not None,
    const float[::1] penalty not None,
    const float[::1] inverse not None,
    float step,
    const float[:, ::1] search not None,
    float[:, ::1] residual not None,
    float[:, ::1] direction not None,
    int n_threads,
):
    """Take a step along search: update residual and direction in place.

    Parameters
    ----------
    slots : ndarray of shape (n_slots + 1,)
        Where the slots of features start, and the number of features.
    indptr, indices, data : arrays of a CSC matrix
    image, total
        What rows_pass has set and returned.
    center, penalty, inverse : ndarray of shape (n_features,)
        inverse is the inverse of the diagonal preconditioner.
    step : float
    search, residual, direction : ndarray of shape (n_features, n_packed)

    Returns
    -------
    norm : float
        Sum of residual^2 * inverse.
    """
    cdef Py_ssize_t n_slots = slots.shape[0] - 1, s
    norm_ = np.zeros(n_slots)
    cdef double[::1] norm = norm_
    cdef float[:, ::1] scratch = np.empty((n_slots, image.shape[1] + 16), dtype=np.float32)
    with nogil:
        if n_threads == 1:
            for s in range(n_slots):
                columns_slot(
                    slots, s, indptr, indices, data, image, center, total, penalty, inverse, step,
                    search, residual, direction, scratch, norm)
        else:
            for s in prange(n_slots, num_threads=n_threads, schedule="dynamic", chunksize=1):
                columns_slot(
                    slots, s, indptr, indices, data, image, center, total, penalty, inverse, step,
                    search, residual, direction, scratch, norm)
    return norm_.sum()


cdef void search_slot(
    const int64_t[::1] slots, Py_ssize_t s, const float[:, ::1] residual,
    const float[::1] inverse, float ratio, const float[::1] center, const float[::1] penalty,
    float[:, ::1] search, double[:, ::1] sums,
) noexcept nogil:
    cdef Py_ssize_t n = search.shape[1]
    softmax_search(
        slots[s], slots[s + 1], n, &residual[0, 0], &inverse[0], ratio, &center[0], &penalty[0],
        &search[0, 0], &sums[s, 0], &sums[s, n])


def search_pass(
    const int64_t[::1] slots not None,
    const float[:, ::1] residual not None,
    const float[::1] inverse not None,
    float ratio,
    const float[::1] center not None,
    const float[::1] penalty not None,
    float[:, ::1] search not None,
    int n_threads,
):
    """Set search to residual * inverse + ratio * search.

    Parameters
    ----------
    slots : ndarray of shape (n_slots + 1,)
        Where the slots of features start, and the number of features.
    residual, search : ndarray of shape (n_features, n_packed)
    inverse, center, penalty : ndarray of shape (n_features,)
    ratio : float

    Returns
    -------
    moved : ndarray of shape (n_packed,)
        Sum of center * search over the features.
    curvature : float
        Sum of penalty * search^2.
    """
    cdef Py_ssize_t n_slots = slots.shape[0] - 1, n = search.shape[1], s
    sums_ = np.zeros((n_slots, n + 1))
    cdef double[:, ::1] sums = sums_
    with nogil:
        if n_threads == 1:
            for s in range(n_slots):
                search_slot(slots, s, residual, inverse, ratio, center, penalty, search, sums)
        else:
            for s in prange(n_slots, num_threads=n_threads, schedule="dynamic", chunksize=1):
                search_slot(slots, s, residual, inverse, ratio, center, penalty, search, sums)
    total = sums_.sum(axis=0)
    return total[:n], total[n]
