/* A' B of blocks too narrow for BLAS to be at its best, and the packing of X for it.
 *
 * Packed rows have `stride` numbers, a multiple of `lanes`, of which the last may be padding; their
 * memory is aligned to 64 bytes.
 */
#ifndef SKLOGLOSS_GRAM_KERNEL_H
#define SKLOGLOSS_GRAM_KERNEL_H

#include <stddef.h>

typedef struct {
    ptrdiff_t lanes; /* numbers in a vector register */
    /* out = (X - center) * scale, and a last column of ones if ones is set, then zeros; each row
     * times its root where that is not NULL. Entry (i, j) of X lies at
     * [i * row_stride + j * column_stride], one of the two being 1. */
    void (*pack)(ptrdiff_t n_rows, ptrdiff_t n_features, const void *X, ptrdiff_t row_stride,
                 ptrdiff_t column_stride, const void *center, const void *scale, const void *root,
                 int ones, ptrdiff_t stride, void *out);
    /* out = each row of A times its weight */
    void (*weight_rows)(ptrdiff_t n_rows, ptrdiff_t stride, const void *weight, const void *A,
                        void *out);
    /* Lower triangle of out (size, size) += A' B, which is known to be symmetric. */
    void (*gram)(ptrdiff_t n_rows, ptrdiff_t stride, const void *A, const void *B, ptrdiff_t size,
                 double *out);
} GramKernel;

/* The functions that fit this processor, for float32 or float64; NULL if the compiler lacks vector
 * types. */
const GramKernel *gram_kernel(int is_float32);

#endif
