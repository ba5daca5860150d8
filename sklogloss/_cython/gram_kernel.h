/* A' B of blocks of rows, and the packing of X for it. For enough columns to fill registers, but
 * too few for BLAS to be at its best.
 *
 * Packed blocks have `n_packed` columns, a multiple of `multiple`. The last columns may be padding:
 * any numbers, because their products are discarded. A panel has as many columns as a vector
 * register has numbers; the rows of a panel follow each other. The memory is aligned to 64 bytes.
 * It starts as zeros: subnormal numbers in the padding would make products slow.
 */
#ifndef SKLOGLOSS_GRAM_KERNEL_H
#define SKLOGLOSS_GRAM_KERNEL_H

#include <stddef.h>

/* The type of X, center, scale, root and weight, and that of packed blocks and products.
 * GRAM_MIXED: the first is float64, the second float32. */
typedef enum { GRAM_FLOAT64, GRAM_FLOAT32, GRAM_MIXED } GramTypes;

typedef struct {
    ptrdiff_t multiple;
    ptrdiff_t max_features; /* up to this many features, it is faster than BLAS */
    /* out = (X - center) * scale, with a last column of ones if ones is set; each row times its
     * root unless that is NULL. Entry (i, j) of X lies at [i * row_stride + j * column_stride]; one
     * of the two strides is 1. */
    void (*pack)(ptrdiff_t n_rows, ptrdiff_t n_features, const void *X, ptrdiff_t row_stride,
                 ptrdiff_t column_stride, const void *center, const void *scale, const void *root,
                 int ones, void *out);
    /* The same for these rows of X. */
    void (*pack_rows)(ptrdiff_t n_rows, const ptrdiff_t *rows, ptrdiff_t n_features, const void *X,
                      ptrdiff_t row_stride, ptrdiff_t column_stride, const void *center,
                      const void *scale, const void *root, int ones, void *out);
    /* out = each row of A, packed, times its weight */
    void (*weight_rows)(ptrdiff_t n_rows, ptrdiff_t n_packed, const void *weight, const void *A,
                        void *out);
    /* Lower triangle of out (size, size) += A' B, which is known to be symmetric. */
    void (*gram)(ptrdiff_t n_rows, const void *A, const void *B, ptrdiff_t size, double *out);
} GramKernel;

/* The functions that fit this processor; NULL if the compiler lacks vector types. */
const GramKernel *gram_kernel(GramTypes types);

#endif
