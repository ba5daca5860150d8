/* Products of X, or of its transpose, and a matrix of few columns: BLAS would spend more time on
 * arranging X than on multiplying.
 *
 * A is X or its transpose: entry (i, t) lies at [i * row_stride + t * inner_stride]; one of the two
 * strides is 1. B is packed: each of its n_inner rows has n_packed numbers, a multiple of `lanes`
 * with zeros as padding. Its memory is aligned to 64 bytes.
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

/* The functions for this processor; NULL if BLAS is as fast. */
const ThinProduct *thin_product(int is_float32);

#endif
