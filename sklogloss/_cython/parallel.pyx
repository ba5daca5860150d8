"""The threads of the passes: they sleep while they wait for work, and take it item by item.

A thread that is late, since another process has its core, finds its items taken by others. OpenMP's
threads spin while they wait, on a core that somebody else may need, and a loop of theirs ends when
all of them have been there.
"""


cdef extern from "thread_pool.h" nogil:
    void pool_for_each(
        Py_ssize_t n_items, int n_threads, item_function function, void *context) noexcept
    int pool_watch_forks() noexcept
    void pool_call_first(void (*function)() noexcept nogil) noexcept


cdef void for_each_item(
    Py_ssize_t n_items, int n_threads, item_function function, void *context
) noexcept nogil:
    pool_for_each(n_items, n_threads, function, context)


cdef void call_first(void (*function)() noexcept nogil) noexcept nogil:
    pool_call_first(function)


if pool_watch_forks() != 0:
    raise MemoryError()
