/* What the data pass does to the rows of a dense X, apart from calling BLAS.
 *
 * Entry (i, j) of a block X lies at [i * row_stride + j * column_stride]; one of the two strides
 * is 1. X, center, scale, weight and what comes out are float64 or float32, as dense_functions
 * says; sums are float64.
 */
#ifndef SKLOGLOSS_DENSE_BLOCK_H
#define SKLOGLOSS_DENSE_BLOCK_H

#include <stddef.h>

typedef struct {
    /* packed = (X - center) * scale, with a last column of ones if ones is set, each row times the
     * square root of weight unless that is NULL. packed has the order of X and no gaps. */
    void (*pack)(ptrdiff_t n_rows, ptrdiff_t n_features, const void *X, ptrdiff_t row_stride,
                 ptrdiff_t column_stride, const void *center, const void *scale,
                 const void *weight, int ones, void *packed);
    /* out = each row of packed times its weight; by_rows is the order of both. */
    void (*weight_rows)(ptrdiff_t n_rows, ptrdiff_t n_columns, int by_rows, const void *weight,
                        const void *packed, void *out);
    /* sums[j] += sum of weight * (x - center), sums[p + j] += sum of weight * (x - center)^2 */
    void (*moments)(ptrdiff_t n_rows, ptrdiff_t n_features, const void *X, ptrdiff_t row_stride,
                    ptrdiff_t column_stride, const void *weight, const void *center,
                    double *sums);
    /* out[j] += sum of weight * (x - center)^2 */
    void (*squares)(ptrdiff_t n_rows, ptrdiff_t n_features, const void *X, ptrdiff_t row_stride,
                    ptrdiff_t column_stride, const void *weight, const void *center,
                    double *out);
    /* sum of X */
    double (*total)(ptrdiff_t n_rows, ptrdiff_t n_features, const void *X, ptrdiff_t row_stride,
                    ptrdiff_t column_stride);
    /* out += x */
    void (*add)(ptrdiff_t n, const void *x, double *out);
    /* out = square roots of x */
    void (*root)(ptrdiff_t n, const void *x, void *out);
} DenseFunctions;

extern const DenseFunctions dense_functions[2]; /* [is float32] */

#endif
