"""One pass over the rows of X: raw prediction, loss, gradient and Hessian, block by block.

The rows are cut into slots, a slot into blocks. A slot adds up its blocks in order; the slots'
sums are added in order. How the rows are cut depends on the shape of X alone, so that the sums
have the same bits for any number of threads.
"""

from cython cimport floating
from cython.parallel cimport prange
from cpython.exc cimport PyErr_CheckSignals
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from .design cimport Block, Design, Gram
from .loss_kernel cimport (
    LossKernel, curvature_entry_block, curvature_product_block, link_block, loss_block, write_rows
)

import numpy as np


cdef extern from "row_weights.h" nogil:
    double block_sum_f64(Py_ssize_t, const double *, const double *) noexcept
    double block_sum_f32(Py_ssize_t, const float *, const float *) noexcept
    void block_weight_f64(Py_ssize_t, const double *, double *) noexcept
    void block_weight_f32(Py_ssize_t, const float *, float *) noexcept


cdef enum:
    MAX_SLOTS = 16
    # Sums of all slots together, in float64 numbers: 32 MB. Beyond 4 MB, setting them to zero and
    # adding them takes its time, so that a slot is to have WORK_PER_SUM for each sum at least.
    MAX_SLOT_SUMS = 4194304
    CACHED_SLOT_SUMS = 524288
    WORK_PER_SUM = 256
    # A sum of a slot, set to zero and added in the end, costs as much as this many stored entries.
    SLOT_COST = 4
    # A round of the slots takes about as long as this many stored entries times columns: the
    # pause after it, in which Ctrl-C is noticed, comes several times a second.
    ROUND_WORK = 200000000
    # Passes of less than about a millisecond use one thread: waiting for another costs more where
    # the cores are busy with other things.
    ONE_THREAD_WORK = 2000000
    # The slots' sums are added that many at a time, which stay in the L1 cache, and fewer numbers
    # than this by one thread.
    ADDED_SUMS = 1024
    ONE_THREAD_SUMS = 100000


ctypedef struct Rows:
    # What a step needs of the rows beside X. NULL where the step has no use for it. Arrays over
    # rows are class-major with column stride n_samples, all of the type of X.
    Py_ssize_t n_samples
    Py_ssize_t n_columns
    Py_ssize_t n_curvature_columns
    Py_ssize_t itemsize
    const char *target
    const char *sample_weight
    const char *coef            # (n_features, n_columns)
    const void *intercept       # (n_columns,)
    const char *offset          # (n_samples, n_columns)
    char *curvature
    const double *parameter
    loss_block loss
    curvature_product_block curvature_product
    curvature_entry_block curvature_entry
    Gram *gram
    Py_ssize_t every            # blocks, of which one is in the Hessian
    const void *center          # (n_features,)
    link_block link
    char *prediction            # C-ordered (n_samples, n_prediction_columns)
    Py_ssize_t n_prediction_columns


ctypedef struct Scratch:
    Block block
    char *memory
    char *raw_prediction
    char *value
    char *gradient
    char *curvature
    char *pair


# Adds what the rows of scratch.block contribute to the sums.
ctypedef void (*step_t)(Design, Rows *, Scratch *, double *) noexcept nogil


cdef inline double block_sum(
    bint is_float32, Py_ssize_t n, const void *weight, void *x
) noexcept nogil:
    if is_float32:
        return block_sum_f32(n, <const float *> weight, <float *> x)
    return block_sum_f64(n, <const double *> weight, <double *> x)


cdef inline void block_weight(
    bint is_float32, Py_ssize_t n, const void *weight, void *x
) noexcept nogil:
    if weight == NULL:
        return
    if is_float32:
        block_weight_f32(n, <const float *> weight, <float *> x)
    else:
        block_weight_f64(n, <const double *> weight, <double *> x)


cdef inline const void *weight_of(Rows *rows, Block *block) noexcept nogil:
    if rows.sample_weight == NULL:
        return NULL
    return rows.sample_weight + block.start * rows.itemsize


