"""Run a step on all blocks of rows, and add up its sums.

The rows are cut into slots, a slot into blocks. A slot adds up its blocks in order; then the sums
of the slots are added in order. How the rows are cut depends on the shape of X alone, so that the
sums have the same bits for any number of threads.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

import numpy as np


cdef enum:
    MAX_SLOTS = 16
    # Sums of all slots together, in float64 numbers: 32 MB. Beyond 4 MB, setting them to zero and
    # adding them takes time: a slot then has at least WORK_PER_SUM for each sum.
    MAX_SLOT_SUMS = 4194304
    CACHED_SLOT_SUMS = 524288
    WORK_PER_SUM = 256
    # Setting a sum of a slot to zero and adding it costs as much as this many stored entries.
    SLOT_COST = 4
    # Work of a round of the slots, in stored entries times columns. Ctrl-C is noticed between
    # rounds, several times a second.
    ROUND_WORK = 200000000
    # Passes of less than about a millisecond use one thread: if the cores are busy with other
    # things, waiting for another thread costs more.
    ONE_THREAD_WORK = 2000000
    # The sums of the slots are added in chunks of this size, which stay in the L1 cache. Fewer
    # numbers than ONE_THREAD_SUMS are added by one thread.
    ADDED_SUMS = 1024
    ONE_THREAD_SUMS = 100000


cdef int run_slot(
    Design design, const char *sample_weight, const Step *step, Py_ssize_t first_block,
    Py_ssize_t end_block, Py_ssize_t n_zero, double *sums,
) noexcept nogil:
    # Add some blocks of a slot to its sums, of which n_zero are set to zero first.
    cdef Scratch scratch
    cdef Py_ssize_t column_bytes = design.block_rows * design.itemsize
    cdef Py_ssize_t b, start, n_rows
    scratch.memory = <char *> malloc(
        (2 * step.n_columns + step.n_curvature_columns + 2) * column_bytes + 64)
    if scratch.memory == NULL:
        return -1
    if design.allocate(&scratch.block, step.n_columns, step.gram) != 0:
        free(scratch.memory)
        return -1
    scratch.value = scratch.memory + (64 - <size_t> scratch.memory % 64) % 64
    scratch.pair = scratch.value + column_bytes
    scratch.raw_prediction = scratch.pair + column_bytes
    scratch.gradient = scratch.raw_prediction + step.n_columns * column_bytes
    scratch.curvature = scratch.gradient + step.n_columns * column_bytes
    memset(sums, 0, n_zero * sizeof(double))
    for b in range(first_block, end_block):
        start = b * design.block_rows
        n_rows = min(design.block_rows, design.n_samples - start)
        design.load(&scratch.block, start, n_rows)
        step.function(design, sample_weight, step.request, &scratch, sums)
    free(scratch.block.memory)
    free(scratch.memory)
    return 0


cdef Py_ssize_t count_slots(Py_ssize_t n_sums, Py_ssize_t n_blocks, double work) noexcept:
    # An even number, so that two threads get the same amount of work.
    cdef Py_ssize_t n_slots = max(
        CACHED_SLOT_SUMS // n_sums, <Py_ssize_t> (work / n_sums / WORK_PER_SUM))
    n_slots = min(n_slots, MAX_SLOT_SUMS // n_sums, <Py_ssize_t> (work / n_sums / SLOT_COST))
    return min(n_blocks, MAX_SLOTS, max(2, n_slots // 2 * 2))


cdef run(
    Design design, const char *sample_weight, const Step *step, Py_ssize_t n_sums, double work,
    int n_threads,
):
    # Return the n_sums sums over all rows, float64. work is that of the whole pass, in stored
    # entries times columns.
    cdef Py_ssize_t n_blocks = (design.n_samples + design.block_rows - 1) // design.block_rows
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
                    # Not even a parallel region of one thread: after a fork that is not safe.
                    for slot in range(n_slots):
                        part = slot * n_rounds + round_
                        failed += run_slot(
                            design, sample_weight, step, part * n_blocks // n_parts,
                            (part + 1) * n_blocks // n_parts, n_sums if round_ == 0 else 0,
                            slot_sums + slot * n_sums)
                else:
                    for slot in prange(
                        n_slots, num_threads=n_threads, schedule="dynamic", chunksize=1
                    ):
                        failed += run_slot(
                            design, sample_weight, step,
                            (slot * n_rounds + round_) * n_blocks // n_parts,
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
