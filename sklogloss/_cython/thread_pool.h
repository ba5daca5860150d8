/* Threads of the process that wait for work asleep, and take it item by item. */
#ifndef SKLOGLOSS_THREAD_POOL_H
#define SKLOGLOSS_THREAD_POOL_H

#include <stddef.h>

/* Works on one item. thread, from 0 to n_threads - 1, is that of no other item at the same time. */
typedef void (*ItemFunction)(void *context, ptrdiff_t item, int thread);

/* Call the function for the items 0 to n_items - 1, on n_threads threads at most. The calling
 * thread takes items, too, and waits for no thread but those that are working on one. */
void pool_for_each(ptrdiff_t n_items, int n_threads, ItemFunction function, void *context);

/* To be called once, before the others: a forked child starts threads of its own. Not 0 if there is
 * no memory for that. */
int pool_watch_forks(void);

/* Have each thread of the pool call a function before it takes items; NULL for none. */
void pool_call_first(void (*function)(void));

#endif
