"""The passes of conjugate gradients on a Newton step of the log loss of K classes, for sparse X.

Samples and features are cut into slots. Each slot is summed in order, then the sums of the slots
are added in order, so that results have the same bits for any number of threads. A pass takes a few
milliseconds for ten million stored entries times classes. softmax_passes.h has the formulas.
"""

from libc.stdint cimport int32_t, int64_t

from .parallel cimport for_each_item

import numpy as np


cdef extern from "softmax_passes.h" nogil:
    enum:
        QUAD
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


# Numbers of a sample or a feature, padding included, are a multiple of it.
PACKED_MULTIPLE = QUAD


# The arguments of rows_pass, and a row of sums for each slot.
cdef struct RowsPass:
    Py_ssize_t n_columns
    const int64_t *slots
    const int64_t *indptr
    const int32_t *indices
    const float *data
    const float *search
    const float *shift
    const float *proba
    const float *weight
    float *image
    double *sums


cdef void rows_slot(void *context, Py_ssize_t s, int thread) noexcept nogil:
    cdef const RowsPass *of = <RowsPass *> context
    cdef double *sums = of.sums + s * (of.n_columns + 1)
    softmax_rows(
        of.slots[s], of.slots[s + 1], of.n_columns, of.indptr, of.indices, of.data, of.search,
        of.shift, of.proba, of.weight, of.image, sums, sums + of.n_columns)


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
    cdef Py_ssize_t n_slots = slots.shape[0] - 1, n = search.shape[1]
    sums_ = np.zeros((n_slots, n + 1))
    cdef double[:, ::1] sums = sums_
    cdef RowsPass context = RowsPass(
        n, &slots[0], &indptr[0], &indices[0], &data[0], &search[0, 0], &shift[0], &proba[0, 0],
        &weight[0], &image[0, 0], &sums[0, 0])
    with nogil:
        for_each_item(n_slots, n_threads, rows_slot, &context)
    total = sums_.sum(axis=0)
    return total[:n], total[n]


# The arguments of columns_pass, and a row of scratch and a sum for each slot.
cdef struct ColumnsPass:
    Py_ssize_t n_columns
    const int64_t *slots
    const int64_t *indptr
    const int32_t *indices
    const float *data
    const float *image
    const float *center
    const float *total
    const float *penalty
    const float *inverse
    float step
    const float *search
    float *residual
    float *direction
    Py_ssize_t scratch_stride
    float *scratch
    double *norm


cdef void columns_slot(void *context, Py_ssize_t s, int thread) noexcept nogil:
    cdef const ColumnsPass *of = <ColumnsPass *> context
    softmax_columns(
        of.slots[s], of.slots[s + 1], of.n_columns, of.indptr, of.indices, of.data, of.image,
        of.center, of.total, of.penalty, of.inverse, of.step, of.search, of.residual,
        of.direction, of.scratch + s * of.scratch_stride, of.norm + s)


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
    cdef Py_ssize_t n_slots = slots.shape[0] - 1
    norm_ = np.zeros(n_slots)
    cdef double[::1] norm = norm_
    cdef float[:, ::1] scratch = np.empty((n_slots, image.shape[1] + 16), dtype=np.float32)
    cdef ColumnsPass context = ColumnsPass(
        image.shape[1], &slots[0], &indptr[0], &indices[0], &data[0], &image[0, 0], &center[0],
        &total[0], &penalty[0], &inverse[0], step, &search[0, 0], &residual[0, 0],
        &direction[0, 0], scratch.shape[1], &scratch[0, 0], &norm[0])
    with nogil:
        for_each_item(n_slots, n_threads, columns_slot, &context)
    return norm_.sum()


# The arguments of search_pass, and a row of sums for each slot.
cdef struct SearchPass:
    Py_ssize_t n_columns
    const int64_t *slots
    const float *residual
    const float *inverse
    float ratio
    const float *center
    const float *penalty
    float *search
    double *sums


cdef void search_slot(void *context, Py_ssize_t s, int thread) noexcept nogil:
    cdef const SearchPass *of = <SearchPass *> context
    cdef double *sums = of.sums + s * (of.n_columns + 1)
    softmax_search(
        of.slots[s], of.slots[s + 1], of.n_columns, of.residual, of.inverse, of.ratio, of.center,
        of.penalty, of.search, sums, sums + of.n_columns)


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
    cdef Py_ssize_t n_slots = slots.shape[0] - 1, n = search.shape[1]
    sums_ = np.zeros((n_slots, n + 1))
    cdef double[:, ::1] sums = sums_
    cdef SearchPass context = SearchPass(
        n, &slots[0], &residual[0, 0], &inverse[0], ratio, &center[0], &penalty[0],
        &search[0, 0], &sums[0, 0])
    with nogil:
        for_each_item(n_slots, n_threads, search_slot, &context)
    total = sums_.sum(axis=0)
    return total[:n], total[n]