cdef inline void start_column(
    Py_ssize_t n, floating intercept, const floating *offset, floating *column
) noexcept nogil:
    cdef Py_ssize_t i
    if offset == NULL:
        for i in range(n):
            column[i] = intercept
    else:
        for i in range(n):
            column[i] = intercept + offset[i]


cdef void predict_block(Design design, Rows *rows, Scratch *scratch) noexcept nogil:
    # raw_prediction = X coef + intercept + offset
    cdef Py_ssize_t n = scratch.block.n_rows, stride = design.block_rows, k
    cdef const char *offset = NULL
    cdef char *column
    for k in range(rows.n_columns):
        column = scratch.raw_prediction + k * stride * rows.itemsize
        if rows.offset != NULL:
            offset = rows.offset + (scratch.block.start + k * rows.n_samples) * rows.itemsize
        if design.is_float32:
            start_column[float](
                n, (<float *> rows.intercept)[k], <const float *> offset, <float *> column)
        else:
            start_column[double](
                n, (<double *> rows.intercept)[k], <const double *> offset, <double *> column)
    design.add_times(&scratch.block, rows.n_columns, rows.coef, scratch.raw_prediction, stride)


cdef void add_gradient(
    Design design, Rows *rows, Scratch *scratch, char *gradient, double *out
) noexcept nogil:
    # out = (n_features, n_columns) sums of X' gradient, then n_columns sums of gradient, where
    # gradient is weighted in place.
    cdef Py_ssize_t n = scratch.block.n_rows, stride = design.block_rows, k
    cdef char *column
    for k in range(rows.n_columns):
        column = gradient + k * stride * rows.itemsize
        block_weight(design.is_float32, n, weight_of(rows, &scratch.block), column)
        out[design.n_features * rows.n_columns + k] += block_sum(design.is_float32, n, NULL, column)
    design.add_transposed_times(&scratch.block, rows.n_columns, gradient, stride, out)


cdef void value_gradient_step(
    Design design, Rows *rows, Scratch *scratch, double *sums
) noexcept nogil:
    # sums = value, then add_gradient's, then the Hessian's pairs (k, l), k <= l, if gram is set.
    cdef Py_ssize_t n = scratch.block.n_rows, stride = design.block_rows, k, other
    cdef Py_ssize_t start = scratch.block.start, itemsize = rows.itemsize, size
    cdef char *curvature = scratch.curvature
    cdef double *pair_sums = sums + 1 + (design.n_features + 1) * rows.n_columns
    predict_block(design, rows, scratch)
    rows.loss(
        n, rows.n_columns, stride, rows.target + start * itemsize, rows.n_samples,
        scratch.raw_prediction, rows.parameter, scratch.value, scratch.gradient, curvature)
    sums[0] += block_sum(design.is_float32, n, weight_of(rows, &scratch.block), scratch.value)
    if rows.curvature != NULL:
        for k in range(rows.n_curvature_columns):
            memcpy(
                rows.curvature + (start + k * rows.n_samples) * itemsize,
                curvature + k * stride * itemsize, n * itemsize)
    add_gradient(design, rows, scratch, scratch.gradient, sums + 1)
    if rows.gram == NULL or start // design.block_rows % rows.every != 0:
        return
    size = design.n_features + rows.gram.intercept
    for k in range(rows.n_columns):
        for other in range(k, rows.n_columns):
            rows.curvature_entry(n, k, other, curvature, stride, scratch.pair)
            block_weight(design.is_float32, n, weight_of(rows, &scratch.block), scratch.pair)
            design.add_gram(&scratch.block, rows.gram, scratch.pair, pair_sums)
            pair_sums += size * size


cdef void hessian_product_step(
    Design design, Rows *rows, Scratch *scratch, double *sums
) noexcept nogil:
    # coef and intercept are the direction.
    predict_block(design, rows, scratch)
    rows.curvature_product(
        scratch.block.n_rows, rows.n_columns, design.block_rows,
        rows.curvature + scratch.block.start * rows.itemsize, rows.n_samples,
        scratch.raw_prediction)
    add_gradient(design, rows, scratch, scratch.raw_prediction, sums)


