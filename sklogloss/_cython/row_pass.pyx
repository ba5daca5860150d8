"""Run a step on all blocks of rows, and add up its sums.

The rows are cut into slots, a slot into blocks. A slot adds up its blocks in order; then the sums
of the slots are added in order. How the rows are cut depends on the shape of X alone, so that the
sums have the same bits for any number of threads.
"""

from cpython.exc cimport PyErr_CheckSignals
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from .design cimport Workspace
from .parallel cimport for_each_item

import numpy as np


cdef enum:
    # Limit of the sums of all slots together, in float64 numbers: 32 MB. Beyond 4 MB, setting them
    # to zero and adding them takes time. A slot then has at least WORK_PER_SUM for each sum.
    MAX_SLOT_SUMS = 4194304
    CACHED_SLOT_SUMS = 524288
    WORK_PER_SUM = 256
    # Setting a sum of a slot to zero and adding it costs as much as this many stored entries.
    SLOT_COST = 4
    # Work of a round of the slots, in stored entries times columns. Ctrl-C is noticed between
    # rounds, several times a second.
    ROUND_WORK = 200000000
    # The sums of the slots are added in chunks of this size, which stay in the L1 cache. Fewer
    # numbers than ONE_THREAD_SUMS are added by one thread.
    ADDED_SUMS = 1024
    ONE_THREAD_SUMS = 100000


# Round `number` of a pass: the next blocks of each slot.
cdef struct Round:
    void *design                    # a Design, which the caller holds
    const char *sample_weight
    const Step *step
    Py_ssize_t n_sums
    Py_ssize_t n_blocks             # of the pass
    Py_ssize_t n_slots
    Py_ssize_t n_rounds
    Py_ssize_t number
    double *slot_sums
    bint[MAX_SLOTS] failed


cdef void run_slot(void *context, Py_ssize_t slot, int thread) noexcept nogil:
    cdef Round *round_ = <Round *> context
    cdef Py_ssize_t n_parts = round_.n_slots * round_.n_rounds
    cdef Py_ssize_t part = slot * round_.n_rounds + round_.number
    cdef double *sums = round_.slot_sums + slot * round_.n_sums
    if round_.number == 0:
        memset(sums, 0, round_.n_sums * sizeof(double))
    round_.failed[slot] = not run_blocks(
        <Design> round_.design, round_.sample_weight, round_.step,
        part * round_.n_blocks // n_parts, (part + 1) * round_.n_blocks // n_parts, sums)


cdef bint run_blocks(
    Design design, const char *sample_weight, const Step *step, Py_ssize_t first_block,
    Py_ssize_t end_block, double *sums,
) noexcept nogil:
    # Add some blocks to the sums; return False if there is no memory for that.
    cdef Scratch scratch
    cdef Py_ssize_t column_bytes = design.block_rows * design.itemsize
    cdef Py_ssize_t b, start, n_rows
    scratch.memory = <char *> malloc(
        (2 * step.n_columns + step.n_curvature_columns + 2) * column_bytes + 64)
    if scratch.memory == NULL:
        return False
    if design.allocate(&scratch.block, step.n_columns, step.gram) != 0:
        free(scratch.memory)
        return False
    scratch.value = scratch.memory + (64 - <size_t> scratch.memory % 64) % 64
    scratch.pair = scratch.value + column_bytes
    scratch.raw_prediction = scratch.pair + column_bytes
    scratch.gradient = scratch.raw_prediction + step.n_columns * column_bytes
    scratch.curvature = scratch.gradient + step.n_columns * column_bytes
    for b in range(first_block, end_block):
        start = b * design.block_rows
        n_rows = min(design.block_rows, design.n_samples - start)
        design.load(&scratch.block, start, n_rows)
        step.function(design, sample_weight, step.request, &scratch, sums)
    free(scratch.block.memory)
    free(scratch.memory)
    return True


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
    # Return the n_sums sums over all rows, float64. work is the work of the whole pass, in stored
    # entries times columns.
    cdef Round round_
    cdef double[::1] sums_view
    round_.design = <void *> design
    round_.sample_weight = sample_weight
    round_.step = step
    round_.n_sums = n_sums
    round_.n_blocks = (design.n_samples + design.block_rows - 1) // design.block_rows
    round_.n_slots = count_slots(n_sums, round_.n_blocks, work)
    round_.n_rounds = 1 + <Py_ssize_t> (work / ROUND_WORK)
    cdef bint keeps_workspace = round_.n_slots * n_sums <= MAX_SLOT_SUMS
    cdef Workspace workspace
    if keeps_workspace:
        workspace = design.take_workspace(round_.n_slots * n_sums)
        round_.slot_sums = workspace.numbers
    else:
        round_.slot_sums = <double *> malloc(round_.n_slots * n_sums * sizeof(double))
    if round_.slot_sums == NULL:
        raise MemoryError()
    if work < ONE_THREAD_WORK:
        n_threads = 1
    try:
        for round_.number in range(round_.n_rounds):
            with nogil:
                for_each_item(round_.n_slots, n_threads, run_slot, &round_)
            if any_failed(&round_):
                raise MemoryError()
            PyErr_CheckSignals()
        sums = np.empty(n_sums)
        sums_view = sums
        with nogil:
            add_slots(&round_, sums_view, n_threads)
    finally:
        if keeps_workspace:
            design.give_back(workspace)
        else:
            free(round_.slot_sums)
    return sums


cdef bint any_failed(const Round *round_) noexcept:
    cdef Py_ssize_t slot
    for slot in range(round_.n_slots):
        if round_.failed[slot]:
            return True
    return False


# The sums of all slots, to be added up.
cdef struct SlotSums:
    const double *of_slots
    Py_ssize_t n_slots
    Py_ssize_t n_sums
    double *sums


cdef void add_slots(const Round *round_, double[::1] sums, int n_threads) noexcept nogil:
    cdef SlotSums parts = SlotSums(round_.slot_sums, round_.n_slots, round_.n_sums, &sums[0])
    if parts.n_slots * parts.n_sums < ONE_THREAD_SUMS:
        n_threads = 1
    for_each_item(
        (parts.n_sums + ADDED_SUMS - 1) // ADDED_SUMS, n_threads, add_chunk, &parts)


cdef void add_chunk(void *context, Py_ssize_t chunk, int thread) noexcept nogil:
    cdef SlotSums *parts = <SlotSums *> context
    cdef Py_ssize_t start = chunk * ADDED_SUMS, slot, i
    cdef Py_ssize_t n = min(<Py_ssize_t> ADDED_SUMS, parts.n_sums - start)
    cdef const double *others
    cdef double *out = parts.sums + start
    memcpy(out, parts.of_slots + start, n * sizeof(double))
    for slot in range(1, parts.n_slots):
        others = parts.of_slots + slot * parts.n_sums + start
        for i in range(n):
            out[i] += others[i]
