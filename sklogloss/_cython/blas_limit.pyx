"""One BLAS thread for the time of a fit: a counted limit, which is removed without a trace.

The limit calls the libraries' own functions. No Python code runs between the change of the limit
and the end of `__enter__` or `__exit__`, so that neither another thread nor an interrupt can come
between the two.
"""

cimport cython
from libc.stdint cimport int64_t, uintptr_t

from .parallel cimport call_first

# They take and return an int or a 64-bit integer. As an argument, the latter serves both.
ctypedef int64_t (*get_t)() noexcept nogil
ctypedef void (*set_t)(int64_t) noexcept nogil


cdef extern from *:
    """
    #if defined(_MSC_VER)
    #define SKLOGLOSS_THREAD_LOCAL __declspec(thread)
    #else
    #define SKLOGLOSS_THREAD_LOCAL _Thread_local
    #endif
    #define SKLOGLOSS_MAX_LIBRARIES 16
    static SKLOGLOSS_THREAD_LOCAL int n_inside_thread = 0;
    static SKLOGLOSS_THREAD_LOCAL int64_t previous_of_thread[SKLOGLOSS_MAX_LIBRARIES];
    """
    enum: SKLOGLOSS_MAX_LIBRARIES
    int n_inside_thread
    int64_t previous_of_thread[SKLOGLOSS_MAX_LIBRARIES]


# The setters that the threads of the pool call. These threads call BLAS only for passes, so the
# limit need not be removed.
cdef set_t pool_setters[SKLOGLOSS_MAX_LIBRARIES]
cdef int n_pool_setters = 0


cdef void limit_thread_of_pool() noexcept nogil:
    cdef int i
    for i in range(n_pool_setters):
        pool_setters[i](1)


cdef class BlasLimit:
    """A context manager in which BLAS uses one thread, in any number of Python threads at a time.

    Libraries with a pool of the process are limited by the first thread that enters and given back
    by the last one that leaves. Those whose number belongs to the calling thread are limited in
    each thread.

    Parameters
    ----------
    libraries : list of tuple (get, set, is_per_thread)
        Addresses of the functions that get and set the number of threads.
    """

    cdef get_t get_functions[SKLOGLOSS_MAX_LIBRARIES]
    cdef set_t set_functions[SKLOGLOSS_MAX_LIBRARIES]
    cdef bint is_per_thread[SKLOGLOSS_MAX_LIBRARIES]
    cdef int64_t previous[SKLOGLOSS_MAX_LIBRARIES]
    cdef int n_libraries
    cdef readonly int n_inside

    def __init__(self, libraries):
        cdef uintptr_t get_address, set_address
        for get_address, set_address, is_per_thread in libraries[:SKLOGLOSS_MAX_LIBRARIES]:
            self.get_functions[self.n_libraries] = <get_t> get_address
            self.set_functions[self.n_libraries] = <set_t> set_address
            self.is_per_thread[self.n_libraries] = is_per_thread
            self.n_libraries += 1

    def __enter__(self):
        with cython.critical_section(self):
            self.limit(self.n_inside == 0, n_inside_thread == 0)
            self.n_inside += 1
            adjust_thread(1)
        return self

    def __exit__(self, *exception):
        with cython.critical_section(self):
            self.n_inside -= 1
            adjust_thread(-1)
            self.restore(self.n_inside == 0, n_inside_thread == 0)
        return False

    def limit_pool(self):
        """Limit the threads of the pool, too, in libraries where each thread has a number."""
        global n_pool_setters
        cdef int i
        # No thread of the pool reads the setters while they change. One may wait for the GIL in a
        # setter: this thread must not hold it.
        with nogil:
            call_first(NULL)
        n_pool_setters = 0
        for i in range(self.n_libraries):
            if self.is_per_thread[i]:
                pool_setters[n_pool_setters] = self.set_functions[i]
                n_pool_setters += 1
        with nogil:
            call_first(limit_thread_of_pool)

    def forget(self):
        """Forget the threads of the parent after a fork: this one alone exists in the child."""
        cdef bint was_inside = self.n_inside > 0
        self.n_inside = n_inside_thread
        self.restore(was_inside and self.n_inside == 0, False)

    cdef void limit(self, bint is_first, bint is_first_in_thread) noexcept:
        cdef int i
        for i in range(self.n_libraries):
            if self.is_per_thread[i]:
                if is_first_in_thread:
                    previous_of_thread[i] = n_threads(self.get_functions[i])
                    self.set_functions[i](1)
            elif is_first:
                self.previous[i] = n_threads(self.get_functions[i])
                if self.previous[i] != 1:
                    self.set_functions[i](1)

    cdef void restore(self, bint is_last, bint is_last_in_thread) noexcept:
        cdef int i
        cdef bint is_over
        cdef int64_t previous
        for i in range(self.n_libraries):
            is_over = is_last_in_thread if self.is_per_thread[i] else is_last
            previous = previous_of_thread[i] if self.is_per_thread[i] else self.previous[i]
            # Other code has set another number in the meantime, which stays.
            if is_over and previous != 1 and n_threads(self.get_functions[i]) == 1:
                self.set_functions[i](previous)


cdef inline int64_t n_threads(get_t get) noexcept:
    # Functions that return an int leave the upper half of the register undefined.
    return <int> get()


cdef inline void adjust_thread(int change) noexcept:
    global n_inside_thread
    n_inside_thread += change