cdef void hessian_diagonal_step(
    Design design, Rows *rows, Scratch *scratch, double *sums
) noexcept nogil:
    cdef Py_ssize_t n = scratch.block.n_rows, k
    for k in range(rows.n_columns):
        rows.curvature_entry(
            n, k, k, rows.curvature + scratch.block.start * rows.itemsize, rows.n_samples,
            scratch.pair)
        block_weight(design.is_float32, n, weight_of(rows, &scratch.block), scratch.pair)
        design.add_squares(&scratch.block, scratch.pair, rows.center, rows.n_columns, sums + k)
        sums[design.n_features * rows.n_columns + k] += block_sum(
            design.is_float32, n, NULL, scratch.pair)


cdef void set_weight(Design design, Rows *rows, Scratch *scratch) noexcept nogil:
    # pair = weights of the rows of the block
    cdef Py_ssize_t i
    for i in range(scratch.block.n_rows):
        if design.is_float32:
            (<float *> scratch.pair)[i] = 1
        else:
            (<double *> scratch.pair)[i] = 1
    block_weight(
        design.is_float32, scratch.block.n_rows, weight_of(rows, &scratch.block), scratch.pair)


cdef void gram_step(Design design, Rows *rows, Scratch *scratch, double *sums) noexcept nogil:
    set_weight(design, rows, scratch)
    design.add_gram(&scratch.block, rows.gram, scratch.pair, sums)


cdef void class_mean_gram_step(
    Design design, Rows *rows, Scratch *scratch, double *sums
) noexcept nogil:
    # The weights are the means over the classes of the diagonal of each row's Hessian.
    cdef Py_ssize_t n = scratch.block.n_rows, k, i
    memset(scratch.value, 0, n * rows.itemsize)
    for k in range(rows.n_columns):
        rows.curvature_entry(
            n, k, k, rows.curvature + scratch.block.start * rows.itemsize, rows.n_samples,
            scratch.pair)
        for i in range(n):
            if design.is_float32:
                (<float *> scratch.value)[i] += (<float *> scratch.pair)[i] / rows.n_columns
            else:
                (<double *> scratch.value)[i] += (<double *> scratch.pair)[i] / rows.n_columns
    block_weight(design.is_float32, n, weight_of(rows, &scratch.block), scratch.value)
    design.add_gram(&scratch.block, rows.gram, scratch.value, sums)


cdef void moments_step(Design design, Rows *rows, Scratch *scratch, double *sums) noexcept nogil:
    # sums = moments of X, then the sum of weights.
    cdef Py_ssize_t n = scratch.block.n_rows
    set_weight(design, rows, scratch)
    design.add_moments(&scratch.block, scratch.pair, rows.center, sums)
    sums[2 * design.n_features] += block_sum(design.is_float32, n, NULL, scratch.pair)


cdef void predict_step(Design design, Rows *rows, Scratch *scratch, double *sums) noexcept nogil:
    # sums = sum of X
    cdef Py_ssize_t n = scratch.block.n_rows, stride = design.block_rows
    cdef Py_ssize_t n_columns = rows.n_prediction_columns
    cdef char *columns = scratch.raw_prediction
    cdef char *out = rows.prediction + scratch.block.start * n_columns * rows.itemsize
    predict_block(design, rows, scratch)
    sums[0] += design.total(&scratch.block)
    if rows.link != NULL:
        columns = scratch.curvature
        rows.link(n, rows.n_columns, stride, scratch.raw_prediction, stride, columns)
    write_rows(design.is_float32, n, n_columns, columns, stride, out)


