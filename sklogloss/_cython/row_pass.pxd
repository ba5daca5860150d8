# One pass over the rows of X: a step runs on each block of rows and adds to sums.

from .design cimport Block, Design, Gram

cdef enum:
    # Largest number of slots that the rows are divided into. Threads take one slot after another.
    MAX_SLOTS = 16
    # In stored entries times columns. Passes of less than about a millisecond use one thread: if
    # the cores are busy, waiting for another thread costs more than it saves.
    ONE_THREAD_WORK = 2000000


# Scratch memory of a thread, for one block. Columns of raw_prediction, gradient and curvature lie
# block_rows entries apart.
ctypedef struct Scratch:
    Block block
    char *memory                    # what the pointers below point into
    char *value
    char *pair
    char *raw_prediction
    char *gradient
    char *curvature


# Adds the contribution of the rows of scratch.block to the sums. sample_weight (n_samples,) is NULL
# for weights of 1.
ctypedef void (*step_function)(
    Design design, const char *sample_weight, const void *request, Scratch *scratch, double *sums
) noexcept nogil


ctypedef struct Step:
    step_function function
    const void *request             # what the function computes
    # The scratch memory that it needs:
    Py_ssize_t n_columns            # of raw_prediction and gradient
    Py_ssize_t n_curvature_columns  # of curvature
    const Gram *gram                # NULL without cross-products


cdef run(
    Design design, const char *sample_weight, const Step *step, Py_ssize_t n_sums, double work,
    int n_threads,
)
