/* Products of X, or of its transpose, and a matrix of few columns, for which BLAS spends more on
 * arranging X than on multiplying.
 *
 * A is X or its transpose: entry (i, t) lies at [i * row_stride + t * inner_stride], one of the two
 * being 1. The columns of B are packed: n_packed, a multiple of `lanes` with zeros as padding, in
 * each of its n_inner rows; its memory is aligned to 64 bytes.
 */
#ifndef SKLOGLOSS_THIN_PRODUCT_H
#define SKLOGLOSS_THIN_PRODUCT_H

#include <stddef.h>

typedef struct {
    ptrdiff_t lanes; /* numbers in a vector register */
    /* out[i + k * out_stride] += (A B)[i, k], out being of the type of A */
    void (*add_by_columns)(ptrdiff_t n_rows, ptrdiff_t n_inner, const void *A,
                           ptrdiff_t row_stride, ptrdiff_t inner_stride, ptrdiff_t n_columns,
                           ptrdiff_t n_packed, const void *B, void *out, ptrdiff_t out_stride);
    /* out[i * n_columns + k] += (A B)[i, k], out being float64 */
    void (*add_by_rows)(ptrdiff_t n_rows, ptrdiff_t n_inner, const void *A, ptrdiff_t row_stride,
                        ptrdiff_t inner_stride, ptrdiff_t n_columns, ptrdiff_t n_packed,
                        const void *B, double *out);
} ThinProduct;

/* The functions that fit this processor; NULL if BLAS is no slower. */
const ThinProduct *thin_product(int is_float32);

#endif