cdef int run_slot(
    Design design, Rows *rows, step_t step, Py_ssize_t first_block, Py_ssize_t end_block,
    Py_ssize_t n_zero, double *sums,
) noexcept nogil:
    # Add the blocks of a slot, or of the part of it that belongs to a round, to its sums, of which
    # n_zero are set to zero first.
    cdef Scratch scratch
    cdef Py_ssize_t column_bytes = design.block_rows * rows.itemsize
    cdef Py_ssize_t b, start, n_rows
    scratch.memory = <char *> malloc(
        (2 * rows.n_columns + rows.n_curvature_columns + 2) * column_bytes + 64)
    if scratch.memory == NULL:
        return -1
    if design.allocate(&scratch.block, rows.n_columns, rows.gram) != 0:
        free(scratch.memory)
        return -1
    scratch.value = scratch.memory + (64 - <size_t> scratch.memory % 64) % 64
    scratch.pair = scratch.value + column_bytes
    scratch.raw_prediction = scratch.pair + column_bytes
    scratch.gradient = scratch.raw_prediction + rows.n_columns * column_bytes
    scratch.curvature = scratch.gradient + rows.n_columns * column_bytes
    memset(sums, 0, n_zero * sizeof(double))
    for b in range(first_block, end_block):
        start = b * design.block_rows
        n_rows = min(design.block_rows, rows.n_samples - start)
        design.load(&scratch.block, start, n_rows)
        step(design, rows, &scratch, sums)
    free(scratch.block.memory)
    free(scratch.memory)
    return 0


