"""The Hessian's diagonal block of each class, roughly: without rows that matter little to it."""

from cython cimport floating
from libc.math cimport sqrt
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from .data_pass cimport curvature_address, gram_of, gram_work, weight_address
from .dense_design cimport DenseDesign, rows_at_a_time
from .design cimport ALIGNMENT, Gram, aligned, first_aligned
from .loss_kernel cimport LossKernel, curvature_entry_block
from .parallel cimport for_each_item
from .row_pass cimport ONE_THREAD_WORK

import numpy as np

# Rows with less than this fraction of the mean curvature of a class together have less than this
# fraction of the sum. With all rows, 2,000 x 64 with 100 classes takes 15 ms instead of 9, and as
# many steps follow. If rows below 0.1 were left out, rare features of skewed counts would lose
# their curvature, and steps would be too long.
cdef double SMALL_CURVATURE = 0.01


# The arguments of class_grams.
cdef struct ClassGrams:
    void *design                    # a DenseDesign, which the caller holds
    const char *sample_weight
    const char *curvature
    curvature_entry_block entry
    Gram gram
    double *out                     # (n_columns, size, size)
    int *failed                     # (n_columns,)


def class_grams(
    DenseDesign design not None,
    LossKernel loss not None,
    curvature,
    sample_weight,
    center,
    scale,
    bint intercept,
    int n_threads,
):
    """Return the cross-products for the Hessian's diagonal blocks, in float32.

    Rows with little curvature in a class, as most have where classes are many, are left out of its
    block.

    Parameters
    ----------
    design : DenseDesign
        With has_class_grams.
    loss, curvature, sample_weight, center, scale, intercept, n_threads
        As for `data_pass.class_mean_gram`.

    Returns
    -------
    grams : ndarray of shape (n_columns, size, size), float64
        Only the lower triangles are set; the rest is zero.
    """
    if not design.has_class_grams:
        raise ValueError("design must have class grams")
    cdef ClassGrams context
    context.design = <void *> design
    context.sample_weight = weight_address(design, sample_weight)
    context.curvature = curvature_address(design, loss, curvature)
    context.entry = loss.curvature_entry[design.is_float32]
    context.gram = gram_of(design, center, scale, intercept, False, True)
    size = design.n_features + intercept
    grams = np.zeros((loss.n_columns, size, size))
    failed = np.zeros(loss.n_columns, dtype=np.intc)
    cdef double[:, :, ::1] out = grams
    cdef int[::1] failed_view = failed
    context.out = &out[0, 0, 0]
    context.failed = &failed_view[0]
    cdef Py_ssize_t n_classes = loss.n_columns
    if n_classes * gram_work(design) < ONE_THREAD_WORK:
        n_threads = 1
    with nogil:
        for_each_item(n_classes, n_threads, add_class, &context)
    if failed.any():
        raise MemoryError()
    return grams


cdef void add_class(void *context, Py_ssize_t k, int thread) noexcept nogil:
    add_block(<DenseDesign> (<ClassGrams *> context).design, <const ClassGrams *> context, k)


cdef void add_block(DenseDesign design, const ClassGrams *context, Py_ssize_t k) noexcept nogil:
    # The block of class k.
    cdef Py_ssize_t size = design.n_features + context.gram.intercept
    cdef Py_ssize_t row_bytes = design.n_packed(&context.gram) * sizeof(float)
    cdef Py_ssize_t chunk = rows_at_a_time(row_bytes), n_rows, start
    cdef Py_ssize_t of_packed = aligned(chunk * row_bytes)
    cdef Py_ssize_t of_root = aligned(design.n_samples * design.itemsize)
    cdef char *memory = <char *> malloc(
        of_packed + of_root + design.n_samples * sizeof(Py_ssize_t) + ALIGNMENT)
    context.failed[k] = memory == NULL
    if memory == NULL:
        return
    cdef char *packed = first_aligned(memory)
    # The padding beside the columns is multiplied, too: subnormal numbers there would be slow.
    memset(packed, 0, of_packed)
    cdef char *root = packed + of_packed
    cdef Py_ssize_t *rows = <Py_ssize_t *> (root + of_root)
    context.entry(design.n_samples, k, k, context.curvature, design.n_samples, root)
    if design.is_float32:
        n_rows = take_rows[float](
            design.n_samples, <const float *> context.sample_weight, <float *> root, rows)
    else:
        n_rows = take_rows[double](
            design.n_samples, <const double *> context.sample_weight, <double *> root, rows)
    start = 0
    while start < n_rows:
        chunk = min(chunk, n_rows - start)
        design.single_kernel.pack_rows(
            chunk, rows + start, design.n_features, design.first, design.row_stride,
            design.column_stride, context.gram.center, context.gram.scale,
            root + start * design.itemsize, context.gram.intercept, packed)
        design.single_kernel.gram(chunk, packed, packed, size, context.out + k * size * size)
        start += chunk
    free(memory)


cdef Py_ssize_t take_rows(
    Py_ssize_t n, const floating *weight, floating *curvature, Py_ssize_t *rows
) noexcept nogil:
    # Return how many rows have more than little curvature. They are set, and curvature becomes the
    # roots of theirs.
    cdef double total = 0, least
    cdef Py_ssize_t i, n_rows = 0
    for i in range(n):
        if weight != NULL:
            curvature[i] *= weight[i]
        total += curvature[i]
    least = max(SMALL_CURVATURE * total / n, 0)
    for i in range(n):
        if curvature[i] > least:
            curvature[n_rows] = <floating> sqrt(curvature[i])
            rows[n_rows] = i
            n_rows += 1
    return n_rows
