# Processes one item. No other item has the same thread, 0 to n_threads - 1, at the same time.
ctypedef void (*item_function)(void *context, Py_ssize_t item, int thread) noexcept nogil

# Call the function for the items 0 to n_items - 1, on at most n_threads threads.
cdef void for_each_item(
    Py_ssize_t n_items, int n_threads, item_function function, void *context
) noexcept nogil

# Have each thread of the pool call a function before it takes items; NULL for none.
cdef void call_first(void (*function)() noexcept nogil) noexcept nogil