cdef Py_ssize_t count_slots(Py_ssize_t n_sums, Py_ssize_t n_blocks, double work) noexcept:
    # An even number, so that two threads have as much to do.
    cdef Py_ssize_t n_slots = max(
        CACHED_SLOT_SUMS // n_sums, <Py_ssize_t> (work / n_sums / WORK_PER_SUM))
    n_slots = min(n_slots, MAX_SLOT_SUMS // n_sums, <Py_ssize_t> (work / n_sums / SLOT_COST))
    return min(n_blocks, MAX_SLOTS, max(2, n_slots // 2 * 2))


cdef run(
    Design design, Rows *rows, step_t step, Py_ssize_t n_sums, double work, int n_threads
):
    # Return the n_sums sums of all rows, float64. work is that of the whole pass, in stored entries
    # times columns.
    cdef Py_ssize_t n_blocks = (rows.n_samples + design.block_rows - 1) // design.block_rows
    cdef Py_ssize_t n_slots = count_slots(n_sums, n_blocks, work)
    cdef Py_ssize_t n_rounds = 1 + <Py_ssize_t> (work / ROUND_WORK)
    cdef Py_ssize_t n_parts = n_slots * n_rounds
    cdef Py_ssize_t round_, slot, part
    cdef int failed = 0
    cdef bint keeps_workspace = n_slots * n_sums <= MAX_SLOT_SUMS
    cdef double *slot_sums
    if keeps_workspace:
        slot_sums = design.get_workspace(n_slots * n_sums)
    else:
        slot_sums = <double *> malloc(n_slots * n_sums * sizeof(double))
    if slot_sums == NULL:
        raise MemoryError()
    if work < ONE_THREAD_WORK:
        n_threads = 1
    n_threads = min(n_threads, n_slots)
    try:
        for round_ in range(n_rounds):
            with nogil:
                if n_threads == 1:
                    # Not even a parallel region of one thread: it is not safe after a fork.
                    for slot in range(n_slots):
                        part = slot * n_rounds + round_
                        failed += run_slot(
                            design, rows, step, part * n_blocks // n_parts,
                            (part + 1) * n_blocks // n_parts, n_sums if round_ == 0 else 0,
                            slot_sums + slot * n_sums)
                else:
                    for slot in prange(
                        n_slots, num_threads=n_threads, schedule="dynamic", chunksize=1
                    ):
                        failed += run_slot(
                            design, rows, step, (slot * n_rounds + round_) * n_blocks // n_parts,
                            (slot * n_rounds + round_ + 1) * n_blocks // n_parts,
                            n_sums if round_ == 0 else 0, slot_sums + slot * n_sums)
            if failed:
                raise MemoryError()
            PyErr_CheckSignals()
        sums = np.empty(n_sums)
        add_slots(slot_sums, n_slots, sums, n_threads)
    finally:
        if not keeps_workspace:
            free(slot_sums)
    return sums


cdef void add_slots(
    const double *slot_sums, Py_ssize_t n_slots, double[::1] sums, int n_threads
) noexcept nogil:
    cdef Py_ssize_t n_sums = sums.shape[0], i
    cdef Py_ssize_t n_chunks = (n_sums + ADDED_SUMS - 1) // ADDED_SUMS
    if n_threads == 1 or n_slots * n_sums < ONE_THREAD_SUMS:
        for i in range(n_chunks):
            add_chunk(slot_sums, n_slots, n_sums, i * ADDED_SUMS, &sums[0])
    else:
        for i in prange(n_chunks, num_threads=n_threads, schedule="static"):
            add_chunk(slot_sums, n_slots, n_sums, i * ADDED_SUMS, &sums[0])


cdef void add_chunk(
    const double *slot_sums, Py_ssize_t n_slots, Py_ssize_t n_sums, Py_ssize_t start, double *sums
) noexcept nogil:
    cdef Py_ssize_t n = min(<Py_ssize_t> ADDED_SUMS, n_sums - start), slot, i
    cdef const double *others
    cdef double *out = sums + start
    memcpy(out, slot_sums + start, n * sizeof(double))
    for slot in range(1, n_slots):
        others = slot_sums + slot * n_sums + start
        for i in range(n):
            out[i] += others[i]


cdef Rows describe(
    Design design, Py_ssize_t n_columns, const floating[::1] sample_weight
) except *:
    # The part of Rows that every step needs.
    cdef Rows rows
    if (sizeof(floating) == sizeof(float)) != design.is_float32:
        raise TypeError("the arrays of a pass must have the dtype of X")
    if sample_weight is not None and sample_weight.shape[0] != design.n_samples:
        raise ValueError("sample_weight must have n_samples entries")
    rows.n_samples = design.n_samples
    rows.n_columns = n_columns
    rows.n_curvature_columns = 0
    rows.itemsize = sizeof(floating)
    rows.target = NULL
    rows.sample_weight = NULL
    if sample_weight is not None:
        rows.sample_weight = <const char *> &sample_weight[0]
    rows.coef = NULL
    rows.intercept = NULL
    rows.offset = NULL
    rows.curvature = NULL
    rows.gram = NULL
    rows.center = NULL
    rows.link = NULL
    return rows


cdef Rows describe_loss(
    Design design, LossKernel loss, const floating[::1] sample_weight
) except *:
    # The part of Rows that every step with a loss needs.
    cdef Rows rows = describe(design, loss.n_columns, sample_weight)
    rows.n_curvature_columns = loss.n_curvature_columns
    rows.parameter = loss.parameter
    rows.curvature_product = loss.curvature_product[design.is_float32]
    rows.curvature_entry = loss.curvature_entry[design.is_float32]
    return rows


cdef void set_coef(
    Rows *rows, Design design, const floating[:, ::1] coef, const floating[::1] intercept
) except *:
    if coef.shape[0] != design.n_features or coef.shape[1] != rows.n_columns:
        raise ValueError("coef must have shape (n_features, n_columns)")
    if intercept.shape[0] != rows.n_columns:
        raise ValueError("intercept must have n_columns entries")
    rows.coef = <const char *> &coef[0, 0]
    rows.intercept = &intercept[0]


cdef void set_offset(Rows *rows, Design design, const floating[::1, :] offset) except *:
    if offset is None:
        return
    if offset.shape[0] != design.n_samples or offset.shape[1] != rows.n_columns:
        raise ValueError(
            f"offset has shape ({offset.shape[0]}, {offset.shape[1]}) instead of "
            f"({design.n_samples}, {rows.n_columns})")
    rows.offset = <const char *> &offset[0, 0]


cdef void set_gram(
    Gram *gram, Design design, const floating[::1] center, const floating[::1] scale,
    bint intercept, bint signed_weight, bint single,
) except *:
    if center.shape[0] != design.n_features or scale.shape[0] != design.n_features:
        raise ValueError("center and scale must have n_features entries")
    gram.center = &center[0]
    gram.scale = &scale[0]
    gram.intercept = intercept
    gram.signed_weight = signed_weight
    gram.single = single


cdef double gram_work(Design design) noexcept:
    # That of the cross-products of a pass, in stored entries. BLAS-3 is eight times as fast.
    cdef double entries_per_row = 1.0 * design.n_stored / max(1, design.n_samples)
    return design.n_stored * (entries_per_row / 2 if design.is_sparse else entries_per_row / 8)


cdef void check_rows(
    Design design, Py_ssize_t n_rows, Py_ssize_t n_columns, Py_ssize_t expected
) except *:
    if n_rows != design.n_samples or n_columns != expected:
        raise ValueError(
            f"an array over rows has shape ({n_rows}, {n_columns}) instead of "
            f"({design.n_samples}, {expected})")


def value_gradient(
    Design design not None,
    LossKernel loss not None,
    const floating[::1, :] target not None,
    const floating[::1] sample_weight,
    const floating[::1, :] offset,
    const floating[:, ::1] coef not None,
    const floating[::1] intercept not None,
    floating[::1, :] curvature,
    int n_threads,
):
    """Sum of the weighted loss over all rows, and its gradient.

    Parameters
    ----------
    design : Design
    loss : LossKernel
    target : Fortran-ordered array of shape (n_samples, 1) or (n_samples, n_classes)
    sample_weight : array of shape (n_samples,) or None
    offset : Fortran-ordered array of shape (n_samples, n_columns) or None
        Added to the raw prediction, which is X coef + intercept + offset.
    coef : array of shape (n_features, n_columns)
    intercept : array of shape (n_columns,)
    curvature : Fortran-ordered array of shape (n_samples, n_curvature_columns) or None
        Filled with the curvature of each row, for hessian_product and hessian_diagonal.
    n_threads : int

    Returns
    -------
    sums : ndarray of shape (1 + (n_features + 1) * n_columns,), float64
        Value, gradient in coef, gradient in intercept.
    """
    cdef Rows rows = describe_loss(design, loss, sample_weight)
    set_coef(&rows, design, coef, intercept)
    set_offset(&rows, design, offset)
    check_rows(design, target.shape[0], target.shape[1],
               loss.n_columns if loss.target_is_matrix else 1)
    rows.target = <const char *> &target[0, 0]
    if curvature is None:
        rows.loss = loss.value_gradient[design.is_float32]
    else:
        check_rows(
            design, curvature.shape[0], curvature.shape[1], loss.n_curvature_columns)
        rows.curvature = <char *> &curvature[0, 0]
        rows.loss = loss.value_gradient_curvature[design.is_float32]
    n_sums = 1 + (design.n_features + 1) * loss.n_columns
    work = 1.0 * design.n_stored * loss.n_columns + 10.0 * design.n_samples * loss.n_columns
    return run(design, &rows, value_gradient_step, n_sums, work, n_threads)


def value_gradient_hessian(
    Design design not None,
    LossKernel loss not None,
    const floating[::1, :] target not None,
    const floating[::1] sample_weight,
    const floating[::1, :] offset,
    const floating[:, ::1] coef not None,
    const floating[::1] intercept not None,
    const floating[::1] center not None,
    const floating[::1] scale not None,
    bint fit_intercept,
    bint single,
    Py_ssize_t every,
    int n_threads,
):
    """As value_gradient, and the Hessian in terms of the columns (X - center) * scale and 1.

    Parameters
    ----------
    center, scale : array of shape (n_features,)
        Of the Hessian only: value and gradient are those of X as it is. A sparse X is not centred.
    fit_intercept : bool
        Whether the Hessian has a last row and column for the intercept.
    single : bool
        Whether float32 will do for the products that make the Hessian of a dense X.
    every : int
        Every how many blocks of rows one is in the Hessian, positive.

    Returns
    -------
    sums : ndarray, float64
        Those of value_gradient, then for each pair of columns k <= l of raw_prediction the
        (size, size) part of the Hessian, of which only the lower triangle is set where k = l.
        Off the diagonal, a sparse X gives the lower triangle of that symmetric part, too.
    """
    cdef Gram gram
    cdef Rows rows = describe_loss(design, loss, sample_weight)
    set_coef(&rows, design, coef, intercept)
    set_offset(&rows, design, offset)
    check_rows(design, target.shape[0], target.shape[1],
               loss.n_columns if loss.target_is_matrix else 1)
    set_gram(
        &gram, design, center, scale, fit_intercept, loss.n_columns > 1 or not loss.is_convex,
        single)
    rows.target = <const char *> &target[0, 0]
    rows.loss = loss.value_gradient_curvature[design.is_float32]
    rows.gram = &gram
    rows.every = every
    size = design.n_features + fit_intercept
    n_pairs = loss.n_columns * (loss.n_columns + 1) // 2
    n_sums = 1 + (design.n_features + 1) * loss.n_columns + n_pairs * size * size
    work = design.n_stored * loss.n_columns + n_pairs * gram_work(design) / every
    work += 10.0 * design.n_samples * loss.n_columns
    return run(design, &rows, value_gradient_step, n_sums, work, n_threads)


def hessian_product(
    Design design not None,
    LossKernel loss not None,
    floating[::1, :] curvature not None,
    const floating[::1] sample_weight,
    const floating[:, ::1] coef not None,
    const floating[::1] intercept not None,
    int n_threads,
):
    """Hessian of the weighted loss times the direction (coef, intercept).

    Parameters
    ----------
    curvature : array that value_gradient filled

    Returns
    -------
    sums : ndarray of shape ((n_features + 1) * n_columns,), float64
        The product's part in coef, then in intercept.
    """
    cdef Rows rows = describe_loss(design, loss, sample_weight)
    set_coef(&rows, design, coef, intercept)
    check_rows(
        design, curvature.shape[0], curvature.shape[1], loss.n_curvature_columns)
    rows.curvature = <char *> &curvature[0, 0]
    n_sums = (design.n_features + 1) * loss.n_columns
    work = 1.0 * design.n_stored * loss.n_columns + 2.0 * design.n_samples * loss.n_columns
    return run(design, &rows, hessian_product_step, n_sums, work, n_threads)


def hessian_diagonal(
    Design design not None,
    LossKernel loss not None,
    floating[::1, :] curvature not None,
    const floating[::1] sample_weight,
    const floating[::1] center not None,
    int n_threads,
):
    """Diagonal of the Hessian of the weighted loss in terms of the columns X - center and 1.

    Parameters
    ----------
    curvature : array that value_gradient filled
    center : array of shape (n_features,)
        For a sparse X, (x - center)^2 - center^2 takes the place of (x - center)^2, so that
        entries that are not stored do not count.

    Returns
    -------
    sums : ndarray of shape ((n_features + 1) * n_columns,), float64
        The part in coef, then in intercept.
    """
    cdef Rows rows = describe_loss(design, loss, sample_weight)
    check_rows(
        design, curvature.shape[0], curvature.shape[1], loss.n_curvature_columns)
    if center.shape[0] != design.n_features:
        raise ValueError("center must have n_features entries")
    rows.curvature = <char *> &curvature[0, 0]
    rows.center = &center[0]
    n_sums = (design.n_features + 1) * loss.n_columns
    work = 1.0 * design.n_stored * loss.n_columns + 2.0 * design.n_samples * loss.n_columns
    return run(design, &rows, hessian_diagonal_step, n_sums, work, n_threads)


def moments(
    Design design not None,
    const floating[::1] center not None,
    const floating[::1] sample_weight,
    int n_threads,
):
    """Weighted sums of X - center and of its squares.

    Parameters
    ----------
    center : array of shape (n_features,)
        A sparse X is not centred.
    sample_weight : array of shape (n_samples,) or None

    Returns
    -------
    sums : ndarray of shape (2 * n_features + 1,), float64
        Sums of X - center, sums of its squares, sum of the weights.
    """
    cdef Rows rows = describe(design, 1, sample_weight)
    if center.shape[0] != design.n_features:
        raise ValueError("center must have n_features entries")
    rows.center = &center[0]
    n_sums = 2 * design.n_features + 1
    return run(design, &rows, moments_step, n_sums, 2.0 * design.n_stored, n_threads)


def gram(
    Design design not None,
    const floating[::1] center not None,
    const floating[::1] scale not None,
    const floating[::1] sample_weight,
    bint intercept,
    bint single,
    int n_threads,
):
    """Weighted cross-products of the columns (X - center) * scale and, with intercept, of 1.

    Parameters
    ----------
    center, scale : array of shape (n_features,)
        A sparse X is not centred.
    sample_weight : array of shape (n_samples,) or None
        Not negative.
    intercept : bool
    single : bool
        Whether float32 will do for the products of a dense X.

    Returns
    -------
    sums : ndarray of shape (size, size), float64
        Its lower triangle.
    """
    cdef Gram gram
    cdef Rows rows = describe(design, 1, sample_weight)
    set_gram(&gram, design, center, scale, intercept, False, single)
    rows.gram = &gram
    size = design.n_features + intercept
    work = gram_work(design)
    return run(design, &rows, gram_step, size * size, work, n_threads).reshape(size, size)


def class_mean_gram(
    Design design not None,
    LossKernel loss not None,
    floating[::1, :] curvature not None,
    const floating[::1] sample_weight,
    const floating[::1] center not None,
    const floating[::1] scale not None,
    bint intercept,
    bint single,
    int n_threads,
):
    """As gram, each row weighted by the mean over the classes of its Hessian's diagonal.

    Parameters
    ----------
    curvature : array that value_gradient filled
    single : bool
        Whether float32 will do for the products of a dense X.
    """
    cdef Gram gram
    cdef Rows rows = describe_loss(design, loss, sample_weight)
    check_rows(
        design, curvature.shape[0], curvature.shape[1], loss.n_curvature_columns)
    rows.curvature = <char *> &curvature[0, 0]
    set_gram(&gram, design, center, scale, intercept, not loss.is_convex, single)
    rows.gram = &gram
    size = design.n_features + intercept
    work = gram_work(design)
    return run(design, &rows, class_mean_gram_step, size * size, work, n_threads).reshape(
        size, size)


def predict(
    Design design not None,
    const floating[:, ::1] coef not None,
    const floating[::1] intercept not None,
    LossKernel loss,
    bint logarithm,
    floating[:, ::1] out not None,
    int n_threads,
):
    """Fill out with the scores X coef + intercept of a dense X, or with the probabilities.

    Parameters
    ----------
    design : DenseDesign
    coef : array of shape (n_features, n_columns)
    intercept : array of shape (n_columns,)
    loss : LossKernel or None
        Whose link makes probabilities of the scores.
    logarithm : bool
        Whether to take the logarithms of the probabilities.
    out : array of shape (n_samples, n_columns) or, with a loss, (n_samples, n_classes)
    n_threads : int

    Returns
    -------
    total : float
        The sum of X, not finite if some entry is not.
    """
    cdef Rows rows = describe[floating](design, coef.shape[1], None)
    set_coef(&rows, design, coef, intercept)
    rows.n_prediction_columns = rows.n_columns
    if loss is not None:
        if loss.n_columns != rows.n_columns:
            raise ValueError("coef must have the columns of the loss")
        rows.link = loss.log_link[design.is_float32] if logarithm else loss.link[design.is_float32]
        rows.n_prediction_columns = max(2, rows.n_columns)
        # The link writes where other steps have the curvature.
        rows.n_curvature_columns = rows.n_prediction_columns
    check_rows(design, out.shape[0], out.shape[1], rows.n_prediction_columns)
    rows.prediction = <char *> &out[0, 0]
    work = 1.0 * design.n_stored * rows.n_columns + 10.0 * design.n_samples * rows.n_columns
    return run(design, &rows, predict_step, 1, work, n_threads)[0]


cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    #else
    static int omp_get_max_threads(void) { return 1; }
    #endif
    """
    int omp_get_max_threads() noexcept nogil


def max_threads():
    """Threads that OpenMP would use: 1 if built without it."""
    return omp_get_max_threads()
