/* Transposition, prefetching and checks of rows, for the evaluation of losses of arrays.
 *
 * Functions end in their type: _f64 or _f32. Strides are in entries. Only loss_evaluation.pyx
 * includes this file, hence the functions are static. block_rows_template.h documents them. */
#ifndef SKLOGLOSS_BLOCK_ROWS_H
#define SKLOGLOSS_BLOCK_ROWS_H

#include <stddef.h>
#include <string.h>
#include "target_clones.h"

#define TILE_CLASSES 64

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HAS_SHUFFLE
#endif
#endif

/* Prefetch bytes that will be needed after some other work. */
SKL_INLINE void prefetch(const void *start, ptrdiff_t n_bytes)
{
#if defined(__GNUC__)
    for (ptrdiff_t offset = 0; offset < n_bytes; offset += 64) {
        __builtin_prefetch((const char *)start + offset);
    }
    /* Without this line GCC removes calls of the caller, because they change nothing. */
    __asm__ volatile("");
#else
    (void)start, (void)n_bytes;
#endif
}

#define REAL double
#define NAME(function) function##_f64
#define ROUND_TO_INTEGER 0x1p52
#include "block_rows_template.h"
#undef REAL
#undef NAME
#undef ROUND_TO_INTEGER

#define REAL float
#define NAME(function) function##_f32
#define ROUND_TO_INTEGER 0x1p23f
#include "block_rows_template.h"
#undef REAL
#undef NAME
#undef ROUND_TO_INTEGER

#endif
